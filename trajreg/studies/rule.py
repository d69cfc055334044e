"""From paired effects to verdicts: one exact, distribution-free rule for every claim (ours).

The interval runs between order statistics of the paired effects: the sign test inverted, which covers the median effect
whatever the distribution, and which needs only the order of the effects: what is known by bounds only takes its place in that order.
"""

from collections.abc import Iterable
from functools import cache
from math import comb

import numpy as np
import pandas as pd

from trajreg.studies.medians import Bounds

ALPHA = 0.05  # a verdict may be wrong by chance this often at most, on each side


def paired_interval(effects: Iterable[Bounds]) -> tuple[float, float, float]:
    """(low, high, confidence) of the median effect, from effects each known to lie within bounds.

    low is the k-th smallest lower bound and high the k-th largest upper bound, with the largest k whose one-sided error
    P(Binomial(n, ½) < k) is at most ALPHA; the smallest and the largest where no k qualifies.
    """
    lows, highs = (np.sort(side) for side in zip(*effects, strict=True))
    k = order_statistic(len(lows))
    return lows[k - 1], highs[-k], 1 - 2 * below(k, len(lows))


@cache
def order_statistic(n: int) -> int:
    """The k of `paired_interval` for n pairs, at least 1."""
    return max(1, sum(below(k, n) <= ALPHA for k in range(1, n // 2 + 1)))


@cache
def error_rate(n: int) -> float:
    """Probability, at most, that chance alone gives a wrong "replicated" (or "not replicated") from n pairs: one side."""
    return below(order_statistic(n), n)


def below(k: int, n: int) -> float:
    """P(Binomial(n, ½) < k), exact up to the last rounding; scipy.stats takes longer to import than a second `make all` may."""
    return sum(comb(n, i) for i in range(k)) / 2**n


def verdict(low: float, high: float, smallest: float, n: int) -> str:
    """Replicated: the interval lies above the smallest effect that counts. Not replicated: below it. Else inconclusive,
    as is anything from so few pairs that the error rate would exceed ALPHA.
    """
    if error_rate(n) > ALPHA or low <= smallest <= high:
        return "inconclusive"
    return "replicated" if low > smallest else "not replicated"


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
    able = table[table["seeds"].map(error_rate) <= ALPHA]
    if able.empty:
        return (
            rule
            + "\n\nWith so few seeds as here no verdict can be reached: every claim is inconclusive by construction."
        )
    if few := len(table) - len(able):
        rule += f"\n\n{few} of the {len(table)} rows have too few seeds for a verdict: they are inconclusive by construction."
    rates = able["seeds"].map(error_rate)
    bound = min(1.0, rates.sum())
    return rule + (
        f"\n\nError rates: if the true median effect is not above the smallest that counts, “replicated” comes out by chance with "
        f"probability at most {rates.max():.1%} for one claim, and likewise for “not replicated” on the other side. Over the "
        f"{len(able)} rows that can have a verdict at most {rates.sum():.2g} wrong ones are to be expected by chance, and the probability "
        f"of at least one is at most {bound:.0%} (a union bound: it holds although rows share runs)."
    )
