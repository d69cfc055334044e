"""ℓ* at the end point: the mini-batches' own forward passes, or one pass in eval mode that is named where it approximates."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from trajreg.data.load import load
from trajreg.measures.passes import measure
from trajreg.measures.regularity import Regularity
from trajreg.models.build import MODELS, build
from trajreg.models.spec import MODEL_SPECS, parse_model
from trajreg.training.loop import train
from trajreg.training.optimum import endpoint_eval_losses, endpoint_losses
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec
from trajreg.training.tasks import TASKS

MODE_DEPENDENT = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
DIGITS = {"data": {"name": "digits10", "num_train": 100, "num_test": 10}, "batch_size": 30}
PLAIN = {
    "classification": DIGITS | {"model": {"name": "mlp", "hidden": [8]}},
    "segmentation": {
        "data": {"name": "digits_seg", "num_train": 10, "num_test": 2},
        "model": {"name": "unet", "width": 0.03125, "depth": 2, "norm": "none"},
        "batch_size": 4,
    },
    "regression": {
        "data": {"name": "quadratic", "eigenvalues": [1.0, 18.0]},
        "model": {"name": "mlp", "hidden": [5]},
        "batch_size": 3,
    },
    "one_hot_mse": DIGITS | {"model": {"name": "mlp", "hidden": [8]}, "task": "one_hot_mse"},
}
BOTH_MODES = {"name": "mlp", "hidden": [8], "dropout": 0.4, "norm": "batch"}


def spec(task="classification", **changes):
    return TrainSpec.parse(PLAIN[task] | {"optimizer": {"name": "sgd", "lr": 0.02}, "num_epochs": 3} | changes, "test")


def data_of(one):
    """Its data; segmentations with pixels that have no class, and one sample in which hardly one has any."""
    data = load(one.data)
    if data.task != "segmentation":
        return data
    drawn = torch.rand(data.train_targets.shape, generator=torch.Generator().manual_seed(0))
    targets = torch.where(drawn < 0.3, -100, data.train_targets)
    targets[1] = -100
    targets[1, 0, 0] = 0
    return replace(data, train_targets=targets)


def finished(one, data=None):
    """(session, training) at the end."""
    session = Session(one, data or data_of(one))
    return session, train(session)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("batch_size", ["some", None])
def test_without_batch_norm_and_dropout_both_are_the_same(task, batch_size):
    session, trained = finished(spec(task, **({} if batch_size else {"batch_size": None})))
    exact, one_pass = endpoint_losses(session), endpoint_eval_losses(session)
    assert exact.shape == trained.losses.shape
    np.testing.assert_allclose(one_pass, exact, rtol=2e-6)


def test_the_mean_of_a_segmentation_is_over_the_pixels_that_have_a_class():
    session, _ = finished(spec("segmentation", batch_size=10, num_epochs=1))
    assert endpoint_eval_losses(session) == pytest.approx(endpoint_losses(session), rel=2e-6)
    per_sample = (session.data.train_targets >= 0).flatten(1).sum(dim=1)
    assert per_sample.min() == 1 < per_sample.max()  # a mean of the samples' means would be another number


def test_a_mini_batch_without_any_class_has_loss_0_in_both():
    one = spec("segmentation", batch_size=1, num_epochs=2)
    data = data_of(one)
    targets = data.train_targets.clone()
    targets[3] = -100
    session, trained = finished(one, replace(data, train_targets=targets))
    assert (trained.losses == 0).sum() == 2
    exact = endpoint_losses(session)
    np.testing.assert_array_equal(exact == 0, trained.losses == 0)
    np.testing.assert_allclose(endpoint_eval_losses(session), exact, rtol=2e-6)


def test_large_data_is_passed_in_pieces(monkeypatch):
    session, _ = finished(spec())
    whole = endpoint_eval_losses(session)
    monkeypatch.setattr("trajreg.training.tasks.EVAL_VALUES", 7 * session.data.train_inputs[0].numel())
    np.testing.assert_allclose(endpoint_eval_losses(session), whole, rtol=2e-6)


def test_it_is_the_loss_of_training_that_stays_at_the_end_point():
    one = spec(model=BOTH_MODES)
    session, _ = finished(one)
    still = Session(one, session.data)
    still.model.load_state_dict(session.model.state_dict())
    still.optimizer = torch.optim.SGD(
        still.weights, lr=0.0
    )  # batch norm's means move, which no loss in train mode sees
    np.testing.assert_array_equal(endpoint_losses(session), train(still).losses)


def test_without_dropout_and_norm_it_is_a_mean_over_samples():
    session, _ = finished(spec())
    data, order = session.data, Session(session.spec, session.data).order
    with torch.no_grad():
        losses = functional.cross_entropy(session.model(data.train_inputs), data.train_targets, reduction="none")
    batches = torch.cat([torch.randperm(100, generator=order)[:90] for _ in range(3)])
    np.testing.assert_allclose(endpoint_losses(session), losses[batches].view(9, 30).mean(dim=1), rtol=1e-5)


@pytest.mark.parametrize("losses_of", [endpoint_losses, endpoint_eval_losses])
def test_the_session_stays_as_it_is(losses_of):
    session, _ = finished(spec(model=BOTH_MODES))
    torch.manual_seed(5)
    before, here = torch.get_rng_state(), session.state()
    losses = losses_of(session)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, here.tensors[name]) for name, value in session.state().tensors.items())
    np.testing.assert_array_equal(losses_of(session), losses)


@pytest.mark.parametrize("change", [{"norm": "batch"}, {"dropout": 0.5}])
def test_with_batch_norm_or_dropout_one_pass_is_another_number_and_named_an_approximation(change):
    one = spec(model={"name": "mlp", "hidden": [8]} | change)
    measures = {optimum: Regularity(optimum=optimum) for optimum in ("endpoint", "endpoint_eval")}
    _, results = measure(one, load(one.data), measures)
    exact, approximate = results["endpoint"], results["endpoint_eval"]
    assert not np.allclose(exact.tables["steps"]["gap"], approximate.tables["steps"]["gap"], rtol=1e-4)
    assert (exact.facts["optimum"], exact.facts["exact"]) == ("endpoint", True)
    assert (approximate.facts["optimum"], approximate.facts["exact"]) == ("endpoint_eval (approximate)", False)
    assert exact.how == "store, ℓ* endpoint, exact"
    assert approximate.how == "store, ℓ* endpoint_eval (approximate), not exact"
    for table in ("steps", "epochs"):
        assert set(approximate.tables[table]["optimum"]) == {"endpoint_eval (approximate)"}


def test_it_is_the_same_with_every_estimator():
    one = spec(model=BOTH_MODES)
    tried = ("store", "epoch", "sketch", "auto", "replay")
    measures = {name: Regularity(estimator=name, optimum="endpoint_eval") for name in tried}
    _, results = measure(one, load(one.data), measures)
    gaps = {name: result.tables["steps"]["gap"] for name, result in results.items()}
    for name in ("sketch", "auto", "replay"):
        np.testing.assert_array_equal(gaps[name], gaps["store"])
    np.testing.assert_allclose(gaps["epoch"], gaps["store"].groupby(np.arange(9) // 3).mean(), rtol=1e-10)


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("name", MODELS)
def test_it_is_called_exact_for_the_nets_that_have_one_mode(name, norm):
    fields = MODEL_SPECS[name].model_fields
    for option in ({}, *({one: 0.5} for one in ("dropout", "block_dropout") if one in fields)):
        model = {"name": name, "norm": norm} | option | ({"width": 0.1} if "width" in fields else {})
        parsed = parse_model(model, "test")
        net = build(parsed, (1, 32, 32), 3)
        modes = any(isinstance(one, MODE_DEPENDENT) and getattr(one, "p", 1) > 0 for one in net.modules())
        assert parsed.same_in_both_modes is not modes
