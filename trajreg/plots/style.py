"""The look of every figure, and saving it so that the same numbers give the same bytes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

FORMATS = (".png", ".svg")
Colour = tuple[float, float, float]


def use_style() -> None:
    """Seaborn's white grid, readable at a page's width; dates and random ids off."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", font="DejaVu Sans")
    mpl.rcParams.update(
        {
            "figure.dpi": 110,
            "savefig.dpi": 150,
            "svg.hashsalt": "trajreg",
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )


def palette(names: Sequence[str]) -> dict[str, Colour]:
    """One colour a name, distinguishable without full colour vision; in the order given."""
    return dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))


def set_padding(figure: Figure, width: float, height: float) -> None:
    """Room around the panels of a figure of constrained layout, in inches."""
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=width, h_pad=height)


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure as PNG and SVG beside `path` (without suffix); no dates inside."""
    for suffix in FORMATS:
        metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
        figure.savefig(path.with_suffix(suffix), bbox_inches="tight", facecolor="white", metadata=metadata)
