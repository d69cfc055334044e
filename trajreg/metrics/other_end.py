"""The way to another run's end point: what γ, directedness and cosine would be if a run were on its way there (ours)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class OtherEnd:
    """How a run's displacement θ_0 − θ_T stands to the way θ_0 − θ_T' to another end.

    progress: (‖θ_0 − θ_T'‖² − ‖θ_T − θ_T'‖²) / ‖θ_0 − θ_T‖², by how much nearer the run came to the other end, in units of what it came
    nearer to its own. γ and D towards the other end are this times those of the run, since the sums Σ η gap and Σ ‖Δ‖² stay.
    cosine: of the displacement with the way to the other end.
    """

    progress: float
    cosine: float


def other_end(start: ArrayLike, end: ArrayLike, other: ArrayLike) -> OtherEnd:
    """Of a run from θ_0 = `start` to θ_T = `end`, and the end θ_T' = `other` of another, each (P,).

    With v = θ_0 − θ_T and w = θ_0 − θ_T' it is progress = 2⟨v, w⟩ / ‖v‖² − 1: 1 where the ends are the same, −1 where the run went at right
    angles to the way to the other end. So it is in expectation of a walk that knows nothing of θ_T': γ' = −γ and D' = −D, for a random walk
    (D = 1) D' = −1.

    Returns:
        NaN in both where the run did not move; a NaN cosine where the other end is its start.

    Raises:
        ValueError: the three are not vectors of one length.

    >>> from trajreg.metrics.other_end import other_end
    >>> other_end([0.0, 0.0], [3.0, 0.0], [3.0, 4.0])  # v·w = 9, ‖v‖ = 3, ‖w‖ = 5
    OtherEnd(progress=1.0, cosine=0.6)
    """
    start, end, other = (np.asarray(one, dtype=np.float64) for one in (start, end, other))
    if start.ndim != 1 or not start.shape == end.shape == other.shape:
        raise ValueError(
            f"start, end and other have shapes {start.shape}, {end.shape}, {other.shape}, should be (P,) all three"
        )
    moved, way = start - end, start - other
    inner, moved_sq, way_sq = (float(one) for one in (moved @ way, moved @ moved, way @ way))
    progress = 2 * inner / moved_sq - 1 if moved_sq else float("nan")
    lengths = float(np.sqrt(moved_sq * way_sq))
    return OtherEnd(progress, inner / lengths if lengths else float("nan"))
