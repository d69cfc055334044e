"""Replay against store, bit by bit; what it says when it does not land; the loss at the endpoint."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

import trajreg.trajectory.recent
from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.runs.execute import tabulate
from trajreg.training.loop import train
from trajreg.training.replay import Replayer, snapshot_bytes, train_with_snapshots, with_replays
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec
from trajreg.trajectory.replay import StepLog

MODELS = {
    "resnet with batch norm": {"name": "resnet18", "width": 0.03125},
    "vgg with batch norm and dropout": {"name": "vgg11", "width": 0.03125, "dropout": 0.4},
}
OPTIMISERS = {
    "momentum": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4},
    "adam": {"name": "adam", "lr": 0.01},
}
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def spec(**changes):
    base = {
        "data": {"name": "digits10", "num_train": 100, "num_test": 20},
        "model": MODELS["vgg with batch norm and dropout"],
        "optimizer": OPTIMISERS["momentum"],
        "batch_size": 30,
        "num_epochs": 3,
    }
    return TrainSpec.parse(base | changes, "test")


def run(estimator, optimum="zero", **changes):
    one = spec(record={"estimator": estimator, "optimum": optimum}, **changes)
    return train(one, load(one.data))


@pytest.fixture
def trained(tmp_path):
    """A training with snapshots: (spec, data, snapshots, training)."""
    one = spec(record={"estimator": "replay", "optimum": "endpoint"})
    data, snapshots = load(one.data), Snapshots(tmp_path / "snapshots")
    return one, data, snapshots, train_with_snapshots(one, data, snapshots, lambda epoch, loss: None)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("optimizer", OPTIMISERS)
@pytest.mark.parametrize("model", MODELS)
def test_agreement_of_the_exact_estimators(model, optimizer, device):
    changes = {"model": MODELS[model], "optimizer": OPTIMISERS[optimizer], "device": device}
    store, epoch, replay = (run(name, "endpoint", **changes) for name in ("store", "epoch", "replay"))
    assert store.epochs.equals(replay.epochs)  # measuring moved no stream
    assert store.epochs.equals(epoch.epochs)
    np.testing.assert_array_equal(store.losses, replay.losses)
    assert [replayed.deviation for replayed in replay.trajectory.replays] == [0, 0, 0]
    assert store.regularity().equals(replay.regularity())
    known, by_epoch = [one.distances for one in replay.trajectory.replays], epoch.trajectory.distances
    distance_sq = np.concatenate([one.distance_sq[:-1] for one in known])
    np.testing.assert_array_equal(distance_sq, store.trajectory.distances.distance_sq[:-1])
    np.testing.assert_allclose(distance_sq[::3], by_epoch.distance_sq[:-1], rtol=1e-10)
    sums = [(2 * one.inner - one.update_sq).sum() for one in known]
    np.testing.assert_allclose(sums, -np.diff(by_epoch.distance_sq), rtol=1e-10)
    lengths = by_epoch.update_sq.reshape(3, 3).sum(axis=1)
    np.testing.assert_allclose([one.update_sq.sum() for one in known], lengths, rtol=1e-10)


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_the_size_of_a_block_moves_no_bit(rows, monkeypatch):
    store = run("store")
    monkeypatch.setattr(trajreg.trajectory.recent, "BLOCK_BYTES", 4 * rows * store.num_weights)
    assert store.regularity().equals(run("replay").regularity())


def test_epochs_are_replayed_in_any_order_and_after_one_that_was_broken_off(trained, monkeypatch):
    one, data, snapshots, _ = trained
    replayer = Replayer(one, data, snapshots)
    alone = [Replayer(one, data, snapshots).replay(epoch) for epoch in (1, 2, 3)]
    state = Session.state
    monkeypatch.setattr(Session, "state", lambda session: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        replayer.replay(1)
    monkeypatch.setattr(Session, "state", state)
    for epoch in (3, 1, 2, 1):
        again, expected = replayer.replay(epoch), alone[epoch - 1]
        assert again.exact
        np.testing.assert_array_equal(again.optimal_loss, expected.optimal_loss)
        for name in ("distance_sq", "update_sq", "inner"):
            np.testing.assert_array_equal(getattr(again.distances, name), getattr(expected.distances, name))


def test_a_snapshot_changed_between_two_replays_is_named(trained):
    one, data, snapshots, _ = trained
    replayer = Replayer(one, data, snapshots)
    assert replayer.replay(1).exact
    path = snapshots.folder / "epoch-000001.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    for epoch in (1, 2):
        with pytest.raises(InputError, match=r"epoch-000001.safetensors was changed since it was written"):
            replayer.replay(epoch)


def test_losses_that_are_no_numbers_are_not_called_exact(trained):
    one, data, snapshots, _ = trained
    log = snapshots.log(2)
    snapshots.write(2, snapshots.read(2), log | {"loss": [*log["loss"][:-1], float("nan")]})
    assert Replayer(one, data, snapshots).replay(2).deviation == float("inf")


def some_epochs(epochs, optimum="zero", **changes):
    """A training of which these epochs are replayed, and its tables."""
    one = spec(record={"estimator": "replay", "epochs": epochs, "optimum": optimum}, **changes)
    training = train(one, load(one.data))
    return training, *tabulate(training)


def test_chosen_epochs_have_steps_and_the_others_what_their_ends_tell():
    whole, store = run("replay"), tabulate(run("store"))
    training, epochs, steps, summary = some_epochs([2])
    assert list(steps["step"]) == [3, 4, 5]
    assert training.regularity().equals(whole.regularity().iloc[3:6].reset_index(drop=True))
    np.testing.assert_allclose(epochs["gamma"], store[0]["gamma"], rtol=1e-10)
    np.testing.assert_allclose(epochs["rate"], store[0]["rate"], rtol=1e-10)
    np.testing.assert_array_equal(epochs["distance"], store[1]["distance"][::3])
    assert list(epochs["estimator"]) == ["epoch", "replay", "epoch"]
    for name in ("gamma_walk", "gamma_excess", "gamma_median", "cosine", "deviation"):
        assert list(epochs[name].notna()) == [False, True, False]
    assert summary.keys() == store[2].keys()
    assert summary["gamma"] == pytest.approx(store[2]["gamma"], rel=1e-10)
    assert summary["initial_distance"] == store[2]["initial_distance"]
    assert np.isnan(summary["gamma_median"])


def test_an_epochs_numbers_do_not_depend_on_what_else_is_replayed():
    (_, all_three, _, _), (_, first, _, _), (_, second, _, _) = (some_epochs(chosen) for chosen in ("all", [1], [2]))
    assert first.iloc[2].equals(second.iloc[2])
    assert first.iloc[0].equals(all_three.iloc[0])
    assert second.iloc[1].equals(all_three.iloc[1])
    assert list(first.columns) == list(all_three.columns)


def test_without_a_gap_an_epoch_that_is_not_replayed_has_its_distance_and_no_gamma():
    _, epochs, _, summary = some_epochs([2], "endpoint")
    assert list(epochs["gamma"].notna()) == [False, True, False]
    assert np.isnan(summary["gamma"])
    assert epochs["distance"].notna().all()
    assert summary["initial_distance"] == epochs["distance"][0]


def test_one_pass_at_the_endpoint_gives_every_epoch_its_gamma():
    model = {"name": "mlp", "hidden": [16]}
    _, epochs, steps, summary = some_epochs([2], "endpoint_eval", model=model)
    whole = tabulate(run("store", "endpoint_eval", model=model))
    assert (whole[1]["gap"] > 0).all()
    assert steps["gamma"].equals(whole[1]["gamma"][3:6].reset_index(drop=True))
    np.testing.assert_allclose(epochs["gamma"], whole[0]["gamma"], rtol=1e-10)
    assert summary["gamma"] == pytest.approx(whole[2]["gamma"], rel=1e-10)
    assert set(epochs["optimum"]) == {"endpoint_eval"}


def test_every_other_epoch_from_the_first():
    assert spec(record={"estimator": "replay", "epochs": {"every": 2}}).replayed_epochs() == (1, 3)
    assert spec(record={"estimator": "replay"}).replayed_epochs() == (1, 2, 3)
    assert spec().replayed_epochs() == ()


def test_the_endpoint_loss_is_the_mini_batchs_own_forward_pass(trained):
    one, data, snapshots, training = trained
    replayed = Replayer(one, data, snapshots).replay(2)
    session, log = Session(one, data), StepLog()
    with session.running():
        session.restore(snapshots.read(1))
        state = snapshots.read(3).tensors
        session.model.load_state_dict({n.removeprefix("model."): v for n, v in state.items() if n.startswith("model.")})
        session.optimizer = torch.optim.SGD(session.weights, lr=0.0)  # an epoch of training that stays at the endpoint
        session.epoch(log)
    np.testing.assert_array_equal(replayed.optimal_loss, log.losses())
    gap = with_replays(training, [replayed]).regularity()["gap"]
    np.testing.assert_array_equal(gap, training.losses[3:6] - log.losses())


def test_without_dropout_and_norm_the_endpoint_loss_is_a_mean_over_samples():
    one = spec(model={"name": "mlp", "hidden": [16]}, record={"keep_iterates": True, "optimum": "endpoint"})
    data = load(one.data)
    training = train(one, data)
    session, iterates = Session(one, data), training.trajectory.iterates
    torch.nn.utils.vector_to_parameters(iterates[-1], session.weights)
    losses = functional.cross_entropy(session.model(data.train_inputs), data.train_targets, reduction="none").detach()
    chosen = torch.cat([torch.randperm(100, generator=session.order)[:90] for _ in range(3)])
    np.testing.assert_allclose(training.optimal_loss, losses[chosen].view(9, 30).mean(dim=1), rtol=1e-5)


def test_a_tampered_snapshot_with_a_right_checksum_is_not_called_exact(trained):
    one, data, snapshots, _ = trained
    state = snapshots.read(1)
    weights = {**state.tensors}
    weights["model.0.weight"] = weights["model.0.weight"] + 0.5
    snapshots.write(1, replace(state, tensors=weights), snapshots.log(1))
    landed, left, clean = (Replayer(one, data, snapshots).replay(epoch) for epoch in (1, 2, 3))
    assert landed.deviation == pytest.approx(0.5, abs=1e-6)
    assert not landed.exact
    assert left.deviation > 0
    assert not left.exact
    assert clean.exact


def test_a_replay_that_draws_another_order_is_not_called_exact(trained):
    one, data, snapshots, _ = trained
    state = snapshots.read(1)
    tensors = state.tensors | {"random.order": torch.Generator().manual_seed(9).get_state()}
    snapshots.write(1, replace(state, tensors=tensors), snapshots.log(1))
    assert Replayer(one, data, snapshots).replay(2).deviation == float("inf")


def test_a_changed_byte_stops_the_replay(trained):
    one, data, snapshots, _ = trained
    path = snapshots.folder / "epoch-000003.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"epoch-000003.safetensors was changed since it was written"):
        Replayer(one, data, snapshots)


def test_a_training_that_was_killed_goes_on_from_its_last_snapshot(trained, tmp_path):
    one, data, snapshots, whole = trained

    def killed(epoch, loss):
        if epoch == 3:  # after two snapshots, before the third
            raise KeyboardInterrupt

    part = Snapshots(tmp_path / "part")
    with pytest.raises(KeyboardInterrupt):
        train_with_snapshots(one, data, part, killed)
    assert part.count() == 3
    resumed = train_with_snapshots(one, data, part, lambda epoch, loss: None)
    assert resumed.epochs.equals(whole.epochs)
    np.testing.assert_array_equal(resumed.losses, whole.losses)
    np.testing.assert_array_equal(resumed.trajectory.lr, whole.trajectory.lr)
    for path in sorted(snapshots.folder.iterdir()):
        assert path.read_bytes() == (part.folder / path.name).read_bytes()


@pytest.mark.parametrize("optimizer", [{"name": "sgd", "lr": 0.1}, *OPTIMISERS.values()])
def test_the_announced_bytes_bound_what_is_written(tmp_path, optimizer):
    one = spec(optimizer=optimizer, num_epochs=1, record={"estimator": "replay"})
    data, snapshots = load(one.data), Snapshots(tmp_path)
    announced = snapshot_bytes(Session(one, data))
    train_with_snapshots(one, data, snapshots, lambda epoch, loss: None)
    written = sum(path.stat().st_size for path in tmp_path.glob("epoch-000001.*"))
    assert announced / 2 < written <= announced


def test_a_replayed_training_that_diverges_ends_cleanly():
    training = run(
        "replay",
        "endpoint",
        data={"name": "quadratic", "eigenvalues": [1.0, 18.0]},
        model={"name": "mlp", "hidden": [], "bias": False},
        optimizer={"name": "sgd", "lr": 10.0},
        batch_size=None,
        num_epochs=200,
    )
    assert training.diverged
    assert not np.isfinite(training.losses[-1])
    assert "gamma" not in tabulate(training)[1]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"estimator": "replay", "epochs": [1, 4]}, "record.epochs asks for 4, but this run has 3 epochs"),
        ({"estimator": "replay", "epochs": {"every": 4}}, "record.epochs asks for 4, but this run has 3 epochs"),
        ({"estimator": "replay", "epochs": [2, 1]}, "list of rising epoch numbers from 1 on"),
        ({"estimator": "replay", "epochs": [0]}, "list of rising epoch numbers from 1 on"),
        ({"estimator": "replay", "epochs": []}, "list of rising epoch numbers from 1 on"),
        ({"estimator": "replay", "epochs": {"every": 0}}, 'must be "all", {every: k} with k from 1 on'),
        ({"estimator": "replay", "epochs": "some"}, "epochs = 'some': must be \"all\""),
        ({"epochs": [1]}, "epochs and keep_snapshots need estimator replay"),
        ({"keep_snapshots": True}, "epochs and keep_snapshots need estimator replay"),
        ({"estimator": "replay", "keep_iterates": True}, "keep_iterates needs estimator store"),
        ({"optimum": "best"}, "optimum = 'best': input should be 'zero', 'endpoint' or 'endpoint_eval'"),
    ],
)
def test_wrong_records_are_named(record, message):
    with pytest.raises(InputError, match=message):
        spec(record=record)
