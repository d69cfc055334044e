"""Colours: a technique keeps its own from picture to picture, and no two in a picture are alike."""

import pytest
import seaborn as sns
from matplotlib.figure import Figure
from PIL import Image

from trajreg.plots.style import NUM_SHADES, colours_of, number_log_axis, save_figure, technique_colours
from trajreg.studies.names import Name
from trajreg.studies.techniques import TECHNIQUES

RELU, TANH, MAX_NORM, CLIPPED = Name("ReLU", 0), Name("tanh", 3), Name("max norm 3", None), Name("clip = 1", None)


def test_a_technique_has_the_same_colour_in_two_pictures():
    one, other = colours_of([RELU, TANH, MAX_NORM]), colours_of([CLIPPED, MAX_NORM, TANH])
    assert (one["tanh"], one["max norm 3"]) == (other["tanh"], other["max norm 3"])
    assert list(other) == ["clip = 1", "max norm 3", "tanh"]


def test_in_their_own_order_places_are_the_palette():
    names = [Name(text, place) for place, text in enumerate("abcdef")]
    shades = dict(zip("abcdef", sns.color_palette("colorblind"), strict=False))
    assert colours_of(names) == shades
    assert colours_of(names[2:]) == {text: shades[text] for text in "cdef"}


@pytest.mark.parametrize("number", [2, 10, 11, 30])
@pytest.mark.parametrize("place", [lambda i: None, lambda i: 0, lambda i: i, lambda i: i if i % 2 else None])
def test_no_two_are_alike(number, place):
    found = colours_of([Name(f"variant {i}", place(i)) for i in range(number)])
    assert len(set(found.values())) == len(found) == number


def test_places_come_before_names_without_and_before_larger_ones():
    shades, names = sns.color_palette("colorblind"), [MAX_NORM, Name("x", 10), Name("y", 1), Name("z", 0)]
    found = colours_of(names)
    assert [found[name] for name in "zyx"] == shades[:3]
    all_placed = [Name(f"place {i}", i) for i in range(9)]
    assert colours_of([MAX_NORM, *all_placed])["max norm 3"] == shades[9]


def test_a_name_given_twice_counts_once():
    assert colours_of([RELU, RELU]) == colours_of([RELU])


def test_every_technique_has_a_colour_of_its_own():
    colours = technique_colours()
    assert list(colours) == list(TECHNIQUES)
    assert len(set(colours.values())) == len(TECHNIQUES)


@pytest.mark.parametrize("ends", [(0.9, 1.1), (1.05, 1.9), (3, 4), (0.3, 0.45), (0.5, 4), (0.2, 19)])
def test_a_logarithmic_axis_has_two_numbers_at_least(ends):
    axis = Figure().subplots()
    axis.set(yscale="log", ylim=ends)
    number_log_axis(axis.yaxis)
    shown = [tick for tick in axis.yaxis.get_majorticklocs() if ends[0] <= tick <= ends[1]]
    assert 2 <= len(shown) <= 10


def test_a_png_has_a_palette_in_which_lines_keep_their_colours(tmp_path):
    figure = Figure(figsize=(2, 1))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.imshow([[value / 300 for value in range(300)]] * 60, aspect="auto", extent=(0, 1, 0, 0.5), cmap="viridis")
    axis.plot([0, 1], [0.8, 0.8], color="#d55e00", linewidth=6)
    axis.set(ylim=(0, 1))
    axis.axis("off")
    save_figure(figure, tmp_path / "lines")
    with Image.open(tmp_path / "lines.png") as image:
        assert image.mode == "P"
        assert len(image.getcolors()) <= NUM_SHADES
        flat = image.convert("RGB")
        column = [flat.getpixel((flat.width // 2, y)) for y in range(flat.height)]
    off = [max(abs(one - other) for one, other in zip(shade, (0xD5, 0x5E, 0x00), strict=True)) for shade in column]
    assert min(off) < 8
