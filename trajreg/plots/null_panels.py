"""γ against its nulls: a panel a variant, the measured γ in colour, what it is compared with in grey."""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, SymmetricalLogLocator

from trajreg.plots.style import set_padding, use_style
from trajreg.studies.null_table import EPOCHS, null_epochs, true_variant
from trajreg.studies.run import Run

Style = dict[str, Any]  # keywords of a matplotlib artist

COLOUR = sns.color_palette("colorblind")[0]
BAND: Style = {"color": COLOUR, "alpha": 0.2, "linewidth": 0}
SUMS: Style = {"color": COLOUR, "linewidth": 1.1, "linestyle": (0, (4, 1.5))}
WALK: Style = {"facecolor": (0.5, 0.5, 0.5, 0.4), "edgecolor": "0.5", "linewidth": 0.8}
SHUFFLED: Style = {
    "facecolor": "none",
    "edgecolor": "0.4",
    "hatch": "/////",
    "linewidth": 1.0,
    "linestyle": (0, (5, 1)),
}
RANDOM: Style = {"color": "0.15", "linewidth": 1.9}
RANDOM_ENDS: Style = {"color": "0.15", "linewidth": 0.9, "linestyle": ":"}
NULLS = ("gamma_walk", "gamma_shuffled")
KNOWN = [*EPOCHS, "gamma_shuffled"]
NEAR = 20  # times the linear part: an axis that ends within has few powers of ten to show
DECADES = 4  # of the logarithmic part of an axis, at most; what is smaller lies in its linear part around 0


def null_panels(runs: list[Run], random_runs: list[Run]) -> Figure:
    """A panel a variant, γ against epochs on an axis that is linear around 0 and logarithmic beyond.

    In colour, measured on true labels: the median over an epoch's steps (line) with their 5–95 % band, and the epoch's ratio of sums
    (dashed). In grey what it is compared with: random walks with the same step lengths and losses, and the same updates in another order
    (mean over all orders), both ratios of sums from the smallest to the largest of the seeds, to be compared with the dashed line; and
    training on random labels, median and band over steps as in colour. Lines and bands over steps are medians over the seeds.

    Args:
        runs: of one figure; those that diverged have no γ and are counted in the panel.
        random_runs: the same on random labels; there may be none.
    """
    use_style()
    names = list(dict.fromkeys(true_variant(run) for run in runs))
    columns = _columns(len(names))
    shape = math.ceil(len(names) / columns), columns
    figure, axes = plt.subplots(
        *shape, figsize=(1 + 3.1 * columns, 1.1 + 2.9 * shape[0]), squeeze=False, sharex=True, layout="constrained"
    )
    set_padding(figure, 0.06, 0.08)
    for axis in axes.flat[len(names) :]:
        axis.remove()
    for name, axis in zip(names, axes.flat, strict=False):
        _panel(axis, name, *([run for run in some if true_variant(run) == name] for some in (runs, random_runs)))
    for axis in axes[:, 0]:
        axis.set_ylabel("γ of the epoch")
    for column in range(columns):
        lowest = _lowest(axes[:, column])
        lowest.set_xlabel("epoch")
        lowest.tick_params(labelbottom=True)  # a shared axis hides the numbers above an empty place
    _legend(figure, bool(random_runs), min(columns, 3))
    return figure


def _columns(count: int) -> int:
    """Four panels a row where they fill rows, else three at most."""
    return 4 if count % 4 == 0 else min(count, 3)


def _lowest(axes: np.ndarray) -> Axes:
    """The last panel of a column; without those that were removed."""
    return [axis for axis in axes if axis.figure is not None][-1]


