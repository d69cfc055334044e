"""What is done to the weights after a step: nil strength moves no bit, a replay does it again, and max_norm bounds norms."""

import pytest
import torch
from torch import nn

from trajreg.data.load import load
from trajreg.training.after_step import AFTER_STEP, MaxNorm
from trajreg.training.loop import replay, train
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec

# name → options so weak that they do nothing, options that do something
EXAMPLES = {"max_norm": ({"limit": 1e6}, {"limit": 0.4})}


def session(*techniques):
    values = {
        "data": {"name": "digits10", "num_train": 60, "num_test": 10},
        "model": {"name": "mlp", "hidden": [8], "dropout": 0.4, "norm": "batch"},
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
        "after_step": list(techniques),
        "batch_size": 20,
        "num_epochs": 3,
    }
    spec = TrainSpec.parse(values, "test")
    return Session(spec, load(spec.data))


def test_every_technique_has_an_example():
    assert EXAMPLES.keys() == AFTER_STEP.keys()


@pytest.mark.parametrize("name", AFTER_STEP)
def test_nil_strength_moves_no_bit_and_strength_moves_the_same_bits_every_time(name):
    weak, strong = ({"name": name} | options for options in EXAMPLES[name])
    plain = train(session())
    assert train(session(weak)).landings == plain.landings
    landings = train(session(strong)).landings
    assert not set(landings) & set(plain.landings)
    assert train(session(strong)).landings == landings


@pytest.mark.parametrize("name", AFTER_STEP)
def test_a_replay_from_a_snapshot_does_it_again(name, tmp_path):
    strong, snapshots = {"name": name} | EXAMPLES[name][1], Snapshots(tmp_path)
    stored = train(session(strong), snapshots=snapshots)
    replay(session(strong), [], stored, last=3, start=(snapshots.read(1), 1))


def nets():
    """Layer → (a net that has it alone, the dimensions over which a unit's norm goes)."""
    return {
        "linear": (nn.Linear(6, 4), (1,)),
        "convolution": (nn.Conv2d(3, 5, 2), (1, 2, 3)),
        "transposed convolution": (nn.ConvTranspose2d(3, 5, 2), (0, 2, 3)),
    }


@pytest.mark.parametrize("layer", nets())
def test_max_norm_bounds_the_norm_of_every_units_incoming_weights(layer):
    torch.manual_seed(0)
    net, dims = nets()[layer]
    before, bias = net.weight.detach().clone(), net.bias.detach().clone()
    norms = before.double().square().sum(dim=dims, keepdim=True).sqrt()
    limit = float(norms.median())
    MaxNorm(name="max_norm", limit=limit).on(net)(0)
    torch.testing.assert_close(net.weight.double(), before.double() * (limit / norms).clamp(max=1), rtol=1e-6, atol=0)
    small = (norms <= limit).expand_as(before)
    assert 0 < small.sum() < small.numel()
    assert torch.equal(net.weight[small], before[small])
    assert torch.equal(net.bias, bias)


def test_max_norm_holds_after_every_epoch_of_a_training():
    one = session({"name": "max_norm", "limit": 0.4})
    train(one)
    layers = [layer for layer in one.model.modules() if isinstance(layer, nn.Linear)]
    assert len(layers) == 2
    assert all(layer.weight.norm(dim=1).max() <= 0.4 * (1 + 1e-6) for layer in layers)


def test_a_unit_without_weights_stays_one():
    net = nn.Linear(3, 2)
    nn.init.zeros_(net.weight)
    MaxNorm(name="max_norm", limit=0.1).on(net)(0)
    assert not net.weight.any()
