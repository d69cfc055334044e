"""The look of every figure, and saving it so that the same numbers give the same bytes."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from zlib import crc32

import matplotlib as mpl
import seaborn as sns
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import Locator, LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from trajreg.files import write_bytes
from trajreg.studies.names import Name
from trajreg.studies.numbers import number
from trajreg.studies.techniques import TECHNIQUES

FORMATS = (".png", ".svg")
NUM_COLOURS = 10  # of the palette that is distinguishable without full colour vision
NUM_STRONG = 6  # the first of them; the others are pale
NUM_SHADES = 256  # of a PNG
TECHNIQUE_PLACES = (0, 1, 2, 9, 3, 4, 5, 7)  # in the palette, of TECHNIQUES
FEW_DECADES = 100  # up to which ratio of its ends a logarithmic axis has numbers within its decades
Colour = tuple[float, float, float]


def use_style() -> None:
    """Seaborn's white grid, readable at a page's width; dates and random ids off."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", font="DejaVu Sans")
    mpl.rcParams.update(
        {
            "figure.dpi": 110,
            "savefig.dpi": 150,
            "svg.hashsalt": "trajreg",
            "svg.fonttype": "none",  # letters are text, not a path for each: half of the bytes, and it can be searched
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )


def colours_of(names: Iterable[Name]) -> dict[str, Colour]:
    """Text → colour, in the order given: a name has the same one in every picture, and no two of a picture are alike.

    A name with a place has the colour of that place, one without has one that follows from its text; one that is taken gives way to the
    next. More names than the palette has get as many hues, which are of this picture only.
    """
    known = {name.text: name for name in names}
    if len(known) > NUM_COLOURS:
        return dict(zip(known, sns.color_palette("husl", len(known)), strict=True))
    found: dict[str, int] = {}
    for name in sorted(known.values(), key=lambda one: (one.place is None, one.place or 0, one.text)):
        wanted = crc32(name.text.encode()) % NUM_STRONG if name.place is None else name.place
        following = ((wanted + more) % NUM_COLOURS for more in range(NUM_COLOURS))
        found[name.text] = next(place for place in following if place not in found.values())
    shades = sns.color_palette("colorblind", NUM_COLOURS)
    return {text: shades[found[text]] for text in known}


def set_padding(figure: Figure, width: float, height: float) -> None:
    """Room around the panels of a figure of constrained layout, in inches."""
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=width, h_pad=height)


def number_log_axis(axis: Axis) -> None:
    """Plain numbers 1, 2, 5 where a logarithmic axis spans few decades; powers of ten where it spans more."""
    low, high = sorted(axis.get_view_interval())
    if high / low < FEW_DECADES:
        axis.set_major_locator(log_locator(low, high, (1, 2, 5)))
        axis.set_major_formatter(lambda value, _: f"{value:g}" if value >= 1e-3 else number(value))
    axis.set_minor_formatter(NullFormatter())


def log_locator(low: float, high: float, subs: Sequence[float]) -> Locator:
    """Ticks at these multiples of powers of ten; evenly spaced ones where fewer than two of those lie between the ends of the axis."""
    wanted = LogLocator(subs=subs, numticks=6)
    shown = [tick for tick in wanted.tick_values(low, high) if low <= tick <= high]
    return wanted if len(shown) > 1 else MaxNLocator(4)


def technique_colours() -> dict[str, Colour]:
    """Technique → colour, the same in every picture."""
    shades = sns.color_palette("colorblind", NUM_COLOURS)
    return dict(zip(TECHNIQUES, (shades[place] for place in TECHNIQUE_PLACES), strict=True))


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure as PNG and SVG beside `path` (without suffix), each in one piece."""
    for suffix in FORMATS:
        save_picture(figure, path.with_suffix(suffix))


def save_picture(figure: Figure, path: Path) -> None:
    """Write the figure in one piece, in that of FORMATS which the suffix says; no dates inside.

    The PNG has the NUM_SHADES colours that stand for all best: a third of the bytes, and no eye sees it.
    """
    suffix, drawn = path.suffix, BytesIO()
    metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
    figure.savefig(drawn, format=suffix[1:], bbox_inches="tight", facecolor="white", metadata=metadata)
    write_bytes(path, _with_palette(drawn) if suffix == ".png" else drawn.getvalue())


def _with_palette(png: BytesIO) -> bytes:
    """The same picture with a palette of its own."""
    smaller = BytesIO()
    with Image.open(png) as image:
        flat = image.convert("RGB").quantize(NUM_SHADES, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    flat.save(smaller, "png", optimize=True)
    return smaller.getvalue()
