"""Specification curves: the sorted effects of a claim above a matrix that says which choice each of them was found under."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from trajreg.plots.style import log_locator, set_padding, use_style
from trajreg.studies.multiverse import CHOICE, HOLDS, NOT_COMPARABLE, REVERSED, UNDECIDED
from trajreg.studies.numbers import number

LOOK = {
    HOLDS: ("#0072b2", "holds: all seeds beyond the smallest effect"),
    REVERSED: ("#d55e00", "reversed: all seeds beyond it on the other side"),
    UNDECIDED: ("#777777", "undecided"),
}
"""Verdict → colour and what the legend says; the colours are those of the overview."""
HEAD, CURVE, ROW = (
    0.3,
    1.9,
    0.18,
)  # heights in inches: the name of a comparison, a curve with its title, a row of the matrix
PANEL, NAMES, FRAME = 2.7, 1.2, 0.6  # widths of a panel and of the names, height of the legend
MULTIPLES = {1.2: (1.0, 1.5, 2.0, 3.0, 5.0), 2.0: (1.0, 2.0, 5.0), math.inf: (1.0,)}
"""Decades of a logarithmic axis, at most → what powers of ten its ticks are multiplied by."""


def specification_curves(
    table: pd.DataFrame, panels: Sequence[tuple[str, str]], factors: Mapping[str, Sequence[str]]
) -> Figure:
    """A row of panels for each comparison, a panel for each measure: effects from the smallest to the largest, with the range of their
    seeds, above a matrix whose dots say what each universe chooses. Dots of what the base does not choose are dark.

    Universes in which a side does not train stand at the right, in grey, without an effect.

    Args:
        table: of one figure, the result of `studies.multiverse.multiverse`.
        panels: measure and title of each panel.
        factors: factor → alternatives, the base's first: the rows of the matrix.
    """
    use_style()
    pairs = list(table.groupby(["where", "comparison"], sort=False))
    heights = [HEAD, CURVE, ROW * sum(map(len, factors.values()))]
    size = NAMES + PANEL * len(panels), FRAME + sum(heights) * len(pairs)
    figure, axes = plt.subplots(
        len(heights) * len(pairs),
        len(panels),
        figsize=size,
        squeeze=False,
        height_ratios=heights * len(pairs),
        layout="constrained",
    )
    set_padding(figure, 0.05, 0.03)
    for place, (names, group) in enumerate(pairs):
        heads, curves, matrices = axes[len(heights) * place :][: len(heights)]
        _name(heads, ": ".join(filter(None, names)))
        for column, (measure, title) in enumerate(panels):
            rows = _sorted(group[group["measure"] == measure])
            _curve(curves[column], rows)
            _matrix(matrices[column], rows, factors, named=column == 0)
            curves[column].set_title(title, fontsize="small")
    _legend(figure, table)
    return figure


def _name(axes: Sequence[Axes], name: str) -> None:
    """The comparison, in the empty row above its curves."""
    for axis in axes:
        axis.set_axis_off()
    text = axes[0].text(0, 0, name, transform=axes[0].transAxes, fontsize="small", weight="bold", va="bottom")
    text.set_in_layout(False)  # it is longer than the panel below


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    """From the smallest effect to the largest; what is not comparable last, in the order of the universes."""
    effect = rows["effect"].where(rows["verdict"] != NOT_COMPARABLE)
    return rows.assign(order=effect).sort_values("order", kind="stable", na_position="last").reset_index(drop=True)


def _curve(axis: Axes, rows: pd.DataFrame) -> None:
    known = rows[rows["verdict"] != NOT_COMPARABLE]
    ratio = bool(len(rows)) and rows["effect_kind"].iloc[0] == "ratio"
    _shade(axis, len(known), len(rows))
    axis.set(xlim=(-0.7, max(len(rows), 1) - 0.3), xticks=[])
    bottom, top = _limits(axis, known, ratio)
    for x, one in enumerate(known.itertuples()):
        colour = LOOK[one.verdict][0]
        low, high = max(one.low, bottom), min(one.high, top)
        axis.plot([x, x], [low, high], color=colour, linewidth=1.6, solid_capstyle="butt")
        for end, edge, arrow in ((one.low, bottom, "v"), (one.high, top, "^")):
            if not bottom <= end <= top:
                axis.plot(x, edge, arrow, color=colour, markersize=4, clip_on=False)
        if bottom <= one.effect <= top:
            axis.plot(x, one.effect, **_mark(one.kind, colour), markeredgecolor=colour)
    axis.grid(visible=False, axis="x")
    axis.tick_params(axis="y", labelsize="x-small", pad=1)


def _mark(kind: str, colour: str) -> dict[str, Any]:
    """A diamond for the base, a filled circle for one choice changed alone, an open one for a sampled combination."""
    face = "white" if kind == "sampled" else colour
    return {
        "marker": "D" if kind == "base" else "o",
        "markersize": 6 if kind == "base" else 4.5,
        "markerfacecolor": face,
    }


def _limits(axis: Axes, known: pd.DataFrame, ratio: bool) -> tuple[float, float]:
    """Set the vertical axis, with the line of no effect and the band of effects that are too small to count; returns its ends."""
    values = [
        one
        for one in known[["effect", "low", "high"]].to_numpy().ravel()
        if math.isfinite(one) and (one > 0 or not ratio)
    ]
    small = [float(one) for one in known["smallest_effect"].unique()]
    band = [end for one in small for end in ((1 / one, one) if ratio else (-one, one))]
    values = [*values, *band, 1.0 if ratio else 0.0]
    scaled = np.log10(values) if ratio else np.asarray(values)
    margin = 0.1 * max(np.ptp(scaled), 0.02)
    ends = scaled.min() - margin, scaled.max() + margin
    bottom, top = (float(10**end if ratio else end) for end in ends)
    axis.set(yscale="log" if ratio else "linear", ylim=(bottom, top))
    axis.axhline(1.0 if ratio else 0.0, color="0.3", linewidth=0.9)
    if band:
        axis.axhspan(min(band), max(band), color="0.92", linewidth=0, zorder=0)
    if ratio:
        subs = next(subs for decades, subs in MULTIPLES.items() if ends[1] - ends[0] <= decades)
        axis.yaxis.set_major_locator(log_locator(bottom, top, subs))
        axis.yaxis.set_minor_locator(NullLocator())
    else:
        axis.yaxis.set_major_locator(MaxNLocator(5))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{'×' if ratio else ''}{number(value)}"))
    return bottom, top


def _matrix(axis: Axes, rows: pd.DataFrame, factors: Mapping[str, Sequence[str]], named: bool) -> None:
    """A column a universe, a row an alternative."""
    places = [(factor, name) for factor, names in factors.items() for name in names]
    comparable = (rows["verdict"] != NOT_COMPARABLE).to_numpy()
    _shade(axis, int(comparable.sum()), len(rows))
    for y, (factor, name) in enumerate(places):
        xs = np.flatnonzero((rows[CHOICE + factor] == name).to_numpy())
        dark = name != factors[factor][0]
        axis.plot(xs, [y] * len(xs), "o", color="0.15" if dark else "0.75", markersize=4 if dark else 2.5)
        if y and name == factors[factor][0]:
            axis.axhline(y - 0.5, color="0.8", linewidth=0.6)
    axis.set(xlim=(-0.7, max(len(rows), 1) - 0.3), ylim=(len(places) - 0.4, -0.6), xticks=[])
    axis.set_yticks(
        range(len(places)), [name for _, name in places] if named else [""] * len(places), fontsize="x-small"
    )
    axis.grid(visible=False)
    axis.tick_params(axis="y", pad=1)


def _shade(axis: Axes, first: int, last: int) -> None:
    """Where universes stand in which a side does not train."""
    if last > first:
        axis.axvspan(first - 0.5, last - 0.4, color="#f3e3d3", linewidth=0, zorder=0)


def _legend(figure: Figure, table: pd.DataFrame) -> None:
    entries: list[Any] = [
        Line2D([], [], color=colour, linewidth=2.2, label=text)
        for verdict, (colour, text) in LOOK.items()
        if (table["verdict"] == verdict).any()
    ]
    kinds = {"base": "the base", "one at a time": "one choice changed", "sampled": "sampled combination"}
    entries += [
        Line2D([], [], linestyle="", color="0.3", label=text, **_mark(kind, "0.3"))
        for kind, text in kinds.items()
        if (table["kind"] == kind).any()
    ]
    if (table["verdict"] == NOT_COMPARABLE).any():
        entries.append(Patch(color="#f3e3d3", label="not comparable: a side does not train"))
    figure.legend(handles=entries, loc="outside lower center", ncols=4, frameon=False, fontsize="small")
