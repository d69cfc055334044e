"""Schedules: their closed forms, what a training records of them, and that a step alone decides its rate."""

from math import cos, pi, sqrt

import numpy as np
import pytest
import torch

from trajreg.data.load import load
from trajreg.schema import parse_as
from trajreg.studies.names import name_of
from trajreg.studies.rates import at_rate
from trajreg.training.loop import replay, train
from trajreg.training.observer import Observer
from trajreg.training.schedule import CONSTANT, SCHEDULES, AnySchedule
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec

# name → options that it needs
EXAMPLES = {"constant": {}, "step": {"every": 2, "factor": 0.5}, "cosine": {}}
PER_EPOCH, EPOCHS, LR = 3, 6, 0.1


def spec(schedule=None, **changes):
    base = {
        "data": {"name": "digits10", "num_train": 60, "num_test": 10},
        "model": {"name": "mlp", "hidden": [8], "dropout": 0.4, "norm": "batch"},
        "optimizer": {"name": "sgd", "lr": LR, "momentum": 0.9},
        "schedule": schedule or {"name": "constant"},
        "batch_size": 20,
        "num_epochs": EPOCHS,
    }
    return TrainSpec.parse(base | changes, "test")


def session(schedule=None, **changes):
    one = spec(schedule, **changes)
    return Session(one, load(one.data))


def rates(**options):
    schedule = parse_as(AnySchedule, options, "test")
    return [schedule.rate(LR, step, PER_EPOCH, EPOCHS) for step in range(PER_EPOCH * EPOCHS)]


def test_every_schedule_has_an_example():
    assert EXAMPLES.keys() == SCHEDULES.keys()


def test_constant_is_the_rate_itself():
    assert rates(name="constant") == [LR] * 18
    assert CONSTANT.is_constant
    assert not parse_as(AnySchedule, {"name": "constant", "warmup": 1}, "test").is_constant


def test_steps_fall_at_the_beginning_of_an_epoch():
    assert rates(name="step", every=2, factor=0.5) == pytest.approx([0.1] * 6 + [0.05] * 6 + [0.025] * 6)
    assert rates(name="step", every=5) == pytest.approx([0.1] * 15 + [0.01] * 3)


def test_a_cosine_is_half_way_down_in_the_middle_and_never_at_0():
    found = rates(name="cosine")
    assert found[0] == LR
    assert found[9] == pytest.approx(LR / 2)
    assert found[3] == pytest.approx(LR * (1 + sqrt(3) / 2) / 2)  # a sixth of the way
    assert found[-1] == pytest.approx(LR * (1 + cos(17 / 18 * pi)) / 2)
    assert found[-1] > 0
    assert np.all(np.diff(found) < 0)
    assert [one + other for one, other in zip(found[1:], found[:0:-1], strict=True)] == pytest.approx([LR] * 17)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_schedule_itself_begins_after_the_warm_up(name):
    warm = rates(name=name, warmup=2, **EXAMPLES[name])
    assert warm[:6] == pytest.approx([LR * share / 6 for share in (1, 2, 3, 4, 5, 6)])
    schedule = parse_as(AnySchedule, {"name": name} | EXAMPLES[name], "test")
    assert warm[6:] == [schedule.rate(LR, step, PER_EPOCH, EPOCHS - 2) for step in range(12)]


class Steps(Observer):
    """(‖Δ_t‖, η_t ‖g_t‖) of each step, which gradient descent makes the same."""

    def begin(self, session):
        self.weights, self.lengths = session.weights, []

    def before_update(self, step, loss, lr):
        self.before = [weight.detach().clone() for weight in self.weights]
        self.expected = lr * norm([weight.grad for weight in self.weights])

    def after_update(self, step):
        moved = [was - now.detach() for was, now in zip(self.before, self.weights, strict=True)]
        self.lengths.append((norm(moved), self.expected))


def norm(parts):
    return float(torch.cat([part.flatten() for part in parts]).double().norm())


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_training_records_it_step_by_step_and_takes_its_steps_with_it(name):
    options = {"name": name, "warmup": 1} | EXAMPLES[name]
    steps = Steps()
    trained = train(session(options, optimizer={"name": "sgd", "lr": LR}), [steps])
    assert trained.lr.tolist() == rates(**options)
    moved, by_gradient = np.array(steps.lengths).T
    np.testing.assert_allclose(moved, by_gradient, rtol=1e-4)


def test_a_constant_schedule_spelled_out_moves_no_bit_and_another_does():
    plain = train(session())
    assert train(session({"name": "constant", "warmup": 0})).landings == plain.landings
    assert train(session({"name": "cosine"})).landings[-1] != plain.landings[-1]


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_training_goes_on_and_is_replayed_from_a_snapshot(name, tmp_path):
    options, snapshots = {"name": name, "warmup": 1} | EXAMPLES[name], Snapshots(tmp_path)
    stored = train(session(options), snapshots=snapshots)
    replay(session(options), [], stored, last=EPOCHS, start=(snapshots.read(2), 2))
    snapshots.keep_only([0, 1, 2, 3])
    again = train(session(options), snapshots=snapshots)
    assert again.landings == stored.landings
    assert again.lr.tolist() == stored.lr.tolist() == rates(**options)


def test_a_rate_that_is_tuned_is_the_peak():
    one = at_rate(spec({"name": "cosine", "warmup": 1}), 0.4)
    trained = train(Session(one, load(one.data)))
    assert trained.lr.max() == 0.4
    np.testing.assert_allclose(trained.lr, 4 * np.array(rates(name="cosine", warmup=1)))


@pytest.mark.parametrize(
    ("path", "value", "title"),
    [
        (["schedule"], {"name": "constant"}, "constant η"),
        (["schedule"], {"name": "cosine", "warmup": 5}, "cosine decay (warmup 5)"),
        (["schedule", "name"], "step", "step decay"),
        (["schedule", "every"], 30, "decay every 30 epochs"),
        (["schedule", "factor"], 0.1, "decay by 0.1"),
        (["schedule", "warmup"], 5, "warm-up 5"),
        (["schedule", "warmup"], 0, "no warm-up"),
        (["optimizer", "clip_norm"], 1, "gradients clipped at 1"),
        (["optimizer", "clip_norm"], None, "no clipping"),
        (["data", "augment"], None, "no augmentation"),
        (["data", "augment"], {}, "random crops, random flips"),
        (["data", "augment"], {"padding": 4, "flip": False}, "random crops (padding 4), no flips"),
        (["data", "augment", "padding"], 0, "no crops"),
        (["data", "augment", "flip"], True, "random flips"),
    ],
)
def test_readers_see_names(path, value, title):
    one = spec({"name": "step", "every": 1}, data={"name": "digits10", "augment": {}})
    assert name_of(one, path, value).text == title
