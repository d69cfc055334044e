"""The numbers of each run."""

from collections.abc import Mapping, Sequence

import pandas as pd

from trajreg.studies.figure import Figure
from trajreg.studies.product import Product
from trajreg.studies.run import Run
from trajreg.studies.tables import run_table


def values(figure: Figure, runs: list[Run], random_runs: Sequence[Run] = ()) -> Product:
    """A row a run, those on random labels last (`studies.tables.run_table`): what another results tree is compared with."""
    return _product(run_table([*runs, *random_runs], figure))


def source_values(figure: Figure, source_runs: Mapping[str, list[Run]]) -> Product:
    """The same of a figure that shows the runs of others: those of each source in turn, variants as "fig04: batch norm"."""
    tables = [run_table(source_runs[one.id], one).assign(source=one.id) for one in figure.sources]
    table = pd.concat(tables, ignore_index=True)
    return _product(table.assign(variant=table.pop("source") + ": " + table["variant"]))


def _product(table: pd.DataFrame) -> Product:
    return Product(
        title="Values",
        caption="Every number of each run, a row a run; from these another results tree is compared with this one.",
        table=table,
        role="values",
    )
