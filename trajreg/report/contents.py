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
from trajreg.report.ledger import Claim, number
from trajreg.report.null_rows import NullRow, read_nulls
from trajreg.report.splits import Split, read_splits

_FILES = ("figures/{}.png", "figures/{}.svg", "tables/{}.csv", "claims/{}.csv", "notebooks/{}.ipynb")
_SPLIT_FILES = ("figures/{}_decomposition.png", "figures/{}_decomposition.svg")  # where there is a decomposition
_NULL_FILES = ("figures/{}_nulls.png", "figures/{}_nulls.svg")  # where γ is held against its nulls
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Figure:
    """A finished figure: its provenance, its claims, and its summary table as text."""

    failed: ClassVar[bool] = False
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


@dataclass(frozen=True)
class Failure:
    """A figure whose notebook failed; what an earlier execution may have left counts no more."""

    failed: ClassVar[bool] = True
    claims: ClassVar[list[Claim]] = []
    splits: ClassVar[list[Split]] = []
    nulls: ClassVar[list[NullRow]] = []
    id: str
    title: str
    notebook: str
    cell: str
    exception: str
    message: str


def read_tree(tree: Path) -> list[Figure | Failure]:
    """All figures of `tree` in order; `InputError` where there are none or a file of one is missing."""
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


def _figure(tree: Path, name: str) -> Figure:
    splits = read_splits(tree / "decomposition" / f"{name}.csv")
    nulls = read_nulls(tree / "nulls" / f"{name}.csv")
    files = (*_FILES, *(_SPLIT_FILES if splits else ()), *(_NULL_FILES if nulls else ()))
    wanted = [file.format(name) for file in files]
    missing = [file for file in wanted if not (tree / file).is_file()]
    if missing:
        raise InputError(f"{tree} lacks {', '.join(missing)}: make figures FIGURES={name} writes them")
    known = json.loads((tree / "provenance" / f"{name}.json").read_text(encoding="utf-8"))
    keys = ("title", "notebook", "status", "caption", "params", "key", "runs", "num_diverged", "seconds")
    # "None" is an activation here, not a missing value
    table = pd.read_csv(tree / "tables" / f"{name}.csv", keep_default_na=False, na_values=["", "nan", "NaN"])
    return Figure(
        id=name,
        claims=_claims(tree / "claims" / f"{name}.csv"),
        splits=splits,
        nulls=nulls,
        summary=table.map(_cell),
        numeric=[name in table.select_dtypes("number") for name in table],
        **{key: known[key] for key in keys},
    )


def _claims(path: Path) -> list[Claim]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Claim.from_row(row) for row in csv.DictReader(file)]


def _cell(value: object) -> str:
    if pd.isna(value):
        return "–"
    return number(value) if isinstance(value, float) else str(value)
