"""The picture of all comparisons: primary ones in bold above, every effect in its panel, whatever is known of it."""

import itertools
import math

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from trajreg.plots.overview import HEADING, overview
from trajreg.plots.style import save_figure, technique_colours

PANELS = [("gamma", "γ\n(ratio)"), ("forward_cosine", "forward cosine\n(difference)")]


def effect(row="A: x against y", metric="gamma", primary=True, **changed):
    ratio = metric == "gamma"
    numbers = {"effect": 2.0, "low": 1.5, "high": 3.0, "smallest": 1.1} if ratio else {}
    numbers = numbers or {"effect": 0.02, "low": 0.015, "high": 0.03, "smallest": 0.01}
    kind = "ratio" if ratio else "difference"
    return (
        {
            "row": row,
            "primary": primary,
            "technique": "normalization",
            "metric": metric,
            "kind": kind,
            "verdict": "replicated",
        }
        | numbers
        | changed
    )


def drawn(*rows, panels=PANELS):
    return overview(pd.DataFrame(rows), panels[: len({row["metric"] for row in rows})])


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def names(figure):
    return [(text.get_text(), text.get_fontweight()) for text in figure.axes[0].get_yticklabels()]


def test_primary_rows_are_bold_and_above_a_heading_for_the_others():
    figure = drawn(effect("B", primary=False), effect("A"), effect("A", "forward_cosine"))
    assert names(figure) == [("A", "bold"), (HEADING, "normal"), ("B", "normal")]
    assert [axis.get_title() for axis in figure.axes] == [title for _, title in PANELS]


def test_rows_of_a_technique_stand_together_in_its_colour_under_its_name():
    rows = [("A", "skip connections", True), ("B", "activation", True), ("C", "skip connections", False)]
    figure = drawn(*(effect(row, primary=primary, technique=name) for row, name, primary in rows))
    assert [text for text, _ in names(figure)] == [
        "Activation", "B", "Skip connections", "A", f"{HEADING}: skip connections", "C",
    ]  # fmt: skip
    marks = [line.get_color() for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert marks == [technique_colours()[name] for _, name, _ in rows]


@pytest.mark.parametrize("primary", [True, False])
def test_rows_of_one_kind_need_no_heading(primary):
    assert [text for text, _ in names(drawn(effect("A", primary=primary), effect("B", primary=primary)))] == ["A", "B"]


def test_ratios_stand_on_a_logarithmic_axis_and_what_goes_on_ends_in_an_arrow():
    figure = drawn(effect("A", high=math.inf), effect("B", low=0.0), effect("A", "forward_cosine"))
    assert [axis.get_xscale() for axis in figure.axes] == ["log", "linear"]
    assert [line.get_marker() for line in figure.axes[0].lines if line.get_marker() in ("<", ">")] == [">", "<"]


@pytest.mark.parametrize("unknown", [{"low": math.nan, "high": math.nan, "effect": math.nan}, {"effect": math.inf}])
def test_an_effect_that_is_not_known_leaves_its_mark_out(unknown):
    figure = drawn(effect(**unknown))
    assert "o" not in [line.get_marker() for line in figure.axes[0].lines]


def test_the_legend_has_the_verdicts_that_occur():
    figure = drawn(effect("A"), effect("B", verdict="inconclusive"))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "more with the technique (replicated)",
        "inconclusive",
    ]


@pytest.mark.parametrize("spread", [1.05, 1.3, 3, 30, 1e3, 1e8])
def test_an_axis_of_ratios_has_numbers_side_by_side(spread):
    figure = drawn(effect("A", low=1 / spread, high=spread), effect("B", "forward_cosine"))
    axis = figure.axes[0]
    left, right = axis.get_xlim()
    assert 1 <= sum(left <= tick <= right for tick in axis.get_xticks()) <= 7


def test_no_name_is_cut_off():
    figure = drawn(*(effect(f"Figure {place}, VGG-{place}, own η: a long name against another") for place in range(25)))
    figure.canvas.draw()
    edges = [text.get_window_extent() for text in figure.axes[0].get_yticklabels()]
    assert min(one.x0 for one in edges) >= 0
    gaps = [upper.y0 - lower.y1 for upper, lower in itertools.pairwise(edges)]
    assert min(gaps) >= 0
    assert figure.axes[0].get_window_extent().width > 100


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_effects_give_the_same_bytes(tmp_path, suffix):
    for name in "ab":
        save_figure(drawn(effect("A"), effect("B", primary=False)), tmp_path / name)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
