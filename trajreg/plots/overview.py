"""All comparisons of a report in one picture: a row a comparison, a panel a measure of success, each effect with its interval."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from trajreg.plots.style import set_padding, use_style
from trajreg.studies.numbers import number

LOOK = {
    "replicated": ("#0072b2", "o", "more with the technique (replicated)"),
    "reversed": ("#d55e00", "s", "less (reversed)"),
    "negligible": ("#777777", "D", "too little to count (negligible)"),
    "inconclusive": ("#999999", "x", "inconclusive"),
}
"""Verdict → colour, marker and what the legend says."""
ROW, PANEL, NAMES, FRAME = (
    0.31,
    1.8,
    3.4,
    1.6,
)  # inches: a row, the widths of a panel and of the names, titles and legend
HEADING = "Exploratory"


def overview(table: pd.DataFrame, panels: Sequence[tuple[str, str]]) -> Figure:
    """Effects in the direction of the treatment: right of the line it has more of what is in the panel's title.

    Args:
        table: a row an effect: row (the comparison, in words), primary (whether it is: those stand above, in bold), metric, kind (ratio or
            difference), effect, low, high, smallest, verdict. An effect that a row lacks leaves its place empty; an interval that goes on
            for ever ends in an arrow at the edge.
        panels: metric and title of each panel.
    """
    use_style()
    rows = table.drop_duplicates("row")
    primary, others = rows.loc[rows["primary"], "row"].tolist(), rows.loc[~rows["primary"], "row"].tolist()
    both = bool(primary and others)
    names = [*primary, *[HEADING] * both, *others]
    places = {row: -place for place, row in enumerate(names)}
    size = NAMES + PANEL * len(panels), FRAME + ROW * len(names)
    figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True, layout="constrained")
    set_padding(figure, 0.05, 0.05)
    for axis, (metric, title) in zip(axes[0], panels, strict=True):
        _panel(axis, table[table["metric"] == metric], places)
        axis.set_title(title, fontsize="medium")
        if both:
            axis.axhline(0.5 - len(primary), color="0.4", linewidth=0.8)
    _name_rows(axes[0][0], names, len(primary), both)
    _legend(figure, set(table["verdict"]))
    return figure


def _name_rows(axis: Axes, names: list[str], num_primary: int, headed: bool) -> None:
    """The names at the left, those of primary comparisons in bold."""
    axis.set_yticks([-place for place in range(len(names))], names, fontsize="small")
    axis.set_ylim(0.6 - len(names), 0.6)
    for place, text in enumerate(axis.get_yticklabels()):
        text.set_fontweight("bold" if place < num_primary else "normal")
        if headed and place == num_primary:
            text.set(fontstyle="italic", color="0.35")


def _panel(axis: Axes, table: pd.DataFrame, places: dict[str, int]) -> None:
    ratio = set(table["kind"]) == {"ratio"}
    nothing = 1.0 if ratio else 0.0
    shown = [value for value in table[["effect", "low", "high"]].to_numpy().ravel() if _inside(value, ratio)]
    left, right = _limits(
        [*shown, nothing, *(value for one in table["smallest"] for value in _around(one, ratio))], ratio
    )
    axis.set(xscale="log" if ratio else "linear", xlim=(left, right))
    for smallest in table["smallest"].unique():
        axis.axvspan(*_around(smallest, ratio), color="0.92", linewidth=0, zorder=0)
    axis.axvline(nothing, color="0.3", linewidth=0.9)
    for one in table.itertuples():
        colour, marker, _ = LOOK[one.verdict]
        y = places[one.row]
        if not math.isnan(one.low + one.high):
            ends = [min(max(end, left), right) for end in (one.low, one.high)]
            axis.plot(ends, [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
            for end, edge, arrow in ((one.low, left, "<"), (one.high, right, ">")):
                if not _inside(end, ratio):
                    axis.plot(edge, y, arrow, color=colour, markersize=5, clip_on=False)
        if _inside(one.effect, ratio):
            axis.plot(one.effect, y, marker, color=colour, markersize=6, markeredgewidth=1.6 if marker == "x" else 0.5)
    axis.xaxis.set_major_locator(_ticks(left, right) if ratio else MaxNLocator(4))
    axis.xaxis.set_minor_locator(NullLocator())
    sign = "×" if ratio else ""
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{sign}{number(value)}"))
    axis.tick_params(axis="x", labelsize="x-small")
    axis.grid(axis="y", color="0.93")


def _legend(figure: Figure, verdicts: set[str]) -> None:
    entries = [
        Line2D([], [], color=colour, marker=marker, linewidth=1.6, label=text)
        for verdict, (colour, marker, text) in LOOK.items()
        if verdict in verdicts
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), frameon=False, fontsize="small")


def _inside(value: float, ratio: bool) -> bool:
    """Whether an axis has a place for it."""
    return math.isfinite(value) and (value > 0 or not ratio)


def _around(smallest: float, ratio: bool) -> tuple[float, float]:
    """The effects that are too small to count."""
    return (1 / smallest, smallest) if ratio else (-smallest, smallest)


def _limits(values: list[float], ratio: bool) -> tuple[float, float]:
    """From the smallest to the largest of these, with a margin."""
    if ratio:
        low, high = math.log(min(values)), math.log(max(values))
        margin = 0.12 * max(high - low, 0.1)
        return math.exp(low - margin), math.exp(high + margin)
    margin = 0.12 * max(max(values) - min(values), 1e-6)
    return min(values) - margin, max(values) + margin


def _ticks(left: float, right: float) -> LogLocator:
    """Few enough for their numbers to stand side by side."""
    decades = math.log10(right / left)
    choices = ((0.35, (1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 7.0)), (0.8, (1.0, 1.5, 2.0, 3.0, 5.0)), (1.5, (1.0, 2.0, 5.0)))
    subs = next((subs for most, subs in choices if decades < most), (1.0, 3.0) if decades < 2 else (1.0,))
    return LogLocator(subs=subs, numticks=5 if decades > 4 else 20)
