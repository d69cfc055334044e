"""The front page's sections: rows that figures contribute under the same name, put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from trajreg.report.contents import Figure, Unshown
from trajreg.runs.products import SavedHeadline, SavedProduct


@dataclass(frozen=True)
class Section:
    """What the figures say under one name: title, caption, columns, each figure's rows of text, and how often each counted value occurs."""

    name: str
    title: str
    caption: str
    columns: list[str]
    groups: list[tuple[Figure | Unshown, list[list[str]]]]
    counts: dict[str, int]

    @property
    def rows(self) -> list[list[str]]:
        """The rows of all figures."""
        return [row for _, rows in self.groups for row in rows]

    @property
    def one_each(self) -> bool:
        """Whether every figure has a single row."""
        return all(len(rows) == 1 for _, rows in self.groups)


def headline_sections(figures: Sequence[Figure | Unshown]) -> list[Section]:
    """A section for each name of a product with a headline, in the order of appearance; title and caption are the first figure's."""
    found: dict[str, list[tuple[Figure | Unshown, SavedProduct, SavedHeadline]]] = {}
    for figure in figures:
        for product in figure.products:
            if product.headline and product.headline.cells.rows:
                found.setdefault(product.name, []).append((figure, product, product.headline))
    return [_section(name, entries) for name, entries in found.items()]


def _section(name: str, entries: list[tuple[Figure | Unshown, SavedProduct, SavedHeadline]]) -> Section:
    _, product, first = entries[0]
    columns = list(dict.fromkeys(column for _, _, headline in entries for column in headline.cells.columns))
    groups = [(figure, _rows(headline, columns)) for figure, _, headline in entries]
    return Section(
        name, product.title, first.caption, columns, groups, _counts([headline for _, _, headline in entries])
    )


def _rows(headline: SavedHeadline, columns: list[str]) -> list[list[str]]:
    rows = (dict(zip(headline.cells.columns, row, strict=True)) for row in headline.cells.rows)
    return [[row.get(column, "–") for column in columns] for row in rows]


def _counts(headlines: list[SavedHeadline]) -> dict[str, int]:
    """Every value that may be counted, in order, those that do not occur too."""
    cells = Counter(
        row[headline.cells.columns.index(headline.counted)]
        for headline in headlines
        if headline.counted is not None
        for row in headline.cells.rows
    )
    return {value: cells[value] for headline in headlines for value in headline.choices}
