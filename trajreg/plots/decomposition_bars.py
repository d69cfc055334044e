"""What a ratio of γ is made of: a stacked bar for each comparison and phase."""

import math
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from trajreg.plots.style import use_style
from trajreg.studies.numbers import power_of_ten

# vermilion for the part that the paper's reading is about; blues and greys for the others
PARTS = {
    "alignment": ("#d55e00", "alignment (mean cosine)"),
    "distance": ("#0072b2", "distance still to go"),
    "update": ("#7fb8de", "length of an update"),
    "loss": ("#b3b3b3", "loss (smaller is a factor above 1)"),
}
PAIR = ["where", "treatment", "control"]
GAP = 1.3  # rows between two comparisons: room for the lower one's title


def decomposition_bars(table: pd.DataFrame) -> Figure:
    """A bar for each comparison and phase: the parts of the ratio of γ₊, factors above 1 to the right, below 1 to the left.

    Parts are medians over paired seeds; the diamond is the median of the ratio itself, with its interval.

    Args:
        table: the result of `studies.decomposition.decomposition`, for one figure.
    """
    use_style()
    pairs = list(table.groupby(PAIR, sort=False))
    num_rows = table.groupby([*PAIR, "phase"]).ngroups
    height = 1.5 + 0.3 * (num_rows + GAP * len(pairs))
    figure, axis = plt.subplots(figsize=(10, height), layout="constrained")
    ticks: dict[float, str] = {}
    y = 0.0
    for (where, treatment, control), group in pairs:
        y += GAP
        title = (f"{where}: " if where else "") + f"{treatment} against {control}" + _counted(group)
        heading: dict[str, Any] = {
            "fontsize": "small",
            "weight": "bold",
            "bbox": {"color": "white", "pad": 1},
            "va": "center",
        }
        axis.text(0.0, y - 0.75, title, transform=axis.get_yaxis_transform(), **heading)
        for phase, row in group.groupby("phase", sort=False):
            _bar(axis, y, row.set_index("part"))
            ticks[y] = phase
            y += 1
    _dress(axis, ticks)
    entries: list[Artist] = [Patch(color=colour, label=name) for colour, name in PARTS.values()]
    entries.append(Line2D([], [], color="black", marker="D", markersize=5, linewidth=1.4, label="the four together"))
    figure.legend(handles=entries, loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    return figure


def _bar(axis: Axes, y: float, row: pd.DataFrame) -> None:
    ends = {1: 0.0, -1: 0.0}
    for part, (colour, _) in PARTS.items():
        value = row.loc[part, "log10"]
        if not math.isnan(value):
            side = 1 if value > 0 else -1
            axis.barh(y, value, left=ends[side], height=0.72, color=colour, linewidth=0)
            ends[side] += value
    total = row.loc["total"]
    if math.isnan(total["log10"]):
        why = (
            "no pair of runs with per-step values"
            if total["seeds"] == 0
            else "γ + γ walk not positive in some run: no ratio"
        )
        axis.annotate(why, (ends[1], y), (6, 0), textcoords="offset points", va="center", fontsize="small", color="0.3")
        return
    axis.plot([total["low"], total["high"]], [y, y], color="black", linewidth=1.4, solid_capstyle="butt")
    axis.plot(total["log10"], y, "D", color="black", markersize=5, markeredgecolor="white", markeredgewidth=0.6)


def _counted(group: pd.DataFrame) -> str:
    left_out = int(group["left_out"].max())
    return f"   ({left_out} of {left_out + int(group['seeds'].min())} pairs left out)" if left_out else ""


def _dress(axis: Axes, ticks: dict[float, str]) -> None:
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set_yticks(list(ticks), list(ticks.values()), fontsize="small")
    axis.set_ylim(max(ticks, default=0) + 0.6, 0)
    axis.margins(x=0.04)
    places = _round_factors(*axis.get_xlim())
    axis.set_xticks(places, [factor(place) for place in places])
    axis.set_xlabel("factor between treatment and control, logarithmic")
    axis.set_title("What the ratio of γ + γ walk is made of", loc="left")
    axis.grid(visible=False, axis="y")
    sns.despine(ax=axis, left=True)


def _round_factors(low: float, high: float) -> list[float]:
    """log10 of powers of ten between the limits, and of 2 and 5 times them where there is room."""
    mantissas = (1, 2, 5) if high - low < 3 else (1,)
    step = 1 + int((high - low) // 8)
    powers = range(step * math.floor(low / step), math.ceil(high) + 1, step)
    return [x for power in powers for x in (power + math.log10(m) for m in mantissas) if low <= x <= high]


def factor(log10: float) -> str:
    """×0.1, ×1, ×3.2, ×1,000, ×10⁷ for a power of ten."""
    if abs(log10) > 5:
        return f"×{power_of_ten(round(log10))}"
    value = 10**log10
    return f"×{value:,.0f}" if value >= 100 else f"×{value:.2g}"
