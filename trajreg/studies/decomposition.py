"""What the difference in γ between a treatment and its control is made of, over paired seeds (ours)."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from trajreg.metrics.factors import PARTS, PHASES, factors, log_ratio
from trajreg.studies.claims import paired_cells
from trajreg.studies.figure import Figure
from trajreg.studies.medians import Bounds, median
from trajreg.studies.rule import paired_interval
from trajreg.studies.run import Run
from trajreg.studies.setting import Settings

COLUMNS = [
    "figure",
    "where",
    "treatment",
    "control",
    "phase",
    "part",
    "log10",
    "low",
    "high",
    "share",
    "share_low",
    "share_high",
    "confidence",
    "seeds",
    "left_out",
    "undefined",
    "walk_treatment",
    "walk_control",
]


def decomposition(
    figure: Figure, runs: list[Run], pairs: Sequence[tuple[Settings, Settings]] | None = None
) -> pd.DataFrame:
    """The log-ratio of γ₊ = γ + γ^walk and its parts, for every contrast of the figure, or for
    other `pairs` of settings: ({"model.activation": "elu"}, {"model.activation": "tanh"}), say.

    One row for each pair, each combination of the settings it leaves open, each phase (`metrics.factors.PHASES`) and each part ("total",
    then PARTS, which add up to it in every pair of runs); the columns are COLUMNS:

    figure, where, treatment, control: as in the ledger of claims. phase, part: which row it is.
    log10, low, high, confidence: median and interval (`claims.paired_interval`) over pairs of the part, as log10 of a factor on γ₊.
    share, share_low, share_high: the same of part / total; NaN where the interval of the total holds 0: nothing is to be explained.
    seeds: the pairs that count. left_out: pairs with a run that diverged or has no per-step values (estimator `epoch`).
    undefined: pairs that count but where a γ₊ is not positive, so that the part has no logarithm: log10 is NaN and such a pair
    may lie anywhere in the interval.
    walk_treatment, walk_control: medians of γ^walk / γ₊ (½ is what a random walk has).

    Raises InputError for a pair that is not made of the figure's variants.
    """
    for treatment, control in pairs or ():
        figure.check_pair(treatment, control, "decomposition")
    known = {id(run): factors(run.steps()) if not run.diverged else factors(pd.DataFrame({"step": []})) for run in runs}
    rows = [
        {"figure": figure.id, "where": where, "treatment": figure.label(treatment), "control": figure.label(control)}
        | row
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
    for phase in PHASES:
        kept = [(a, b) for a, b in pairs if not (a.loc[phase] + b.loc[phase])[["update", "loss"]].isna().any()]
        logs = pd.DataFrame([log_ratio(a, b).loc[phase] for a, b in kept], columns=["total", *PARTS])
        walks = [[variant.loc[phase, "walk_share"] for variant in side] for side in zip(*kept, strict=True)]
        shared = {
            "phase": phase,
            "seeds": len(kept),
            "left_out": len(pairs) - len(kept),
            "walk_treatment": median(walks[0]) if kept else math.nan,
            "walk_control": median(walks[1]) if kept else math.nan,
        }
        _, low, high, _ = _interval(logs["total"])
        explained = logs.div(logs["total"], axis=0) if low > 0 or high < 0 else logs * math.nan
        for part in logs:
            row = shared | {"part": part, "undefined": int(logs[part].isna().sum())}
            row |= zip(("log10", "low", "high", "confidence"), _interval(logs[part]), strict=True)
            yield row | dict(zip(("share", "share_low", "share_high"), _interval(explained[part])[:3], strict=True))


def _interval(values: pd.Series) -> tuple[float, float, float, float]:
    """(median, low, high, confidence) of one number a pair; a NaN may be anything."""
    if values.isna().all():
        return (math.nan,) * 4
    bounds: list[Bounds] = [(-math.inf, math.inf) if math.isnan(value) else (value, value) for value in values]
    low, high, confidence = paired_interval(bounds)
    return median(values), float(low), float(high), confidence
