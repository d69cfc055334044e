"""The measure `endpoint`: Identity B with ℓ* at the end point, over all steps, from the ends of the run alone."""

import math

import numpy as np
import pytest

from trajreg.data.load import load
from trajreg.measures.endpoint import Endpoint
from trajreg.measures.passes import measure
from trajreg.measures.regularity import Regularity
from trajreg.metrics.aggregate import phase_of
from trajreg.training.optimum import endpoint_losses
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec

# of its options, for the contract of all measures
EXAMPLES = [{}, {"every": 2}]

MLP = {
    "data": {"name": "digits10", "num_train": 200, "num_test": 10},
    "model": {"name": "mlp", "hidden": [8], "norm": "batch", "dropout": 0.2},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "batch_size": 20,
    "num_epochs": 10,
}
QUADRATIC = {
    "data": {"name": "quadratic", "eigenvalues": [1.0]},
    "model": {"name": "mlp", "hidden": [], "bias": False},
    "optimizer": {"name": "sgd", "lr": 0.5},
    "num_epochs": 1,
}


def both(options=None, **changes):
    """(the training, its end points, γ of every step with ℓ* at the end point)."""
    spec = TrainSpec.parse(MLP | changes, "test")
    regularity = Regularity.parse({"optimum": "endpoint", "keep_iterates": True}, "test")
    measures = {"e": Endpoint.parse(options or {}, "test"), "r": regularity}
    trained, found = measure(spec, load(spec.data), measures)
    return trained, found["e"], found["r"]


def test_it_is_identity_b_over_all_steps_those_without_a_gap_as_well():
    _, ends, regularity = both(num_epochs=40)
    steps = regularity.tables["steps"]
    distance_sq = np.append(steps["distance"] ** 2, 0)
    for suffix, kept in {"": steps["step"] >= 0, **{f"_{p}": phase_of(steps) == p for p in ("early", "late")}}.items():
        stretch = np.flatnonzero(kept)
        drop = distance_sq[stretch[0]] - distance_sq[stretch[-1] + 1]
        work = (steps["lr"] * steps["gap"])[kept].sum()
        assert ends.summary[f"gamma_endpoint{suffix}"] == pytest.approx(drop / (2 * work), rel=1e-6)
    assert ends.summary["gap_positive"] == (steps["gap"] > 0).mean() < 1
    assert ends.summary["endpoint_loss"] == pytest.approx((steps["loss"] - steps["gap"]).mean(), rel=1e-12)
    assert (ends.facts["exact"], ends.how) == (True, "ℓ* at the end point exact")


def test_with_all_gaps_positive_it_is_the_gamma_of_every_step_over_the_run():
    changes = {"data": QUADRATIC["data"], "model": QUADRATIC["model"], "batch_size": None, "num_epochs": 5}
    _, ends, regularity = both(**changes)
    for suffix in ("", "_early", "_late"):
        assert ends.summary[f"gamma_endpoint{suffix}"] == pytest.approx(regularity.summary[f"gamma{suffix}"], rel=1e-5)
    assert ends.summary["gap_positive"] == 1


def test_start_and_end_are_kept_so_that_runs_can_be_compared():
    _, ends, regularity = both()
    iterates = regularity.arrays["iterates"]
    assert ends.arrays.keys() == {"start", "end"}
    for name, place in {"start": 0, "end": -1}.items():
        assert ends.arrays[name].dtype == np.float32
        np.testing.assert_array_equal(ends.arrays[name], iterates[place])


def test_from_some_epochs_it_hardly_differs():
    plain = {"model": {"name": "mlp", "hidden": [8], "norm": "batch"}}
    _, exact, _ = both(**plain)
    for every in (2, 5, 10):
        _, some, _ = both({"every": every}, **plain)
        assert some.summary["gamma_endpoint"] == pytest.approx(exact.summary["gamma_endpoint"], rel=0.02)
        assert some.summary["gamma_endpoint"] != exact.summary["gamma_endpoint"]
        assert (some.facts["exact"], some.how) == (False, f"ℓ* at the end point from every {every} epochs, not exact")


def test_the_epochs_that_are_passed_have_the_mini_batches_of_training():
    spec = TrainSpec.parse(MLP | {"model": {"name": "mlp", "hidden": [8], "norm": "batch"}}, "test")
    session = Session(spec, load(spec.data))
    exact, some = (endpoint_losses(session, every).reshape(10, 10) for every in (1, 3))
    np.testing.assert_array_equal(some[::3], exact[::3])
    assert np.isnan(np.delete(some, [0, 3, 6, 9], axis=0)).all()


def test_a_run_of_one_step_has_no_late_phase():
    spec = TrainSpec.parse(QUADRATIC, "test")
    _, found = measure(spec, load(spec.data), {"e": Endpoint()})
    summary = found["e"].summary
    assert summary["gamma_endpoint_early"] == summary["gamma_endpoint"]
    assert math.isnan(summary["gamma_endpoint_late"])


def test_without_a_positive_sum_of_gaps_there_is_no_gamma():
    spec = TrainSpec.parse(QUADRATIC | {"optimizer": {"name": "sgd", "lr": 2.5}}, "test")  # it goes up
    _, found = measure(spec, load(spec.data), {"e": Endpoint()})
    assert math.isnan(found["e"].summary["gamma_endpoint"])
    assert found["e"].summary["gap_positive"] == 0
