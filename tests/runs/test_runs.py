"""Run identity, the run store, launching, and a stored run that says when the numbers moved."""

import json
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trajreg.errors import InputError
from trajreg.runs import fingerprint as fingerprints
from trajreg.runs.execute import execute
from trajreg.runs.fingerprint import NUMERICS, differences, fingerprint, identity
from trajreg.runs.launch import RunsFailed, launch, missing
from trajreg.runs.store import CorruptRun, RunStore
from trajreg.training.loop import train
from trajreg.training.spec import TrainSpec

TINY = {
    "data": {"name": "digits10", "num_train": 60, "num_test": 20},
    "model": {"name": "resnet18", "width": 0.03125},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "batch_size": 20,
    "num_epochs": 2,
}
STORED = Path(__file__).parent / "stored_run.json"


def spec(**changes):
    return TrainSpec.parse(TINY | changes, "test")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def test_changing_any_field_changes_the_fingerprint():
    changes = [
        {"data": {"name": "digits10", "num_train": 59, "num_test": 20}},
        {"data": {"name": "digits100"}},
        {"data": {"name": "digits10", "num_train": 60, "num_test": 20, "shuffle_targets": True}},
        {"model": {"name": "resnet34", "width": 0.03125}},
        {"model": {"name": "resnet18", "width": 0.0625}},
        {"model": {"name": "resnet18", "width": 0.03125, "activation": "tanh"}},
        {"model": {"name": "resnet18", "width": 0.03125, "norm": "none"}},
        {"model": {"name": "resnet18", "width": 0.03125, "skip": False}},
        {"model": {"name": "resnet18", "width": 0.03125, "init": "kaiming"}},
        {"optimizer": {"name": "adam", "lr": 0.05}},
        {"optimizer": {"name": "sgd", "lr": 0.051}},
        {"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9}},
        {"optimizer": {"name": "sgd", "lr": 0.05, "weight_decay": 1e-4}},
        {"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True}},
        {"batch_size": None},
        {"num_epochs": 3},
        {"seed": 1},
        {"device": "cuda"},
        {"record": {"estimator": "epoch"}},
        {"record": {"keep_iterates": True}},
        {"record": {"optimum": "endpoint"}},
        {"record": {"estimator": "replay"}},
        {"record": {"estimator": "replay", "epochs": [1]}},
        {"record": {"estimator": "replay", "epochs": {"every": 2}}},
        {"record": {"estimator": "replay", "keep_snapshots": True}},
    ]
    names = [fingerprint(spec(**change)) for change in [{}, *changes]]
    assert len(set(names)) == len(names)


def test_spelling_out_a_default_changes_nothing():
    explicit = spec(
        model={"name": "resnet18", "width": 0.03125, "norm": "batch", "skip": True, "activation": "relu"}, seed=0
    )
    assert fingerprint(explicit) == fingerprint(spec())


def test_the_numerics_version_is_part_of_the_fingerprint(monkeypatch):
    before = fingerprint(spec())
    monkeypatch.setattr(fingerprints, "NUMERICS", NUMERICS + 1)
    assert fingerprint(spec()) != before


def test_an_archive_is_known_by_its_content_not_its_path(tmp_path):
    images, labels = np.zeros((20, 8, 8), np.uint8), np.zeros(20, np.uint8)
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", train_images=images, train_labels=labels)
    one, other = (spec(data={"name": "archive", "path": str(tmp_path / f"{name}.npz")}) for name in ("a", "b"))
    assert fingerprint(one) == fingerprint(other)
    np.savez(tmp_path / "b.npz", train_images=images + 1, train_labels=labels)
    assert fingerprint(one) != fingerprint(other)


def test_differences_name_the_parts():
    assert differences(identity(spec()), identity(spec(seed=1, num_epochs=3))) == [
        ("spec.num_epochs", 2, 3),
        ("spec.seed", 0, 1),
    ]


def test_a_run_is_stored_whole_and_read_back(store):
    execute(spec(record={"keep_iterates": True}), store)
    run = store.load(fingerprint(spec(record={"keep_iterates": True})))
    assert run.manifest["status"] == "completed"
    assert len(run.steps()) == 6
    assert len(run.epochs()) == 2
    assert run.iterates().shape == (7, run.manifest["num_weights"])
    assert {"gamma", "cosine", "final_train_loss", "gamma_early"} <= run.manifest["summary"].keys()
    assert not [path for path in store.root.iterdir() if path.name.startswith(".") and path.name != ".locks"]


def test_iterates_that_were_not_kept_say_so(store):
    execute(spec(), store)
    with pytest.raises(InputError, match="kept no iterates: set record"):
        store.load(fingerprint(spec())).iterates()


def test_the_same_run_has_the_same_bytes(tmp_path):
    files = []
    for name in ("one", "other"):
        store = RunStore(tmp_path / name)
        execute(spec(), store)
        files.append(store.load(fingerprint(spec())).manifest["files"])
    assert files[0] == files[1]


def spoil_byte(folder):
    path = folder / "steps.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_byte, "steps.parquet is missing or was changed"),
        (lambda folder: (folder / "epochs.parquet").unlink(), "epochs.parquet is missing or was changed"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is unreadable"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json is unreadable"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "manifest.json is unreadable"),
    ],
)
def test_a_corrupt_run_is_reported_set_aside_and_trained_again(store, spoil, message, capsys):
    other = spec(seed=1)
    for one in (spec(), other):
        execute(one, store)
    name = fingerprint(spec())
    before = store.load(fingerprint(other)).manifest
    spoil(store.root / name)
    with pytest.raises(CorruptRun, match=f"run {name}: {message}"):
        store.load(name)
    assert list(missing([spec(), other], store)) == [name]
    execute(spec(), store)
    assert message in capsys.readouterr().out
    assert store.load(name) is not None
    assert (store.root / "corrupt" / name).is_dir()
    assert store.load(fingerprint(other)).manifest == before


