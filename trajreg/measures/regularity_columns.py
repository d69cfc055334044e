"""The columns of γ and its companions, and which of them can be had where not every step is watched."""

from dataclasses import replace

from trajreg.columns import Column, Columns

_GAMMA = Column("gamma", "γ", claimable=True, compared=True, shown=True)
_OTHERS = (
    Column("directedness", "directedness D", baseline=1.0, claimable=True, compared=True, shown=True),
    Column("gamma_excess", "γ excess", claimable=True, compared=True, shown=True),
    Column("gamma_walk", "γ walk", claimable=True, shown=True),
    Column("forward_cosine", "forward cosine, median", claimable=True, compared=True, shown=True),
    Column("forward_cosine_mean", "forward cosine, mean"),
    Column("cosine", "raw cosine, median", claimable=True, compared=True, shown=True),
    Column("gamma_positive", "steps with γ > 0", shown=True),
    Column("obeys", "principle holds at every step"),
    Column("gamma_median", "γ, median of the steps", claimable=True),
    Column("gamma_low", "γ, 5 % of the steps"),
    Column("gamma_high", "γ, 95 % of the steps"),
    Column("rate", "rate (mean learning rate × γ)", claimable=True),
    Column("cosine_walk", "raw cosine of a random walk"),
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
        replace(_GAMMA, title="γ, whole run", beside="gamma_endpoint"),
        _phase(_GAMMA, "early"),
        _phase(replace(_GAMMA, compared=False, shown=False), "late"),
        *(one for column in _OTHERS for one in _in_phases(column)),
        Column("gamma_min", "γ, smallest of the steps"),
        Column("obeys_epochs", "epochs with γ > 0"),
        Column("initial_distance", "distance from start to end"),
        Column("path_ratio", "path length / distance from start to end"),
    ),
    epochs=(
        Column(
            "gamma",
            "regularity γ",
            unit="γ of the epoch",
            baseline=0.0,
            null="gamma_walk",
            companion="gamma_median",
        ),
        Column("gamma_walk", "γ: random walks of the same step lengths and losses", unit="γ of the epoch"),
        Column("gamma_excess", "γ in excess of a random walk", unit="γ of the epoch", baseline=0.0),
        Column("gamma_median", "γ: median over steps", unit="γ, median of the epoch", baseline=0.0),
        Column("gamma_low", "γ: 5 % of the steps", unit="γ", baseline=0.0),
        Column("gamma_high", "γ: 95 % of the steps", unit="γ", baseline=0.0),
        Column("gamma_positive", "steps with γ > 0", unit="fraction of the epoch's steps"),
        Column("obeys", "principle holds at every step", unit="1 where γ > 0 at every step of the epoch"),
        Column("rate", "ηγ", unit="ηγ of the epoch", scale="symlog", baseline=0.0),
        Column("directedness", "directedness D", unit="D of the epoch", baseline=1.0),  # that of a random walk
        Column("forward_cosine", "forward cosine", unit="cosine, median of the epoch", baseline=0.0),
        Column("forward_cosine_mean", "forward cosine: mean", unit="forward cosine, mean of the epoch", baseline=0.0),
        Column("cosine", "raw cosine", unit="raw cosine, median of the epoch", null="cosine_walk"),
        Column("cosine_walk", "raw cosine: random walk", unit="raw cosine, median of the epoch"),
    ),
)
"""γ and its companions over the whole run, its first fifth (`_early`) and the rest (`_late`), and over each epoch."""

_PHASES = ("", "_early", "_late")
_OF_STEPS = (
    *("gamma_median", "gamma_low", "gamma_high", "gamma_positive", "obeys"),
    *("forward_cosine", "forward_cosine_mean", "cosine", "cosine_walk"),
)
_OF_ENDS = ("gamma", "rate")  # which follow from the distances at the ends of a stretch


def columns_of_ends() -> Columns:
    """What can be had where only ends of epochs, and the lengths of steps, are watched."""
    of_steps = {f"{name}{phase}" for name in _OF_STEPS for phase in _PHASES}
    return COLUMNS.without(of_steps | {"gamma_min", "path_ratio"})


def columns_of_some(ends_tell: bool, first: bool) -> Columns:
    """What can be had where the steps of some epochs are watched.

    ends_tell: the others have their gaps, so that γ follows from their ends; not so with ℓ* at the end point. first: epoch 1 is among
    those that are watched. A phase that ends within an epoch that is not watched may be unknown all the same. The cosine of a random
    walk needs the lengths of all steps to come.
    """
    known = {"initial_distance"}
    if ends_tell:
        known |= {f"{name}{phase}" for name in _OF_ENDS for phase in _PHASES} | {"obeys_epochs"}
    if first:
        known |= {column.name for column in COLUMNS.summary if column.name.endswith("_early")} - {"cosine_walk_early"}
    summary = tuple(column for column in COLUMNS.summary if column.name in known)
    epochs = tuple(
        replace(column, null=None if column.null == "cosine_walk" else column.null)
        for column in COLUMNS.epochs
        if column.name != "cosine_walk"
    )
    return Columns(summary, epochs)
