"""Loss, γ and the way that is left, over the stretches between checkpoints."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trajreg.plots.style import number_log_axis, set_padding, use_style

WIDTH, HEIGHT = 3.9, 3.1  # of a panel, in inches
WIDE = 30  # ratio of the largest to the smallest value from which an axis is logarithmic
COLOUR = "C0"


def checkpoint_panels(table: pd.DataFrame) -> Figure:
    """A panel each: mean loss and γ of each stretch as lines of steps, and the distances of the checkpoints to the last one as points.

    Args:
        table: that of `trajreg.from_checkpoints`. A stretch without γ has no line. An axis is logarithmic where all its values are
            positive and the largest is more than WIDE times the smallest.
    """
    use_style()
    figure = Figure(figsize=(3 * WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots(1, 3)
    set_padding(figure, 0.08, 0.06)
    edges = [*table["step"], table["step"].iloc[-1] + table["num_steps"].iloc[-1]]
    for axis, name in zip(axes, ("loss", "gamma"), strict=False):
        axis.stairs(table[name], edges, baseline=None, color=COLOUR, linewidth=2)
        _scale(axis, table[name])
    axes[2].plot(
        edges, [*table["distance"], 0.0], "o-", color=COLOUR, linewidth=1.2, markersize=5, clip_on=False, zorder=3
    )
    axes[2].set_ylim(bottom=0)
    labels = ("training loss, mean", r"$\gamma$, weighted by the gap", r"distance $\|\theta-\theta_T\|$")
    titles = ("Loss between checkpoints", "Regularity between checkpoints", "Way to the last checkpoint")
    for axis, label, title in zip(axes, labels, titles, strict=True):
        axis.set(xlabel="steps of the optimiser", ylabel=label, title=title, xlim=(edges[0], edges[-1]))
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


def _scale(axis: Axes, values: pd.Series) -> None:
    known = values.dropna()
    least = known.min() if len(known) else math.nan
    if least > 0 and known.max() > WIDE * least:
        axis.set_yscale("log")
        number_log_axis(axis.yaxis)
    elif least >= 0:
        axis.set_ylim(bottom=0)
