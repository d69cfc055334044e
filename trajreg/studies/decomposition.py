"""What the difference in γ between a treatment and its control is made of, over paired seeds (ours)."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from scipy.special import stdtrit  # Student's quantile; scipy.stats takes longer to import than all the rest

from trajreg.metrics.factors import COLUMNS as FACTORS
from trajreg.metrics.factors import PHASES, SPLITS, TOTALS, factors, log10, log_ratio
from trajreg.studies.effects import paired_cells, sides_that_train, trained_runs
from trajreg.studies.figure import Figure
from trajreg.studies.run import Run
from trajreg.studies.setting import Settings

COLUMNS = [
    "figure",
    "where",
    "treatment",
    "control",
    "phase",
    "split",
    "part",
    "log10",
    "low",
    "high",
    "treatment_mean",
    "control_mean",
    "seeds",
    "left_out",
    "undefined",
    "reason",
]
CONFIDENCE = 0.95
MIN_PAIRS = 3  # fewer give no interval


def decomposition(
    figure: Figure, runs: list[Run], pairs: Sequence[tuple[Settings, Settings]] | None = None
) -> pd.DataFrame:
    """The log-ratios of γ and of γ₊ = γ + γ^walk and their parts, for every contrast of the figure, or for
    other `pairs` of settings: ({"model.activation": "elu"}, {"model.activation": "tanh"}), say.

    One row for each pair, each combination of the settings it leaves open, each phase, each split and each part (`metrics.factors`: PHASES,
    SPLITS); the parts of a split add up to its total exactly. The columns are COLUMNS:

    figure, where, treatment, control: as in the ledger of claims. phase, split, part: which row it is; the part "total" is the log-ratio of
    γ (split "directedness") or γ₊ (split "alignment").
    log10: the mean over pairs of the part, as log10 of a factor on γ; 10 to its power is a geometric mean.
    low, high: Student's t interval of that mean (95 %), which takes the pairs' logarithms for normally distributed; NaN with
    fewer than three pairs. It is not the sign test of the ledger, and no verdict rests on it.
    treatment_mean, control_mean: geometric means over the same pairs of the quantity itself, of γ or γ₊ for "total".
    seeds: the pairs with per-step values. left_out: pairs with a run that diverged or has no per-step values (estimator `epoch`).
    undefined: pairs that have them, but where a part of this split has no logarithm because γ (or γ₊) of either run is not positive: they
    count in none of the split's means.
    reason: which side does not train, as in the ledger; empty where both do, and where nothing has to be reached.

    Raises InputError for a pair that is not made of the figure's variants.
    """
    for treatment, control in pairs or ():
        figure.check_pair(treatment, control, "decomposition")
    known = {id(run): factors(run.steps()) if not run.diverged else factors(pd.DataFrame({"step": []})) for run in runs}
    trained = trained_runs(figure, runs)
    rows = [
        {"figure": figure.id, "where": where, "treatment": figure.label(treatment), "control": figure.label(control)}
        | row
        | {"reason": "" if trained is None else sides_that_train(paired, trained)[-1]}
        for treatment, control in (_compared(figure) if pairs is None else pairs)
        for others, paired in paired_cells(figure, treatment, control, runs)
        for where in [figure.label(others)]
        for row in _phases([tuple(known[id(run)] for run in pair) for pair in paired])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _compared(figure: Figure) -> list[tuple[Settings, Settings]]:
    """Each treatment with its control, once however many contrasts are about them."""
    contrasts = figure.question.contrasts.values()
    return list({repr((one.treatment, one.control)): (one.treatment, one.control) for one in contrasts}.values())


def _phases(pairs: list[tuple[pd.DataFrame, pd.DataFrame]]) -> Iterator[dict[str, Any]]:
    """The rows of one comparison, from the `factors` of each pair of runs."""
    for phase in PHASES:
        treated, control = (
            pd.DataFrame([variant.loc[phase] for variant in side], columns=FACTORS).reset_index(drop=True)
            for side in zip(*pairs, strict=True)
        )
        kept = (treated + control)[["update", "loss"]].notna().all(axis=1)
        counts = {"phase": phase, "seeds": int(kept.sum()), "left_out": int((~kept).sum())}
        for split in SPLITS:
            yield from (counts | row for row in _split(treated[kept], control[kept], split))


def _split(treated: pd.DataFrame, control: pd.DataFrame, split: str) -> Iterator[dict[str, Any]]:
    """A row for the total and for each part, from the factors of the runs that are compared, a row a seed."""
    logs = log_ratio(treated, control, split)
    defined = logs.notna().all(axis=1)
    for part in logs:
        name = TOTALS[split] if part == "total" else part
        row = {"split": split, "part": part, "undefined": int((~defined).sum())}
        row |= zip(("log10", "low", "high"), _mean(logs.loc[defined, part]), strict=True)
        row |= {
            f"{side}_mean": 10 ** log10(values.loc[defined, name]).mean()
            for side, values in (("treatment", treated), ("control", control))
        }
        yield row


def _mean(values: pd.Series) -> tuple[float, float, float]:
    """(mean, low, high) of one number a pair: its t interval."""
    n, mean = len(values), float(values.mean())
    if n < MIN_PAIRS:
        return mean, math.nan, math.nan
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * values.std() / math.sqrt(n))
    return mean, mean - half, mean + half
