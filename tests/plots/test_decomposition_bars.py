"""The bars: a panel a split, parts stacked on their side of no difference, the total on top, and no silence about what is missing."""

import itertools
import math

import pandas as pd
import pytest

from trajreg.plots.decomposition_bars import PARTS, decomposition_bars, factor
from trajreg.plots.style import save_figure

VALUES = {
    "directedness": {"total": 1.0, "directedness": -0.4, "energy": 0.4, "loss": 1.0},
    "alignment": {"total": 1.0, "alignment": -0.5, "distance": 0.2, "update": 0.3, "loss": 1.0},
}
NOTHING = {split: dict.fromkeys(parts, math.nan) for split, parts in VALUES.items()}


def table(
    values=VALUES, phases=("early", "late", "whole"), wheres=("VGG-11", "VGG-16"), seeds=5, left_out=0, undefined=0
):
    shared = {"treatment": "batch norm", "control": "no batch norm", "seeds": seeds, "left_out": left_out}
    rows = [
        shared
        | {"where": where, "phase": phase, "split": split, "part": part, "log10": value}
        | {"low": value - 0.1, "high": value + 0.2, "undefined": undefined if split == "directedness" else 0}
        for where in wheres
        for phase in phases
        for split, parts in values.items()
        for part, value in parts.items()
    ]
    return pd.DataFrame(rows)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_parts_are_stacked_on_their_side_and_the_total_stands_at_their_sum():
    first, second = decomposition_bars(table(phases=["whole"], wheres=["VGG-11"])).axes
    expected = {
        first: [(-0.4, 0.4), (0, 0.4), (0.4, 1.0)],
        second: [(-0.5, 0.5), (0, 0.2), (0.2, 0.3), (0.5, 1.0)],
    }
    for axis, wanted in expected.items():
        spans = [(bar.get_x() + min(bar.get_width(), 0), abs(bar.get_width())) for bar in axis.patches]
        assert spans == [pytest.approx(span) for span in wanted]
        interval, diamond = [line for line in axis.lines if line.get_ydata()[0] > 0 and line.get_color() == "black"]
        assert list(interval.get_xdata()) == pytest.approx([0.9, 1.2])
        assert diamond.get_xdata()[0] == 1.0
        assert wanted[-1][0] + wanted[-1][1] + wanted[0][0] == pytest.approx(1.0)


def test_every_comparison_and_phase_has_its_bar_and_its_name():
    figure = decomposition_bars(table())
    for axis, parts in zip(figure.axes, PARTS.values(), strict=True):
        assert len(axis.patches) == 2 * 3 * len(parts)
        key = [text.get_text() for text in axis.get_legend().get_texts()]
        assert key == [*(name for _, name in parts.values()), "their product, 95 %"]
    shown = texts(figure)
    for text in ("VGG-11: batch norm against no batch norm", "VGG-16: batch norm against no batch norm", "×10"):
        assert text in shown
    labels = [label.get_text().strip() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["early", "late", "whole"] * 2


def test_what_has_no_logarithm_and_what_is_left_out_is_said():
    figure = decomposition_bars(table(left_out=2, seeds=3, undefined=1))
    first, second = ([label.get_text() for label in axis.get_yticklabels()] for axis in figure.axes)
    assert first[:3] == ["early (2 of 3)", "late (2 of 3)", "whole (2 of 3)"]
    assert set(second) == {""}
    assert any("(2 of 5 pairs left out)" in text for text in texts(figure))
    empty = decomposition_bars(table(NOTHING, seeds=0, left_out=5))
    assert not [bar for axis in empty.axes for bar in axis.patches]
    assert any("no pair of runs with per-step values" in text for text in texts(empty))


@pytest.mark.parametrize("wheres", [["VGG-11"], [f"VGG-{i}, Kaiming init" for i in range(10)]], ids=["one", "ten"])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 0.1, -1.0, 4.0, 30.0])
def test_any_size_of_ratio_has_a_readable_axis(scale, wheres):
    scaled = {split: {part: scale * value for part, value in parts.items()} for split, parts in VALUES.items()}
    figure = decomposition_bars(table(scaled, wheres=wheres))
    figure.canvas.draw()
    for axis in figure.axes:
        assert "×1" in [label.get_text() for label in axis.get_xticklabels()]
        for labels in (axis.get_xticklabels(), axis.get_yticklabels(), axis.get_legend().get_texts()):
            boxes = [label.get_window_extent() for label in labels if label.get_text()]
            assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    first, second = figure.axes
    assert not first.get_legend().get_window_extent().overlaps(second.get_legend().get_window_extent())
    assert not first.get_xticklabels()[-1].get_window_extent().overlaps(second.get_xticklabels()[0].get_window_extent())


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        save_figure(decomposition_bars(table()), tmp_path / name)
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"other{suffix}").read_bytes()


@pytest.mark.parametrize(("log10", "text"), [(0, "×1"), (-1, "×0.1"), (0.5, "×3.2"), (3, "×1,000"), (12, "×10¹²")])
def test_factors_read_as_numbers(log10, text):
    assert factor(log10) == text
