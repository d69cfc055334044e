"""The columns there are: what runs have, what today's tables show, and nothing slow to import."""

import subprocess
import sys

import numpy as np

import trajreg
from trajreg.measures import regularity
from trajreg.metrics.aggregate import over_stretches, summarise
from trajreg.studies.catalogue import COLUMNS
from trajreg.training.columns import TRAINING_COLUMNS


def test_the_columns_of_gamma_are_those_that_are_measured():
    steps = trajreg.regularity(distance_sq=np.arange(10.0, -1, -1), update_sq=np.ones(10), loss=np.ones(10), lr=0.1)
    assert {column.name for column in regularity.COLUMNS.summary} == {*summarise(steps), "obeys_epochs"}
    assert {column.name for column in regularity.COLUMNS.epochs} == set(over_stretches(steps, np.zeros(10)))


def test_the_order_of_the_tables():
    training = ["final_train_loss", "final_test_accuracy", "final_test_mean_iou"]
    gamma = ["gamma", "gamma_early", "directedness", "gamma_excess", "gamma_walk"]
    gamma += ["forward_cosine", "cosine", "gamma_positive"]
    shown, compared = list(COLUMNS.shown), list(COLUMNS.compared)
    assert shown[: len(gamma)] == gamma  # other measures' stand between these and the training's
    assert shown[-len(training) :] == training
    assert [COLUMNS.title(name) for name in ("gamma", "gamma_early", "cosine_late")] == [
        "γ, whole run",
        "γ, early",
        "raw cosine, median, late",
    ]
    assert compared[:6] == ["gamma", "gamma_early", "directedness", "gamma_excess", "forward_cosine", "cosine"]
    assert compared[-2:] == training[:2]


def test_every_column_names_columns_there_are():
    epochs = {column.name for column in COLUMNS.epochs}
    named = [name for column in COLUMNS.epochs for name in (column.null, column.companion) if name]
    assert set(named) <= epochs
    assert {column.first_below for column in COLUMNS.summary if column.first_below} <= {
        "lr",
        "loss",
    }  # of a training's steps
    assert {column.beside for column in COLUMNS.summary if column.beside} <= set(COLUMNS.claimable)
    finals = {f"final_{column.name}" for column in TRAINING_COLUMNS.epochs}
    assert finals == {column.name for column in TRAINING_COLUMNS.summary} - {"steps_to_loss"}


def test_columns_are_known_without_torch():
    code = "import sys, trajreg.studies.catalogue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
