"""What a ratio of γ is made of: a stacked bar for each comparison and phase, once for each split."""

import math
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from trajreg.plots.style import set_padding, use_style
from trajreg.studies.numbers import power_of_ten

# vermilion for what knows directions; blues and greys for what does not
PARTS = {
    "directedness": {
        "directedness": ("#d55e00", "directedness D"),
        "energy": ("#0072b2", "step energy"),
        "loss": ("#b3b3b3", "1 / loss"),
    },
    "alignment": {
        "alignment": ("#d55e00", "alignment (mean cosine)"),
        "distance": ("#0072b2", "distance still to go"),
        "update": ("#7fb8de", "length of an update"),
        "loss": ("#b3b3b3", "1 / loss"),
    },
}
TITLES = {
    "directedness": "The ratio of γ",
    "alignment": "The ratio of γ + γ walk",
}
PAIR = ["where", "treatment", "control"]
GAP = 1.3  # rows between two comparisons: room for the lower one's title
MAX_TICKS = 6
TENTHS = tuple(tenth / 10 for tenth in range(10, 100))


def decomposition_bars(table: pd.DataFrame) -> Figure:
    """A panel for each split of γ, in it a bar for each comparison and phase: factors above 1 to the right, below 1 to the left.

    Parts are means of logarithms over paired seeds, so that they add up to the diamond, the ratio itself, with its interval. Where some
    pairs have no logarithm, the number of those that have one stands beside the bar.

    Args:
        table: the result of `studies.decomposition.decomposition`, for one figure.
    """
    use_style()
    pairs = list(table.groupby(PAIR, sort=False))
    num_rows = table.groupby([*PAIR, "phase"]).ngroups
    height = 2 + 0.3 * (num_rows + GAP * len(pairs))
    figure, axes = plt.subplots(1, len(PARTS), figsize=(12, height), sharex=True, layout="constrained")
    set_padding(figure, 0.15, 0.04)
    for axis, split in zip(axes, PARTS, strict=True):
        _draw(axis, [group[group["split"] == split] for _, group in pairs], split)
    _name_comparisons(axes[0], [_title(names, group) for names, group in pairs], [group for _, group in pairs])
    for axis in axes:
        _dress(axis)
    return figure


def _places(groups: list[pd.DataFrame]) -> Iterator[tuple[float, list[float]]]:
    """For each comparison the height of its title and those of its bars, downwards."""
    y = 0.0
    for group in groups:
        y += GAP
        rows = [y + place for place in range(group["phase"].nunique())]
        yield y - 0.75, rows
        y += len(rows)


def _draw(axis: Axes, groups: list[pd.DataFrame], split: str) -> None:
    """The bars of one split and their key; phases are named in the first panel only."""
    ticks: dict[float, str] = {}
    for group, (_, places) in zip(groups, _places(groups), strict=True):
        for y, (phase, row) in zip(places, group.groupby("phase", sort=False), strict=True):
            _bar(axis, y, row.set_index("part"), PARTS[split])
            defined = _defined(row)
            ticks[y] = f"{phase} {defined}" if split == next(iter(PARTS)) else defined
    axis.set_yticks(list(ticks), list(ticks.values()), fontsize="small")
    axis.set_ylim(max(ticks, default=0) + 0.6, 0)
    axis.set_title(TITLES[split], loc="left")
    entries: list[Artist] = [Patch(color=colour, label=name) for colour, name in PARTS[split].values()]
    entries.append(Line2D([], [], color="black", marker="D", markersize=5, linewidth=1.4, label="their product, 95 %"))
    # a pad in font sizes and not in heights of the axis: the key stays below the label however many bars there are
    axis.legend(
        handles=entries,
        ncols=2,
        frameon=False,
        fontsize="small",
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=4.5,
    )


def _bar(axis: Axes, y: float, row: pd.DataFrame, parts: dict[str, tuple[str, str]]) -> None:
    total = row.loc["total"]
    if math.isnan(total["log10"]):
        return
    ends = {1: 0.0, -1: 0.0}
    for part, (colour, _) in parts.items():
        value = row.loc[part, "log10"]
        side = 1 if value > 0 else -1
        axis.barh(y, value, left=ends[side], height=0.72, color=colour, linewidth=0)
        ends[side] += value
    axis.plot([total["low"], total["high"]], [y, y], color="black", linewidth=1.4, solid_capstyle="butt")
    axis.plot(total["log10"], y, "D", color="black", markersize=5, markeredgecolor="white", markeredgewidth=0.6)


def _defined(row: pd.DataFrame) -> str:
    """(3 of 5) where some pairs have no logarithm."""
    seeds, undefined = int(row["seeds"].iloc[0]), int(row["undefined"].iloc[0])
    return f"({seeds - undefined} of {seeds})" if undefined else ""


def _name_comparisons(axis: Axes, titles: list[str], groups: list[pd.DataFrame]) -> None:
    """Titles above the bars of both panels, from the left one on, which therefore lies over the other."""
    axis.set_zorder(1)
    axis.patch.set_visible(False)
    for title, (y, _) in zip(titles, _places(groups), strict=True):
        text = axis.text(
            0.0, y, title, transform=axis.get_yaxis_transform(), fontsize="small", weight="bold", va="center"
        )
        text.set_bbox({"color": "white", "pad": 1})
        text.set_in_layout(False)


def _title(names: tuple[str, ...], group: pd.DataFrame) -> str:
    where, treatment, control = names
    seeds, left_out = int(group["seeds"].min()), int(group["left_out"].max())
    counted = f"   ({left_out} of {left_out + seeds} pairs left out)" if left_out else ""
    if not seeds:
        counted = "   (no pair of runs with per-step values)"
    return (f"{where}: " if where else "") + f"{treatment} against {control}{counted}"


def _dress(axis: Axes) -> None:
    axis.axvline(0, color="0.3", linewidth=1)
    axis.margins(x=0.04)
    places = _round_factors(*axis.get_xlim())
    axis.set_xticks(places, [factor(place) for place in places])
    axis.set_xlabel("factor between treatment and control, logarithmic")
    axis.grid(visible=False, axis="y")
    sns.despine(ax=axis, left=True)


def _round_factors(low: float, high: float) -> list[float]:
    """log10 of round factors between the limits, few enough for their labels: powers of ten, and what lies between where there is room."""
    for mantissas in (TENTHS, (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        powers = range(math.floor(low), math.ceil(high) + 1)
        places = [x for power in powers for x in (power + math.log10(m) for m in mantissas) if low <= x <= high]
        if len(places) <= MAX_TICKS:
            return places
    step = math.ceil(len(places) / MAX_TICKS)
    return [place for place in places if round(place) % step == 0]


def factor(log10: float) -> str:
    """×0.1, ×1, ×3.2, ×1,000, ×10⁷ for a power of ten."""
    if abs(log10) > 5:
        return f"×{power_of_ten(round(log10))}"
    value = 10**log10
    return f"×{value:,.0f}" if value >= 100 else f"×{value:.2g}"
