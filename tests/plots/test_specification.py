"""Specification curves: sorted effects, what was chosen below them, and what cannot be compared at the right."""

import itertools
import math

import matplotlib.pyplot as plt
import pytest
from multiverses import made, runs_of

from trajreg.plots.specification import specification_curves
from trajreg.plots.style import save_figure
from trajreg.studies.multiverse import factors, multiverse

PANELS = [("gamma", "γ"), ("steps_to_loss", "speed")]


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def drawn(ratios, panels=PANELS):
    table = multiverse(made(), runs_of(made(), ratios))
    return specification_curves(table, panels, factors(table))


def axes(figure):
    """The curve and the matrix of the first panel."""
    curve = next(axis for axis in figure.axes if axis.get_title() == "γ")
    matrix = next(
        axis for axis in figure.axes if axis.get_yticklabels() and axis.get_yticklabels()[0].get_text() == "η"
    )
    return curve, matrix


def effects(axis):
    """(place, effect) of each mark."""
    marks = [line for line in axis.get_lines() if line.get_marker() in ("o", "D")]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in marks]


def dots(axis):
    """Alternative → the places at which it is chosen."""
    names = [label.get_text() for label in axis.get_yticklabels()]
    rows = [line for line in axis.get_lines() if line.get_marker() == "o"]
    return {name: line.get_xdata().tolist() for name, line in zip(names, rows, strict=True)}


def test_effects_stand_from_the_smallest_to_the_largest_above_what_was_chosen():
    curve, matrix = axes(drawn({"Adam": [0.5] * 3, "double": [8.0] * 3}))
    found = effects(curve)
    assert [place for place, _ in found] == list(range(8))
    assert found[0][1] == pytest.approx(0.5)
    assert found[-1][1] == pytest.approx(8)
    assert 0 in dots(matrix)["Adam"]
    assert 0 in dots(matrix)["η"]
    assert 7 in dots(matrix)["double"]
    assert 7 in dots(matrix)["SGD"]


def test_each_universe_chooses_one_alternative_of_each_factor():
    _, matrix = axes(drawn({}))
    found = dots(matrix)
    for names in (("η", "half", "double", "fourfold"), ("SGD", "Adam")):
        assert sorted(place for name in names for place in found[name]) == list(range(8))


def test_what_is_not_comparable_stands_last_without_an_effect():
    curve, matrix = axes(drawn({"half": None}))
    assert [place for place, _ in effects(curve)] == list(range(7))
    assert 7 in dots(matrix)["half"]


def test_a_range_without_an_end_has_an_arrow(tmp_path):
    figure = drawn({"half": [2.0, 2.0, math.inf]})
    curve, _ = axes(figure)
    assert [line.get_marker() for line in curve.get_lines()].count("^") == 1
    save_figure(figure, tmp_path / "curve")  # nothing that is not finite reaches the drawing


def test_labels_do_not_overlap():
    figure = drawn({"half": None, "Adam": [0.5] * 3})
    figure.canvas.draw()
    _, matrix = axes(figure)
    boxes = [label.get_window_extent() for label in matrix.get_yticklabels()]
    assert all(above.y0 >= below.y1 for above, below in itertools.pairwise(boxes))


@pytest.mark.parametrize("largest", [2.5, 6.0, 9.0, 40.0, 1e4])
def test_however_far_effects_are_apart_two_ticks_have_numbers(largest):
    figure = drawn({"Adam": [0.5] * 3, "double": [largest] * 3})
    figure.canvas.draw()
    curve, _ = axes(figure)
    bottom, top = curve.get_ylim()
    shown = [one.get_text() for one in curve.get_yticklabels() if bottom <= one.get_position()[1] <= top]
    assert len(shown) == len(set(shown)) >= 2
    assert "×1" in shown


def test_nothing_comparable_is_drawn_as_such():
    names = [one.settings["universe"] for one in made().variants]
    curve, _ = axes(drawn(dict.fromkeys(names)))
    assert effects(curve) == []
