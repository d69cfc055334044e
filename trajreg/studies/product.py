"""A product of a figure: a picture, a table or both, with the words that go with them. Where it is written is not its business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure  # slow, and only who draws needs it

Role = Literal["values", "claims"]


@dataclass(frozen=True, eq=False)
class Headline:
    """The rows that a figure contributes to the front page of the report, where those of all figures stand together.

    rows: text cells. Further lines of a cell are its small print; a cell that begins with ✓, ✗, ≈, ?, ⊘ or = and a space is set as a
    verdict. caption: what the rows say and how they are read. counted: the column whose values are counted above the table; where it is of
    pandas' type category, all its categories are, in their order.
    """

    rows: pd.DataFrame
    caption: str
    counted: str | None = None


@dataclass(frozen=True, eq=False)
class Product:
    """One product of a figure.

    title: its heading. caption: what one sees and how it is read, with $formulas$. picture, and alt: what it shows, for those who do not
    see it. table: all numbers in full precision, for a CSV file. shown: what a page and the notebook show of it (cells as in a
    Headline), by default the table, its numbers rounded. headline: its rows on the front page.
    role: "values", the numbers of each run, from which two results trees are compared; "claims", the ledger; None for everything else.
    """

    title: str
    caption: str = ""
    picture: Figure | None = None
    alt: str = ""
    table: pd.DataFrame | None = None
    shown: pd.DataFrame | None = None
    headline: Headline | None = None
    role: Role | None = None
