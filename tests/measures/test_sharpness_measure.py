"""The measure `sharpness`: exact on quadratics, at the steps that were asked for, with the limit of stability beside it."""

import numpy as np
import pytest
import torch

from trajreg.columns import Bound
from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.measures.passes import measure
from trajreg.measures.sharpness import Sharpness, stability_limit
from trajreg.training.spec import OptimizerSpec, TrainSpec

# of its options, for the contract of all measures
EXAMPLES = [
    {"every": 3, "num_samples": 20},
    {"every": 5, "early": 2, "k": 2, "mode": "train", "batch_size": 16, "tol": 0.01},
]

QUADRATIC = {
    "data": {"name": "quadratic", "eigenvalues": [1.0, 18.0]},
    "model": {"name": "mlp", "hidden": [], "bias": False},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "num_epochs": 6,
}


def measured(options, **changes):
    spec = TrainSpec.parse(QUADRATIC | changes, "test")
    _, results = measure(spec, load(spec.data), {"sharpness": Sharpness.parse(options, "test")})
    return results["sharpness"]


def test_on_a_quadratic_it_is_the_largest_curvature_at_every_step():
    result = measured({"every": 1, "k": 2})
    steps = result.tables["steps"]
    assert list(steps["step"]) == list(range(7))  # before each of the six, and after the last
    np.testing.assert_allclose(steps["sharpness"], 18, rtol=1e-6)
    np.testing.assert_allclose(steps["sharpness_2"], 1, rtol=1e-5)
    assert (steps[["residual", "residual_2"]] < 1e-4).all(axis=None)
    np.testing.assert_allclose(steps["stability_limit"], 20)
    assert result.summary["sharpness_max"] == steps["sharpness"].max()
    assert result.facts["num_hvps"] == steps["num_hvps"].sum() > 0


@pytest.mark.parametrize(("lr", "reached"), [(0.1, Bound(low=7.0)), (0.112, 0.0)])
def test_a_limit_that_is_never_reached_is_a_bound(lr, reached):
    result = measured({"every": 2}, optimizer={"name": "sgd", "lr": lr})
    assert result.summary["steps_to_edge"] == reached


def test_without_a_limit_nothing_is_said_of_it():
    assert np.isnan(measured({"every": 2}, optimizer={"name": "adam", "lr": 0.1}).summary["steps_to_edge"])


def test_the_first_steps_may_be_measured_more_densely():
    assert list(measured({"every": 4, "early": 2}).tables["steps"]["step"]) == [0, 1, 4, 6]


def test_epochs_have_the_median_of_their_steps_and_what_was_not_measured_has_no_row():
    result = measured({"every": 4})
    assert list(result.tables["epochs"]["epoch"]) == [1, 5, 6]


def test_more_samples_than_there_are_is_refused():
    data = {"name": "digits10", "num_train": 30, "num_test": 10}
    spec = TrainSpec.parse(QUADRATIC | {"data": data, "model": {"name": "mlp"}}, "test")
    with pytest.raises(InputError, match=r"fig.yaml: num_samples = 31, but the training set has 30"):
        Sharpness(num_samples=31).check(spec, "fig.yaml")


def shrinks(optimizer: torch.optim.Optimizer, weight: torch.Tensor, curvature: float) -> bool:
    """Whether 400 steps on curvature/2 · w² lead to its minimum."""
    for _ in range(400):
        optimizer.zero_grad()
        (curvature / 2 * weight**2).sum().backward()
        optimizer.step()
    return abs(weight.item()) < 1


@pytest.mark.parametrize("weight_decay", [0.0, 2.0])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_the_limit_is_where_descent_on_a_quadratic_turns_round(momentum, nesterov, weight_decay):
    options = {"lr": 0.05, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
    limit = stability_limit(OptimizerSpec(name="sgd", **options), 0.05)
    for factor, expected in ((0.98, True), (1.02, False)):
        weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
        assert shrinks(torch.optim.SGD([weight], **options), weight, factor * limit) is expected
