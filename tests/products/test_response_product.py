"""Whole runs against the learning rate: the best one, what never got there, and what the picture needs."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import SETTING, figure

from trajreg.errors import InputError
from trajreg.products.response import best_rows, response
from trajreg.runs.products import ProductFolder
from trajreg.studies.run import Run

GRID = {"model.norm": ["batch", "none"], "model.activation": ["relu", "tanh"], "optimizer.lr": [0.1, 0.2, 0.4]}
LOSS = {0.1: 0.4, 0.2: 0.1, 0.4: 0.2}


def asked(**changes):
    return figure({"title": "Rates", "contrasts": {}}, vary=GRID, seeds=2, **changes)


FIGURE = asked(thresholds={"steps_to_loss": 0.25})


def run(variant, seed):
    """Loses 1 and then LOSS; without batch norm it diverges at the largest rate."""
    lr = variant.spec.optimizer.lr
    diverged = lr == 0.4 and variant.spec.model.norm == "none"
    known = {
        "final_train_loss": LOSS[lr] * (1 + seed),
        "gamma": 1 / lr,
        "directedness": 0.2 / lr,
        "forward_cosine_late": -lr,
    }
    losses = pd.DataFrame({"loss": [1.0, 1.0, LOSS[lr], LOSS[lr]]})
    epochs = pd.DataFrame({"epoch": [1, 2], "step": [2, 4]})
    return Run(
        variant.label, variant.settings, variant.names, seed, "f", diverged, epochs, {} if diverged else known,
        FIGURE.columns, None, None, own=lambda name: losses,
    )  # fmt: skip


RUNS = [run(variant, seed) for variant in FIGURE.variants for seed in range(2)]


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def test_the_table_is_at_the_rate_with_the_smallest_final_loss(tmp_path):
    product = response(FIGURE, RUNS, rows="model.norm")
    assert set(product.shown["Best η"]) == {0.2}
    assert set(product.shown["D, median"]) == {1.0}
    assert set(product.shown["Steps"]) == {4.0}
    assert set(best_rows(product.table)["x"]) == {0.2}
    assert len(product.shown) == 4
    ProductFolder(tmp_path).save("response", product)
    titles = [axis.get_title() for axis in product.picture.axes]
    assert titles[:2] == ["final train loss", "steps to a training loss"]
    assert [axis.get_ylabel() for axis in product.picture.axes if axis.get_ylabel()] == ["batch norm", "no batch norm"]
    assert len(titles) == 8


def test_what_was_never_reached_is_infinite_and_marked_at_the_top():
    product = response(FIGURE, RUNS, rows="model.norm")
    steps = product.table.groupby(["row", "x"])["steps_to_loss"].max()
    assert steps["batch norm", 0.1] == math.inf
    assert steps["batch norm", 0.4] == 4
    assert steps["no batch norm", 0.4] == math.inf
    axis = product.picture.axes[1]
    marked = [line.get_xdata() for line in axis.get_lines() if line.get_marker() == "^"]
    assert [np.asarray(xs).tolist() for xs in marked] == [[0.1], [0.1]]


def test_without_rows_there_is_one():
    only = figure({"contrasts": {}}, vary={"optimizer.lr": [0.1, 0.2]}, seeds=1, thresholds={"steps_to_loss": 0.25})
    made = [run(variant, 0) for variant in only.variants]
    product = response(only, made)
    assert product.shown["Best η"].tolist() == [0.2]


def test_what_is_lacking_is_named():
    with pytest.raises(
        InputError, match=r"thresholds.steps_to_loss is needed: the training loss that is to be reached"
    ):
        response(asked(), RUNS)
    with pytest.raises(
        InputError, match=r"fig04: data.name is not varied; what is varied: model.norm, model.activation"
    ):
        response(FIGURE, RUNS, rows="data.name")
    with pytest.raises(
        InputError, match=r"thresholds.gama is no metric that reaches something, choose from steps_to_loss"
    ):
        asked(thresholds={"gama": 0.25})
    assert "thresholds" not in SETTING
