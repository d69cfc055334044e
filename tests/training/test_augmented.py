"""Augmented mini-batches: other ones each epoch, the same ones whenever that epoch is met again."""

import numpy as np
import pytest
import torch

from trajreg.data.load import load
from trajreg.measures.passes import measure
from trajreg.measures.regularity import Regularity
from trajreg.training.loop import replay, train
from trajreg.training.optimum import endpoint_eval_losses, endpoint_losses
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec

DIGITS = {"name": "digits10", "num_train": 60, "num_test": 10}
SCENES = {
    "data": {"name": "digits_seg", "num_train": 12, "num_test": 2, "augment": {}},
    "model": {"name": "unet", "width": 0.03125, "depth": 2},
    "batch_size": 4,
}
PLAIN = {"name": "mlp", "hidden": [8]}
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def spec(augment=None, **changes):
    base = {
        "data": DIGITS | {"augment": augment},
        "model": PLAIN | {"dropout": 0.4, "norm": "batch"},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "batch_size": 20,
        "num_epochs": 4,
    }
    return TrainSpec.parse(base | changes, "test")


def session(augment=None, **changes):
    one = spec(augment, **changes)
    return Session(one, load(one.data))


def inputs_of(one, run):
    """(steps, …) the inputs that the net sees in train mode while `run()` runs."""
    seen = []
    hook = one.model.register_forward_pre_hook(lambda model, given: seen.append(given[0]) if model.training else None)
    run()
    hook.remove()
    return torch.stack(seen)


def test_off_and_of_no_strength_are_the_same_bits():
    plain = train(session())
    assert train(session({"padding": 0, "flip": False})).landings == plain.landings
    augmented = train(session({}))
    assert not set(augmented.landings) & set(plain.landings)
    assert train(session({})).landings == augmented.landings


def test_the_order_of_the_data_stays_as_it_is():
    states = []
    for one in (session(), session({})):
        train(one)
        states.append(one.order.get_state())
    assert torch.equal(*states)


@pytest.mark.parametrize("device", DEVICES)
def test_a_full_batch_is_another_one_each_epoch_and_another_seed_draws_others(device):
    one = session({"padding": 2}, batch_size=None, device=device)
    seen = inputs_of(one, lambda: train(one))
    assert len({image.cpu().numpy().tobytes() for image in seen}) == 4
    other = session({"padding": 2}, batch_size=None, seed=1, device=device)
    assert not torch.equal(inputs_of(other, lambda: train(other))[0], seen[0])


@pytest.mark.parametrize("changes", [{}, {"batch_size": None}, {"replacement": True}, SCENES])
@pytest.mark.parametrize("device", DEVICES)
def test_a_training_goes_on_and_is_replayed_from_a_snapshot(changes, device, tmp_path):
    snapshots, changes = Snapshots(tmp_path), changes | {"device": device}
    stored = train(session({}, **changes), snapshots=snapshots)
    replay(session({}, **changes), [], stored, last=4, start=(snapshots.read(2), 2))
    snapshots.keep_only([0, 1])
    assert train(session({}, **changes), snapshots=snapshots).landings == stored.landings


@pytest.mark.parametrize("changes", [{}, {"batch_size": None}, SCENES])
def test_the_end_point_meets_the_mini_batches_of_the_training(changes):
    one = session({"padding": 2}, **changes)
    trained = inputs_of(one, lambda: train(one))
    assert torch.equal(inputs_of(one, lambda: endpoint_losses(one)), trained)
    per_epoch = one.steps_per_epoch
    some = inputs_of(one, lambda: endpoint_losses(one, every=2))
    assert torch.equal(some[per_epoch:], trained[2 * per_epoch : 3 * per_epoch])


def gamma(estimator, **changes):
    one = spec({"padding": 2}, **changes)
    return measure(one, load(one.data), {"γ": Regularity(estimator=estimator, optimum="endpoint")})[1]["γ"]


def test_a_second_pass_meets_them_at_the_end_point_too():
    store, again = gamma("store"), gamma("replay")
    for name in ("gap", "gamma"):
        np.testing.assert_array_equal(store.tables["steps"][name], again.tables["steps"][name])
    assert store.facts["exact"]
    assert again.facts["exact"]


def test_one_pass_in_eval_mode_is_called_approximate_as_with_dropout():
    for augment, told in ((None, "endpoint_eval"), ({}, "endpoint_eval (approximate)")):
        one = spec(augment, model=PLAIN)
        result = measure(one, load(one.data), {"γ": Regularity(optimum="endpoint_eval")})[1]["γ"]
        assert result.facts["optimum"] == told
        assert result.facts["exact"] is (augment is None)
    augmented = session({}, model=PLAIN)
    train(augmented)
    assert not np.allclose(endpoint_losses(augmented), endpoint_eval_losses(augmented), rtol=1e-3)


def test_a_test_set_is_never_augmented():
    one = session({"padding": 4})
    seen = []
    one.model.register_forward_pre_hook(lambda model, given: None if model.training else seen.append(given[0]))
    train(one)
    assert len(seen) == 4
    assert all(torch.equal(inputs, one.data.test_inputs) for inputs in seen)
