"""The regularity γ: its columns. `metrics.aggregate` says what each is. Imports no torch."""

from dataclasses import replace

from trajreg.columns import Column, Columns

_GAMMA = Column("gamma", "γ", claimable=True, compared=True, shown=True)
_OTHERS = (
    Column("gamma_excess", "γ excess", claimable=True, compared=True, shown=True),
    Column("gamma_walk", "γ walk", shown=True),
    Column("cosine", "cosine, median", claimable=True, compared=True, shown=True),
    Column("gamma_positive", "steps with γ > 0", shown=True),
    Column("gamma_median", "γ, median of the steps", claimable=True),
    Column("gamma_low", "γ, 5 % of the steps"),
    Column("gamma_high", "γ, 95 % of the steps"),
    Column("rate", "rate (mean learning rate × γ)", claimable=True),
    Column("cosine_walk", "cosine of a random walk"),
)


def _phase(column: Column, phase: str) -> Column:
    """The column over the early or the late steps alone."""
    return replace(column, name=f"{column.name}_{phase}", title=f"{column.title}, {phase}")


def _in_phases(column: Column) -> tuple[Column, ...]:
    """The column over the whole run, and over its phases: these claims may be about, but no table shows them."""
    quiet = replace(column, compared=False, shown=False)
    return column, _phase(quiet, "early"), _phase(quiet, "late")


COLUMNS = Columns(
    summary=(
        replace(_GAMMA, title="γ, whole run"),
        _phase(_GAMMA, "early"),
        _phase(replace(_GAMMA, compared=False, shown=False), "late"),
        *(one for column in _OTHERS for one in _in_phases(column)),
        Column("gamma_min", "γ, smallest of the steps"),
        Column("initial_distance", "distance from start to end"),
    ),
    epochs=(
        Column(
            "gamma",
            "regularity γ",
            unit="γ of the epoch",
            baseline=0.0,
            null="gamma_walk",
            null_band=True,
            companion="gamma_median",
        ),
        Column("gamma_walk", "γ: random walks of the same step lengths and losses", unit="γ of the epoch"),
        Column("gamma_excess", "γ in excess of a random walk", unit="γ of the epoch", baseline=0.0),
        Column("gamma_median", "γ: median over steps", unit="γ, median of the epoch", baseline=0.0),
        Column("gamma_low", "γ: 5 % of the steps", unit="γ", baseline=0.0),
        Column("gamma_high", "γ: 95 % of the steps", unit="γ", baseline=0.0),
        Column("gamma_positive", "steps with γ > 0", unit="fraction of the epoch's steps"),
        Column("rate", "rate", unit="mean learning rate × γ", baseline=0.0),
        Column("cosine", "alignment with the end point", unit="cosine, median of the epoch", null="cosine_walk"),
        Column("cosine_walk", "cosine: random walk", unit="cosine, median of the epoch"),
    ),
)
"""γ and its companions over the whole run, its first fifth (`_early`) and the rest (`_late`), and over each epoch."""
