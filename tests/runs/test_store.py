"""The run store: whole or not at all, what is corrupt is set aside, and every file is read once."""

import errno
import hashlib
import json
import math
import os
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors import SafetensorError

from trajreg.columns import Bound
from trajreg.errors import InputError
from trajreg.files import CannotWrite
from trajreg.locks import Interrupted
from trajreg.result import Result
from trajreg.runs.store import CorruptRun, RunStore

NAME = "00ff"
RESULT = Result(
    {"epochs": pd.DataFrame({"epoch": [1, 2], "loss": [0.5, math.nan]})},
    {"loss": 0.25, "unknown": math.nan, "reached": Bound(low=3.0)},
    {"path": np.arange(6.0).reshape(3, 2)},
    how="by hand",
    facts={"num_weights": 2},
)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def test_what_is_saved_is_read_back(store):
    assert store.load(NAME) is None
    store.save(NAME, RESULT, {"identity": {"kind": "a"}})
    stored = store.get(NAME)
    pd.testing.assert_frame_equal(stored.table("epochs"), RESULT.tables["epochs"])
    np.testing.assert_array_equal(stored.array("path"), RESULT.arrays["path"])
    assert (stored.summary["loss"], stored.summary["reached"]) == (0.25, Bound(low=3.0))
    assert math.isnan(stored.summary["unknown"])
    assert (stored.diverged, stored.manifest["how"], stored.manifest["num_weights"]) == (False, "by hand", 2)
    assert stored.manifest["identity"] == {"kind": "a"}
    assert stored.tables() == ["epochs"]
    assert {path.stat().st_mode & 0o777 for path in stored.folder.iterdir()} == {0o644}
    json.loads(
        (stored.folder / "manifest.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON")
    )


def test_a_measurement_is_stored_beside_its_run_and_changes_nothing_of_it(store):
    store.save(NAME, RESULT, {})
    before = store.get(NAME).manifest
    store.save(NAME, replace(RESULT, summary={"gamma": 1.0}), {}, "regularity-1")
    assert store.get(NAME, "regularity-1").summary == {"gamma": 1.0}
    assert store.get(NAME).manifest == before
    assert store.fingerprints() == [NAME]


def test_what_is_not_there_is_named(store):
    with pytest.raises(InputError, match=r"run 00ff is not in .*: `make runs` makes it"):
        store.get(NAME)
    store.save(NAME, replace(RESULT, arrays={}), {})
    with pytest.raises(InputError, match=r"a-1 of run 00ff is not in"):
        store.get(NAME, "a-1")
    with pytest.raises(InputError, match="00ff has no table 'steps', choose from epochs"):
        store.get(NAME).table("steps")
    with pytest.raises(InputError, match="00ff kept no iterates: set keep_iterates: true"):
        store.get(NAME).array("iterates")


@pytest.mark.parametrize("measurement", [None, "regularity-1"])
def test_what_is_corrupt_is_set_aside_and_nothing_is_deleted(store, measurement):
    store.save(NAME, RESULT, {})
    store.save(NAME, RESULT, {}, "regularity-1")
    folder = store.get(NAME, measurement).folder
    (folder / "epochs.parquet").write_bytes(b"")
    said = []
    for attempt in range(2):
        with pytest.raises(CorruptRun, match=r"epochs\.parquet was changed since it was written"):
            store.load(NAME, measurement)
        assert store.load_or_set_aside(NAME, measurement, said.append) is None
        aside = store.root / "corrupt" / (f"{NAME}-{measurement}" if measurement else NAME)
        assert (aside.with_name(aside.name + (".1" if attempt else "")) / "manifest.json").exists()
        store.save(NAME, RESULT, {}, measurement)
        if not attempt:
            (folder / "epochs.parquet").write_bytes(b"")
    assert [f"set aside as corrupt/{aside.name}" in line for line in said] == [True, True]
    assert said[0].startswith(f"run {NAME}{', regularity-1' if measurement else ''}: epochs.parquet")
    assert store.load(NAME)


