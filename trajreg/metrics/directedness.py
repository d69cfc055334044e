"""Directedness D: what the direction of a trajectory adds to the length of its steps (ours; γ = D · γ^walk).

With Δ_t = θ_t − θ_{t+1} and d_t = ‖θ_t − θ_T‖, over any stretch of steps a ≤ t < b

    D = (d_a² − d_b²) / Σ‖Δ_t‖²

Neither losses nor learning rates occur in it. A random walk has D = 1 (the expected displacement over the whole run), a straight path of T
equal steps D = T, jitter around a point D → 0, and a stretch that leads away from θ_T has D < 0.
"""

import numpy as np
import pandas as pd

from trajreg.metrics.regularity import resting_steps


def directedness(table: pd.DataFrame) -> float:
    """D = (d_a² − d_b²) / Σ‖Δ_t‖² over a stretch of steps a ≤ t < b.

    Over the whole run that is ‖θ_0 − θ_T‖² / Σ‖Δ_t‖². The numerator is the sum over the steps of
    2 ⟨θ_t − θ_T, Δ_t⟩ − ‖Δ_t‖² = d_t² − d_{t+1}², which telescopes and keeps its digits where steps are tiny beside the distance.

    - **Schedules**: 2 η_t γ_t gap_t = d_t² − d_{t+1}² whatever η_t is, so that D is about the path alone: two learning rates on the same
      path have the same D. With γ and γ^walk over the stretch weighted by η gap, γ = D · γ^walk exactly, as long as every step
      has a γ_t.
    - **Groups** with learning rates of their own: both lengths in the scaled metric, `distance_scaled` and `update_scaled`. NaN where
      the groups' ratios vary: nothing telescopes then.
    - **Learning rate 0**: a step at rest counts as 0. NaN where it moved the weights, since the table does not say how far, and
      where it is the last row, unless that is at θ_T: the row does not say where it leads.
    - **Rows of epochs** (estimator `epoch`): D = γ / γ^walk of the row, and over several rows a ratio of sums, which takes epochs to be
      of the same length; NaN where a row's gap is not positive. Rows of `trajreg.from_checkpoints` may be of any length; NaN unless it was
      given `update_sq`.

    Args:
        table: (rows, …) a contiguous stretch of the rows of `trajreg.regularity`, or of a recording's.

    Returns:
        D; NaN where no weight moved.

    Raises:
        ValueError: the table has no rows, or they are not contiguous.

    >>> import trajreg
    >>> table = trajreg.regularity(distance_sq=[4, 1, 0], update_sq=[1, 1], loss=[2.0, 0.5], lr=0.5)  # 2, 1, 0
    >>> trajreg.directedness(table), trajreg.directedness(table[:1])  # (4 − 0) / 2 and (4 − 1) / 1
    (2.0, 3.0)
    """
    if table.empty:
        raise ValueError("the table has no rows: directedness is of a stretch of at least one step")
    _refuse_gaps(table)
    descent, energy = _terms(table).sum(skipna=False)
    return float(descent / energy) if energy > 0 else np.nan


def over_labels(table: pd.DataFrame, stretch: np.ndarray) -> pd.Series:
    """D of the rows of each label of `stretch` (rows,), whose rows are contiguous; the labels are the index."""
    groups = _terms(table).groupby(stretch)
    sums = groups.sum().where(groups.count().eq(groups.size(), axis=0))
    return sums["descent"] / sums["energy"].where(sums["energy"] > 0)


def path_ratio(table: pd.DataFrame) -> float:
    """Σ‖Δ_t‖ / ‖θ_a − θ_b‖ of the rows up to θ_T: the length of the path over the displacement, at least 1, and 1 on a straight path.

    Over groups both are in the scaled metric. NaN where a step's length is not known (rows of epochs do not tell it), or where the path
    ends where it began.
    """
    displacement_sq = _terms(table)["descent"].sum(skipna=False)
    length = _step_lengths(table).sum(skipna=False)
    return float(length / np.sqrt(displacement_sq)) if displacement_sq > 0 else np.nan


def _step_lengths(table: pd.DataFrame) -> pd.Series:
    """(rows,) ‖Δ_t‖, over groups in the scaled metric; NaN where it is not known."""
    lengths = table.get("update_scaled", table["lr"] * table["update_norm"])
    return lengths.mask(resting_steps(table), 0.0)


def _terms(table: pd.DataFrame) -> pd.DataFrame:
    """(rows, 2) descent, d_t² − d_{t+1}², and energy, ‖Δ_t‖²; of an epoch's row both in the same unknown unit."""
    energy = _step_lengths(table) ** 2
    descent = (2 * table["lr"] * table["inner_product"]).where(energy != 0, 0.0) - energy
    by_loss = 2 * table["lr"] * table["gap"] * table.get("num_steps", 1)
    terms = pd.DataFrame(
        {
            "descent": descent.where(energy.notna(), by_loss * table["gamma"]),
            "energy": energy.where(energy.notna(), by_loss * table["gamma_walk"]),
        }
    )
    telescopes = table["lr"].eq(0) | table.get("distance_scaled", table["distance"]).notna()
    return terms.where(telescopes)


def _refuse_gaps(table: pd.DataFrame) -> None:
    """ValueError unless each row is the next step; rows of epochs are as far apart as the first two, of stretches as `num_steps` says."""
    steps = table["step"].to_numpy()
    apart = np.diff(steps)
    if not len(apart):
        return
    of_epochs = max(1, apart[0]) if table["update_norm"].isna().all() else 1
    expected = table["num_steps"].to_numpy()[:-1] if "num_steps" in table else of_epochs
    if (apart != expected).any():
        first = int(np.argmax(apart != expected))
        raise ValueError(
            f"the rows are not contiguous: step {steps[first]} is followed by step {steps[first + 1]}; "
            "directedness is of a stretch without holes, take it stretch by stretch"
        )
