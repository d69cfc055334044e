"""The rows of the ledger: claims as read from a tree, and their numbers as a reader wants them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from markupsafe import Markup

from trajreg.report.intervals import interval_svg
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.claims import NOT_COMPARABLE, PRIMARY, LedgerRow
from trajreg.studies.numbers import number
from trajreg.studies.rule import holm_each, verdict
from trajreg.studies.techniques import technique

VERDICTS = {"replicated": "✓", "reversed": "✗", "negligible": "≈", "inconclusive": "?", NOT_COMPARABLE: "⊘"}
"""Each verdict with its icon, in the order of the report; the last is none, but what stands in its place."""

_CONVERT: dict[Any, Callable[[str], Any]] = {
    int: lambda text: int(float(text or 0)),
    int | None: lambda text: int(float(text)) if text else None,
    float: lambda text: float(text or "nan"),
    str: str,
}


@dataclass(frozen=True)
class Claim(LedgerRow):
    """One row of the ledger; its fields are the columns of the report's `claims.csv`.

    verdict: of a primary claim that over the family of all, else the one taken alone; verdict_alone: that one in any case.
    p_holm: of a primary claim the smallest of its three p-values, each after Holm's method over the family.
    """

    p_holm: float = math.nan
    verdict_alone: str = ""

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Claim:
        """The claim of a row of a figure's ledger, as text; an empty number is unknown, and so is what an older ledger lacks."""
        known = dict.fromkeys((field.name for field in fields(LedgerRow) if field.default is not MISSING), "") | {**row}
        values = {field.name: _CONVERT[field.type](known[field.name]) for field in fields(LedgerRow)}
        return cls(**values, verdict_alone=row["verdict"])

    @property
    def technique(self) -> str:
        """What the comparison is about: one of TECHNIQUES."""
        return technique(self.varied)

    @property
    def metric_title(self) -> str:
        """What the metric is, for a reader."""
        name, _, rest = self.metric.partition(" ")
        return f"{COLUMNS.title(name)} {rest}".rstrip()

    @property
    def effect_text(self) -> str:
        """The effect with the mark of its kind: ×2.4 or +0.31; a bound as one: ≥ ×2.4."""
        return f"{self.effect_bound} {self._marked(self.effect)}".strip()

    @property
    def interval_text(self) -> str:
        """The interval in words; an end that could not be measured leaves an inequality."""
        return self._interval(self.low, self.high)

    @property
    def confidence_text(self) -> str:
        """The confidence of the interval: 93.75 %."""
        return f"{100 * self.confidence:.4g} %"

    @property
    def p_text(self) -> str:
        """The p-value of the finding that is nearest, and what Holm's method over the family makes of it."""
        alone = f"p = {number(min(self.p_values.values()))}"
        return alone if math.isnan(self.p_holm) else f"{alone} ({number(self.p_holm)} in the family)"

    @property
    def origin(self) -> str:
        """Whose statement it is, and whose choice what is compared."""
        if self.source == "ours":
            return "our question"
        return "the paper’s claim" + ("" if self.pair_source == "paper" else ", our pair")

    @property
    def notes(self) -> list[str]:
        """What a reader should know before believing the row."""
        found = [self.reason] if self.reason else []
        if self.verdict != self.verdict_alone:
            found.append(f"taken alone: {self.verdict_alone}")
        return found

    @property
    def bound_by_epochs(self) -> bool:
        """Whether the effect is a bound only because a training ended before the threshold was reached."""
        return bool(self.effect_bound) and " ≤ " in self.metric

    @property
    def beside_text(self) -> str:
        """Effect and interval of the same quantity measured in another way, after its title; empty where there is none."""
        if not self.beside_metric:
            return ""
        interval = self._interval(self.beside_low, self.beside_high)
        effect = f"{self.beside_bound} {self._marked(self.beside_effect)}".strip()
        return f"{COLUMNS.title(self.beside_metric)}: {effect} ({interval})"

    @property
    def smallest_text(self) -> str:
        """The smallest effect that counts."""
        return self._marked(self.smallest_effect)

    @property
    def plot(self) -> Markup:
        """The interval against no effect, as inline SVG."""
        label = (
            f"Effect {self.effect_text}, {self.interval_text}; the smallest effect that counts is {self.smallest_text}"
        )
        values = {"effect": self.effect, "low": self.low, "high": self.high, "smallest": self.smallest_effect}
        return interval_svg(kind=self.effect_kind, label=label, **values)

    def _interval(self, low: float, high: float) -> str:
        nothing = 0 if self.effect_kind == "ratio" else -math.inf
        if math.isnan(low) or math.isnan(high):
            return "interval unknown"
        if low == high:
            return f"all {self._marked(low)}"
        if low <= nothing and high == math.inf:
            return "unbounded"
        if high == math.inf:
            return f"≥ {self._marked(low)}"
        if low <= nothing:
            return f"≤ {self._marked(high)}"
        return f"{self._marked(low)} to {self._marked(high)}"

    def _marked(self, value: float) -> str:
        if not math.isfinite(value):
            return number(value)
        if self.effect_kind == "ratio":
            return f"×{number(value)}"
        return f"+{number(value)}" if value > 0 else number(value)


def in_family(claims: list[Claim]) -> list[Claim]:
    """The claims of a tree, the primary ones with their verdicts over all of them (Holm's method)."""
    family = [claim for claim in claims if claim.role == PRIMARY]
    adjusted = dict(zip(map(id, family), holm_each([claim.p_values for claim in family]), strict=True))
    found = [(claim, adjusted.get(id(claim))) for claim in claims]
    return [replace(claim, p_holm=min(p.values()), verdict=verdict(p)) if p else claim for claim, p in found]


def verdict_counts(claims: list[Claim]) -> dict[str, int]:
    """How many claims got each verdict, in the report's order."""
    return {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS}
