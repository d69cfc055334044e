"""Figures: the same numbers give the same bytes, diverged and unrecorded things are told, nothing is invented."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import names

from trajreg.columns import Column, Columns
from trajreg.errors import InputError
from trajreg.plots.curves import training_panels
from trajreg.plots.plane import plane_panels
from trajreg.plots.style import save_figure
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.run import Run


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def run(variant, settings, seed, cosine=0.2, diverged=False):
    epochs = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": np.array([1, 0.5, 0.2]) * (1 + seed)})
    if not diverged:
        epochs = epochs.assign(
            gamma=[1.0, 2.0, 1.5], gamma_median=[0.9, 1.8, 1.4], gamma_walk=[0.5, 0.4, 0.3 * (1 + seed)]
        )
        epochs = epochs.assign(cosine=cosine, cosine_walk=cosine / 2)
    return Run(variant, settings, names(settings), seed, "f", diverged, epochs, {"gamma": 1.0}, COLUMNS, None, None)


def norms(**kwargs):
    cells = (("batch norm", "batch"), ("no batch norm", "none"))
    return [run(variant, {"model.norm": norm}, seed, **kwargs) for variant, norm in cells for seed in range(3)]


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_lines_are_medians_and_bands_run_from_smallest_to_largest():
    figure = training_panels(norms())
    loss = figure.axes[0]
    np.testing.assert_allclose(loss.lines[0].get_ydata(), [2.0, 1.0, 0.4])
    band = loss.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.2, 3.0)


def test_every_value_of_a_row_key_gets_its_row():
    runs = [
        run(name, {"model.name": name, "model.norm": norm}, 0)
        for name in ("vgg11", "vgg16")
        for norm in ("batch", "none")
    ]
    runs = [one.__class__(**{**one.__dict__, "variant": f"{one.variant} {i}"}) for i, one in enumerate(runs)]
    figure = training_panels(runs, rows=["model.name"])
    assert len(figure.axes) == 6
    assert "VGG-16: regularity γ" in texts(figure)


def lines(panel, style):
    return [line for line in panel.lines if line.get_linestyle() == style]


def test_gamma_stands_beside_its_random_walks_and_its_median_over_steps():
    runs = norms()
    runs[3:] = [replace(one, epochs=one.epochs.assign(gamma_walk=2.0)) for one in runs[3:]]
    panel = training_panels(runs).axes[1]
    medians, walks = lines(panel, ":"), lines(panel, "--")
    np.testing.assert_allclose([line.get_ydata() for line in medians], [[0.9, 1.8, 1.4]] * 2)
    np.testing.assert_allclose([line.get_ydata() for line in walks], [[0.5, 0.4, 0.6], [2.0, 2.0, 2.0]])
    variants = [line.get_color() for line in lines(panel, "-") if len(line.get_ydata()) == 3]
    assert [line.get_color() for line in walks] == variants  # a null belongs to one variant
    assert len(panel.collections) == 2  # no band but those of the seeds


def test_of_many_variants_the_medians_are_left_out_and_the_walks_are_paler():
    panel = training_panels([run(name, {"model.activation": name}, 0) for name in "abcdef"]).axes[1]
    assert not lines(panel, ":")
    assert [line.get_alpha() < 1 for line in lines(panel, "--")] == [True] * 6


@pytest.mark.parametrize(
    ("loss", "shown"),
    [
        ([2.303, 2.302, 2.300], "2.301"),
        ([2.4, 2.35, 2.3], "2.36"),
        ([2.0, 1.0, 0.5], "0.5"),
        ([0.2, 0.1, 0.03], "0.05"),
        ([6e-4, 4e-4, 2e-4], "2×10⁻⁴"),
        ([1.0, 0.1, 1e-4], "$\\mathdefault{10^{-2}}$"),
    ],
)
def test_a_logarithmic_axis_has_numbers_that_can_be_read(loss, shown):
    one = replace(norms()[0], epochs=norms()[0].epochs.assign(train_loss=loss))
    panel = training_panels([one], panels=["train_loss"]).axes[0]
    panel.figure.draw_without_rendering()
    low, high = panel.get_ylim()
    axis = panel.yaxis
    major = [
        text.get_text()
        for text, place in zip(axis.get_majorticklabels(), axis.get_majorticklocs(), strict=True)
        if low <= place <= high
    ]
    assert shown in major
    assert 2 <= len(major) == len(set(major)) <= 8
    assert not any(text.get_text() for text in axis.get_minorticklabels())


def test_any_column_of_epochs_can_be_a_panel():
    runs = [replace(one, epochs=one.epochs.assign(test_accuracy=[0.1, 0.5, 0.9])) for one in norms()]
    figure = training_panels(runs, panels=["test_accuracy", "cosine"])
    accuracy, cosine = figure.axes
    assert (accuracy.get_title(), accuracy.get_yscale()) == ("test accuracy", "linear")
    assert cosine.get_title() == "raw cosine"
    assert not [text for text in texts(figure) if text.startswith("γ:")]
    assert "raw cosine: random walk" in texts(figure)
    with pytest.raises(InputError, match=r"'gama' is no column of epochs, choose from gamma, .*train_loss"):
        training_panels(runs, panels=["gama"])


def test_a_measure_brings_its_own_panel():
    column = Column("flatness", "flatness", unit="largest eigenvalue", scale="log", baseline=1.0)
    columns = Columns(epochs=(column,)) + COLUMNS
    runs = [replace(one, epochs=one.epochs.assign(sharpness=2.0), columns=columns) for one in norms()]
    panel = training_panels(runs, panels=["train_loss", "flatness"]).axes[1]
    assert (panel.get_title(), panel.get_ylabel(), panel.get_yscale()) == ("flatness", "largest eigenvalue", "log")
    assert [1.0, 1.0] in [list(line.get_ydata()) for line in panel.lines]


def test_diverged_runs_are_named_in_the_legend():
    runs = [*norms()[:3], *(run("no batch norm", {"model.norm": "none"}, seed, diverged=True) for seed in range(3))]
    assert "no batch norm (3 diverged)" in texts(training_panels(runs))


def test_a_figure_whose_runs_all_diverged_is_still_drawn():
    runs = [run("batch norm", {"model.norm": "batch"}, seed, diverged=True) for seed in range(3)]
    shown = texts(training_panels(runs))
    assert "batch norm (3 diverged)" in shown
    assert shown.count("not recorded") == 2


def test_a_diverged_path_in_the_plane_is_named():
    settings = {"data.eigenvalues": [1.0, 18.0]}
    epochs = pd.DataFrame({"epoch": [1], "train_loss": [np.inf]})
    one = Run("curvatures 1, 18", settings, {}, 0, "f", True, epochs, {}, COLUMNS, None, None)
    assert "curvatures 1, 18\ndiverged" in texts(plane_panels([one], minimiser=np.ones(2)))


def test_what_was_not_recorded_is_said():
    assert "not recorded" in texts(training_panels(norms(cosine=np.nan)))


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_numbers_give_the_same_bytes(tmp_path, suffix):
    for name in ("one", "other"):
        save_figure(training_panels(norms()), tmp_path / name)
    assert (tmp_path / "one").with_suffix(suffix).read_bytes() == (tmp_path / "other").with_suffix(suffix).read_bytes()


def test_paths_in_the_plane_start_and_end_where_the_run_did():
    path = np.array([[0.0, 0.0], [0.5, 1.5], [1.0, 1.0]])
    steps = pd.DataFrame({"step": [0, 1], "gamma": [1.0, 0.5]})
    settings = {"data.eigenvalues": [1.0, 18.0]}
    tables = lambda measure, name: steps  # noqa: E731
    one = Run(
        "curvatures 1, 18",
        settings,
        {},
        0,
        "f",
        False,
        steps,
        {"gamma": 0.7},
        COLUMNS,
        tables,
        lambda measure, name: path,
    )
    figure = plane_panels([one], minimiser=np.ones(2))
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xydata(), path)
    assert "γ = 0.70 over the run" in figure.axes[0].get_title()
