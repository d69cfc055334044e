"""From runs to the ledger: claims tested on paired seeds, a row a claim and cell (ours)."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from trajreg.studies.effects import (
    observe,
    paired_cells,
    paired_effect,
    refuse_undefined,
    sides_that_train,
    thresholds,
    trained_runs,
)
from trajreg.studies.figure import Claim, Figure
from trajreg.studies.medians import Bounds, median_of_bounds
from trajreg.studies.rule import FINDINGS, NOTHING, PValues, p_values, paired_interval, verdict
from trajreg.studies.run import Run
from trajreg.studies.setting import VARIANT, Settings

PRIMARY, EXPLORATORY, NOT_COMPARABLE = "primary", "exploratory", "not comparable"


@dataclass(frozen=True)
class LedgerRow:
    """A claim tested on one combination of the settings it leaves open; the fields are the columns of the ledger.

    figure, claim, text, metric: of the claim. source: whose statement it is, "paper" or "ours". pair_source: who chose what is compared;
    the smallest effect is always ours. where: the settings that the claim leaves open, in words.
    role: primary (declared beforehand, one of the family that shares an error rate), exploratory (every other claim), or not comparable:
    an exploratory claim in a cell where a side does not train, about which nothing is found.
    treatment, control: what is compared, in words; treatment_variant, control_variant: as the tables of runs name them.
    seeds: the pairs of runs. reaches: what a run has to reach for its side to have trained, as `steps_to_loss ≤ 0.3`; empty where the
    figure has no threshold. reached_treatment, reached_control: how many of their runs do. reason: which side does not train, fewer
    than 9 of 10 of its runs getting there; empty where both do, and where nothing has to be reached.
    direction: of the metric that is claimed.
    effect_kind: ratio or difference, of the metric, in the claimed direction: above 1 or above 0 favours the treatment.
    effect: its median over pairs. effect_bound: "≥" or "≤" where censoring leaves the median open and `effect` is the bound that is known.
    low, high, confidence: the interval of that median and its confidence. smallest_effect: the claim's.
    p_replicated, p_reversed, p_negligible: of the exact sign tests, for each finding; 1 where a side does not train.
    censored: the values of which only bounds are known. diverged: the runs that did.
    verdict: replicated, reversed, negligible or inconclusive, taken alone at 5 % for each; "not comparable" where the role is.
    beside_metric: the same quantity measured in another way, where the runs have it. beside_effect, beside_bound, beside_low,
    beside_high, beside_verdict: effect (with its bound), interval and verdict by that one, taken alone.
    varied: the dotted keys in which treatment and control differ, from which the technique follows (`techniques.technique`).
    """

    figure: str
    claim: str
    text: str
    source: str
    pair_source: str
    metric: str
    where: str
    role: str
    treatment: str
    control: str
    treatment_variant: str
    control_variant: str
    seeds: int
    reaches: str
    reached_treatment: int | None
    reached_control: int | None
    reason: str
    direction: str
    effect_kind: str
    effect: float
    effect_bound: str
    low: float
    high: float
    confidence: float
    smallest_effect: float
    p_replicated: float
    p_reversed: float
    p_negligible: float
    censored: int
    diverged: int
    verdict: str
    beside_metric: str = ""
    beside_effect: float = math.nan
    beside_bound: str = ""
    beside_low: float = math.nan
    beside_high: float = math.nan
    beside_verdict: str = ""
    varied: str = ""

    @property
    def p_values(self) -> PValues:
        """The p-value for each finding."""
        return {finding: getattr(self, f"p_{finding}") for finding in FINDINGS}


COLUMNS = [field.name for field in fields(LedgerRow)]

Pairs = list[tuple[Run, Run]]


def ledger(figure: Figure, runs: list[Run]) -> pd.DataFrame:
    """One row for each claim and each combination of the settings it leaves open; LedgerRow says what the columns are."""
    trained = trained_runs(figure, runs)
    names = " and ".join(map(_with_threshold, thresholds(figure)))
    return as_table(
        _row(figure, claim, others, pairs, _Cell.of(pairs, trained, names))
        for claim in figure.claims
        for others, pairs in paired_cells(figure, claim.treatment, claim.control, runs)
    )


def as_table(rows: Iterable[LedgerRow], kind: type[LedgerRow] = LedgerRow) -> pd.DataFrame:
    """Rows of one kind as a table, with whole numbers where they are known."""
    table = pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(kind)])
    return table.astype(dict.fromkeys(("reached_treatment", "reached_control"), "Int64"))


@dataclass(frozen=True)
class _Cell:
    """Whether both sides of a cell train: the columns of the ledger that say so."""

    reaches: str = ""
    reached_treatment: int | None = None
    reached_control: int | None = None
    reason: str = ""

    @classmethod
    def of(cls, pairs: Pairs, trained: dict[int, bool] | None, reaches: str) -> "_Cell":
        """Of runs that are known to have `trained` or not; without thresholds nothing is known of them."""
        return cls() if trained is None else cls(reaches, *sides_that_train(pairs, trained))


@dataclass(frozen=True)
class _Judged:
    """What paired effects say of a claim, taken alone."""

    effect: float
    bound: str
    low: float
    high: float
    confidence: float
    p: PValues

    @classmethod
    def of(cls, effects: list[Bounds], claim: Claim) -> "_Judged":
        """Effects are differences, or logarithms of ratios; what is told of them is not logarithmic."""
        ratio = claim.effect == "ratio"
        shown = np.exp if ratio else float
        (effect, bound), (low, high, confidence) = median_of_bounds(effects), paired_interval(effects)
        p = p_values(effects, math.log(claim.smallest_effect) if ratio else claim.smallest_effect)
        return cls(float(shown(effect)), bound, float(shown(low)), float(shown(high)), confidence, p)


def _row(figure: Figure, claim: Claim, others: Settings, pairs: Pairs, cell: _Cell) -> LedgerRow:
    observed = [tuple(observe(run, claim, figure.id) for run in pair) for pair in pairs]
    refuse_undefined(f"{figure.id}: claim {claim.id}", claim.metric, pairs, observed)
    judged = _Judged.of([paired_effect(treated, control, claim) for treated, control in observed], claim)
    declared = PRIMARY if claim.primary and figure.primary_in(others) else EXPLORATORY
    role = NOT_COMPARABLE if cell.reason and declared == EXPLORATORY else declared
    p = NOTHING if cell.reason else judged.p
    return LedgerRow(
        **_asked(figure, claim),
        where=figure.label(others),
        role=role,
        treatment_variant=pairs[0][0].variant,
        control_variant=pairs[0][1].variant,
        seeds=len(pairs),
        effect=judged.effect,
        effect_bound=judged.bound,
        low=judged.low,
        high=judged.high,
        confidence=judged.confidence,
        censored=sum(_censored(bounds) for pair in observed for bounds in pair),
        diverged=sum(run.diverged for pair in pairs for run in pair),
        verdict=_verdict(p, role),
        p_replicated=p["replicated"],
        p_reversed=p["reversed"],
        p_negligible=p["negligible"],
        **asdict(cell),
        **_beside(figure, claim, pairs, cell, role),
    )


def _asked(figure: Figure, claim: Claim) -> dict[str, Any]:
    """The columns that say what the claim is, wherever it is tested."""
    return {
        "figure": figure.id,
        "claim": claim.id,
        "text": claim.text,
        "source": claim.source,
        "pair_source": claim.pair_source,
        "metric": _with_threshold(claim),
        "treatment": figure.label(claim.treatment),
        "control": figure.label(claim.control),
        "varied": ", ".join(differing(figure, claim)),
        "direction": claim.direction,
        "effect_kind": claim.effect,
        "smallest_effect": claim.smallest_effect,
    }


def differing(figure: Figure, claim: Claim) -> list[str]:
    """The keys in which the sides differ; of named variants those of which their definitions give other values."""
    named = figure.setting.variants if figure.setting else {}
    sides = [named.get(side.get(VARIANT, ""), {}) for side in (claim.treatment, claim.control)]
    defined = [key for key in {**sides[0], **sides[1]} if sides[0].get(key) != sides[1].get(key)]
    return [key for key in claim.treatment if key != VARIANT] + defined


def _beside(figure: Figure, claim: Claim, pairs: Pairs, cell: _Cell, role: str) -> dict[str, Any]:
    """The columns about the same quantity measured in another way; none where not every run has it."""
    runs = [run for pair in pairs for run in pair]
    column = runs[0].columns.claimable.get(claim.metric)
    name = column.beside if column else None
    if not name or not all(name in run.summary or run.diverged for run in runs) or all(run.diverged for run in runs):
        return {}
    other = replace(claim, metric=name)
    seen = [(observe(treated, other, figure.id), observe(control, other, figure.id)) for treated, control in pairs]
    judged = _Judged.of([paired_effect(treated, control, claim) for treated, control in seen], claim)
    found = {name: getattr(judged, name) for name in ("effect", "bound", "low", "high")}
    found |= {"metric": name, "verdict": _verdict(NOTHING if cell.reason else judged.p, role)}
    return {f"beside_{key}": value for key, value in found.items()}


def _verdict(p: PValues, role: str) -> str:
    return NOT_COMPARABLE if role == NOT_COMPARABLE else verdict(p)


def _censored(bounds: Bounds) -> bool:
    """Whether something is known of a value, but not all; of one that is undefined nothing is."""
    low, high = bounds
    return low < high and not (math.isinf(low) and math.isinf(high))


def _with_threshold(claim: Claim) -> str:
    return claim.metric + (f" ≤ {claim.threshold:g}" if claim.threshold is not None else "")
