"""The rows of the ledger: claims as read from a tree, and their numbers as a reader wants them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from markupsafe import Markup

from trajreg.report.intervals import interval_svg
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.claims import LedgerRow
from trajreg.studies.numbers import number

VERDICTS = {"replicated": "✓", "not replicated": "✗", "inconclusive": "?"}
"""Each verdict with its icon, in the order of the report."""

_CONVERT: dict[Any, Callable[[str], Any]] = {
    int: lambda text: int(float(text or 0)),
    float: lambda text: float(text or "nan"),
    str: str,
}


@dataclass(frozen=True)
class Claim(LedgerRow):
    """One row of the ledger; its fields are the columns of `claims.csv`."""

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Claim:
        """The claim of a row of text, an empty number being unknown."""
        return cls(**{field.name: _CONVERT[field.type](row[field.name]) for field in fields(cls)})

    @property
    def metric_title(self) -> str:
        """What the metric is, for a reader."""
        name, _, rest = self.metric.partition(" ")
        return f"{COLUMNS.title(name)} {rest}".rstrip()

    @property
    def effect_text(self) -> str:
        """The effect with the mark of its kind: ×2.4 or +0.31."""
        return self._marked(self.effect)

    @property
    def interval_text(self) -> str:
        """The interval in words; an end that could not be measured leaves an inequality."""
        nothing = 0 if self.effect_kind == "ratio" else -math.inf
        if math.isnan(self.low) or math.isnan(self.high):
            return "interval unknown"
        if self.low == self.high:
            return f"all {self._marked(self.low)}"
        if self.low <= nothing and self.high == math.inf:
            return "unbounded"
        if self.high == math.inf:
            return f"≥ {self._marked(self.low)}"
        if self.low <= nothing:
            return f"≤ {self._marked(self.high)}"
        return f"{self._marked(self.low)} to {self._marked(self.high)}"

    @property
    def confidence_text(self) -> str:
        """The confidence of the interval: 93.75 %."""
        return f"{100 * self.confidence:.4g} %"

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

    def _marked(self, value: float) -> str:
        if not math.isfinite(value):
            return number(value)
        if self.effect_kind == "ratio":
            return f"×{number(value)}"
        return f"+{number(value)}" if value > 0 else number(value)


def verdict_counts(claims: list[Claim]) -> dict[str, int]:
    """How many claims got each verdict, in the report's order."""
    return {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS}
