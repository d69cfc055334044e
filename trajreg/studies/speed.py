"""Every training of several figures: how fast it was, and what γ, D and c⁺ say of it (ours)."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from trajreg.errors import InputError
from trajreg.studies.claims import differing
from trajreg.studies.effects import steps_to
from trajreg.studies.figure import Figure
from trajreg.studies.rank_correlation import Correlation, rank_correlation
from trajreg.studies.run import Run
from trajreg.studies.techniques import TECHNIQUES, technique

THRESHOLD = "steps_to_loss"
MEASURED = (
    *("gamma", "rate", "gamma_walk", "directedness", "forward_cosine", "initial_distance"),
    *("early_gamma", "early_directedness", "early_forward_cosine", "early_loss", "early_loss_end", "early_steps"),
)
DIFFERENCES = ("forward_cosine", "early_forward_cosine")  # of either sign; all others are compared as ratios
SPEED = "steps"
PAIRS = (
    *(("gamma", ""), ("rate", ""), ("directedness", ""), ("forward_cosine", "")),
    *(("early_gamma", ""), ("early_directedness", ""), ("early_forward_cosine", ""), ("early_loss_end", "")),
    *(("gamma_walk", ""), ("mean_loss", ""), ("initial_distance", "")),
    *(("gamma", "mean_loss"), ("directedness", "mean_loss"), ("initial_distance", "mean_loss")),
)
"""What is correlated with the steps, and given what; γ = d0² / (2 Σ η gap) contains the sum of the losses, and that is speed itself."""
OVER_TECHNIQUES, OVER_SEEDS = "across techniques", "within a technique"


def speed_table(sources: Sequence[Figure], runs: Mapping[str, Sequence[Run]]) -> pd.DataFrame:
    """One row a run of these figures, in their order; a run that is of two variants of a figure (its shared learning rate is its own best
    one) counts once, for the later of them.

    figure, family (`family_of`), variant, technique (a variant of a figure), seed, fingerprint, diverged; steps to the figure's
    threshold, infinite where it was never reached, NaN where the run diverged; known: the same, but one more than all its steps where it
    was never reached; relative: known over the figure's median; ahead: whether the threshold was reached, and after the first part of the
    training, which `early` measures (true where that was not measured): only then there is something to foretell; mean_loss, over all
    steps; and MEASURED, NaN where a run lacks it.

    Raises InputError where a figure has no threshold of steps_to_loss.
    """
    rows = [_row(figure, run) for figure in sources for run in runs[figure.id]]
    table = pd.DataFrame(rows).drop_duplicates(["figure", "fingerprint"], keep="last", ignore_index=True)
    return table.assign(relative=table["known"] / table.groupby("figure")["known"].transform("median"))


def family_of(figure: Figure) -> str:
    """What a figure compares: the techniques (`studies.techniques`) of its claims; its id where it has none."""
    found = {technique(", ".join(differing(figure, claim))) for claim in figure.claims}
    return " and ".join(one for one in TECHNIQUES if one in found) or figure.id


def technique_table(table: pd.DataFrame) -> pd.DataFrame:
    """One row a technique: medians over its seeds that did not diverge; infinite steps where half of them never reach the threshold."""
    kept = table[~table["diverged"]]
    keys = ["figure", "family", "variant", "technique"]
    numbers = [name for name in kept.select_dtypes("number") if name != "seed"]
    return kept.groupby(keys, sort=False)[numbers].median().reset_index()


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """ρ of each of PAIRS with the steps to the threshold: level (OVER_TECHNIQUES: medians over seeds, ranked within each figure;
    OVER_SEEDS: runs, ranked within each technique), metric, given, and the fields of `Correlation`.

    A run that never reached its threshold is the slowest of its figure; runs that diverged have no γ and are left out.
    """
    levels = ((OVER_TECHNIQUES, technique_table(table), "figure"), (OVER_SEEDS, table[~table["diverged"]], "technique"))
    return pd.DataFrame(
        [
            {"level": level, "metric": metric, "given": given}
            | vars(
                rank_correlation(units, metric, SPEED, group=group, cluster="technique", stratum="figure", given=given)
            )
            for level, units, group in levels
            for metric, given in PAIRS
        ]
    )


def found_in(table: pd.DataFrame, metric: str, level: str = OVER_TECHNIQUES, given: str = "") -> Correlation:
    """One of `correlations`."""
    chosen = table[(table["level"] == level) & (table["metric"] == metric) & (table["given"] == given)]
    one = chosen.iloc[0]
    return Correlation(one["rho"], one["low"], one["high"], int(one["num"]), int(one["num_clusters"]))


def relative_to_median(table: pd.DataFrame, name: str) -> pd.Series:
    """A column over the median of its figure (of techniques' or runs' values), or less it where it is one of DIFFERENCES; NaN where a ratio
    has no logarithm."""
    medians = table.groupby("figure")[name].transform("median")
    if name in DIFFERENCES:
        return table[name] - medians
    return (table[name] / medians).where((table[name] > 0) & (medians > 0))


def _row(figure: Figure, run: Run) -> dict[str, object]:
    threshold = figure.setting.thresholds.get(THRESHOLD) if figure.setting else None
    if threshold is None:
        raise InputError(f"{figure.where}: thresholds.{THRESHOLD} is needed: the training loss that is to be reached")
    low, high = (math.nan,) * 2 if run.diverged else steps_to(run, threshold, f"{figure.id}: thresholds.{THRESHOLD}")
    values = {name: run.value(name) for name in MEASURED}
    reached = math.isfinite(high)
    return {
        "figure": figure.id,
        "family": family_of(figure),
        "variant": run.variant,
        "technique": f"{figure.id}: {run.variant}",
        "seed": run.seed,
        "fingerprint": run.fingerprint,
        "diverged": run.diverged,
        "steps": high,
        "known": high if reached else low,
        "ahead": reached and not high <= values["early_steps"],
        "mean_loss": math.nan if run.diverged else float(np.mean(run.own_table("steps")["loss"])),
    } | values
