"""Numbers of whole runs against a number that is varied, the learning rate above all: a colour a variant, a panel a number."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trajreg.columns import Column
from trajreg.plots.style import Colour, colours_of, number_log_axis, set_padding, use_style
from trajreg.studies.names import Name

WIDTH, HEIGHT = 3.4, 2.9  # of a panel, in inches


def response_panels(
    table: pd.DataFrame, columns: Sequence[Column], hues: Sequence[Name], best: pd.DataFrame, label: str
) -> Figure:
    """A row of panels for each `row` of the table, a panel for each column, all axes logarithmic.

    Lines are medians over the seeds, bands run from the smallest to the largest. A star stands where the final training loss is
    smallest. Where the median is not finite (never reached, diverged) the line ends, and a triangle at the top says so.

    Args:
        table: a row a run: row, name, x, and the columns.
        columns: which; `baseline` is drawn across.
        hues: the names in the table.
        best: name and x of the star, a row each `row` and name.
        label: of the horizontal axes.
    """
    use_style()
    rows, colours = list(dict.fromkeys(table["row"])), colours_of(hues)
    shape = len(rows), len(columns)
    size = 0.4 + WIDTH * shape[1], 0.8 + HEIGHT * shape[0]
    figure, axes = plt.subplots(*shape, figsize=size, squeeze=False, sharex=True, sharey="col", layout="constrained")
    set_padding(figure, 0.06, 0.08)
    for axis in axes.flat:  # before anything is drawn: there may be nothing that has a logarithm
        axis.set(xscale="log", yscale="log")
    for place, (row, line) in enumerate(zip(rows, axes, strict=True)):
        for column, axis in zip(columns, line, strict=True):
            here, stars = table[table["row"] == row], best[best["row"] == row]
            for name, colour in colours.items():
                _line(axis, here[here["name"] == name], column.name, colour, stars[stars["name"] == name])
            _dress(axis, column, row if axis is line[0] else "", last=place == len(rows) - 1, label=label)
    entries = [Line2D([], [], color=colour, linewidth=2.2, label=name) for name, colour in colours.items()]
    entries.append(
        Line2D([], [], color="0.3", marker="*", markersize=11, linestyle="", label="smallest final training loss")
    )
    entries.append(
        Line2D([], [], color="0.3", marker="^", linestyle="", label="not finite: never reached, or diverged")
    )
    figure.legend(handles=entries, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _line(axis: Axes, runs: pd.DataFrame, name: str, colour: Colour, star: pd.DataFrame) -> None:
    values = runs.groupby("x")[name]
    medians, low, high = values.median(), values.min(), values.max()
    finite = medians.where(medians.map(math.isfinite) & (medians > 0))
    axis.plot(finite.index, finite, color=colour, linewidth=1.8, marker="o", markersize=3.5)
    axis.fill_between(
        finite.index,
        low,
        high.where(high.map(math.isfinite), finite),
        where=finite.notna(),
        color=colour,
        alpha=0.18,
        linewidth=0,
    )
    open_ended = finite.index[finite.isna()]
    if len(open_ended):  # an empty line in these coordinates would have no place
        top = axis.get_xaxis_transform()
        axis.plot(open_ended, [0.97] * len(open_ended), "^", color=colour, markersize=6, transform=top)
    at = [x for x in star["x"] if math.isfinite(finite.get(x, math.nan))]
    axis.plot(
        at, finite.loc[at], "*", color=colour, markersize=14, markeredgecolor="black", markeredgewidth=0.7, zorder=3
    )


def _dress(axis: Axes, column: Column, row: str, last: bool, label: str) -> None:
    axis.set(title=column.title, ylabel=row, xlabel=label if last else "")
    for one in (axis.xaxis, axis.yaxis):
        number_log_axis(one)
    if column.baseline:
        axis.axhline(column.baseline, color="0.3", linewidth=0.9, linestyle="--")
