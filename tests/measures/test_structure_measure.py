"""The measure `structure`: its function from iterates and from sketches, the stretch of matched loss, and what it refuses."""

import math

import numpy as np
import pytest

from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.measures.passes import measure
from trajreg.measures.regularity import Regularity
from trajreg.measures.structure import Structure
from trajreg.metrics.structure import matched_stretch, structure_function
from trajreg.training.spec import TrainSpec

# of its options, for the contract of all measures
EXAMPLES = [{}, {"estimator": "sketch"}, {"estimator": "store", "loss": [100, 1e-9]}]

QUADRATIC = {
    "data": {"name": "quadratic", "eigenvalues": [1.0, 3.0]},
    "model": {"name": "mlp", "hidden": [], "bias": False},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "num_epochs": 40,
}
DIGITS = {
    "data": {"name": "digits10", "num_train": 100, "num_test": 10},
    "model": {"name": "mlp", "hidden": [160]},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "batch_size": 20,
    "num_epochs": 6,
}


def measured(options, values=QUADRATIC):
    spec = TrainSpec.parse(values, "test")
    measures = {"structure": Structure.parse(options, "test"), "γ": Regularity(keep_iterates=True)}
    trained, results = measure(spec, load(spec.data), measures)
    return trained, results["structure"], results["γ"].arrays["iterates"]


def test_it_is_the_structure_function_of_the_iterates():
    _, result, iterates = measured({})
    table = result.tables["structure"]
    assert table.equals(structure_function(iterates))
    assert list(table["lag"]) == [1, 2, 4, 8]
    assert result.summary["structure_steps"] == 40
    assert 0.5 < result.summary["structure_exponent"] < 1  # gradient descent slows down
    assert result.how == "store, exact"


def test_sketches_tell_it_with_a_standard_error():
    _, exact, iterates = measured({"estimator": "store"}, DIGITS)
    assert iterates.shape[1] > 8192  # the sketch is none of all weights
    _, sketch, _ = measured({"estimator": "sketch"}, DIGITS)
    truth, table = exact.tables["structure"], sketch.tables["structure"]
    assert (np.abs(table["mean_sq"] - truth["mean_sq"]) < 4 * table["stderr"]).all()
    assert (table["stderr"] < 0.03 * table["mean_sq"]).all()
    exponents = [one.summary["structure_exponent"] for one in (exact, sketch)]
    assert exponents[1] == pytest.approx(exponents[0], abs=0.02)
    assert sketch.how == "sketch, not exact"


def test_the_stretch_of_matched_loss():
    trained, _, iterates = measured({})
    high, low = (
        trained.losses[step].item() * 1.01 for step in (6, 22)
    )  # the loss falls at every step, an epoch is one step
    result = measured({"loss": [high, low]})[1]
    assert result.tables["structure"].equals(structure_function(iterates[6:23]))
    assert result.summary["structure_steps"] == 16
    to_the_end = measured({"loss": [high, low / 1e9]})[1]
    assert to_the_end.summary["structure_steps"] == 34
    assert to_the_end.tables["structure"].equals(structure_function(iterates[6:]))


def test_a_loss_that_is_never_reached_leaves_it_unknown():
    result = measured({"loss": [1e-9, 1e-12]})[1]
    assert list(result.tables["structure"].columns) == ["lag", "mean_sq"]
    assert result.tables["structure"].empty
    assert all(math.isnan(value) for value in result.summary.values())


def test_a_stretch_without_a_step_has_no_exponent():
    first = measured({})[0].losses[0].item()
    result = measured({"loss": [first * 1.1, first * 1.05]})[1]
    assert result.summary["structure_steps"] == 0
    assert math.isnan(result.summary["structure_exponent"])


def test_matched_stretch_takes_whole_windows():
    assert matched_stretch([1.0, 1.0, 9.0, 1.0, 1.0], high=1.0, low=0.5, window=2) == (1, 5)
    assert matched_stretch([1.0, 1.0], high=2.0, low=0.5, window=3) is None


@pytest.mark.parametrize(
    ("high", "low", "window", "message"),
    [
        (1.0, 2.0, 1, "high = 1, low = 2: should be two positive losses, the higher first"),
        (1.0, 1.0, 1, "high = 1, low = 1"),
        (1.0, 0.0, 1, "high = 1, low = 0"),
        (math.nan, 0.5, 1, "high = nan"),
        (math.inf, 0.5, 1, "high = inf"),
        (1.0, 0.5, 0, "window = 0, should be at least 1 step"),
    ],
)
def test_a_stretch_between_losses_that_are_none_is_refused(high, low, window, message):
    with pytest.raises(ValueError, match=message):
        matched_stretch([2.0, 1.0, 0.5], high, low, window)


@pytest.mark.parametrize("loss", [[0.1, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0], 0.5, ["1", "0.1"], [float("inf"), 1.0]])
def test_losses_that_are_no_stretch_are_refused(loss):
    with pytest.raises(
        InputError, match=r"^somewhere: loss = .*must be \[high, low\], two positive losses, the higher"
    ):
        Structure.parse({"loss": loss}, "somewhere")


def test_other_estimators_are_refused():
    with pytest.raises(InputError, match="estimator = 'replay': input should be 'store', 'sketch' or 'auto'"):
        Structure.parse({"estimator": "replay"}, "somewhere")
