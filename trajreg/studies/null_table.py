"""What the measured γ is compared with: random walks, shuffled updates, random labels, the end point of another run (ours)."""

import math
from typing import Any

import numpy as np
import pandas as pd

from trajreg.metrics.aggregate import phase_of
from trajreg.metrics.other_end import other_end
from trajreg.metrics.shuffled import shuffled_over_stretches
from trajreg.studies.medians import median_of_known
from trajreg.studies.names import label
from trajreg.studies.run import Run
from trajreg.studies.setting import RANDOM_LABELS

PHASES = ("early", "late")
MEASURED = ("gamma", "gamma_early", "gamma_late")
DIRECTION = ("directedness", "forward_cosine", "cosine")
OTHER_END = ("other_gamma", "other_directedness", "other_cosine")
WALK = {"walk": "gamma_walk", "walk_early": "gamma_walk_early", "walk_late": "gamma_walk_late"}
COLUMNS = [
    "variant",
    "seeds",
    "diverged",
    *MEASURED,
    *WALK,
    "shuffled_early",
    "shuffled_late",
    *DIRECTION,
    "cosine_walk",
    "random_seeds",
    "random_diverged",
    *(f"random_{name}" for name in MEASURED),
    *(f"random_{name}" for name in DIRECTION),
    "random_accuracy",
    "ratio",
    "other_pairs",
    *OTHER_END,
]
EPOCHS = ["gamma", "gamma_median", "gamma_low", "gamma_high", "gamma_walk"]


def true_variant(run: Run) -> str:
    """The variant of a run, whichever labels it was trained on."""
    return label(name for key, name in run.names.items() if key != RANDOM_LABELS)


def nulls(runs: list[Run], random_runs: list[Run]) -> pd.DataFrame:
    """One row a variant; medians over the seeds that did not diverge, NaN where nothing is known. The columns are COLUMNS:

    variant: in words. seeds, diverged: the runs, and those of them that diverged.
    gamma, gamma_early, gamma_late: as measured on true labels.
    walk, walk_early, walk_late: γ of a random walk with the same step lengths and losses.
    shuffled_early, shuffled_late: γ of the same updates in another order, the mean over all orders. Over the whole run it is gamma itself.
    directedness, forward_cosine: of the run: its displacement squared over the sum of its squared steps, and the cosine between an
    update and the way to the end that is left after it; where the measure `regularity` knows them.
    cosine, cosine_walk: medians over the steps, of the run and of a random walk with the same step lengths.
    random_seeds, random_diverged, random_gamma, random_gamma_early, random_gamma_late, random_directedness, random_forward_cosine,
    random_cosine: the same of the runs on random labels. random_accuracy: their training accuracy in the last epoch, where there are
    classes: how far the labels were memorised.
    ratio: γ over the whole run on true labels ÷ on random labels, the median over pairs of the same seed: the same initial weights and
    the same order of the inputs.
    other_pairs: runs that are compared with the end point of the next seed's run (of the last seed: with that of the first); each has
    the measure `endpoint`. 0 where fewer than two runs have it.
    other_gamma, other_directedness, other_cosine: γ and directedness over the whole run towards that end point in place of its own, and
    the cosine of its displacement with the way there (`metrics.other_end`), medians over these pairs.
    """
    names = list(dict.fromkeys(true_variant(run) for run in runs))
    return pd.DataFrame([_row(name, *_both(name, runs, random_runs)) for name in names], columns=COLUMNS)


def null_epochs(run: Run) -> pd.DataFrame:
    """epoch, EPOCHS and gamma_shuffled of a run, a row an epoch; NaN where it is not known, as in a run that diverged."""
    table = run.epochs.reindex(columns=["epoch", "step", *EPOCHS])
    if run.diverged:
        return table.assign(gamma_shuffled=math.nan)
    steps = run.steps()
    # an epoch's `step` counts the steps up to its end
    place = np.searchsorted(table["step"], steps["step"], side="right")
    epoch = table["epoch"].to_numpy()[place]
    shuffled = shuffled_over_stretches(steps, epoch, num_steps=int(table["step"].iloc[-1]))
    return table.join(shuffled, on="epoch")


def _both(name: str, runs: list[Run], random_runs: list[Run]) -> tuple[list[Run], list[Run]]:
    one, other = ([run for run in some if true_variant(run) == name] for some in (runs, random_runs))
    return one, other


def _row(name: str, runs: list[Run], random_runs: list[Run]) -> dict[str, Any]:
    kept, random_kept = ([run for run in some if not run.diverged] for some in (runs, random_runs))
    shuffled = [_shuffled_phases(run) for run in kept]
    row: dict[str, Any] = {"variant": name, "seeds": len(runs), "diverged": len(runs) - len(kept)}
    row |= {column: _median(kept, column) for column in (*MEASURED, *DIRECTION, "cosine_walk")}
    row |= {column: _median(kept, source) for column, source in WALK.items()}
    row |= {f"shuffled_{phase}": median_of_known([one[phase] for one in shuffled]) for phase in PHASES}
    row |= {"random_seeds": len(random_runs), "random_diverged": len(random_runs) - len(random_kept)}
    row |= {f"random_{column}": _median(random_kept, column) for column in (*MEASURED, *DIRECTION)}
    row["random_accuracy"] = _median(random_kept, "final_train_accuracy")
    return row | {"ratio": _ratio(kept, random_kept)} | _other_ends(kept)


def _shuffled_phases(run: Run) -> dict[str, float]:
    steps, num_steps = run.steps(), int(run.epochs["step"].iloc[-1])
    return shuffled_over_stretches(steps, phase_of(steps, num_steps), num_steps).reindex(PHASES).to_dict()


def _ratio(runs: list[Run], random_runs: list[Run]) -> float:
    """The median over seeds of γ on true labels ÷ γ on random labels, of the pairs where both are positive."""
    true = {run.seed: run.value("gamma") for run in runs}
    pairs = [(true[run.seed], run.value("gamma")) for run in random_runs if run.seed in true]
    return median_of_known([one / other for one, other in pairs if one > 0 and other > 0])


def _other_ends(runs: list[Run]) -> dict[str, float]:
    """Towards the end of the next run, and of the last run towards the end of the first."""
    known = [run for run in runs if "gamma_endpoint" in run.summary]
    found = [_towards(run, other) for run, other in zip(known, known[1:] + known[:1], strict=True) if other is not run]
    medians = {name: median_of_known([one[name] for one in found]) for name in OTHER_END}
    return {"other_pairs": len(found), **medians}


def _towards(run: Run, other: Run) -> dict[str, float]:
    start, end = run.arrays("endpoint", "start"), run.arrays("endpoint", "end")
    found = other_end(start, end, other.arrays("endpoint", "end"))
    gamma, directedness = (found.progress * run.value(name) for name in ("gamma", "directedness"))
    return dict(zip(OTHER_END, (gamma, directedness, found.cosine), strict=True))


def _median(runs: list[Run], name: str) -> float:
    return median_of_known(run.value(name) for run in runs)
