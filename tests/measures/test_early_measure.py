"""The measure `early`: the recorder's numbers on the first steps alone, whatever comes after them."""

import math

import pytest

from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.measures.early import Early
from trajreg.measures.passes import measure
from trajreg.measures.regularity import Regularity
from trajreg.training.spec import TrainSpec

# of its options, for the contract of all measures
EXAMPLES = [{}, {"estimator": "sketch"}, {"fraction": 0.5, "estimator": "store"}]

QUADRATIC = {
    "data": {"name": "quadratic", "eigenvalues": [1.0, 1.0]},
    "model": {"name": "mlp", "hidden": [], "bias": False},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "num_epochs": 40,
}
DIGITS = {
    "data": {"name": "digits10", "num_train": 100, "num_test": 10},
    "model": {"name": "mlp", "hidden": [160]},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "batch_size": 20,
    "num_epochs": 6,
}


def measured(options, values, **more):
    spec = TrainSpec.parse(values | more, "test")
    measures = {"early": Early.parse(options, "test"), "γ": Regularity()}
    trained, results = measure(spec, load(spec.data), measures)
    return trained, results


def test_on_a_straight_line_it_has_closed_forms():
    trained, results = measured({}, QUADRATIC)  # gradient descent in a round bowl: θ_t = 0.9^t θ_0
    early, steps = results["early"].summary, [0.9**step for step in range(8)]
    energy = sum((0.1 * one) ** 2 for one in steps)
    assert early["early_steps"] == 8
    assert early["early_directedness"] == pytest.approx((1 - 0.9**8) ** 2 / energy, rel=1e-5)
    assert early["early_forward_cosine"] == pytest.approx(1)
    assert early["early_gamma"] == pytest.approx((1 - 0.9**8) ** 2 / (0.1 * sum(one**2 for one in steps)), rel=1e-5)
    assert early["early_gamma"] == pytest.approx(early["early_directedness"] * early["early_gamma_walk"])
    assert early["early_loss"] == pytest.approx(trained.losses[:8].mean())
    assert early["early_loss_end"] == pytest.approx(trained.losses[7])
    whole = results["γ"].tables["steps"]["distance"].iloc[0]
    assert early["early_distance"] == pytest.approx(whole * (1 - 0.9**8) / (1 - 0.9**40), rel=1e-5)


def test_what_comes_later_does_not_matter():
    early = measured({"fraction": 1 / 3}, DIGITS)[1]["early"].summary
    alone = measured({"fraction": 1.0}, DIGITS, num_epochs=2)[1]
    assert alone["early"].summary == early  # to the bit
    gamma = alone["γ"].summary
    for name in ("directedness", "forward_cosine", "forward_cosine_mean", "gamma", "gamma_walk"):
        assert early[f"early_{name}"] == gamma[name]


def test_sketches_have_exact_sums_and_close_cosines():
    (_, exact), (_, sketch) = (measured({"estimator": name}, DIGITS) for name in ("store", "sketch"))
    assert (exact["early"].how, sketch["early"].how) == (
        "first 6 steps: store, exact",
        "first 6 steps: sketch, not exact",
    )
    truth, found = exact["early"].summary, sketch["early"].summary
    for name in truth:
        error = 0.03 if "cosine" in name else 1e-5
        assert found[name] == pytest.approx(truth[name], abs=error), name


@pytest.mark.parametrize(
    ("fraction", "total", "steps"), [(0.2, 100, 20), (0.2, 4, 2), (0.2, 1, 1), (1.0, 7, 7), (0.29, 100, 29)]
)
def test_it_has_at_least_two_steps_where_there_are_two(fraction, total, steps):
    assert Early(fraction=fraction).num_steps(total) == steps


def test_of_a_single_step_there_is_no_forward_cosine():
    early = measured({}, QUADRATIC, num_epochs=1)[1]["early"].summary
    assert early["early_directedness"] == pytest.approx(1)
    assert math.isnan(early["early_forward_cosine"])


@pytest.mark.parametrize("fraction", [0.0, -1, 1.5, "half", float("nan")])
def test_a_fraction_that_is_none_is_refused(fraction):
    with pytest.raises(InputError, match=r"^somewhere: fraction"):
        Early.parse({"fraction": fraction}, "somewhere")


def test_it_is_a_public_measure_beside_the_columns_towards_the_end():
    both = Regularity.COLUMNS + Early.COLUMNS
    assert len(both.summary) == len(Regularity.COLUMNS.summary) + len(Early.COLUMNS.summary)
    titles = [column.title for column in both.summary]
    assert len(set(titles)) == len(titles)
    assert not Early.COLUMNS.shown
