"""From paired effects to verdicts: one exact, distribution-free rule for every claim, and one error rate for the primary ones (ours).

The interval runs between order statistics of the paired effects: the sign test inverted, which covers the median effect
whatever the distribution, and which needs only the order of the effects: what is known by bounds only takes its place in that order.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import comb

import numpy as np

from trajreg.studies.medians import Bounds

ALPHA = 0.05  # a verdict may be wrong by chance this often at most, for each kind of finding
FINDINGS = ("replicated", "reversed", "negligible")  # the verdicts that say something
TRAINS = 9, 10  # a side trains where at least so many of so many runs reach the threshold

PValues = Mapping[str, float]
"""The p-value for each of FINDINGS."""

NOTHING: PValues = dict.fromkeys(FINDINGS, 1.0)
"""What a cell in which a side does not train says."""


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
    """Probability, at most, that chance alone gives a wrong finding of one kind from n pairs, taken alone: one side."""
    return below(order_statistic(n), n)


def below(k: int, n: int) -> float:
    """P(Binomial(n, ½) < k), exact up to the last rounding; scipy.stats takes longer to import than a second `make all` may."""
    return sum(comb(n, i) for i in range(k)) / 2**n


def p_values(effects: Sequence[Bounds], smallest: float) -> PValues:
    """The exact sign test of three one-sided hypotheses about the median effect, each against what it would take for a finding.

    replicated: against a median of at most `smallest`. reversed: of at least −`smallest`. negligible: against one outside ±`smallest`
    (two one-sided tests: the larger p-value). Only a pair that is beyond a limit whatever its bounds leave open counts as beyond.
    """

    def above(limit: float) -> float:
        return _sign_test(sum(low > limit for low, _ in effects), len(effects))

    def under(limit: float) -> float:
        return _sign_test(sum(high < limit for _, high in effects), len(effects))

    return {
        "replicated": above(smallest),
        "reversed": under(-smallest),
        "negligible": max(above(-smallest), under(smallest)),
    }


def verdict(p: PValues) -> str:
    """The finding whose p-value is at most ALPHA, else inconclusive, as is anything from fewer than five pairs.

    Taken alone it is the same as to ask where the interval lies: above the smallest effect, below minus it, or within. No two of the
    three can be found at once: each needs more than half of the pairs to itself.
    """
    return next((finding for finding in FINDINGS if p[finding] <= ALPHA), "inconclusive")


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted by Holm's step-down method: those at most ALPHA are found with an error rate of ALPHA over all of them."""
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = largest
    return adjusted


def holm_each(claims: Sequence[PValues]) -> list[PValues]:
    """The p-values of a family of claims, adjusted by Holm's method for each kind of finding by itself."""
    kinds = [holm([p[finding] for p in claims]) for finding in FINDINGS]
    return [dict(zip(FINDINGS, one, strict=True)) for one in zip(*kinds, strict=True)]


def not_comparable(reached_treatment: int, reached_control: int, n: int) -> str:
    """Which side of n pairs of runs does not train, from how many runs reach the threshold; empty where both do."""
    enough, of = TRAINS
    treatment, control = (of * reached >= enough * n for reached in (reached_treatment, reached_control))
    if treatment and control:
        return ""
    return "control does not train" if treatment else "treatment does not train" if control else "neither trains"


def _sign_test(favourable: int, n: int) -> float:
    """P(Binomial(n, ½) ≥ favourable)."""
    return below(n - favourable + 1, n)
