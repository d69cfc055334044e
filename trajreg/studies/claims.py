"""From runs to the ledger: claims tested on paired seeds (ours).

Runs of a treatment and its control are paired by seed. A pair's effect is a ratio or difference of the metric in the claimed
direction. A run that never reached a threshold (censored) or diverged takes its place in the order of the effects, from which
`studies.rule` makes the verdict, instead of being dropped.
"""

import math
import operator
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from trajreg.columns import Bound
from trajreg.errors import InputError
from trajreg.studies.figure import Claim, Figure
from trajreg.studies.medians import Bounds, median_of_bounds
from trajreg.studies.rule import below, paired_interval, verdict
from trajreg.studies.run import Run
from trajreg.studies.setting import Settings


@dataclass(frozen=True)
class LedgerRow:
    """A claim tested on one combination of the settings it leaves open; the fields are the columns of the ledger.

    figure, claim, text, source, metric: of the claim. where: the settings that the claim leaves open, in words.
    treatment, control: what is compared, in words; treatment_variant, control_variant: as the tables of runs name them.
    seeds: the pairs of runs. direction: of the metric that is claimed.
    effect_kind: ratio or difference, of the metric, in the claimed direction: above 1 or above 0 favours the treatment.
    effect: its median over pairs; where censoring leaves the median open, the bound that is known.
    low, high, confidence: the interval of that median and its confidence. smallest_effect: the claim's.
    p_value: of the sign test against a median effect of at most the smallest one. censored: the values of which only bounds are known.
    diverged: the runs that did. verdict: replicated, not replicated or inconclusive.
    """

    figure: str
    claim: str
    text: str
    source: str
    metric: str
    where: str
    treatment: str
    control: str
    treatment_variant: str
    control_variant: str
    seeds: int
    direction: str
    effect_kind: str
    effect: float
    low: float
    high: float
    confidence: float
    smallest_effect: float
    p_value: float
    censored: int
    diverged: int
    verdict: str


COLUMNS = [field.name for field in fields(LedgerRow)]


def ledger(figure: Figure, runs: list[Run]) -> pd.DataFrame:
    """One row for each claim and each combination of the settings it leaves open; LedgerRow says what the columns are."""
    rows = [row for claim in figure.claims for row in _rows(figure, claim, runs)]
    return pd.DataFrame([asdict(row) for row in rows], columns=COLUMNS)


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

    A value that is there but undefined (NaN) may be anything. Raises InputError where the run lacks the metric.
    """
    if run.diverged:
        worst = -math.inf if claim.direction == "higher" else math.inf
        return worst, worst
    column = run.columns.claimable.get(claim.metric)
    if column and column.first_below and column.first_below in run.epochs and claim.threshold is not None:
        return _first_below(run.epochs, column.first_below, claim.threshold)
    if claim.metric not in run.summary:
        raise InputError(f"{figure}: claim {claim.id}: {run} lacks the metric {claim.metric}")
    value = run.summary[claim.metric]
    if isinstance(value, Bound):
        return value.low, value.high
    return (-math.inf, math.inf) if math.isnan(value) else (value, value)


def paired_cells(
    figure: Figure, treatment: Settings, control: Settings, runs: list[Run]
) -> Iterator[tuple[Settings, list[tuple[Run, Run]]]]:
    """For each combination of the settings that treatment and control leave open: that combination, and the pairs, seed by seed."""
    by_cell = {(_cell(run.settings), run.seed): run for run in runs}
    for variant in figure.variants:
        settings = variant.settings
        if any(settings[key] != value for key, value in treatment.items()):
            continue
        treated, other = _cell(settings), _cell(settings | control)
        pairs = [(by_cell[treated, seed], by_cell[other, seed]) for seed in range(figure.seeds)]
        yield {key: value for key, value in settings.items() if key not in treatment}, pairs


def _first_below(epochs: pd.DataFrame, column: str, threshold: float) -> Bounds:
    """The first epoch at whose end the column is at or below the threshold; later than the last one where there is none."""
    reached = epochs.loc[epochs[column] <= threshold, "epoch"]
    return (float(reached.iloc[0]),) * 2 if len(reached) else (float(epochs["epoch"].iloc[-1] + 1), math.inf)


def _censored(bounds: Bounds) -> bool:
    """Whether something is known of a value, but not all; of one that is undefined nothing is."""
    low, high = bounds
    return low < high and not (math.isinf(low) and math.isinf(high))


def _rows(figure: Figure, claim: Claim, runs: list[Run]) -> Iterator[LedgerRow]:
    for others, pairs in paired_cells(figure, claim.treatment, claim.control, runs):
        yield _row(figure, claim, others, pairs)


def _cell(settings: Settings) -> tuple[tuple[str, str], ...]:
    """A hashable name of a grid cell; settings may be lists."""
    return tuple(sorted((key, repr(value)) for key, value in settings.items()))


def _row(figure: Figure, claim: Claim, others: Settings, pairs: list[tuple[Run, Run]]) -> LedgerRow:
    observed = [tuple(observe(run, claim, figure.id) for run in pair) for pair in pairs]
    _refuse_undefined(f"{figure.id}: claim {claim.id}", claim.metric, pairs, observed)
    effects = [paired_effect(treated, control, claim) for treated, control in observed]
    low, high, confidence = paired_interval(effects)
    ratio = claim.effect == "ratio"
    shown = np.exp if ratio else float
    smallest = math.log(claim.smallest_effect) if ratio else claim.smallest_effect
    favourable = sum(effect[0] > smallest for effect in effects)
    return LedgerRow(
        figure=figure.id,
        claim=claim.id,
        text=claim.text,
        source=claim.source,
        metric=claim.metric + (f" ≤ {claim.threshold:g}" if claim.threshold is not None else ""),
        where=figure.label(others),
        treatment=figure.label(claim.treatment),
        control=figure.label(claim.control),
        treatment_variant=pairs[0][0].variant,
        control_variant=pairs[0][1].variant,
        seeds=len(pairs),
        direction=claim.direction,
        effect_kind=claim.effect,
        effect=float(shown(median_of_bounds(effects))),
        low=float(shown(low)),
        high=float(shown(high)),
        confidence=confidence,
        smallest_effect=claim.smallest_effect,
        p_value=below(len(pairs) - favourable + 1, len(pairs)),
        censored=sum(_censored(bounds) for pair in observed for bounds in pair),
        diverged=sum(run.diverged for pair in pairs for run in pair),
        verdict=verdict(low, high, smallest, len(pairs)),
    )


def _refuse_undefined(
    claim: str, metric: str, pairs: list[tuple[Run, Run]], observed: list[tuple[Bounds, ...]]
) -> None:
    """InputError where no pair says anything and no divergence is why: such a row has no effect, and no verdict."""
    both = [zip(*one, strict=True) for one in zip(pairs, observed, strict=True)]
    unknown = [[run.variant for run, seen in one if seen == (-math.inf, math.inf) and not run.diverged] for one in both]
    if all(unknown):
        variants = " and of ".join(dict.fromkeys(variant for some in unknown for variant in some))
        raise InputError(
            f"{claim}: {metric} is undefined in every pair, in runs of {variants}: no verdict can be given; "
            "ask for another measure or leave the claim out"
        )


def _log_ratio(a: float, b: float) -> float:
    """log(a / b) extended to non-positive numbers: above any ratio where only a is positive, below where only b is."""
    if a > 0 and b > 0:
        return math.nan if math.isinf(a) and math.isinf(b) else math.log(a) - math.log(b)
    return math.inf if a > 0 else -math.inf if b > 0 else math.nan
