"""Loss, γ and alignment against epochs: a colour a variant, the median over seeds as a line, smallest to largest as a band."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from trajreg.plots.style import palette, use_style
from trajreg.studies.labels import label
from trajreg.studies.run import Run
from trajreg.studies.tables import epoch_table

PANELS = {
    "train_loss": ("training loss", "loss, mean of the epoch"),
    "gamma": ("regularity γ", "γ of the epoch"),
    "cosine": ("alignment with the end point", "cosine, median of the epoch"),
}


def training_panels(runs: list[Run], rows: Sequence[str] = ()) -> Figure:
    """Three panels a row: training loss, γ, and the cosine between update and way to the end (with its random-walk null, dashed).

    Args:
        runs: the figure's runs; diverged ones have no γ and are named in the legend.
        rows: varied keys; each combination of their values gets a row of panels, the other keys get the colours.
    """
    use_style()
    row_of = {run.variant: label({key: run.settings[key] for key in rows}) for run in runs}
    names = {run.variant: label({key: value for key, value in run.settings.items() if key not in rows}) for run in runs}
    table = epoch_table(runs)
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
    _curves(axes[2], table, "cosine_walk", colours, dashed=True)


def _curves(axis: Axes, table: pd.DataFrame, column: str, colours: dict, dashed: bool = False) -> None:
    kept = table.dropna(subset=[column])
    if kept.empty:  # epoch snapshots tell no cosine; a diverged run has no γ
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
        errorbar=None if dashed else ("pi", 100),
        err_kws={"alpha": 0.18, "linewidth": 0},
        linestyle="--" if dashed else "-",
        linewidth=1.2 if dashed else 1.8,
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
    entries.append(Line2D([], [], color="0.35", linestyle="--", linewidth=1.2, label="random walk"))
    figure.legend(handles=entries, loc="outside lower center", ncols=min(len(entries), 7), frameon=False)
