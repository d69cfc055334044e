"""The panels of nulls: medians and ends where they belong, words where there is nothing to draw."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import names

from trajreg.plots.null_panels import null_panels
from trajreg.plots.style import save_figure
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.run import Run

GAMMA = np.array([1.0, 2.0, 1.5])


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def run(norm="batch", seed=0, random=False, diverged=False, updates=True, size=1.0):
    settings = {"model.norm": norm} | ({"data.shuffle_targets": True} if random else {})
    epochs, steps = pd.DataFrame({"epoch": [1, 2, 3], "step": [2, 4, 6]}), pd.DataFrame({"step": range(6)})
    if not diverged:
        size = size * (0.1 if random else 1 + seed)
        known = {"gamma": GAMMA, "gamma_median": 0.9 * GAMMA, "gamma_low": -GAMMA, "gamma_high": 3 * GAMMA}
        epochs = epochs.assign(**{name: size * values for name, values in known.items()}, gamma_walk=0.5 * size)
        steps = steps.assign(lr=0.1, gap=1.0, distance=np.sqrt(6.0), update_norm=10.0 if updates else np.nan)
    return Run(
        "v", settings, names(settings), seed, "f", diverged, epochs, {}, COLUMNS, lambda measure, name: steps, None
    )


def runs(seeds=3, **changes):
    return [run(norm, seed, **changes) for norm in ("batch", "none") for seed in range(seeds)]


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def curves(axis):
    """The drawn lines that are curves over the three epochs."""
    return [list(line.get_ydata()) for line in axis.lines if len(line.get_ydata()) == 3]


def bands(axis):
    """Smallest and largest value of each band: steps, walks, shuffled updates."""
    ends = [band.get_paths() for band in axis.collections]
    return [(path[0].vertices[:, 1].min(), path[0].vertices[:, 1].max()) if path else None for path in ends]


def test_a_panel_a_variant_with_medians_over_the_seeds():
    figure = null_panels(runs(), runs(1, random=True))
    assert [axis.get_title() for axis in figure.axes] == ["batch norm", "no batch norm"]
    drawn = curves(figure.axes[0])
    for expected in (2 * GAMMA, 1.8 * GAMMA, 0.09 * GAMMA, -0.1 * GAMMA, 0.3 * GAMMA):
        assert any(np.allclose(one, expected) for one in drawn)
    assert len(drawn) == 5


def test_bands_run_over_the_steps_and_from_the_smallest_to_the_largest_seed():
    steps, walks, shuffled = bands(null_panels(runs(), []).axes[0])
    assert steps == pytest.approx((-4, 12))  # medians over seeds of the 5 % and 95 % of the steps
    assert walks == pytest.approx((0.5, 1.5))
    # six updates of length 1 with d_0² = 6: to each other they are as random as a walk's, γ = m / 2 / (η gap)
    assert shuffled == pytest.approx((5, 5))


def test_without_random_labels_the_legend_does_not_name_them():
    assert "random labels" not in texts(null_panels(runs(), []))
    shown = texts(null_panels(runs(), runs(1, random=True)))
    for entry in ("measured", "random walks", "shuffled updates", "random labels"):
        assert entry in shown


def test_what_diverged_is_counted_and_the_rest_drawn():
    some = [*runs()[:3], run("none", diverged=True), run("none", 1)]
    figure = null_panels(some, [run(random=True), run("none", random=True, diverged=True)])
    assert "true labels: 1 of 2 diverged" in texts(figure)
    assert "random labels: 1 of 1 diverged" in texts(figure)
    assert curves(figure.axes[1])


def test_a_figure_whose_runs_all_diverged_is_still_drawn():
    shown = texts(null_panels(runs(diverged=True), runs(1, random=True, diverged=True)))
    assert shown.count("true labels: 3 of 3 diverged") == 2


def test_updates_that_were_not_recorded_are_said_to_be_missing():
    figure = null_panels(runs(updates=False), [])
    assert texts(figure).count("shuffled updates: not recorded") == 2
    assert curves(figure.axes[0])


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e3])
def test_any_size_of_gamma_has_a_readable_axis(size):
    axis = null_panels(runs(size=size), runs(1, random=True, size=size)).axes[0]
    low, high = axis.get_ylim()
    labels = [text.get_text() for text in axis.get_yticklabels() if low <= text.get_position()[1] <= high]
    assert "0" in labels
    assert 3 <= len(labels) <= 11


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (3, (1, 3)), (4, (1, 4)), (6, (2, 3)), (7, (3, 3))])
def test_panels_fill_rows(count, shape):
    figure = null_panels([run(f"norm {i}") for i in range(count)], [])
    assert len(figure.axes) == count
    grid = figure.axes[0].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == shape
    lowest = [axis for axis in figure.axes if axis.get_xlabel() == "epoch"]
    assert len(lowest) == shape[1]
    assert all(axis.xaxis.get_tick_params()["labelbottom"] for axis in lowest)


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        save_figure(null_panels(runs(), runs(1, random=True)), tmp_path / name)
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"other{suffix}").read_bytes()
