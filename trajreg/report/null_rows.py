"""γ against its nulls, in words: a row a variant, and what the variants of a figure have in common."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from trajreg.studies.numbers import number


@dataclass(frozen=True)
class NullRow:
    """One variant of a `nulls/<figure>.csv`: γ over the whole run and the cosine, measured and of the nulls."""

    variant: str
    seeds: int
    random_seeds: int
    gamma: float
    walk: float
    random_gamma: float
    ratio: float
    cosine: float
    cosine_walk: float
    random_cosine: float


def read_nulls(path: Path) -> list[NullRow]:
    """The variants of a `nulls/<figure>.csv`."""
    convert: dict[Any, Callable[[str], Any]] = {"int": int, "float": lambda text: float(text or "nan"), "str": str}
    with path.open(encoding="utf-8", newline="") as file:
        return [
            NullRow(**{field.name: convert[field.type](row[field.name]) for field in fields(NullRow)})
            for row in csv.DictReader(file)
        ]


def spread(rows: list[NullRow], name: str, mark: str = "") -> str:
    """From the smallest to the largest of the variants, ×1.2 to ×40; a dash where nothing is known."""
    known = sorted(value for row in rows for value in [getattr(row, name)] if not math.isnan(value))
    if not known:
        return "–"
    ends = [mark + number(value) for value in (known[0], known[-1])]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def short(value: float, mark: str = "") -> str:
    """A number for a cell, a dash where it is not known."""
    return "–" if math.isnan(value) else mark + number(value)
