"""What a training takes, by hand for a net that is small enough."""

import pytest

from trajreg.data.load import load
from trajreg.training.room import step_bytes
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec


def session(batch_size, hidden=(), **optimizer):
    values = {
        "data": {"name": "digits10", "num_train": 60, "num_test": 20},
        "model": {"name": "mlp", "hidden": [*hidden]},
        "optimizer": {"name": "sgd", "lr": 0.05} | optimizer,
        "batch_size": batch_size,
        "num_epochs": 1,
    }
    spec = TrainSpec.parse(values, "test")
    return Session(spec, load(spec.data))


@pytest.mark.parametrize("batch_size", [10, 20])
@pytest.mark.parametrize(("optimizer", "copies"), [({}, 0), ({"momentum": 0.9}, 1), ({"name": "adam"}, 2)])
def test_a_linear_net_keeps_gradients_state_and_its_inputs(batch_size, optimizer, copies):
    weights, inputs = 4 * (64 * 10 + 10), 4 * 64 * batch_size
    assert step_bytes(session(batch_size, **optimizer)) == (1 + copies) * weights + inputs


def test_a_layer_more_keeps_what_it_passes_on_and_its_weights():
    one, (first, second) = session(10, hidden=[8]), (64 * 8 + 8, 8 * 10 + 10)
    kept = (
        64 * 10 + 8 * 10 + 8 * 10
    )  # inputs, the activation (its derivative is had from it), weights of the second layer
    before = {name: value.clone() for name, value in one.model.state_dict().items()}
    assert step_bytes(one) == 4 * (first + second + kept)
    assert all((value == before[name]).all() for name, value in one.model.state_dict().items())
