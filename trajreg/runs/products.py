"""The products of a figure on disk: pictures and tables, and `products.json`, which says in which order a page shows them."""

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from trajreg.errors import InputError
from trajreg.files import write_json, write_text, writing
from trajreg.studies.claims import COLUMNS
from trajreg.studies.numbers import number
from trajreg.studies.product import Headline, Product, Role

INDEX = "products.json"


@dataclass(frozen=True)
class Cells:
    """A table as text, row by row."""

    columns: list[str]
    rows: list[list[str]]

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Cells":
        """The cells of a table, with numbers rounded and a dash for what is not known."""
        flat = _flat(table)
        return cls([str(column) for column in flat], [[_cell(value) for value in row] for row in flat.to_numpy(object)])

    def frame(self) -> pd.DataFrame:
        """The cells as a notebook shows them, a line each."""
        return pd.DataFrame([[text.replace("\n", "; ") for text in row] for row in self.rows], columns=self.columns)


@dataclass(frozen=True)
class SavedHeadline:
    """A `Headline`: its cells, its caption, and the values there may be in its column `counted`."""

    cells: Cells
    caption: str
    counted: str | None
    choices: list[str]


@dataclass(frozen=True)
class SavedProduct:
    """An entry of `products.json`: a `Product` as text, and the names of its files."""

    name: str
    title: str
    caption: str
    alt: str
    role: Role | None
    files: list[str]
    shown: Cells | None
    headline: SavedHeadline | None

    def file(self, suffix: str) -> str | None:
        """The name of its file with this suffix, None where it has none."""
        return f"{self.name}{suffix}" if f"{self.name}{suffix}" in self.files else None


class ProductFolder:
    """Where the products of one figure are written; the first one begins a new `products.json`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.saved: list[SavedProduct] = []

    def save(
        self, name: str, content: Any, *, title: str = "", caption: str = "", alt: str = ""
    ) -> pd.DataFrame | None:
        """Write `<name>.png` and `<name>.svg` of a picture, `<name>.csv` of a table, and return what is shown of the table.

        Args:
            name: of small letters, digits and _; no two products have the same.
            content: a Product, a matplotlib Figure or a DataFrame. An index of mere row numbers is left out.
            title, caption, alt: as of a Product, whose own they take the place of.

        Raises:
            InputError: any of this is not so; a picture has no caption or no alt text.
        """
        own = _as_product(name, content)
        product = replace(own, title=title or own.title, caption=caption or own.caption, alt=alt or own.alt)
        self._check(name, product)
        with writing(f"product {name!r}", self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        shown = _shown(product)
        self.saved.append(
            SavedProduct(
                name=name,
                title=product.title,
                caption=product.caption,
                alt=product.alt,
                role=product.role,
                files=self._write(name, product),
                shown=shown,
                headline=_headline(product.headline),
            )
        )
        write_json(self.folder / INDEX, [asdict(one) for one in self.saved])
        return shown and shown.frame()

    def _check(self, name: str, product: Product) -> None:
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise InputError(f"product {name!r}: a name is made of small letters, digits and _")
        if name in {one.name for one in self.saved}:
            raise InputError(
                f"product {name!r} was saved already; every product of a figure has a name of its own; "
                "when a cell is run again, run the cell with Study.of first"
            )
        for what, text in (("a caption (caption=…)", product.caption), ("alt text (alt=…)", product.alt)):
            if product.picture is not None and not text.strip():
                raise InputError(f"product {name!r}: a picture needs {what}")
        if product.picture is None and product.table is None:
            raise InputError(f"product {name!r} has neither a picture nor a table")
        self._check_role(name, product)
        if product.headline:
            _check_headline(name, product.headline)

    def _check_role(self, name: str, product: Product) -> None:
        if product.role is None:
            return
        if product.role not in get_args(Role):
            raise InputError(
                f"product {name!r}: role = {product.role!r} is unknown, choose from {', '.join(get_args(Role))}"
            )
        for other in self.saved:
            if other.role == product.role:
                raise InputError(f"product {name!r}: {other.name!r} has the role {other.role!r} already")
        if product.table is None:
            raise InputError(f"product {name!r}: what has the role {product.role!r} needs a table")
        if product.role == "claims" and (lacking := [column for column in COLUMNS if column not in product.table]):
            raise InputError(f"product {name!r}: a table of claims is a ledger, this one lacks {', '.join(lacking)}")

    def _write(self, name: str, product: Product) -> list[str]:
        from trajreg.plots.style import FORMATS, save_figure  # imports matplotlib, which only a notebook needs

        files = []
        if product.picture is not None:
            save_figure(product.picture, self.folder / name)
            files += [f"{name}{suffix}" for suffix in FORMATS]
        if product.table is not None:
            write_text(self.folder / f"{name}.csv", _flat(product.table).to_csv(index=False, lineterminator="\n"))
            files.append(f"{name}.csv")
        return files


def read_products(folder: Path) -> list[SavedProduct]:
    """The products of a figure in the order in which they were saved; none where there is no list of them."""
    path = folder / INDEX
    return TypeAdapter(list[SavedProduct]).validate_json(path.read_bytes()) if path.exists() else []


def _as_product(name: str, content: Any) -> Product:
    from matplotlib.figure import Figure  # slow, and only a notebook needs it

    title = name.replace("_", " ").capitalize()
    if isinstance(content, Product):
        return content
    if isinstance(content, Figure):
        return Product(title, picture=content)
    if isinstance(content, pd.DataFrame):
        return Product(title, table=content)
    raise InputError(
        f"product {name!r} is a {type(content).__name__}, not a Product, a matplotlib Figure or a DataFrame"
    )


def _check_headline(name: str, headline: Headline) -> None:
    columns = list(headline.rows)
    if len(set(columns)) < len(columns):
        raise InputError(f"product {name!r}: two columns of its headline have one name: {columns}")
    if headline.counted not in (None, *columns):
        raise InputError(f"product {name!r}: its headline has no column {headline.counted!r} to count: {columns}")


def _shown(product: Product) -> Cells | None:
    """What is shown of the table; of the numbers of each run nothing is, for there are too many."""
    shown = product.table if product.shown is None and product.role != "values" else product.shown
    return None if shown is None else Cells.of(shown)


def _headline(headline: Headline | None) -> SavedHeadline | None:
    if headline is None:
        return None
    choices: list[str] = []
    if headline.counted is not None:
        column = headline.rows[headline.counted]
        known = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.unique()
        choices = [_cell(value) for value in known]
    return SavedHeadline(Cells.of(headline.rows), headline.caption, headline.counted, choices)


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its index as columns, unless that only counts the rows, and with one line of column names."""
    counts = table.index.names == [None] and pd.api.types.is_integer_dtype(table.index)
    flat = table.reset_index(drop=counts)
    if isinstance(flat.columns, pd.MultiIndex):
        flat.columns = pd.Index([" ".join(str(part) for part in names if part != "") for names in flat.columns])
    return flat


def _cell(value: object) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "–"
    return number(float(value)) if isinstance(value, float | np.floating) else str(value)
