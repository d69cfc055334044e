"""Columns of epochs against epochs."""

from collections.abc import Sequence

from trajreg.plots.curves import training_panels
from trajreg.studies.figure import Figure
from trajreg.studies.product import Product
from trajreg.studies.run import Run
from trajreg.studies.tables import columns_of

CAPTION = (
    "A colour a variant: the line is the median over the seeds, the band runs from the smallest to the largest. Dashed lines, in the "
    "same colours, are what chance alone would give each variant, dotted lines another average of the same."
)


def panels(
    figure: Figure,
    runs: list[Run],
    random_runs: Sequence[Run] = (),
) -> Product:
    """A panel for each column of epochs that the question names; what no contrast compares gets rows of panels (`Figure.facets`)."""
    known, panels = columns_of(runs), figure.question.panels
    shown = ", ".join(known.of_epochs(name).title for name in panels)
    return Product(
        title="Panels",
        caption=CAPTION,
        picture=training_panels(runs, rows=figure.facets, panels=panels),
        alt=f"{figure.question.title}: {shown} against epochs, a line a variant.",
    )
