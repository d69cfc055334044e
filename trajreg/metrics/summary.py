"""A trajectory in three lines: its first fifth, the rest, and all of it."""

from collections.abc import Callable

import pandas as pd

from trajreg.metrics.aggregate import over_stretches, phase_of

TITLES = {
    "steps": "steps",
    "loss": "loss",
    "lr": "η",
    "distance": "distance to θ_T",
    "gamma": "γ",
    "gamma_walk": "γ walk",
    "directedness": "D",
    "forward_cosine": "forward cosine",
    "gamma_positive": "share γ > 0",
    "rate": "ηγ",
}
"""Column → its head where the frame is shown."""


class Summary(pd.DataFrame):
    """A frame of `summary`; shown with the symbols of the papers and four digits, its values are those of any frame."""

    @property
    def _constructor(self) -> Callable[..., "Summary"]:
        return Summary

    def _shown(self) -> pd.DataFrame:
        return pd.DataFrame(self).rename(columns=TITLES)

    def __repr__(self) -> str:
        return self._shown().to_string(float_format="{:.4g}".format, na_rep="–")

    def _repr_html_(self) -> str:
        return self._shown().to_html(float_format="{:.4g}".format, na_rep="–", border=0)


def summary(table: pd.DataFrame) -> Summary:
    """γ and what it is made of, early, late and over the whole trajectory.

    Args:
        table: a row a step, an epoch or a stretch between checkpoints: of `trajreg.regularity`, of a recording, of
            `trajreg.from_checkpoints`.

    Returns:
        Rows `early` (what begins within the first fifth of the steps), `late` and `whole`, with `steps`; `loss` and `lr`, means over steps
        (of epochs and stretches between checkpoints what the table has, a mean that may be weighted by the learning rate);
        `distance`, ‖θ_a − θ_T‖ where the row begins; `gamma`, `gamma_walk` and `rate` (ratios of sums), `directedness` and
        `gamma_positive`, as `over_stretches` has them, and `forward_cosine`, the median. NaN is what the table does not tell.
        For the standard error of D of a sketch there is `Trajectory.directedness`.

    Raises:
        ValueError: the table has no rows.

    >>> import trajreg
    >>> table = trajreg.regularity(distance_sq=[9, 4, 1, 0], update_sq=[1, 1, 1], loss=[2.0, 1.0, 0.5], lr=0.5)  # 3, 2, 1, 0
    >>> trajreg.summary(table)[["steps", "loss", "gamma", "gamma_walk", "directedness"]]
           steps   loss     γ  γ walk   D
    early      1      2   2.5     0.5   5
    late       2   0.75 2.667   1.333   2
    whole      3  1.167 2.571  0.8571   3
    """
    if table.empty:
        raise ValueError("the table has no rows: a summary is of at least one step")
    counts = table.get("num_steps", pd.Series(1, index=table.index))
    since = table["step"] - table["step"].iloc[0]  # of checkpoints the first may be of a later step
    phase = pd.Series(phase_of(since.to_frame(), int(since.iloc[-1] + counts.iloc[-1])), index=table.index)
    whole = pd.Series("whole", index=table.index)
    rows = [_rows(table, counts, label) for label in (phase, whole)]
    return Summary(pd.concat(rows).reindex([one for one in ("early", "late", "whole") if one in {*phase, "whole"}]))


def _rows(table: pd.DataFrame, counts: pd.Series, label: pd.Series) -> pd.DataFrame:
    of_stretch = over_stretches(table, label.to_numpy())
    steps = counts.groupby(label).sum()
    means = table[["loss", "lr"]].mul(counts, axis=0).groupby(label).sum(min_count=1).div(steps, axis=0)
    first = table.groupby(label)[["distance"]].first()
    result = pd.concat([steps.rename("steps"), means, first, of_stretch], axis=1)
    return result[list(TITLES)]
