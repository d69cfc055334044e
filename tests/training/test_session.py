"""A training while it runs: PyTorch's settings, full batches, what observers are told."""

import warnings

import pytest
import torch

from trajreg.data.load import load
from trajreg.training.loop import train
from trajreg.training.observer import Observer
from trajreg.training.session import Session, deterministic
from trajreg.training.spec import TrainSpec


def session(**changes):
    base = {
        "data": {"name": "digits10", "num_train": 40, "num_test": 10},
        "model": {"name": "mlp", "hidden": [8]},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "batch_size": 15,
        "num_epochs": 3,
    }
    spec = TrainSpec.parse(base | changes, "test")
    return Session(spec, load(spec.data))


def settings():
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "float32": torch.get_float32_matmul_precision(),
        "matmul": torch.backends.cuda.matmul.allow_tf32,
        "convolutions": torch.backends.cudnn.allow_tf32,
        "filled": torch.utils.deterministic.fill_uninitialized_memory,
    }


EXACT = {
    "deterministic": True, "warn_only": False, "float32": "highest", "matmul": False, "convolutions": False, "filled": False,
}  # fmt: skip


@pytest.fixture
def the_settings_come_back():
    before = settings()
    yield
    torch.use_deterministic_algorithms(before["deterministic"], warn_only=before["warn_only"])
    torch.set_float32_matmul_precision(before["float32"])
    torch.backends.cudnn.allow_tf32 = before["convolutions"]


@pytest.mark.usefixtures("the_settings_come_back")
@pytest.mark.parametrize("convolutions", [True, False])
@pytest.mark.parametrize("float32", ["highest", "high", "medium"])
@pytest.mark.parametrize(("enabled", "warn_only"), [(False, False), (True, False), (True, True)])
def test_while_it_runs_all_is_exact_and_the_callers_settings_come_back(enabled, warn_only, float32, convolutions):
    torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
    torch.set_float32_matmul_precision(float32)
    torch.backends.cudnn.allow_tf32 = convolutions
    before = settings()
    with deterministic():
        assert settings() == EXACT
    assert settings() == before
    with pytest.raises(ZeroDivisionError), deterministic():
        raise ZeroDivisionError
    assert settings() == before


@pytest.mark.usefixtures("the_settings_come_back")
def test_tf32_of_the_matmul_flag_comes_back():
    torch.backends.cuda.matmul.allow_tf32 = True
    with deterministic():
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cuda.matmul.allow_tf32


def test_warnings_of_the_settings_reach_nobody():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with deterministic():
            pass


def test_a_full_batch_is_neither_permuted_nor_gathered():
    one, seen = session(batch_size=None), []
    one.model.register_forward_pre_hook(lambda model, inputs: seen.append(inputs[0]) if model.training else None)
    before = one.order.get_state()
    train(one)
    assert torch.equal(one.order.get_state(), before)
    assert len(seen) == 3
    assert all(inputs is one.data.train_inputs for inputs in seen)


def test_mini_batches_draw_from_the_order():
    one = session()
    before = one.order.get_state()
    train(one)
    assert not torch.equal(one.order.get_state(), before)


class Diary(Observer):
    """What it is told, in order."""

    def __init__(self):
        self.told = []

    def begin(self, session):
        self.told.append(("begin", session.epochs_done))

    def before_update(self, step, loss, lr):
        self.told.append(("before", step, loss.item(), lr))

    def after_update(self, step):
        self.told.append(("after", step))

    def end_epoch(self, epoch):
        self.told.append(("end", epoch))

    def steps(self, what):
        return [one[1] for one in self.told if one[0] == what]


def test_observers_are_told_of_every_step_in_order():
    diary = Diary()
    trained = train(session(), [diary])
    order = ["begin", *(["before", "after"] * 2 + ["end"]) * 3]
    assert [one[0] for one in diary.told] == order
    assert diary.steps("before") == diary.steps("after") == list(range(6))
    assert diary.steps("end") == [1, 2, 3]
    assert [one[2] for one in diary.told if one[0] == "before"] == trained.losses.tolist()
    assert [one[3] for one in diary.told if one[0] == "before"] == trained.lr.tolist()


def test_steps_are_counted_on_from_a_snapshot():
    one, other, diary = session(), session(), Diary()
    with one.running():
        one.run_epoch()
        state = one.state()
        second = one.run_epoch()
    with other.running():
        other.restore(state, 1)
        again = other.run_epoch([diary])
    assert diary.steps("before") == diary.steps("after") == [2, 3]
    assert diary.steps("end") == [2]
    assert again.losses.tobytes() == second.losses.tobytes()


def test_an_epoch_gives_its_own_losses_alone():
    one = session()
    with one.running():
        epochs = [one.run_epoch() for _ in range(3)]
    assert [(len(epoch.losses), len(epoch.lr)) for epoch in epochs] == [(2, 2)] * 3


def test_an_observers_stream_is_its_own():
    one = session()
    first = one.stream("noise", 3).initial_seed()
    train(one)
    assert one.stream("noise", 3).initial_seed() == first
    others = [one.stream("noise", 4), one.stream("other", 3), session(seed=1).stream("noise", 3)]
    assert first not in [other.initial_seed() for other in others]