def _panel(axis: Axes, name: str, runs: list[Run], random_runs: list[Run]) -> None:
    measured, random = _over_seeds(runs), _over_seeds(random_runs)
    axis.axhline(0, color="0.3", linewidth=0.8)
    _band(axis, measured, ("gamma_low", "gamma_high"), BAND)
    _band(axis, measured, ("gamma_walk_min", "gamma_walk_max"), WALK)
    _band(axis, measured, ("gamma_shuffled_min", "gamma_shuffled_max"), SHUFFLED)
    for end in ("gamma_low", "gamma_high"):
        _line(axis, random, end, RANDOM_ENDS)
    _line(axis, random, "gamma_median", RANDOM)
    _line(axis, measured, "gamma", SUMS)
    _line(axis, measured, "gamma_median", {"color": COLOUR, "linewidth": 1.9})
    axis.set_title("\n".join([name, *_notes(runs, random_runs, measured)]), fontsize="small")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _scale(axis, _linear_part(measured, random))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    axis.tick_params(labelsize="small")
    axis.set_axisbelow(True)
    axis.margins(x=0.01)
    axis.grid(axis="x", visible=False)


def _over_seeds(runs: list[Run]) -> pd.DataFrame:
    """A row an epoch: medians over the seeds of what `null_epochs` has, and the smallest and largest of the nulls."""
    known = [null_epochs(run)[["epoch", *KNOWN]] for run in runs if not run.diverged]
    table = pd.concat(known) if known else pd.DataFrame(columns=["epoch", *KNOWN], dtype=float)
    by_epoch = table.groupby("epoch")
    ends = {f"{name}_{end}": getattr(by_epoch[name], end)() for name in NULLS for end in ("min", "max")}
    return by_epoch.median().assign(**ends)


def _line(axis: Axes, table: pd.DataFrame, name: str, style: Style) -> None:
    kept = table[name].dropna()
    axis.plot(kept.index, kept, **style)


def _band(axis: Axes, table: pd.DataFrame, ends: tuple[str, str], style: Style) -> None:
    kept = table[list(ends)].dropna()
    axis.fill_between(kept.index, *(kept[end] for end in ends), **style)


def _linear_part(*tables: pd.DataFrame) -> float:
    """Where the axis of a panel goes over from linear to logarithmic: the power of ten under γ of a random walk.

    The walk's γ is the one that is always positive; measured ones of either sign may be as small by chance.
    """
    walks = [size for table in tables for size in [table["gamma_walk"].median()] if size > 0]
    most = max((table[[*EPOCHS, "gamma_shuffled_max"]].abs().max().max() for table in tables if len(table)), default=1)
    if not (walks or most > 0):
        return 1.0
    return 10.0 ** math.floor(math.log10(max(min(walks, default=most), most / 10**DECADES)))


def _scale(axis: Axes, linear: float) -> None:
    """Linear up to `linear` on both sides of 0, then logarithmic; where it goes not far beyond, with numbers within the decade."""
    axis.set_yscale("symlog", linthresh=linear, linscale=1)
    near = max(abs(end) for end in axis.get_ylim()) < NEAR * linear
    axis.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=linear, subs=(1, 2, 5) if near else (1,)))


def _notes(runs: list[Run], random_runs: list[Run], measured: pd.DataFrame) -> list[str]:
    """What the panel cannot show, in words."""
    notes = [
        f"{what}: {gone} of {len(some)} diverged"
        for what, some in (("true labels", runs), ("random labels", random_runs))
        for gone in [sum(run.diverged for run in some)]
        if gone
    ]
    if len(measured) and measured["gamma_shuffled"].isna().all():
        notes.append("shuffled updates: not recorded")
    return notes


def _legend(figure: Figure, has_random: bool, columns: int) -> None:
    entries: dict[str, Any] = {
        "measured: median and 5–95 % of the steps": (Patch(**BAND), Line2D([], [], color=COLOUR, linewidth=1.9)),
        "measured: ratio of sums": Line2D([], [], **SUMS),
        "random walks: ratio of sums": Patch(**WALK),
        "shuffled updates: ratio of sums": Patch(**SHUFFLED),
    }
    if has_random:
        entries["random labels: median of the steps"] = Line2D([], [], **RANDOM)
        entries["random labels: 5 % and 95 % of the steps"] = Line2D([], [], **RANDOM_ENDS)
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize="small",
        handler_map={tuple: HandlerTuple(ndivide=1, pad=0)},
    )
