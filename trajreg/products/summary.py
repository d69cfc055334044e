"""A row a variant."""

from collections.abc import Sequence

from trajreg.studies.figure import Figure
from trajreg.studies.product import Product
from trajreg.studies.run import Run
from trajreg.studies.tables import summary_table


def summary(figure: Figure, runs: list[Run], random_runs: Sequence[Run] = ()) -> Product:
    """The figure's variants in numbers (`studies.tables.summary_table`)."""
    return Product(
        title="Summary table",
        caption="A row a variant: mean ± standard deviation over the seeds that did not diverge; early is the first fifth of the steps.",
        table=summary_table(runs),
    )
