"""The numbers of each run."""

from collections.abc import Sequence

from trajreg.studies.figure import Figure
from trajreg.studies.product import Product
from trajreg.studies.run import Run
from trajreg.studies.tables import run_table


def values(figure: Figure, runs: list[Run], random_runs: Sequence[Run] = ()) -> Product:
    """A row a run, those on random labels last (`studies.tables.run_table`): what another results tree is compared with."""
    return Product(
        title="Values",
        caption="Every number of each run, a row a run; from these another results tree is compared with this one.",
        table=run_table([*runs, *random_runs], figure),
        role="values",
    )
