"""A killed training goes on from its last snapshot with the same bytes; where that cannot be, it starts anew."""

import pytest
import torch

from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.training.loop import replay, train
from trajreg.training.observer import Observer
from trajreg.training.room import snapshot_bytes
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec

OPTIMISERS = {
    "sgd": {"name": "sgd", "lr": 0.1},
    "momentum": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4},
    "adam": {"name": "adam", "lr": 0.01},
}


def session(**changes):
    base = {
        "data": {"name": "digits10", "num_train": 60, "num_test": 10},
        "model": {"name": "mlp", "hidden": [8], "dropout": 0.4, "norm": "batch"},
        "optimizer": OPTIMISERS["momentum"],
        "batch_size": 20,
        "num_epochs": 5,
        "evaluate_every": 2,
    }
    spec = TrainSpec.parse(base | changes, "test")
    return Session(spec, load(spec.data))


class Killed(Exception):
    pass


def train_until(epoch, snapshots, **options):
    """A training that is killed when this epoch is over, before its snapshot."""

    def tell(number, loss):
        if number == epoch:
            raise Killed

    with pytest.raises(Killed):
        train(session(), snapshots=snapshots, progress=tell, **options)


def assert_same(one, other):
    assert one.landings == other.landings
    assert one.epochs.equals(other.epochs)
    assert (one.losses.tobytes(), one.lr.tobytes()) == (other.losses.tobytes(), other.lr.tobytes())
    assert (one.diverged, one.num_weights, one.steps_per_epoch) == (
        other.diverged,
        other.num_weights,
        other.steps_per_epoch,
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def whole(tmp_path):
    """(a training, its snapshots)."""
    snapshots = Snapshots(tmp_path / "whole")
    return train(session(), snapshots=snapshots), snapshots


def epochs_trained(snapshots, **options):
    """The training, and the epochs that were run anew for it."""
    one, run = session(), []
    first = one.run_epoch
    one.run_epoch = lambda observers=(): run.append(one.epochs_done + 1) or first(observers)
    return train(one, snapshots=snapshots, **options), run


@pytest.mark.parametrize(("every", "anew"), [(1, [4, 5]), (2, [3, 4, 5]), (9, [1, 2, 3, 4, 5])])
def test_a_killed_training_goes_on_with_the_same_bytes(whole, tmp_path, every, anew):
    part, told = Snapshots(tmp_path / "part"), []
    train_until(4, part, every=every)
    trained, run = epochs_trained(part, every=every, progress=lambda *epoch: told.append(epoch))
    assert run == anew
    assert_same(trained, whole[0])
    assert told == list(zip(trained.epochs["epoch"], trained.epochs["train_loss"], strict=True))
    if every == 1:
        assert contents(part.folder) == contents(whole[1].folder)


def test_a_finished_training_is_not_run_again(whole):
    again, run = epochs_trained(whole[1])
    assert run == []
    assert_same(again, whole[0])


def test_a_snapshot_that_was_cut_short_does_not_count(whole, tmp_path):
    part = Snapshots(tmp_path / "part")
    train_until(4, part)
    (part.folder / "epoch-000004.safetensors").write_bytes(b"half of it")
    trained, run = epochs_trained(part)
    assert run == [4, 5]
    assert_same(trained, whole[0])


@pytest.mark.parametrize("kept", [[0], [0, 1, 2], [0, 2, 5], [3], []])
def test_it_goes_on_where_the_log_is_complete_and_starts_anew_elsewhere(whole, kept):
    trained, snapshots = whole
    snapshots.keep_only(kept)
    again, run = epochs_trained(snapshots)
    assert run == ([3, 4, 5] if kept == [0, 1, 2] else [1, 2, 3, 4, 5])
    assert_same(again, trained)
    assert snapshots.numbers() == [0, 1, 2, 3, 4, 5]


def test_snapshots_that_a_replay_left_are_no_training(whole, tmp_path):
    left = Snapshots(tmp_path / "left")
    replay(session(), [], whole[0], last=3, snapshots=left)
    trained, run = epochs_trained(left)
    assert run == [1, 2, 3, 4, 5]
    assert_same(trained, whole[0])


def test_a_changed_snapshot_is_named(whole):
    path = whole[1].folder / "epoch-000005.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"epoch-000005.safetensors was changed since it was written"):
        train(session(), snapshots=whole[1])


class Counts(Observer):
    def __init__(self):
        self.steps = []

    def after_update(self, step):
        self.steps.append(step)


def test_a_training_that_is_watched_starts_anew(whole, tmp_path):
    part, counts = Snapshots(tmp_path / "part"), Counts()
    train_until(4, part)
    assert_same(train(session(), [counts], snapshots=part), whole[0])
    assert counts.steps == list(range(15))
    assert part.numbers() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("every", [1, 3])
def test_resuming_leaves_the_callers_random_stream_alone(tmp_path, every):
    part = Snapshots(tmp_path)
    train_until(4, part, every=every)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(session(), snapshots=part, every=every)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize("optimizer", OPTIMISERS)
def test_the_announced_bytes_bound_what_is_written(tmp_path, optimizer, every):
    one = session(optimizer=OPTIMISERS[optimizer], model={"name": "mlp", "hidden": [256]})
    announced = snapshot_bytes(one, every)
    train(one, snapshots=Snapshots(tmp_path), every=every)
    written = sum(path.stat().st_size for path in tmp_path.glob("epoch-000005.*"))
    assert announced / 3 < written <= announced
