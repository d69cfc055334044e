"""Tables of anybody's trainings as pictures that look like the report's: loss, γ with its nulls, D and the forward cosine against steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import SymmetricalLogLocator

from trajreg.errors import InputError
from trajreg.metrics.aggregate import over_stretches
from trajreg.metrics.shuffled import shuffled_over_stretches
from trajreg.plots.style import Colour, colours_of, number_log_axis, set_padding, use_style
from trajreg.studies.names import Name

STRETCHES = 60  # points of a curve, at most: ratios of sums over as many steps each
FEW = 20  # points, up to which each is marked
WIDE = 10  # times the smallest value, up to which an axis is linear
NEAR = 100  # times the linear part of an axis, up to which it has numbers within its decades
BAND = 0.15  # opacity
WIDTH, HEIGHT = 13 / 3, 4.0  # inches of a panel


@dataclass(frozen=True)
class Panel:
    """A column of `over_stretches` (or loss), its title and unit; `baseline` is a value of which the sign, or the walk, is read."""

    column: str
    title: str
    unit: str
    scale: str = "linear"
    baseline: float | None = None


PANELS = (
    Panel("loss", "mini-batch loss", "loss", "log"),
    Panel("gamma", "γ", "γ (ratio of sums)", "symlog", 0.0),
    Panel("directedness", "directedness D (random walk: 1)", "D", "symlog", 1.0),
    Panel("forward_cosine_mean", "forward cosine (random walk: 0)", "cosine (mean)", baseline=0.0),
)
NULLS: dict[str, tuple[str, Literal["--", ":"]]] = {
    "gamma_walk": ("random walk", "--"),
    "gamma_shuffled": ("shuffled updates", ":"),
}


def trajectory_panels(tables: Mapping[str, pd.DataFrame], nulls: bool) -> Figure:
    """What `trajreg.plot` draws: name → table, a colour each."""
    curves = {one: _curve(one, rows) for one, rows in tables.items()}
    panels = [one for one in PANELS if any(curve[one.column].notna().any() for curve in curves.values())]
    with mpl.rc_context():
        use_style()
        shape = (1, len(panels)) if len(panels) < len(PANELS) else (2, 2)
        figure, axes = plt.subplots(
            *shape, figsize=(WIDTH * shape[1], 0.6 + HEIGHT * shape[0] * 0.8), squeeze=False, layout="constrained"
        )
        set_padding(figure, 0.08, 0.08)
        colours = colours_of(Name(one, place) for place, one in enumerate(curves))
        for axis, panel in zip(axes.flat, panels, strict=True):
            _draw(axis, panel, curves, colours, nulls)
        _legend(figure, colours, _drawn_nulls(curves) if nulls else [])
    if "inline" in mpl.get_backend():  # a notebook shows what a cell returns, and would show what is open once more
        plt.close(figure)
    return figure


def _curve(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A row a point: the columns of `over_stretches`, `loss`, `gamma_shuffled`, and `step`, the middle of its steps."""
    missing = [one for one in ("step", "lr", "loss", "gap", "gamma", "gamma_walk", "update_norm") if one not in table]
    if missing or table.empty:
        what = f"lacks the column {missing[0]!r}" if missing else "has no rows"
        raise InputError(
            f"the table {name!r} {what}: give one of trajreg.regularity, of a recording or of from_checkpoints"
        )
    points = np.arange(len(table)) * min(STRETCHES, len(table)) // len(table)
    counts = table.get("num_steps", pd.Series(1, index=table.index))
    weights = counts.groupby(points).sum()
    curve = over_stretches(table, points)
    curve["loss"] = (table["loss"] * counts).groupby(points).sum() / weights
    curve["step"] = table["step"].groupby(points).first() + (weights - 1) / 2
    curve["gamma_shuffled"] = shuffled_over_stretches(table, points)
    return curve


def _draw(axis: Axes, panel: Panel, curves: dict[str, pd.DataFrame], colours: dict[str, Colour], nulls: bool) -> None:
    for name, curve in curves.items():
        marker = "o" if len(curve) <= FEW else ""
        axis.plot(curve["step"], curve[panel.column], color=colours[name], linewidth=1.8, marker=marker, markersize=4)
        if panel.column == "gamma":
            ends = curve[["gamma_low", "gamma_high"]].T.to_numpy()
            axis.fill_between(curve["step"], *ends, color=colours[name], alpha=BAND, linewidth=0)
            for null in NULLS if nulls else ():
                style = NULLS[null][1]
                axis.plot(
                    curve["step"],
                    curve[null],
                    color=colours[name],
                    linewidth=1.2,
                    linestyle=style,
                    marker=marker and "_",
                )
    axis.set(title=panel.title, xlabel="step", ylabel=panel.unit)
    if panel.baseline is not None:
        axis.axhline(panel.baseline, color="0.3", linewidth=0.8)
    _scale(axis, panel, [curve[panel.column] for curve in curves.values()])


def _scale(axis: Axes, panel: Panel, drawn: list[pd.Series]) -> None:
    """Logarithmic where the values span much; around 0 linear, up to the smallest median or the random walk's value."""
    values = pd.concat(drawn).dropna()
    wide = values.min() <= 0 or values.max() > WIDE * values.min()
    if panel.scale == "log" and wide and (values > 0).all():
        axis.set_yscale("log")
        number_log_axis(axis.yaxis)
    elif panel.scale == "symlog" and wide and (values > 0).any():
        linear = panel.baseline or float(min(one[one > 0].median() for one in drawn if (one > 0).any()))
        axis.set_yscale("symlog", linthresh=linear)
        near = values.max() < NEAR * linear
        axis.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=linear, subs=(1, 2, 5) if near else (1,)))
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    if panel.scale != "linear" and (values > 0).all() and axis.get_yscale() != "log":
        axis.set_ylim(bottom=0)


def _drawn_nulls(curves: dict[str, pd.DataFrame]) -> list[str]:
    return [null for null in NULLS if any(curve[null].notna().any() for curve in curves.values())]


def _legend(figure: Figure, colours: dict[str, Colour], nulls: list[str]) -> None:
    entries = [Line2D([], [], color=colour, linewidth=2.5, label=name) for name, colour in colours.items()]
    for null in nulls:
        name, style = NULLS[null]
        entries.append(Line2D([], [], color="0.35", linewidth=1.2, linestyle=style, label=f"γ of {name}"))
    figure.legend(handles=entries, loc="outside lower center", ncols=min(len(entries), 4), frameon=False)
