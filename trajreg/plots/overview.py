"""All comparisons of a report in one picture: a row a comparison, a panel a measure of success, each effect with its interval."""

import math
from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from trajreg.plots.style import Colour, set_padding, technique_colours, use_style
from trajreg.studies.numbers import number
from trajreg.studies.techniques import TECHNIQUES

LOOK = {
    "replicated": ("o", "more with the technique (replicated)"),
    "reversed": ("s", "less (reversed)"),
    "negligible": ("D", "too little to count (negligible)"),
    "inconclusive": ("x", "inconclusive"),
}
"""Verdict → marker and what the legend says; the colour is the technique's."""
ROW, PANEL, LETTER, FRAME = (
    0.31,
    1.8,
    0.082,
    1.6,
)  # inches: a row, the widths of a panel and of a letter, titles and legend
HEADING = "Exploratory"


def overview(table: pd.DataFrame, panels: Sequence[tuple[str, str]]) -> Figure:
    """Effects in the direction of the treatment: right of the line it has more of what is in the panel's title.

    Args:
        table: a row an effect: row (the comparison, in words), primary (whether it is: those stand above, in bold), technique (one of
            TECHNIQUES: those of one stand together, in its colour, under its name where there are others), metric, kind (ratio or
            difference), effect, low, high, smallest, verdict. An effect that a row lacks leaves its place empty; an interval that goes on
            for ever ends in an arrow at the edge.
        panels: metric and title of each panel.
    """
    use_style()
    lines = list(_lines(table.drop_duplicates("row")))
    places = {name: -place for place, (name, is_row, _, _) in enumerate(lines) if is_row}
    size = LETTER * max(len(name) for name, *_ in lines) + PANEL * len(panels), FRAME + ROW * len(lines)
    figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True, layout="constrained")
    set_padding(figure, 0.05, 0.05)
    colours = technique_colours()
    first_other = next((place for place, line in enumerate(lines) if not line[2]), 0)
    for axis, (metric, title) in zip(axes[0], panels, strict=True):
        _panel(axis, table[table["metric"] == metric], places, colours)
        axis.set_title(title, fontsize="medium")
        if first_other:
            axis.axhline(0.5 - first_other, color="0.4", linewidth=0.8)
    _name_lines(axes[0][0], lines, colours)
    _legend(figure, set(table["verdict"]))
    return figure


Line = tuple[str, bool, bool, str]  # text, whether it is a row and no heading, whether it is primary, technique


def _lines(rows: pd.DataFrame) -> Iterator[Line]:
    """The rows from the top, with headings: a technique each where there are several, and where the exploratory ones begin."""
    several, both = (len(set(rows[name])) > 1 for name in ("technique", "primary"))
    for primary in (True, False):
        part = rows[rows["primary"] == primary]
        if both and not primary and not several:
            yield HEADING, False, primary, ""
        for technique in (one for one in TECHNIQUES if one in set(part["technique"])):
            if several:
                name = technique if primary or not both else f"{HEADING}: {technique}"
                yield name[:1].upper() + name[1:], False, primary, technique
            for row in part.loc[part["technique"] == technique, "row"]:
                yield row, True, primary, technique


def _name_lines(axis: Axes, lines: list[Line], colours: dict[str, Colour]) -> None:
    """The names at the left, those of primary comparisons in bold, headings in the colour of their technique."""
    axis.set_yticks([-place for place in range(len(lines))], [line[0] for line in lines], fontsize="small")
    axis.set_ylim(0.6 - len(lines), 0.6)
    for text, (_, is_row, primary, technique) in zip(axis.get_yticklabels(), lines, strict=True):
        text.set_fontweight("bold" if primary and is_row else "normal")
        if not is_row:
            text.set(fontstyle="italic", fontsize="medium", color=colours.get(technique, "0.35"))


def _panel(axis: Axes, table: pd.DataFrame, places: dict[str, int], colours: dict[str, Colour]) -> None:
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
        colour, (marker, _) = colours[one.technique], LOOK[one.verdict]
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
    axis.tick_params(axis="x", labelsize="small")
    axis.grid(axis="y", color="0.93")


def _legend(figure: Figure, verdicts: set[str]) -> None:
    entries = [
        Line2D([], [], color="0.3", marker=marker, linewidth=1.6, label=text)
        for verdict, (marker, text) in LOOK.items()
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
