"""Columns of epochs against epochs: a colour a variant, the median over seeds as a line, smallest to largest as a band."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from trajreg.columns import Column, Columns
from trajreg.plots.style import Colour, colours_of, number_log_axis, set_padding, use_style
from trajreg.studies.names import Name, label
from trajreg.studies.question import PANELS
from trajreg.studies.run import Run
from trajreg.studies.tables import columns_of, epoch_table

MOST_COMPANIONS = 4  # with more variants the companions would hide the lines, and nulls are drawn paler
WIDTH = 13 / 3  # of a panel, in inches


def training_panels(runs: list[Run], rows: Sequence[str] = (), panels: Sequence[str] = PANELS) -> Figure:
    """A panel for each of some columns of epochs: by default training loss, γ, and the cosine between update and way to the end.

    What a panel shows beside its column stands with that column (`trajreg.columns.Column`): each variant's null, dashed in its colour (γ of
    random walks with the same step lengths and losses, the random walk's cosine), paler with more than MOST_COMPANIONS variants; and up to
    so many variants its companion (the median of an epoch's γ_t, dotted).

    Args:
        runs: the figure's runs; diverged ones have only what training has and are named in the legend.
        rows: varied keys; each combination of their values gets a row of panels, the other keys get the colours.
        panels: names of columns of epochs; InputError lists those there are.
    """
    known = columns_of(runs)
    columns = [known.of_epochs(name) for name in panels]
    use_style()
    row_of = {run.variant: label(run.names[key] for key in rows) for run in runs}
    hues = {run.variant: _hue(run, rows) for run in runs}
    names = {variant: hue.text for variant, hue in hues.items()}
    table = epoch_table(runs)
    table = table.reindex(columns=[*table, *(name for name in _drawn(columns) if name not in table)])  # all diverged
    table = table.assign(name=table["variant"].map(names), row=table["variant"].map(row_of))
    facets = list(dict.fromkeys(row_of.values()))
    colours = colours_of(hues.values())
    shape, size = (len(facets), len(columns)), (WIDTH * len(columns), 0.9 + 3.1 * len(facets))
    figure, axes = plt.subplots(*shape, figsize=size, squeeze=False, sharex=True, layout="constrained")
    set_padding(figure, 0.08, 0.08)
    for facet, row in zip(facets, axes, strict=True):
        for axis, column in zip(row, columns, strict=True):
            _panel(axis, column, table[table["row"] == facet], colours, facet)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure, colours, _diverged(runs, names), _beside(columns, known, len(colours)))
    return figure


def _hue(run: Run, rows: Sequence[str]) -> Name:
    """What a run's line is called: one setting has its own name and colour, several are named together."""
    names = [name for key, name in run.names.items() if key not in rows]
    return names[0] if len(names) == 1 else Name(label(names), None)


def _drawn(columns: list[Column]) -> list[str]:
    """The names of all columns that these panels draw."""
    names = [name for column in columns for name in (column.name, column.null, column.companion) if name]
    return list(dict.fromkeys(names))


def _linear_up_to(table: pd.DataFrame, name: str) -> float:
    """The smallest positive median of a variant over its epochs and seeds; 1 where there is none."""
    medians = table.groupby("variant", sort=False)[name].median()
    return float(medians[medians > 0].min()) if (medians > 0).any() else 1.0


def _panel(axis: Axes, column: Column, table: pd.DataFrame, colours: dict[str, Colour], facet: str) -> None:
    _curves(axis, table, column.name, colours)
    title = f"{facet}: {column.title}" if facet else column.title
    axis.set(title=title, ylabel=column.unit, xlabel="")
    axis.set_yscale(
        column.scale, **({"linthresh": _linear_up_to(table, column.name)} if column.scale == "symlog" else {})
    )
    if column.baseline is not None:
        axis.axhline(column.baseline, color="0.3", linewidth=0.8)
    if column.companion and len(colours) <= MOST_COMPANIONS:
        _curves(axis, table, column.companion, colours, style=":")
    if column.null:
        _curves(axis, table, column.null, colours, style="--")
    if column.scale == "symlog" and table[column.name].min() > 0:
        axis.set_ylim(bottom=0)
    if column.scale == "log":
        number_log_axis(axis.yaxis)


def _curves(axis: Axes, table: pd.DataFrame, name: str, colours: dict[str, Colour], style: str = "-") -> None:
    """A line a variant; "-" with its band and a note where nothing is known, other styles stand beside it without."""
    kept = table.dropna(subset=[name])
    if kept.empty:  # epoch snapshots tell no cosine; a diverged run has no γ
        if style == "-":
            axis.text(0.5, 0.5, "not recorded", transform=axis.transAxes, ha="center", color="0.4")
        return
    sns.lineplot(
        data=kept,
        x="epoch",
        y=name,
        hue="name",
        hue_order=list(colours),
        palette=colours,
        estimator="median",
        errorbar=("pi", 100) if style == "-" else None,
        err_kws={"alpha": 0.18, "linewidth": 0},
        linestyle=style,
        linewidth=1.8 if style == "-" else 1.2,
        alpha=1 if style == "-" or len(colours) <= MOST_COMPANIONS else 0.5,
        legend=False,
        ax=axis,
    )


def _diverged(runs: list[Run], names: dict[str, str]) -> dict[str, int]:
    """How many runs behind each name of the legend diverged."""
    return {name: sum(run.diverged for run in runs if names[run.variant] == name) for name in names.values()}


def _beside(columns: list[Column], known: Columns, num_variants: int) -> list[Artist]:
    """Entries of the legend for what stands beside the columns."""
    entries: list[Artist] = []
    for column in columns:
        if column.companion and num_variants <= MOST_COMPANIONS:
            name = known.of_epochs(column.companion).title
            entries.append(Line2D([], [], color="0.35", linestyle=":", linewidth=1.2, label=name))
        if column.null:
            name = known.of_epochs(column.null).title
            entries.append(Line2D([], [], color="0.35", linestyle="--", linewidth=1.2, label=name))
    return entries


def _legend(figure: Figure, colours: dict[str, Colour], diverged: dict[str, int], beside: list[Artist]) -> None:
    variants = [
        Line2D([], [], color=colour, linewidth=2.5, label=name + (f" ({gone} diverged)" if gone else ""))
        for name, colour in colours.items()
        for gone in [diverged[name]]
    ]
    entries = [*variants, *beside]
    columns = math.ceil(len(entries) / math.ceil(len(entries) / 7))
    figure.legend(handles=entries, loc="outside lower center", ncols=columns, frameon=False)
