"""From paired runs to verdicts: one exact, distribution-free rule for every claim (ours).

Runs of a treatment and its control are paired by seed. A pair's effect is a ratio or difference of the metric in the claimed
direction. The interval runs between order statistics of the paired effects: the sign test inverted, which covers the median effect
whatever the distribution, and which needs only the order of the effects: a run that never reached a threshold (censored) or diverged
takes its place in that order instead of being dropped.
"""

import math
import operator
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from trajreg.columns import Bound
from trajreg.errors import InputError
from trajreg.studies.claim_spec import ClaimSpec
from trajreg.studies.labels import label
from trajreg.studies.medians import Bounds, median_of_bounds
from trajreg.studies.run import Run
from trajreg.studies.spec import FigureSpec

Settings = dict[str, Any]

ALPHA = 0.05  # a verdict may be wrong by chance this often at most, on each side


@dataclass(frozen=True)
class LedgerRow:
    """A claim tested on one combination of the settings it leaves open; the fields are the columns of the ledger.

    effect is the median paired effect, low and high its interval, in the claimed direction (a ratio above 1 or a difference above 0
    favours the treatment). Where censoring leaves the median itself open, effect is the bound that is known.
    censored: the values of which only bounds are known. diverged: the runs that did.
    """

    figure: str
    claim: str
    text: str
    source: str
    metric: str
    where: str
    treatment: str
    control: str
    seeds: int
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


def ledger(figure: FigureSpec, runs: list[Run]) -> pd.DataFrame:
    """One row for each claim and each combination of the settings it leaves open; LedgerRow says what the columns are."""
    rows = [row for claim in figure.claims for row in _rows(figure, claim, runs)]
    return pd.DataFrame([asdict(row) for row in rows], columns=COLUMNS)


def paired_interval(effects: Iterable[Bounds]) -> tuple[float, float, float]:
    """(low, high, confidence) of the median effect, from effects each known to lie within bounds.

    low is the k-th smallest lower bound and high the k-th largest upper bound, with the largest k whose one-sided error
    P(Binomial(n, ½) < k) is at most ALPHA; the smallest and the largest where no k qualifies.
    """
    lows, highs = (np.sort(side) for side in zip(*effects, strict=True))
    k = order_statistic(len(lows))
    return lows[k - 1], highs[-k], 1 - 2 * float(binom.cdf(k - 1, len(lows), 0.5))


