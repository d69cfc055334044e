"""Reading a results tree: what the pipeline left of each figure."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from trajreg.errors import InputError
from trajreg.report.ledger import Claim
from trajreg.report.null_rows import NullRow, read_nulls
from trajreg.report.splits import Split, read_splits
from trajreg.runs.tree import ResultsTree
from trajreg.studies.numbers import number

_FILES = ("figures/{}.png", "figures/{}.svg", "tables/{}.csv", "claims/{}.csv", "notebooks/{}.ipynb")
_SPLITS, _NULLS = "decomposition/{}.csv", "nulls/{}.csv"  # tables that not every figure has, each with its pictures:
_PICTURES = {
    _SPLITS: ("figures/{}_decomposition.png", "figures/{}_decomposition.svg"),
    _NULLS: ("figures/{}_nulls.png", "figures/{}_nulls.svg"),
}
_KEYS = ("title", "notebook", "status", "caption", "params", "key", "runs", "num_diverged", "seconds")  # of provenance
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Figure:
    """A finished figure: its provenance, its claims, and its summary table as text."""

    state: ClassVar[str] = "finished"
    id: str
    title: str
    notebook: str
    status: str
    caption: str
    params: str
    key: str
    runs: list[str]
    num_diverged: int
    seconds: float
    claims: list[Claim]
    splits: list[Split]
    nulls: list[NullRow]
    summary: pd.DataFrame
    numeric: list[bool]


class _Nothing:
    """What a figure that is not to be shown has of everything that counts."""

    claims: ClassVar[list[Claim]] = []
    splits: ClassVar[list[Split]] = []
    nulls: ClassVar[list[NullRow]] = []


@dataclass(frozen=True)
class Failure(_Nothing):
    """A figure whose notebook failed; what an earlier execution may have left counts no more."""

    state: ClassVar[str] = "failed"
    id: str
    title: str
    notebook: str
    cell: str
    exception: str
    message: str


@dataclass(frozen=True)
class Altered(_Nothing):
    """A figure whose products are not as they were when it was made: nothing of it is believed. `damage` says which, a line each."""

    state: ClassVar[str] = "altered"
    id: str
    title: str
    damage: list[str]


@dataclass(frozen=True)
class Incomplete(_Nothing):
    """A figure whose notebook did not save all that a figure needs: `lacking`, in the results tree."""

    state: ClassVar[str] = "incomplete"
    id: str
    title: str
    lacking: list[str]


Unshown = Failure | Altered | Incomplete


def read_tree(tree: Path) -> list[Figure | Unshown]:
    """All figures of `tree` in order; `InputError` where there are none."""
    ids = {path.stem for folder in ("provenance", "failed") for path in (tree / folder).glob("*.json")}
    if not ids:
        raise InputError(f"{tree} holds no figure yet: make figures first")
    return [_failure(tree, name) if _failed(tree, name).exists() else _figure(tree, name) for name in sorted(ids)]


def label(figure_id: str) -> str:
    """The name a reader sees: "Figure 4" for fig04."""
    digits = figure_id.removeprefix("fig")
    return f"Figure {int(digits)}" if digits.isdecimal() else figure_id


def _failed(tree: Path, name: str) -> Path:
    return tree / "failed" / f"{name}.json"


def _failure(tree: Path, name: str) -> Failure:
    known = json.loads(_failed(tree, name).read_text(encoding="utf-8"))
    cell = "unknown" if known["cell"] is None else str(known["cell"])
    message = _ANSI.sub("", known["message"])
    return Failure(name, known["title"], known["notebook"], cell, known["exception"], message)


def _figure(tree: Path, name: str) -> Figure | Altered | Incomplete:
    known, damage = ResultsTree(tree).recorded(name) or {}, ResultsTree(tree).damage(name)
    title = known.get("title", label(name))
    if damage:
        return Altered(name, title, damage)
    lacking = [
        *_lacking(name, set(known["outputs"])),
        *(f"{key} in its provenance" for key in _KEYS if key not in known),
    ]
    if lacking:
        return Incomplete(name, title, lacking)
    # "None" is an activation here, not a missing value
    table = pd.read_csv(tree / "tables" / f"{name}.csv", keep_default_na=False, na_values=["", "nan", "NaN"])
    return Figure(
        id=name,
        claims=_claims(tree / "claims" / f"{name}.csv"),
        splits=read_splits(tree / "decomposition" / f"{name}.csv") if _SPLITS.format(name) in known["outputs"] else [],
        nulls=read_nulls(tree / "nulls" / f"{name}.csv") if _NULLS.format(name) in known["outputs"] else [],
        summary=table.map(_cell),
        numeric=[name in table.select_dtypes("number") for name in table],
        **{key: known[key] for key in _KEYS},
    )


def _lacking(name: str, outputs: set[str]) -> list[str]:
    """The files that the report shows of a figure but its notebook did not save."""
    pictures = [file for table, files in _PICTURES.items() if table.format(name) in outputs for file in files]
    return [file for file in (one.format(name) for one in (*_FILES, *pictures)) if file not in outputs]


def _claims(path: Path) -> list[Claim]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Claim.from_row(row) for row in csv.DictReader(file)]


def _cell(value: object) -> str:
    if pd.isna(value):
        return "–"
    return number(value) if isinstance(value, float) else str(value)
