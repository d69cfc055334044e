"""How a verdict is reached and how often it errs, in plain words, with the numbers of a ledger."""

import pandas as pd

from trajreg.studies.claims import EXPLORATORY, NOT_COMPARABLE, PRIMARY
from trajreg.studies.numbers import power
from trajreg.studies.rule import ALPHA, TRAINS, error_rate

TELLING = 0.5  # a bound on a probability that is no smaller says next to nothing
_RULE = (
    "Runs of a treatment and its control are paired by seed: the same random streams for initialisation, data order and dropout. "
    "The effect of a pair is the ratio or difference of the metric in the claimed direction; the table shows its median. The interval "
    "runs between order statistics of the paired effects (with five to seven seeds, from the smallest to the largest): the exact sign "
    "test inverted, without any assumption on the distribution. A run that never reaches a threshold is kept as “later than its last "
    "step”, so that an effect may be known by a bound only (≥ or ≤), which the number of epochs sets; a run that diverged counts as the "
    "worst value there is.\n\n"
    "There are four verdicts. Replicated: the whole interval lies above the smallest effect that counts (stated with the claim, and our "
    "choice). Reversed: it lies on the other side by as much, below the reciprocal of a smallest ratio or minus a smallest difference. "
    "Negligible: it lies between those two, so that the effect is too small to count either way. Inconclusive: none of these."
)


def describe_rule(table: pd.DataFrame) -> str:
    """The rule, with its error rates for these rows of ledgers: all figures' together."""
    if table.empty:
        return _RULE
    parts = [_RULE, *_about_training(table), _about_primary(table[table["role"] == PRIMARY])]
    return "\n\n".join([*parts, *_about_exploratory(table[table["role"] == EXPLORATORY])])


def _about_training(table: pd.DataFrame) -> list[str]:
    """What becomes of comparisons with a side that does not train."""
    enough, of = TRAINS
    if not (table["reaches"] != "").any():
        return []
    outside, primary = table["role"] == NOT_COMPARABLE, (table["role"] == PRIMARY) & (table["reason"] != "")
    return [
        f"A side trains where at least {enough} of {of} of its runs reach the threshold of its figure. A net that trains against one that "
        f"never starts says nothing about trajectories: where a side does not train the comparison is not comparable and nothing is "
        f"found ({_count(int(outside.sum()), 'row')} here). A primary claim stays in its family even so, with p = 1, and is inconclusive "
        f"({int(primary.sum())} here)."
    ]


def _about_primary(primary: pd.DataFrame) -> str:
    """The family of primary claims, and whether its seeds leave room for a finding."""
    if primary.empty:
        return "No claim here is primary: none was declared beforehand to stand in a family that shares one error rate."
    size, figures = len(primary), primary["figure"].nunique()
    text = (
        f"Primary claims were declared beforehand in the params: {_count(size, 'claim')} of {_count(figures, 'figure')} here. Their "
        f"verdicts are corrected for their number by Holm’s method, for each of the three kinds of finding by itself: the probability that "
        f"even one is wrongly called replicated is at most {ALPHA:.0%}, and so it is for reversed and for negligible. A figure’s notebook "
        f"and its own CSV have the verdict taken alone instead."
    )
    seeds = int(primary["seeds"].max())
    room = int(ALPHA * 2**seeds)
    text += f" The smallest p-value of {_count(seeds, 'pair')} is {power(2, -seeds)}, which leaves room for {_count(room, 'primary claim')}"
    return text + (
        "." if size <= room else f": too few pairs for {size}, every primary claim is inconclusive by construction."
    )


def _about_exploratory(rows: pd.DataFrame) -> list[str]:
    """How often verdicts that are taken alone are wrong."""
    if rows.empty:
        return []
    rates = rows["seeds"].map(error_rate)
    able = rates[rates <= ALPHA]
    start = f"All other claims are exploratory, each verdict taken alone ({_count(len(rows), 'row')} here)"
    if able.empty:
        return [
            f"{start}. With so few seeds as here no such verdict can be reached: every one is inconclusive by construction."
        ]
    few = len(rows) - len(able)
    short = f", {few} of them with too few seeds for any but inconclusive" if few else ""
    return [
        f"{start}{short}. If there is nothing to be found, a finding of one kind comes out by chance with probability at most "
        f"{able.max():.1%} for one row; over the {len(able)} rows that can have one at most {able.sum():.2g} wrong ones of a kind are "
        f"to be expected{_at_least_one(able.sum())}. Read them as questions for other data."
    ]


def _at_least_one(bound: float) -> str:
    """The union bound, where it says something."""
    if bound >= TELLING:
        return ""
    return f", and the probability of at least one is at most {bound:.0%} (a union bound: it holds although rows share runs)"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
