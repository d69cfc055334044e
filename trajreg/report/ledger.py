"""The rows of the ledger: claims as read from a tree, and their numbers as a reader wants them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from markupsafe import Markup

from trajreg.report.intervals import interval_svg

VERDICTS = {"replicated": "✓", "not replicated": "✗", "inconclusive": "?"}
"""Each verdict with its icon, in the order of the report."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Claim:
    """One claim tested on one figure; the fields are the columns of `claims.csv`."""

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

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Claim:
        """The claim of a row of text, an empty number being unknown."""
        convert = {"int": lambda text: int(float(text or 0)), "float": lambda text: float(text or "nan"), "str": str}
        return cls(**{field.name: convert[field.type](row[field.name]) for field in fields(cls)})

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


def number(value: float) -> str:
    """Three significant digits in the typography of a text: −0.031, 12,300, 4.2×10⁻⁷, ∞, unknown."""
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    rounded = float(f"{value:.3g}")
    size = abs(rounded)
    if rounded and not 1e-3 <= size < 1e5:
        mantissa, exponent = f"{rounded:.2e}".split("e")
        text = f"{float(mantissa):g}×10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    else:
        text = f"{rounded:,.0f}" if size >= 1000 else f"{rounded:g}"
    return text.replace("-", "−")


def verdict_counts(claims: list[Claim]) -> dict[str, int]:
    """How many claims got each verdict, in the report's order."""
    return {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS}