@cache
def order_statistic(n: int) -> int:
    """The k of `paired_interval` for n pairs, at least 1."""
    return max(1, int(sum(binom.cdf(k - 1, n, 0.5) <= ALPHA for k in range(1, n // 2 + 1))))


@cache
def error_rate(n: int) -> float:
    """Probability, at most, that chance alone gives a wrong "replicated" (or "not replicated") from n pairs: one side."""
    return float(binom.cdf(order_statistic(n) - 1, n, 0.5))


def verdict(low: float, high: float, smallest: float, n: int) -> str:
    """Replicated: the interval lies above the smallest effect that counts. Not replicated: below it. Else inconclusive,
    as is anything from so few pairs that the error rate would exceed ALPHA.
    """
    if error_rate(n) > ALPHA or low <= smallest <= high:
        return "inconclusive"
    return "replicated" if low > smallest else "not replicated"


def paired_effect(treatment: Bounds, control: Bounds, claim: ClaimSpec) -> Bounds:
    """Bounds of the effect of one pair, as a difference or a log-ratio in the claimed direction, from bounds of the metric."""
    sign = 1 if claim.direction == "higher" else -1
    # the smallest effect takes the treatment at its worst and the control at its best, the largest the other way round
    pairs = zip(treatment, control[::-1], strict=True) if sign > 0 else zip(treatment[::-1], control, strict=True)
    difference = _log_ratio if claim.effect == "ratio" else operator.sub
    low, high = (sign * difference(treated, other) for treated, other in pairs)
    # inf − inf and ratios of two non-positive numbers say nothing: the effect may be anything
    return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)


def observe(run: Run, claim: ClaimSpec, figure: str) -> Bounds:
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


def describe_rule(table: pd.DataFrame) -> str:
    """The rule in plain words, with its error rates for one claim and for this ledger."""
    rule = (
        "Runs of a treatment and its control are paired by seed: the same random streams for initialisation, data order and "
        "dropout. The effect of a pair is the ratio or difference of the metric in the claimed direction; the table shows its median. "
        "The interval runs between order statistics of the paired effects (with five to seven seeds, from the smallest to the largest): "
        "the exact sign test inverted, without any assumption on the distribution. A run that never reaches a threshold is kept as "
        "“later than its last epoch”; a run that diverged counts as the worst value there is.\n\n"
        "A claim is replicated when the whole interval lies above the smallest effect that counts (stated with the claim), not replicated "
        "when the whole interval lies below it, and inconclusive otherwise."
    )
    if table.empty:
        return rule
    rates = table["seeds"].map(error_rate)
    if (rates > ALPHA).any():
        return (
            rule
            + "\n\nWith so few seeds as here no verdict can be reached: every claim is inconclusive by construction."
        )
    bound = min(1.0, rates.sum())
    return rule + (
        f"\n\nError rates: if the true median effect is not above the smallest that counts, “replicated” comes out by chance with "
        f"probability at most {rates.max():.1%} for one claim, and likewise for “not replicated” on the other side. Over the "
        f"{len(table)} rows of this ledger at most {rates.sum():.2g} wrong verdicts are to be expected by chance, and the probability "
        f"of at least one is at most {bound:.0%} (a union bound: it holds although rows share runs)."
    )


def paired_cells(
    figure: FigureSpec, treatment: Settings, control: Settings, runs: list[Run]
) -> Iterator[tuple[Settings, list[tuple[Run, Run]]]]:
    """For each combination of the settings that treatment and control leave open: that combination, and the pairs, seed by seed."""
    by_cell = {(_cell(run.settings), run.seed): run for run in runs}
    for variant in figure.variants():
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


def _rows(figure: FigureSpec, claim: ClaimSpec, runs: list[Run]) -> Iterator[LedgerRow]:
    for others, pairs in paired_cells(figure, claim.treatment, claim.control, runs):
        yield _row(figure, claim, others, pairs)


def _cell(settings: Settings) -> tuple[tuple[str, str], ...]:
    """A hashable name of a grid cell; settings may be lists."""
    return tuple(sorted((key, repr(value)) for key, value in settings.items()))


def _row(figure: FigureSpec, claim: ClaimSpec, others: Settings, pairs: list[tuple[Run, Run]]) -> LedgerRow:
    observed = [tuple(observe(run, claim, figure.figure) for run in pair) for pair in pairs]
    _refuse_undefined(f"{figure.figure}: claim {claim.id}", claim.metric, pairs, observed)
    effects = [paired_effect(treated, control, claim) for treated, control in observed]
    low, high, confidence = paired_interval(effects)
    ratio = claim.effect == "ratio"
    shown = np.exp if ratio else float
    smallest = math.log(claim.smallest_effect) if ratio else claim.smallest_effect
    favourable = sum(effect[0] > smallest for effect in effects)
    return LedgerRow(
        figure=figure.figure,
        claim=claim.id,
        text=claim.text,
        source=claim.source,
        metric=claim.metric + (f" ≤ {claim.threshold:g}" if claim.threshold is not None else ""),
        where=label(others),
        treatment=label(claim.treatment),
        control=label(claim.control),
        seeds=len(pairs),
        effect_kind=claim.effect,
        effect=float(shown(median_of_bounds(effects))),
        low=float(shown(low)),
        high=float(shown(high)),
        confidence=confidence,
        smallest_effect=claim.smallest_effect,
        p_value=float(binom.sf(favourable - 1, len(pairs), 0.5)),
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
