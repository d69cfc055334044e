"""Runs with estimator `replay` in the store and through the launcher."""

import json
import shutil

import numpy as np
import pytest
import torch

from trajreg.errors import InputError
from trajreg.runs import launch as launching
from trajreg.runs.execute import execute, replay_stage, snapshot_room, train_stage
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.launch import RunsFailed, launch
from trajreg.runs.store import RunStore
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec


def spec(**record):
    values = {
        "data": {"name": "digits10", "num_train": 60, "num_test": 20},
        "model": {"name": "resnet18", "width": 0.03125},
        "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
        "batch_size": 20,
        "num_epochs": 3,
        "record": {"estimator": "replay"} | record,
    }
    return TrainSpec.parse(values, "test")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture(autouse=True)
def one_thread():
    """As a worker of the launcher has it: sums over more threads have other last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def quiet(*words):
    pass


def test_launched_executed_and_stored_runs_agree(store, tmp_path, capfd):
    other = RunStore(tmp_path / "other")
    assert launch([spec(), spec(estimator="store")], store, workers=2) == 2
    shown = capfd.readouterr().err
    assert "estimator 'replay': 4 epoch snapshots need" in shown
    assert "9/9 epochs" in shown
    assert "2/2 runs" in shown
    execute(spec(), other)
    assert "4 epoch snapshots need" in capfd.readouterr().out
    replayed, stored = store.load(fingerprint(spec())), store.load(fingerprint(spec(estimator="store")))
    assert replayed.manifest["files"] == other.load(fingerprint(spec())).manifest["files"]
    assert replayed.steps().drop(columns="estimator").equals(stored.steps().drop(columns="estimator"))
    assert replayed.manifest["exact"] is True
    assert replayed.manifest["estimator"] == "replay"
    assert replayed.manifest["replays"] == [{"epoch": e, "deviation": 0.0, "exact": True} for e in (1, 2, 3)]
    assert list(replayed.epochs()["deviation"]) == [0, 0, 0]
    assert not list(store.root.glob(".snapshots*"))


def test_kept_snapshots_are_in_the_run_and_checked_with_it(store):
    one = spec(keep_snapshots=True, epochs=[3])
    execute(one, store, quiet, quiet)
    run = store.load(fingerprint(one))
    assert len(run.steps()) == 3
    assert Snapshots(run.folder / "snapshots").read(3).tensors
    manifest = run.folder / "snapshots" / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(InputError, match=r"snapshots/manifest.json is missing or was changed"):
        store.load(fingerprint(one))


def test_replay_without_snapshots_is_an_error(store):
    with pytest.raises(InputError, match="replay without snapshots"):
        replay_stage(spec(), store, 1)


def test_a_spoilt_snapshot_fails_the_launch_by_name(store):
    train_stage(spec(), store, quiet, quiet)
    path = store.snapshots(fingerprint(spec())) / "epoch-000001.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunsFailed, match=r"InputError: snapshot .*epoch-000001.safetensors was changed"):
        launch([spec()], store)
    assert store.load(fingerprint(spec())) is None


def test_a_replay_that_does_not_land_is_stored_as_not_exact(store):
    train_stage(spec(), store, quiet, quiet)
    snapshots = Snapshots(store.snapshots(fingerprint(spec())))
    state = snapshots.read(1)
    # the file's order of tensors is not fixed, and counters are whole numbers
    weight = min(name for name in state.tensors if name.startswith("model.") and name.endswith(".weight"))
    state.tensors[weight] += 0.25
    snapshots.write(1, state, snapshots.log(1))
    execute(spec(), store, quiet, quiet)  # goes on from the snapshots that are there
    manifest = json.loads((store.root / fingerprint(spec()) / "manifest.json").read_text())
    assert manifest["exact"] is False
    assert manifest["replays"][0]["deviation"] == pytest.approx(0.25, abs=1e-6)
    assert [entry["exact"] for entry in manifest["replays"]] == [False, False, True]


def test_one_run_gets_as_many_workers_as_it_has_epochs_to_replay(store, monkeypatch):
    asked = []

    class Pool(launching.ProcessPoolExecutor):
        def __init__(self, workers, **options):
            asked.append(workers)
            super().__init__(workers, **options)

    monkeypatch.setattr(launching, "ProcessPoolExecutor", Pool)
    launch([spec(optimum="endpoint")], store, workers=2)
    assert asked == [2]
    steps = store.load(fingerprint(spec(optimum="endpoint"))).steps()
    assert (steps["gap"] < steps["loss"]).all()
    assert np.isfinite(steps["distance"]).all()


def several(count, **record):
    return [spec(**record).model_copy(update={"seed": seed, "num_epochs": 1}) for seed in range(count)]


def test_no_more_runs_are_under_way_than_workers_and_one(store, monkeypatch):
    under_way, most = [], []
    in_stages = launching._in_stages

    def counted(one, *rest):
        under_way.append(one.seed)
        most.append(len(under_way))
        in_stages(one, *rest)
        under_way.remove(one.seed)

    monkeypatch.setattr(launching, "_in_stages", counted)
    assert launch(several(5), store, workers=1) == 5
    assert max(most) == 2


@pytest.mark.parametrize(("keep", "runs_at_once"), [(False, 2), (True, 4)])
def test_the_disk_of_all_runs_under_way_is_announced_and_refused(store, monkeypatch, keep, runs_at_once):
    specs = several(4, keep_snapshots=keep)
    room = runs_at_once * snapshot_room(specs[0], store)
    usage = shutil.disk_usage("/")._replace(free=room - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    wanted = (
        rf"snapshots of 4 runs, {4 * keep} of them kept, need up to {room:,} bytes at once, {room - 1:,} are available"
    )
    with pytest.raises(InputError, match=wanted):
        launch(specs, store, workers=1)
    assert store.fingerprints() == []
    assert not list(store.root.glob(".snapshots*"))


def test_a_run_that_cannot_be_trained_fails_alone(store):
    impossible = spec().model_copy(update={"batch_size": 61})
    with pytest.raises(RunsFailed, match=r"1 of 2 runs failed.*\n.*batch_size = 61 is larger"):
        launch([*several(1), impossible], store, workers=1)
    assert store.fingerprints() == [fingerprint(several(1)[0])]
