"""A training that is run again: it lands bit for bit on what was stored, or says where it does not."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.training.loop import ReplayRefused, replay, train
from trajreg.training.observer import Observer
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec

MODELS = {
    "batch norm and dropout": {"name": "mlp", "hidden": [8], "dropout": 0.4, "norm": "batch"},
    "resnet": {"name": "resnet18", "width": 0.03125},
}
OPTIMISERS = {
    "momentum": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4},
    "adam": {"name": "adam", "lr": 0.01},
}
DIVERGING = {
    "data": {"name": "quadratic", "eigenvalues": [1.0, 18.0]},
    "model": {"name": "mlp", "hidden": [], "bias": False},
    "optimizer": {"name": "sgd", "lr": 1e9},
    "batch_size": 1,
    "num_epochs": 30,
}
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def session(**changes):
    base = {
        "data": {"name": "digits10", "num_train": 60, "num_test": 10},
        "model": MODELS["batch norm and dropout"],
        "optimizer": OPTIMISERS["momentum"],
        "batch_size": 20,
        "num_epochs": 4,
    }
    spec = TrainSpec.parse(base | changes, "test")
    return Session(spec, load(spec.data))


@pytest.fixture
def trained(tmp_path):
    """(the stored training, its snapshots)."""
    snapshots = Snapshots(tmp_path / "snapshots")
    return train(session(), snapshots=snapshots), snapshots


class States(Observer):
    """The states at the ends of epochs."""

    def __init__(self):
        self.ends, self.began = {}, []

    def begin(self, session):
        self._session = session
        self.began.append(session.epochs_done)

    def end_epoch(self, epoch):
        self.ends[epoch] = self._session.state()


def same(one, other):
    tensors = all(
        one.tensors[name].numpy().tobytes() == value.numpy().tobytes() for name, value in other.tensors.items()
    )
    return tensors and one.tensors.keys() == other.tensors.keys() and one.plain == other.plain


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("model", "optimizer", "every"),
    [
        ("batch norm and dropout", "momentum", 1),
        ("batch norm and dropout", "adam", 2),
        ("batch norm and dropout", "momentum", 3),
        ("resnet", "adam", 3),
    ],
)
def test_every_stretch_lands_bit_for_bit(tmp_path, model, optimizer, device, every):
    changes = {"model": MODELS[model], "optimizer": OPTIMISERS[optimizer], "device": device}
    snapshots, watched = Snapshots(tmp_path), States()
    stored = train(session(**changes), [watched], snapshots=snapshots, every=every)
    again, numbers = session(**changes), snapshots.numbers()
    for start, last in reversed(list(pairwise(numbers))):  # in any order, by one session
        states = States()
        replay(again, [states], stored, last=last, start=(snapshots.read(start), start))
        assert states.began == [start]
        assert list(states.ends) == list(range(start + 1, last + 1))
        assert all(same(state, watched.ends[epoch]) for epoch, state in states.ends.items())


@pytest.mark.parametrize(("every", "kept"), [(1, [0, 1, 2, 3, 4]), (3, [0, 3, 4])])
def test_a_replay_from_the_start_writes_the_same_snapshots(trained, tmp_path, every, kept):
    stored, snapshots = trained
    again, told = Snapshots(tmp_path / "again"), []
    again.write(7, snapshots.read(0))  # of another time
    replay(session(), [], stored, last=4, snapshots=again, every=every, progress=lambda *epoch: told.append(epoch))
    assert again.numbers() == kept
    assert all(same(again.read(number), snapshots.read(number)) for number in kept)
    assert told == list(zip(stored.epochs["epoch"], stored.epochs["train_loss"], strict=True))


def test_a_replay_leaves_the_callers_random_stream_alone(trained):
    stored, snapshots = trained
    torch.manual_seed(5)
    before = torch.get_rng_state()
    replay(session(), [], stored, last=3, start=(snapshots.read(1), 1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("start", [0, 2])
@pytest.mark.parametrize("step", [6, 10])
def test_a_loss_of_one_bit_more_is_refused(trained, step, start):
    stored, snapshots = trained
    losses = stored.losses.copy()
    losses[step] = np.nextafter(losses[step], 9)
    epoch, loss, stored_loss = 1 + step // 3, float(stored.losses[step]), float(losses[step])
    message = f"epoch {epoch}, step {step}: the loss is {loss!r}, it was {stored_loss!r} when the training was stored"
    with pytest.raises(ReplayRefused) as refused:
        replay(session(), [], replace(stored, losses=losses), last=4, start=(snapshots.read(start), start))
    assert str(refused.value) == message
    replay(session(), [], replace(stored, losses=losses), last=epoch - 1)  # what is not run again is not held against


def test_a_zero_of_the_other_sign_is_refused(trained):
    one = session(**DIVERGING | {"optimizer": {"name": "sgd", "lr": 0.1}, "num_epochs": 1})
    torch.nn.init.ones_(one.weights[0])  # the minimiser: losses are 0 but for rounding
    stored = train(one)
    assert stored.losses[0] == 0
    again = session(**DIVERGING | {"optimizer": {"name": "sgd", "lr": 0.1}, "num_epochs": 1})
    torch.nn.init.ones_(again.weights[0])
    losses = stored.losses.copy()
    losses[0] = -0.0
    with pytest.raises(ReplayRefused, match=r"epoch 1, step 0: the loss is 0.0, it was -0.0"):
        replay(again, [], replace(stored, losses=losses), last=1)


def test_another_landing_is_refused(trained):
    stored, _ = trained
    landed = stored.landings[1]
    other = f"{int(landed[0], 16) ^ 1:x}{landed[1:]}"
    landings = (stored.landings[0], other, *stored.landings[2:])
    with pytest.raises(
        ReplayRefused, match=f"epoch 2: .*weights or buffers are not: .* {landed[:12]}…, it was {other[:12]}…"
    ):
        replay(session(), [], replace(stored, landings=landings), last=4)


@pytest.mark.parametrize("name", ["model.1.weight", "random.order", "random.torch", "model.2.running_mean"])
def test_a_snapshot_of_another_training_is_refused(trained, name):
    stored, snapshots = trained
    state, other = snapshots.read(1), session(seed=1).state()
    tensors = state.tensors | {name: other.tensors[name]}
    if name == "random.torch":
        tensors[name] = torch.Generator().manual_seed(9).get_state()
    moves_losses = name != "model.2.running_mean"
    message = "epoch 2, step 3: the loss is" if moves_losses else "epoch 2: .* weights or buffers are not"
    with pytest.raises(ReplayRefused, match=message):
        replay(session(), [], stored, last=2, start=(replace(state, tensors=tensors), 1))


def test_a_changed_byte_is_named_before_anything_is_run(trained):
    _, snapshots = trained
    path = snapshots.folder / "epoch-000003.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"epoch-000003.safetensors was changed since it was written"):
        snapshots.read(3)


def test_a_training_that_diverged_lands_as_well():
    stored = train(session(**DIVERGING))
    assert stored.diverged
    assert not np.isfinite(stored.losses[-1])
    assert len(stored.losses) < len(stored.landings) * stored.steps_per_epoch  # it went on to the end of its epoch
    replay(session(**DIVERGING), [], stored, last=len(stored.landings))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_loss_that_is_no_number_is_stored_without_its_bits(trained, sign):
    one = session()
    stored, _ = trained
    losses = stored.losses.copy()
    losses[5] = np.nan
    with pytest.raises(ReplayRefused, match=r"epoch 2, step 5: the loss is .*, it was nan"):
        replay(session(), [], replace(stored, losses=losses), last=4)
    with torch.no_grad():
        one.weights[0].fill_(float("nan"))
    stored = train(one)
    assert np.isnan(stored.losses).all()
    again = session()
    with torch.no_grad():
        again.weights[0].fill_(float("nan"))
    losses = np.copysign(np.full_like(stored.losses, np.nan), sign)
    replay(again, [], replace(stored, losses=losses), last=len(stored.landings))
