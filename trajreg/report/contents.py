"""Reading a results tree: what the pipeline left of each figure."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from trajreg.errors import InputError
from trajreg.report.ledger import Claim, in_family
from trajreg.runs.products import SavedProduct, read_products
from trajreg.runs.tree import KNOWN, NOTEBOOK, ResultsTree
from trajreg.studies.question import FIGURE_ID, in_order

_WORDS = {"fig": "Figure"}  # of an id, where a reader sees another
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Figure:
    """A finished figure: its provenance, its products in order, its claims, and whether its executed notebook is there."""

    state: ClassVar[str] = "finished"
    id: str
    title: str
    notebook: str
    study: str
    status: str
    caption: str
    params: list[str]
    key: str
    runs: list[str]
    num_diverged: int
    seconds: float
    products: list[SavedProduct]
    claims: list[Claim]
    has_notebook: bool

    @property
    def picture(self) -> SavedProduct | None:
        """The first product with a picture: what stands for the figure."""
        return next((product for product in self.products if product.file(".png")), None)

    @property
    def sections(self) -> list[SavedProduct]:
        """The products with something to show, each a section of the page; the picture that stands for the figure is there already."""
        return [
            one for one in self.products if _has_something(one) and (one is not self.picture or one.shown or one.role)
        ]

    @property
    def tables(self) -> list[SavedProduct]:
        """The products of which only the file is there."""
        return [one for one in self.products if not _has_something(one)]


class _Nothing:
    """What a figure that is not to be shown has of everything that counts."""

    products: ClassVar[list[SavedProduct]] = []
    claims: ClassVar[list[Claim]] = []


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


Unshown = Failure | Altered


def read_tree(tree: Path) -> list[Figure | Unshown]:
    """All figures of `tree` in order, primary claims judged over all of them; `InputError` where there are none."""
    made, failures = ResultsTree(tree).made(), ResultsTree(tree).failures()
    if not (made or failures):
        raise InputError(f"{tree} holds no figure yet: make figures first")
    ids = in_order({*made, *failures})
    found = [_failure(name, failures[name]) if name in failures else _figure(tree, name) for name in ids]
    claims = iter(in_family([claim for figure in found for claim in figure.claims]))
    return [
        replace(figure, claims=[next(claims) for _ in figure.claims]) if isinstance(figure, Figure) else figure
        for figure in found
    ]


def label(figure_id: str) -> str:
    """The name a reader sees: "Figure 4" for fig04, "Table 1" for table1."""
    if not re.fullmatch(FIGURE_ID, figure_id):
        return figure_id
    word = figure_id.rstrip("0123456789")
    return f"{_WORDS.get(word, word.capitalize())} {int(figure_id.removeprefix(word))}"


def _has_something(product: SavedProduct) -> bool:
    """Whether a page shows something of it: a picture, cells, or a ledger."""
    return bool(product.file(".png") or product.shown or product.role == "claims")


def _failure(name: str, known: dict[str, Any]) -> Failure:
    cell = "unknown" if known["cell"] is None else str(known["cell"])
    message = _ANSI.sub("", known["message"])
    return Failure(name, known["title"], known["notebook"], cell, known["exception"], message)


def _figure(tree: Path, name: str) -> Figure | Altered:
    known, damage = ResultsTree(tree).recorded(name) or {}, ResultsTree(tree).damage(name)
    if damage:
        return Altered(name, known.get("title", label(name)), damage)
    return Figure(
        id=name,
        products=read_products(tree / name),
        claims=_claims(ResultsTree(tree).product(name, "claims")),
        has_notebook=NOTEBOOK in known["outputs"],
        **{field.name: known[field.name] for field in fields(Figure) if field.name in KNOWN},
    )


def _claims(path: Path | None) -> list[Claim]:
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [Claim.from_row(row) for row in csv.DictReader(file)]
