"""The bars: parts stacked on their side of no difference, the total on top, and no silence about what is missing."""

import math

import pandas as pd
import pytest

from trajreg.plots.decomposition_bars import PARTS, decomposition_bars, factor
from trajreg.plots.style import save_figure

VALUES = {"total": 1.0, "alignment": -0.5, "distance": 0.2, "update": 0.3, "loss": 1.0}


def table(values=VALUES, phases=("early", "late", "whole"), wheres=("VGG-11", "VGG-16"), seeds=5, left_out=0):
    shared = {"treatment": "batch norm", "control": "no batch norm", "seeds": seeds, "left_out": left_out}
    rows = [
        shared | {"where": where, "phase": phase, "part": part, "log10": value, "low": value - 0.1, "high": value + 0.2}
        for where in wheres
        for phase in phases
        for part, value in values.items()
    ]
    return pd.DataFrame(rows)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_parts_are_stacked_on_their_side_and_the_total_stands_at_their_sum():
    axis = decomposition_bars(table(phases=["whole"], wheres=["VGG-11"])).axes[0]
    spans = [(bar.get_x() + min(bar.get_width(), 0), abs(bar.get_width())) for bar in axis.patches]
    assert spans == [pytest.approx(span) for span in ((-0.5, 0.5), (0, 0.2), (0.2, 0.3), (0.5, 1.0))]
    interval, diamond = [line for line in axis.lines if line.get_ydata()[0] > 0 and line.get_color() == "black"]
    assert list(interval.get_xdata()) == pytest.approx([0.9, 1.2])
    assert diamond.get_xdata()[0] == 1.0


def test_every_comparison_and_phase_has_its_bar_and_its_name():
    figure = decomposition_bars(table())
    assert len(figure.axes[0].patches) == 2 * 3 * len(PARTS)
    shown = texts(figure)
    for text in ("VGG-11: batch norm against no batch norm", "VGG-16: batch norm against no batch norm", "×10"):
        assert text in shown
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["early", "late", "whole"] * 2


def test_what_has_no_logarithm_and_what_is_left_out_is_said():
    nothing = VALUES | {"total": math.nan, "alignment": math.nan}
    shown = " ".join(texts(decomposition_bars(table(nothing, left_out=2, seeds=3))))
    assert "not positive in some run" in shown
    assert "(2 of 5 pairs left out)" in shown
    shown = " ".join(texts(decomposition_bars(table(dict.fromkeys(VALUES, math.nan), seeds=0, left_out=5))))
    assert "no pair of runs with per-step values" in shown


@pytest.mark.parametrize("scale", [0.0, 1e-3, 30.0])
def test_any_size_of_ratio_has_a_readable_axis(scale):
    axis = decomposition_bars(table({part: scale * value for part, value in VALUES.items()})).axes[0]
    labels = [label.get_text() for label in axis.get_xticklabels()]
    assert "×1" in labels
    assert len(labels) <= 12


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        save_figure(decomposition_bars(table()), tmp_path / name)
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"other{suffix}").read_bytes()


@pytest.mark.parametrize(("log10", "text"), [(0, "×1"), (-1, "×0.1"), (0.5, "×3.2"), (3, "×1,000"), (12, "×10¹²")])
def test_factors_read_as_numbers(log10, text):
    assert factor(log10) == text
