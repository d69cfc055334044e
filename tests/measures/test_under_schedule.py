"""γ and D of a training whose learning rate changes: sums weigh η, D knows no η, and γ = D · γ^walk."""

import numpy as np
import pytest

import trajreg
from trajreg.data.load import load
from trajreg.measures.passes import measure
from trajreg.measures.regularity import Regularity
from trajreg.metrics.aggregate import over_stretches
from trajreg.metrics.factors import factors
from trajreg.training.spec import TrainSpec

SCHEDULES = [
    {"name": "cosine", "warmup": 1},
    {"name": "step", "every": 2, "factor": 0.1},
    {"name": "constant", "warmup": 3},
]


def measured(schedule, **options):
    values = {
        "data": {"name": "digits10", "num_train": 100, "num_test": 10, "augment": {}},
        "model": {"name": "mlp", "hidden": [8], "dropout": 0.2},
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "clip_norm": 0.5},
        "schedule": schedule,
        "batch_size": 20,
        "num_epochs": 5,
    }
    spec = TrainSpec.parse(values, "test")
    trained, results = measure(spec, load(spec.data), {"γ": Regularity.parse(options, "test")})
    return trained, results["γ"]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda one: one["name"])
@pytest.mark.parametrize("estimator", ["store", "epoch", "replay"])
def test_gamma_of_the_run_and_of_epochs_follows_from_the_distances(estimator, schedule):
    trained, result = measured(schedule, estimator=estimator)
    path = measured(schedule, keep_iterates=True)[1].arrays["iterates"].astype(np.float64)
    distance_sq = ((path - path[-1]) ** 2).sum(axis=1)
    update_sq = ((path[1:] - path[:-1]) ** 2).sum(axis=1)
    weight = trained.lr * trained.losses
    assert trained.lr.max() > 2 * trained.lr.min()
    assert result.summary["gamma"] == pytest.approx(distance_sq[0] / (2 * weight.sum()), rel=1e-5)
    descent = -np.diff(distance_sq[::5])
    epochs = result.tables["epochs"]
    np.testing.assert_allclose(epochs["gamma"], descent / (2 * weight.reshape(5, 5).sum(axis=1)), rtol=1e-4)
    assert result.summary["directedness"] == pytest.approx(distance_sq[0] / update_sq.sum(), rel=1e-5)
    assert result.summary["gamma_walk"] == pytest.approx(update_sq.sum() / (2 * weight.sum()), rel=1e-5)
    np.testing.assert_allclose(epochs["gamma"], epochs["directedness"] * epochs["gamma_walk"], rtol=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda one: one["name"])
def test_the_splits_stay_exact_and_theorem_1_is_weighted(schedule):
    steps = measured(schedule)[1].tables["steps"]
    split = factors(steps).loc["whole"]
    assert split["gamma"] == pytest.approx(split["directedness"] * split["energy"] / split["loss"], rel=1e-9)
    assert split["directedness"] == pytest.approx(trajreg.directedness(steps), rel=1e-6)
    bound = trajreg.theorem_bound(steps)
    assert bound.average_gap == pytest.approx(np.average(steps["gap"], weights=steps["lr"]))


def test_a_halved_rate_on_the_same_path_doubles_gamma_and_leaves_directedness():
    """In the half of the path where the rate is half as large, by hand: 4, 3, 2, 1, 0 with every gap 1."""
    squares = np.arange(4, -1, -1.0) ** 2
    path = {"distance_sq": squares, "update_sq": np.ones(4), "loss": np.ones(4)}
    tables = [trajreg.regularity(**path, lr=lr) for lr in (0.5, np.array([0.5, 0.5, 0.25, 0.25]))]
    constant, halved = (over_stretches(table, np.array([1, 1, 2, 2])) for table in tables)
    assert (halved["gamma"] / constant["gamma"]).tolist() == [1, 2]
    assert halved["directedness"].tolist() == constant["directedness"].tolist() == [6, 2]
    whole = over_stretches(tables[1], np.zeros(4)).iloc[0]
    assert whole["gamma"] == pytest.approx(16 / (2 * 1.5))  # d_0² / (2 Σ η gap), not the mean of γ_t
    assert whole["directedness"] == 4
