"""How far "a larger γ is better alignment" holds: a comparison's ratio of γ₊ and what it is made of, in words."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from trajreg.studies.numbers import number

HALF = 0.5  # the reading holds where alignment makes more than half of the log-ratio
READINGS = {
    "holds": ("replicated", "✓"),
    "does not hold": ("not-replicated", "✗"),
    "open": ("inconclusive", "?"),
    "no difference": ("inconclusive", "="),
}
"""What can come out of the paper's reading for one comparison, with its style and icon."""


@dataclass(frozen=True)
class Part:
    """One part of a log-ratio in one phase: log10 of its factor, its share of the whole, each with its interval."""

    log10: float
    low: float
    high: float
    share: float
    share_low: float
    share_high: float

    @property
    def factor(self) -> str:
        """The factor: ×3,800."""
        return "not defined" if math.isnan(self.log10) else _times(self.log10)

    @property
    def factor_interval(self) -> str:
        """The interval of the factor."""
        return "" if math.isnan(self.log10) else f"{_times(self.low)} to {_times(self.high)}"

    @property
    def percent(self) -> str:
        """The share of the log-ratio: −1.3 %; a dash where there is nothing to explain."""
        return _percent(self.share)

    @property
    def percent_interval(self) -> str:
        """The interval of the share."""
        return "" if math.isnan(self.share) else f"{_percent(self.share_low)} to {_percent(self.share_high)}"


@dataclass(frozen=True)
class Split:
    """A treatment against its control: `parts[phase, part]` with the phases and parts of the table, and counts of pairs."""

    figure: str
    where: str
    treatment: str
    control: str
    seeds: int
    left_out: int
    walk: tuple[float, float]
    parts: dict[tuple[str, str], Part]

    @property
    def reading(self) -> str:
        """Whether alignment makes more than half of the log-ratio over the whole run: one of READINGS."""
        total, alignment = self.parts["whole", "total"], self.parts["whole", "alignment"]
        if math.isnan(total.log10):
            return "open"
        if math.isnan(alignment.share):
            return "no difference"
        if alignment.share_low <= HALF <= alignment.share_high:
            return "open"
        return "holds" if alignment.share_low > HALF else "does not hold"

    @property
    def walks(self) -> str:
        """The random walk's share of γ₊ in treatment and control: 42 % and 43 %."""
        return " and ".join(_percent(share) for share in self.walk)


def read_splits(path: Path) -> list[Split]:
    """The comparisons of a `decomposition/<figure>.csv`."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pairs: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        pairs.setdefault((row["figure"], row["where"], row["treatment"], row["control"]), []).append(row)
    return [_split(names, group) for names, group in pairs.items()]


def readings(splits: list[Split]) -> dict[str, int]:
    """How many comparisons end in each of READINGS."""
    return {reading: sum(split.reading == reading for split in splits) for reading in READINGS}


def alignment_range(splits: list[Split]) -> str:
    """From the smallest to the largest share that alignment has over a whole run; empty where there is no difference to explain."""
    shares = [split.parts["whole", "alignment"].share for split in splits]
    known = sorted(share for share in shares if not math.isnan(share))
    if not known:
        return ""
    ends = _percent(known[0]), _percent(known[-1])
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _split(names: tuple[str, ...], rows: list[dict[str, str]]) -> Split:
    whole = next(row for row in rows if row["phase"] == "whole")
    parts = {
        (row["phase"], row["part"]): Part(**{name: _float(row[name]) for name in Part.__dataclass_fields__})
        for row in rows
    }
    walk = _float(whole["walk_treatment"]), _float(whole["walk_control"])
    figure, where, treatment, control = names
    return Split(figure, where, treatment, control, int(whole["seeds"]), int(whole["left_out"]), walk, parts)


def _float(text: str) -> float:
    return float(text or "nan")


def _times(log10: float) -> str:
    return f"×{number(0.0 if log10 == -math.inf else 10.0**log10)}"


def _percent(share: float) -> str:
    if math.isnan(share):
        return "–"
    return f"{number(float(f'{100 * share:.2g}'))} %"
