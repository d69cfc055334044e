"""Paired effects: what is known of a claim's metric in a run, and of its ratio or difference in a pair of runs (ours).

Runs of a treatment and its control are paired by seed. A run that never reached a threshold (censored) or diverged has bounds or the
worst value there is, which take their place in the order of the effects instead of being dropped.
"""

import math
import operator
from collections.abc import Iterator

import numpy as np
import pandas as pd

from trajreg.columns import Bound
from trajreg.errors import InputError
from trajreg.studies.figure import Claim, Figure
from trajreg.studies.medians import Bounds
from trajreg.studies.rule import not_comparable
from trajreg.studies.run import Run
from trajreg.studies.setting import Settings


def paired_effect(treatment: Bounds, control: Bounds, claim: Claim) -> Bounds:
    """Bounds of the effect of one pair, as a difference or a log-ratio in the claimed direction, from bounds of the metric."""
    sign = 1 if claim.direction == "higher" else -1
    # the smallest effect takes the treatment at its worst and the control at its best, the largest the other way round
    pairs = zip(treatment, control[::-1], strict=True) if sign > 0 else zip(treatment[::-1], control, strict=True)
    difference = _log_ratio if claim.effect == "ratio" else operator.sub
    low, high = (sign * difference(treated, other) for treated, other in pairs)
    # inf − inf and ratios of two non-positive numbers say nothing: the effect may be anything
    return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)


def observe(run: Run, claim: Claim, figure: str) -> Bounds:
    """The claim's metric in one run: a number, bounds where it is censored, the worst there is where the run diverged.

    A value that is there but undefined (NaN) may be anything. Raises InputError where the run lacks the metric, and where its first
    loss is no larger than the claim's threshold.
    """
    if run.diverged:
        worst = -math.inf if claim.direction == "higher" else math.inf
        return worst, worst
    column = run.columns.claimable.get(claim.metric)
    if column and column.first_below and claim.threshold is not None:
        values, epoch = run.own_table("steps")[column.first_below], int(run.epochs["step"].iloc[0])
        return _first_below(values, claim.threshold, epoch, f"{figure}: thresholds.{claim.metric}", run)
    if claim.metric not in run.summary:
        raise InputError(f"{figure}: claim {claim.id}: {run} lacks the metric {claim.metric}")
    value = run.summary[claim.metric]
    if isinstance(value, Bound):
        return value.low, value.high
    return (-math.inf, math.inf) if math.isnan(value) else (value, value)


def steps_to(run: Run, threshold: float, where: str) -> Bounds:
    """Steps done when the mean loss of the last epoch's worth of steps is first at or below `threshold`; a bound where it never is.

    Raises InputError, naming `where` the threshold stands, when the run begins below it.
    """
    return _first_below(run.own_table("steps")["loss"], threshold, int(run.epochs["step"].iloc[0]), where, run)


def paired_cells(
    figure: Figure, treatment: Settings, control: Settings, runs: list[Run]
) -> Iterator[tuple[Settings, list[tuple[Run, Run]]]]:
    """For each combination of the settings that treatment and control leave open, and that both have: that combination, and the pairs, one
    for each seed that both sides have.
    """
    by_cell: dict[tuple[tuple[str, str], ...], dict[int, Run]] = {}
    for run in runs:
        by_cell.setdefault(_cell(run.settings), {})[run.seed] = run
    for variant in figure.variants:
        settings = variant.settings
        treated, other = by_cell.get(_cell(settings)), by_cell.get(_cell(settings | control))
        if treated is None or other is None or any(settings[key] != value for key, value in treatment.items()):
            continue
        pairs = [(run, other[seed]) for seed, run in sorted(treated.items()) if seed in other]
        yield {key: value for key, value in settings.items() if key not in treatment}, pairs


def thresholds(figure: Figure) -> list[Claim]:
    """A claim for each metric that has a threshold: what a run has to reach to have trained."""
    return list({claim.metric: claim for claim in figure.claims if claim.threshold is not None}.values())


def trained_runs(figure: Figure, runs: list[Run]) -> dict[int, bool] | None:
    """By id, whether a run reaches every threshold of its figure; None where there is none to reach."""
    wanted = thresholds(figure)
    return {id(run): all(_reaches(run, one, figure.id) for one in wanted) for run in runs} if wanted else None


def sides_that_train(pairs: list[tuple[Run, Run]], trained: dict[int, bool]) -> tuple[int, int, str]:
    """How many treatments and how many controls trained, and which side does not train (`rule.not_comparable`)."""
    treatment, control = (sum(trained[id(run)] for run in side) for side in zip(*pairs, strict=True))
    return treatment, control, not_comparable(treatment, control, len(pairs))


def refuse_undefined(claim: str, metric: str, pairs: list[tuple[Run, Run]], observed: list[tuple[Bounds, ...]]) -> None:
    """InputError where no pair says anything and no divergence is why: such a row has no effect, and no verdict."""
    both = [zip(*one, strict=True) for one in zip(pairs, observed, strict=True)]
    unknown = [[run.variant for run, seen in one if seen == (-math.inf, math.inf) and not run.diverged] for one in both]
    if all(unknown):
        variants = " and of ".join(dict.fromkeys(variant for some in unknown for variant in some))
        raise InputError(
            f"{claim}: {metric} is undefined in every pair, in runs of {variants}: no verdict can be given; "
            "ask for another measure or leave the claim out"
        )


def _reaches(run: Run, claim: Claim, figure: str) -> bool:
    """Whether a run gets to the claim's threshold."""
    return not run.diverged and math.isfinite(observe(run, claim, figure)[1])


def _first_below(values: pd.Series, threshold: float, epoch: int, where: str, run: Run) -> Bounds:
    """Steps done when the mean of the last `epoch` values is first at or below the threshold: a bound where it is so as soon as there
    are so many, and later than the last where it never is.
    """
    if threshold >= (first := float(values.iloc[0])):
        raise InputError(
            f"{where} = {threshold:g} must be below the {values.name} at the first step, which is {first:.4g} in {run}: "
            "it is to be reached by training"
        )
    reached = np.lib.stride_tricks.sliding_window_view(values.to_numpy(), epoch).mean(axis=1) <= threshold
    if not reached.any():
        return len(values) + 1.0, math.inf
    last = float(reached.argmax() + epoch)
    return (1.0 if reached[0] and epoch > 1 else last), last


def _cell(settings: Settings) -> tuple[tuple[str, str], ...]:
    """A hashable name of a grid cell; settings may be lists."""
    return tuple(sorted((key, repr(value)) for key, value in settings.items()))


def _log_ratio(a: float, b: float) -> float:
    """log(a / b) extended to non-positive numbers: above any ratio where only a is positive, below where only b is."""
    if a > 0 and b > 0:
        return math.nan if math.isinf(a) and math.isinf(b) else math.log(a) - math.log(b)
    return math.inf if a > 0 else -math.inf if b > 0 else math.nan
