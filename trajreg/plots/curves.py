"""Loss, γ and alignment against epochs: a colour a variant, the median over seeds as a line, smallest to largest as a band."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from trajreg.plots.style import palette, use_style
from trajreg.studies.labels import label
from trajreg.studies.run import Run
from trajreg.studies.tables import epoch_table

MOST_MEDIANS = 4  # with more variants the medians over steps would hide the lines of γ
MEASURED = ("gamma", "gamma_median", "gamma_walk", "cosine", "cosine_walk")  # what a diverged run has not
PANELS = {
    "train_loss": ("training loss", "loss, mean of the epoch"),
    "gamma": ("regularity γ", "γ of the epoch"),
    "cosine": ("alignment with the end point", "cosine, median of the epoch"),
}


def training_panels(runs: list[Run], rows: Sequence[str] = ()) -> Figure:
    """Three panels a row: training loss, γ, and the cosine between update and way to the end.

    γ is the gap-weighted ratio of sums of each epoch (line and band), beside the median of its steps (dotted, with up to
    MOST_MEDIANS variants) and what random walks with the same step lengths and losses would have (grey, from the smallest to the
    largest of the variants). The random walk's cosine is dashed, a line a variant.

    Args:
        runs: the figure's runs; diverged ones have no γ and are named in the legend.
        rows: varied keys; each combination of their values gets a row of panels, the other keys get the colours.
    """
    use_style()
    row_of = {run.variant: label({key: run.settings[key] for key in rows}) for run in runs}
    names = {run.variant: label({key: value for key, value in run.settings.items() if key not in rows}) for run in runs}
    table = epoch_table(runs)
    table = table.reindex(columns=[*table, *(name for name in MEASURED if name not in table)])  # all runs diverged
    table = table.assign(name=table["variant"].map(names), row=table["variant"].map(row_of))
    facets = list(dict.fromkeys(row_of.values()))
    colours = palette(list(dict.fromkeys(names.values())))
    figure, axes = plt.subplots(
        len(facets), 3, figsize=(13, 0.9 + 3.1 * len(facets)), squeeze=False, sharex=True, layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    for facet, row in zip(facets, axes, strict=True):
        _row(row, table[table["row"] == facet], colours, facet)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure, colours, runs, names)
    return figure


def _row(axes: list[Axes], table: pd.DataFrame, colours: dict, facet: str) -> None:
    for axis, (column, (title, unit)) in zip(axes, PANELS.items(), strict=True):
        _curves(axis, table, column, colours)
        axis.set(title=f"{facet}: {title}" if facet else title, ylabel=unit, xlabel="")
    axes[0].set_yscale("log")
    axes[1].axhline(0, color="0.3", linewidth=0.8)
    _walk_band(axes[1], table)
    if len(colours) <= MOST_MEDIANS:
        _curves(axes[1], table, "gamma_median", colours, style=":")
    _curves(axes[2], table, "cosine_walk", colours, style="--")


def _walk_band(axis: Axes, table: pd.DataFrame) -> None:
    """γ of a random walk with the same step lengths and losses, from the smallest to the largest of the variants."""
    walk = (
        table.groupby(["name", "epoch"], sort=False)["gamma_walk"]
        .median()
        .dropna()
        .groupby("epoch")
        .agg(["min", "max"])
    )
    axis.fill_between(walk.index, walk["min"], walk["max"], color="0.85", linewidth=0, zorder=0.5)


def _curves(axis: Axes, table: pd.DataFrame, column: str, colours: dict, style: str = "-") -> None:
    """A line a variant; "-" with its band and a note where nothing is known, other styles are companions without."""
    kept = table.dropna(subset=[column])
    if kept.empty:  # epoch snapshots tell no cosine; a diverged run has no γ
        if style == "-":
            axis.text(0.5, 0.5, "not recorded", transform=axis.transAxes, ha="center", color="0.4")
        return
    sns.lineplot(
        data=kept,
        x="epoch",
        y=column,
        hue="name",
        hue_order=list(colours),
        palette=colours,
        estimator="median",
        errorbar=("pi", 100) if style == "-" else None,
        err_kws={"alpha": 0.18, "linewidth": 0},
        linestyle=style,
        linewidth=1.8 if style == "-" else 1.2,
        legend=False,
        ax=axis,
    )


def _legend(figure: Figure, colours: dict, runs: list[Run], names: dict[str, str]) -> None:
    diverged = {name: sum(run.diverged for run in runs if names[run.variant] == name) for name in colours}
    entries = [
        Line2D(
            [],
            [],
            color=colour,
            linewidth=2.5,
            label=name + (f" ({diverged[name]} diverged)" if diverged[name] else ""),
        )
        for name, colour in colours.items()
    ]
    if len(colours) <= MOST_MEDIANS:
        entries.append(Line2D([], [], color="0.35", linestyle=":", linewidth=1.2, label="γ: median over steps"))
    entries.append(Patch(color="0.85", label="γ: random walks of the same step lengths and losses"))
    entries.append(Line2D([], [], color="0.35", linestyle="--", linewidth=1.2, label="cosine: random walk"))
    figure.legend(
        handles=entries,
        loc="outside lower center",
        ncols=math.ceil(len(entries) / math.ceil(len(entries) / 7)),
        frameon=False,
    )