def test_a_run_wanted_twice_is_trained_once_and_a_second_launch_does_nothing(store):
    assert launch([spec(), spec(seed=1), spec()], store) == 2
    assert launch([spec(), spec(seed=1)], store) == 0


def test_two_that_want_the_same_run_wait_for_each_other(store, monkeypatch):
    trained = []
    monkeypatch.setattr("trajreg.runs.execute.train", lambda *args: trained.append(1) or train(*args))
    both = [threading.Thread(target=execute, args=(spec(), store)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(trained) == 1


def test_a_killed_run_leaves_nothing_that_counts(store, monkeypatch):
    name = fingerprint(spec())

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("trajreg.runs.store.os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        execute(spec(), store)
    monkeypatch.undo()
    (store.root / f".{name}-left").mkdir()
    assert store.load(name) is None
    execute(spec(), store)
    assert [path.name for path in store.root.iterdir() if path.name != ".locks"] == [name]


def test_the_display_tells_runs_epoch_loss_and_time_left(store, capfd):
    launch([spec(), spec(seed=1)], store)
    shown = capfd.readouterr().err
    assert "training 2/2 runs" in shown
    assert "4/4 epochs" in shown
    assert "epoch 2, loss" in shown
    assert "left" in shown


def test_a_run_that_raises_is_named_and_the_others_are_stored(store):
    wrong = spec(batch_size=61)
    with pytest.raises(
        RunsFailed, match=rf"1 of 2 runs failed(.|\n)*run {fingerprint(wrong)}: InputError: batch_size = 61 is larger"
    ):
        launch([wrong, spec()], store)
    assert store.load(fingerprint(spec())) is not None
    assert store.load(fingerprint(wrong)) is None


def test_a_diverged_run_is_stored_as_diverged(store):
    quadratic = {"name": "quadratic", "eigenvalues": [1.0, 18.0]}
    linear = {"name": "mlp", "hidden": [], "bias": False}
    wild = spec(data=quadratic, model=linear, optimizer={"name": "sgd", "lr": 10.0}, batch_size=None, num_epochs=100)
    launch([wild], store)
    run = store.load(fingerprint(wild))
    assert run.manifest["status"] == "diverged"
    assert "gamma" not in run.manifest["summary"]
    json.loads(
        (run.folder / "manifest.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON")
    )


def test_numbers_moved_only_if_the_numerics_version_did(store):
    """A tiny run made when NUMERICS was last raised; REGENERATE=1 writes it anew (raise NUMERICS then)."""
    execute(spec(), store)
    run = store.load(fingerprint(spec()))
    now = {"numerics": NUMERICS, "loss": run.steps()["loss"].tolist(), "gamma": run.steps()["gamma"].tolist()}
    if os.environ.get("REGENERATE"):
        STORED.write_text(json.dumps(now, indent=1) + "\n")
    stored = json.loads(STORED.read_text())
    assert stored["numerics"] == NUMERICS, "NUMERICS was raised: write the stored run anew with REGENERATE=1"
    # six steps are too few for rounding on another processor to grow
    np.testing.assert_allclose(now["loss"], stored["loss"], rtol=1e-3)
    np.testing.assert_allclose(now["gamma"], stored["gamma"], rtol=1e-2, atol=1e-3)


def test_tables_survive_parquet(store):
    execute(spec(), store)
    steps = store.load(fingerprint(spec())).steps()
    assert steps["gamma"].dtype == np.float64
    assert isinstance(steps, pd.DataFrame)
