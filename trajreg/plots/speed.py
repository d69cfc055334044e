"""Steps to a loss against γ, D and c⁺, all relative to the figure's median; and errors of what foretells them."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from trajreg.plots.style import Colour, colours_of, number_log_axis, set_padding, technique_colours, use_style
from trajreg.studies.names import Name
from trajreg.studies.speed import DIFFERENCES, relative_to_median
from trajreg.studies.techniques import TECHNIQUES

WIDTH, HEIGHT = 3.6, 3.3  # of a panel, in inches
COLUMNS = 4
NEVER = "^"  # the marker of what never reached the loss


def speed_panels(runs: pd.DataFrame, panels: Sequence[tuple[str, str, str]]) -> Figure:
    """A panel a metric: small and pale each run, large the median of each technique; a colour a family of techniques.

    Both axes are relative to the median of the figure. Triangles never reached the loss: they stand at one step more than they took. Ratios
    of what is not positive have no place on a logarithmic axis, and are not drawn.

    Args:
        runs: `studies.speed.speed_table`.
        panels: metric, title, and a line under it.
    """
    use_style()
    colours = _family_colours(list(dict.fromkeys(runs["family"])))
    rows, columns = -(-len(panels) // COLUMNS), min(COLUMNS, len(panels))
    size = 0.5 + WIDTH * columns, 0.8 + HEIGHT * rows
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, sharey=True, layout="constrained")
    set_padding(figure, 0.06, 0.08)
    for place, (axis, (metric, title, line)) in enumerate(zip(axes.flat, panels, strict=False)):
        ratio = metric not in DIFFERENCES
        axis.set(yscale="log", xscale="log" if ratio else "linear")
        points = runs[["technique", "family", "steps"]].assign(x=relative_to_median(runs, metric), y=runs["relative"])
        medians = points.groupby(["technique", "family"], sort=False).median().reset_index()
        _points(axis, points, colours, size=9, alpha=0.25)
        _points(axis, medians, colours, size=48, alpha=0.95)
        axis.set_title(f"{title}\n{line}", fontsize="medium")
        axis.set_xlabel("÷ the figure's median" if ratio else "− the figure's median")
        axis.set_ylabel("steps to the loss\n÷ the figure's median" if place % columns == 0 else "")
        for one in (axis.xaxis, axis.yaxis) if ratio else (axis.yaxis,):
            number_log_axis(one)
            one.set_minor_formatter(NullFormatter())
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    _legend(figure, colours)
    return figure


def error_lines(errors: pd.DataFrame, models: Sequence[str], sections: Sequence[tuple[str, str]]) -> Figure:
    """A line a family or figure that was left out, and a marker a model: its mean absolute error of log10 steps there.

    Args:
        errors: a row a fold: section, fold (in words), techniques, and a column a model.
        models: which, in their order. sections: name and title of each panel.
    """
    use_style()
    shades, markers = colours_of([Name(model, place) for place, model in enumerate(models)]), "osD^v"
    counts = [max(1, int((errors["section"] == name).sum())) for name, _ in sections]
    figure, axes = plt.subplots(
        len(sections),
        1,
        figsize=(8.5, 1.7 + 0.36 * sum(counts)),
        squeeze=False,
        sharex=True,
        height_ratios=counts,
        layout="constrained",
    )
    for axis, (section, title) in zip(axes[:, 0], sections, strict=True):
        here = errors[errors["section"] == section]
        for number, (model, marker) in enumerate(zip(models, markers, strict=False)):
            places = [place + 0.14 * (number - (len(models) - 1) / 2) for place in range(len(here))]
            look: dict[str, Any] = {
                "color": shades[model],
                "markersize": 7,
                "linestyle": "",
                "markeredgecolor": "white",
            }
            axis.plot(here[model], places, marker, label=model, **look)
        labels = [f"{row.fold} ({row.techniques})" for row in here.itertuples()]
        axis.set(title=title, yticks=range(len(here)), yticklabels=labels, ylim=(len(here) - 0.5, -0.5))
    axes[-1, 0].set(xlabel="mean absolute error of log10 steps to the loss", xlim=(0, None))
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _family_colours(families: list[str]) -> dict[str, Colour]:
    """Those of techniques; any other family (several techniques at once, or none) has one that follows from its name."""
    others = colours_of([Name(one, None) for one in families if one not in TECHNIQUES])
    return {one: (technique_colours() | others)[one] for one in families}


def _points(axis: Axes, points: pd.DataFrame, colours: dict[str, Colour], size: float, alpha: float) -> None:
    known = points.dropna(subset=["x", "y"])
    for family, colour in colours.items():
        here = known[known["family"] == family]
        never = here["steps"].eq(math.inf)
        for marker, some in (("o", here[~never]), (NEVER, here[never])):
            look: dict[str, Any] = {
                "color": colour,
                "alpha": alpha,
                "linewidth": 0.5,
                "edgecolor": "white",
                "rasterized": True,
            }
            axis.scatter(some["x"], some["y"], s=size, marker=marker, **look)


def _legend(figure: Figure, colours: dict[str, Colour]) -> None:
    entries = [Line2D([], [], color=shade, marker="o", linestyle="", label=name) for name, shade in colours.items()]
    entries.append(Line2D([], [], color="0.4", marker=NEVER, linestyle="", label="never reached the loss"))
    entries.append(Line2D([], [], color="0.4", marker="o", markersize=3, linestyle="", alpha=0.5, label="one run"))
    figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), frameon=False)