@pytest.mark.parametrize("call", ["os.replace", "save_file", "write_sealed", "file_checksum"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_nothing_is_told_in_a_line_and_nothing_half_written_stays(store, monkeypatch, call, number):
    store.save("01ff", RESULT, {})
    before = sorted(store.root.rglob("*"))
    error = SafetensorError(f"I/O error: no (os error {number})") if call == "save_file" else OSError(number, "no")

    def full(*arguments):
        raise error

    monkeypatch.setattr(f"trajreg.runs.store.{call}", full)
    with pytest.raises(CannotWrite) as told:
        store.save(NAME, RESULT, {})
    said = str(told.value)
    assert said.startswith(f"run {NAME}")
    assert str(store.root) in said
    assert ("bytes are needed" in said and "make room" in said) is (number != errno.EROFS)
    assert "\n" not in said
    assert sorted(store.root.rglob("*")) == before
    monkeypatch.undo()
    store.save(NAME, RESULT, {})
    assert store.get(NAME)


def test_a_save_that_fails_leaves_everything_as_it_was(store, monkeypatch):
    store.save(NAME, RESULT, {})
    snapshots = store.kept_snapshots(NAME), store.passing_snapshots(NAME)
    for folder in snapshots:
        folder.mkdir()
        (folder / "epoch-000001.json").write_text("{}")
    before = sorted(store.root.rglob("*"))

    def full(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr("trajreg.runs.store.os.replace", full)
    with pytest.raises(OSError, match="no space"):
        store.save(NAME, RESULT, {}, "regularity-1")
    assert sorted(store.root.rglob("*")) == before


@pytest.mark.parametrize("spoil", ["folder", "file"])
def test_a_lock_that_is_none_gives_way(store, spoil):
    locks = store.root / ".locks"
    if spoil == "folder":
        (locks / NAME / "something").mkdir(parents=True)
    else:
        store.root.mkdir()
        locks.write_text("")
    with store.lock(NAME, print):
        assert (locks / NAME).is_file()
    assert len(list((store.root / "corrupt").iterdir())) == 1


def test_who_waits_for_a_run_says_for_whom_and_can_be_stopped(store):
    said = []
    with (
        store.lock(NAME, said.append),
        pytest.raises(Interrupted),
        store.lock(NAME, said.append, lambda: len(said) > 0),
    ):
        pass
    assert re.fullmatch(rf"waiting for process {os.getpid()} \(.*, since \S+\), who is at run {NAME}", said[0])
    with store.lock(NAME, said.append):
        assert len(said) == 1


def test_a_measurement_copied_from_another_run_is_not_believed(store):
    for name in (NAME, "01ff"):
        store.save(name, RESULT, {})
    store.save(NAME, RESULT, {}, "regularity-1")
    shutil.copytree(store.root / NAME / "regularity-1", store.root / "01ff" / "regularity-1")
    with pytest.raises(CorruptRun, match=f"run 01ff, regularity-1: manifest.json is of fingerprint {NAME}"):
        store.load("01ff", "regularity-1")
    assert store.believed("01ff", "regularity-1") is None


def test_a_run_set_aside_takes_what_passed_with_it(store):
    """Snapshots that a replay of it has written are no beginning of another training."""
    store.save(NAME, RESULT, {})
    store.save(NAME, RESULT, {}, "regularity-1")
    store.passing_snapshots(NAME).mkdir()
    store.set_aside(NAME, "regularity-1")
    assert store.passing_snapshots(NAME).exists()
    store.set_aside(NAME)
    assert not store.passing_snapshots(NAME).exists()


def test_every_file_is_read_once_and_again_when_it_changed(store, monkeypatch):
    store.save(NAME, RESULT, {})
    read, digest = [], hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, *rest: read.append(file.name) or digest(file, *rest))
    for _ in range(3):
        assert RunStore(store.root).load(NAME)
    assert len(read) == len(set(read)) <= 2
    path = store.root / NAME / "epochs.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptRun):
        store.load(NAME)
