"""Clipping by the global norm: what a step is then, what observers see of it, and that a large limit moves no bit."""

import numpy as np
import pytest
import torch

from trajreg.data.load import load
from trajreg.measures.sharpness import stability_limit
from trajreg.training.loop import replay, train
from trajreg.training.observer import Observer
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import OptimizerSpec, TrainSpec


def session(clip_norm=None, **optimizer):
    values = {
        "data": {"name": "digits10", "num_train": 60, "num_test": 10},
        "model": {"name": "mlp", "hidden": [8], "dropout": 0.4, "norm": "batch"},
        "optimizer": {"name": "sgd", "lr": 0.1, "clip_norm": clip_norm} | optimizer,
        "batch_size": 20,
        "num_epochs": 3,
    }
    spec = TrainSpec.parse(values, "test")
    return Session(spec, load(spec.data))


def length(parts):
    return float(torch.cat([part.detach().double().flatten() for part in parts]).norm())


class Lengths(Observer):
    """(‖g_t‖, ‖Δ_t‖) of each step."""

    def begin(self, session):
        self.weights, self.seen = session.weights, []

    def before_update(self, step, loss, lr):
        self.before = [weight.detach().clone() for weight in self.weights]
        self.gradient = length([weight.grad for weight in self.weights])

    def after_update(self, step):
        moved = [was - now for was, now in zip(self.before, self.weights, strict=True)]
        self.seen.append((self.gradient, length(moved)))


def lengths(clip_norm):
    seen = Lengths()
    train(session(clip_norm), [seen])
    return np.array(seen.seen)


def test_no_step_of_gradient_descent_is_longer_than_the_limit_allows():
    free = lengths(None)
    limit = float(np.median(free[:, 0]))
    clipped = lengths(limit)
    assert clipped[:, 0].max() == pytest.approx(limit, rel=1e-5)
    np.testing.assert_allclose(clipped[:, 1], 0.1 * clipped[:, 0], rtol=1e-4)  # observers see what the optimiser gets
    first = min(limit, free[0, 0])
    assert clipped[0, 0] == pytest.approx(first, rel=1e-5)


def test_the_direction_stays():
    free, clipped = session(), session(1e-3)
    gradients = []
    for one in (free, clipped):
        with one.running():
            inputs, targets = next(iter(one.batches(1)))
            one.task.loss(one.model(inputs), targets).backward()
        if one.clip:
            one.clip()
        gradients.append(torch.cat([weight.grad.flatten() for weight in one.weights]))
    assert float(gradients[1].norm()) == pytest.approx(1e-3, rel=1e-4)
    assert float(torch.cosine_similarity(*gradients, dim=0)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
def test_a_limit_above_all_norms_moves_no_bit_and_a_small_one_the_same_bits_every_time(name, tmp_path):
    plain, snapshots = train(session(name=name)), Snapshots(tmp_path)
    assert train(session(1e6, name=name)).landings == plain.landings
    clipped = train(session(0.01, name=name), snapshots=snapshots)
    assert clipped.landings[-1] != plain.landings[-1]
    replay(session(0.01, name=name), [], clipped, last=3, start=(snapshots.read(1), 1))


def test_a_gradient_that_is_not_finite_is_no_step_of_length_0():
    one = session(1.0, lr=1e30)
    assert train(one).diverged


def test_clipped_descent_has_no_limit_of_stability():
    assert stability_limit(OptimizerSpec(lr=0.1), 0.1) == 20
    assert np.isnan(stability_limit(OptimizerSpec(lr=0.1, clip_norm=1.0), 0.1))
