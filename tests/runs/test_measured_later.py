"""A stored training that is measured later: by a verified replay, of only what has to be run again, with the same files."""

import re
import shutil
import threading
import time

import pytest
import torch
from sealed import rewrite

from trajreg.errors import InputError
from trajreg.files import file_checksum, read_sealed
from trajreg.measures.regularity import Regularity
from trajreg.measures.sharpness import Sharpness
from trajreg.runs import launch as launching
from trajreg.runs.execute import execute
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.launch import RunsFailed, launch
from trajreg.runs.plan import announcement, plan
from trajreg.runs.store import RunStore
from trajreg.studies.kinds import Wanted
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec

RECORDED = Regularity()
REPLAYED = Regularity(estimator="replay", optimum="endpoint")
SOME = Regularity(estimator="replay", epochs=[2])
SHARP = Sharpness(every=3, num_samples=20)
ALL = (RECORDED, REPLAYED, SOME, SHARP)


def wanted(*measures, keep=None, **changes):
    """A run of twelve steps (4 epochs of 3) with dropout and momentum, so that streams and optimiser have to be restored."""
    values = {
        "data": {"name": "digits10", "num_train": 60, "num_test": 20},
        "model": {"name": "mlp", "hidden": [8], "norm": "batch", "dropout": 0.1},
        "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
        "batch_size": 20,
        "num_epochs": 4,
    }
    return Wanted(TrainSpec.parse(values | changes, "test"), {key(one): one for one in measures}, keep)


def key(measure):
    return measure.key(type(measure).__name__.lower())


def make(one, store, **options):
    execute(fingerprint(one.spec), one, store, **options)


def known(store, name, *measures):
    """What may not depend on when it was measured: checksums of all files, and summaries."""
    stored = [store.get(name), *(store.get(name, key(one)) for one in measures)]
    return [(one.manifest["files"], one.manifest["summary"], one.manifest["how"]) for one in stored]


def files(folder):
    """File → (checksum, when it was written) of a run itself."""
    return {path.name: (file_checksum(path), path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}


def contents(folder):
    """File → checksum."""
    return {path.name: file_checksum(path) for path in folder.iterdir()}


NAME = fingerprint(wanted().spec)


@pytest.fixture(autouse=True)
def one_thread():
    """As a worker of the launcher has it: sums over more threads have other last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    """A run that was measured while it was trained, by everything."""
    store = RunStore(tmp_path_factory.mktemp("at_once"))
    make(wanted(*ALL), store)
    return known(store, NAME, *ALL)


@pytest.fixture
def epochs(monkeypatch):
    """The numbers of the epochs that this process runs, in order."""
    run, inner = [], Session.run_epoch
    monkeypatch.setattr(
        Session, "run_epoch", lambda self, *rest: run.append(self.epochs_done + 1) or inner(self, *rest)
    )
    return run


def test_measured_later_is_measured_the_same(store, at_once):
    make(wanted(), store)
    before = files(store.root / NAME)
    for measure in ALL:  # one after the other
        make(wanted(measure), store)
    assert known(store, NAME, *ALL) == at_once
    assert files(store.root / NAME) == before
    assert not list(store.root.glob(".snapshots*"))


@pytest.mark.parametrize("keep", [None, 2])
def test_launched_with_workers_it_is_the_same(store, at_once, keep, capfd):
    make(wanted(keep=keep), store)
    before = files(store.root / NAME)
    assert launch([wanted(*ALL, keep=keep)], store, workers=2) == 1
    assert "4 measurements of 1 stored run to make by replay" in capfd.readouterr().err
    assert launch([wanted(*ALL, keep=keep)], store, workers=2) == 0
    assert known(store, NAME, *ALL) == at_once
    assert files(store.root / NAME) == before


def test_a_figure_that_adds_a_measure_trains_nothing(store, epochs):
    make(wanted(RECORDED), store)
    before, when = known(store, NAME, RECORDED), files(store.root / NAME / key(RECORDED))
    make(wanted(RECORDED, SHARP), store)
    assert known(store, NAME, RECORDED) == before
    assert files(store.root / NAME / key(RECORDED)) == when
    assert epochs == [1, 2, 3, 4] * 2  # trained, and replayed


@pytest.mark.parametrize(
    ("keep", "measure", "run"),
    [
        (None, SHARP, [1, 2, 3, 4]),  # from the start
        (None, SOME, [1, 2, 3, 4, 2]),  # a pass for θ_T, then the epoch
        (1, SOME, [2]),
        (2, SOME, [1, 2, 3]),  # where epoch 4 begins has to be seen as well
        (3, SOME, [1, 2]),
        (1, REPLAYED, [1, 2, 3, 4]),
        (2, REPLAYED, [1, 2, 3, 4]),
        (1, Sharpness(every=100, num_samples=20), [1, 4]),
        (2, Sharpness(every=100, num_samples=20), [1, 3, 4]),
        (4, Sharpness(every=100, num_samples=20), [1, 2, 3, 4]),
        (1, RECORDED, [1, 2, 3, 4]),  # whose observer has to see it all
    ],
)
def test_only_what_is_needed_is_run_again(store, epochs, keep, measure, run):
    make(wanted(keep=keep), store)
    epochs.clear()
    make(wanted(measure, keep=keep), store)
    assert epochs == run


def test_snapshots_wanted_later_are_made_by_replay(store, tmp_path, epochs):
    make(wanted(keep=2), RunStore(tmp_path / "other"))
    make(wanted(), store)
    before = files(store.root / NAME)
    epochs.clear()
    make(wanted(keep=2), store)
    assert epochs == [1, 2, 3, 4]
    assert files(store.root / NAME) == before
    kept = [Snapshots(one.kept_snapshots(NAME)) for one in (store, RunStore(tmp_path / "other"))]
    assert [one.numbers() for one in kept] == [[0, 2, 4]] * 2
    assert contents(kept[0].folder) == contents(kept[1].folder)


def test_snapshots_that_another_figure_wanted_stay(store):
    make(wanted(keep=2), store)
    make(wanted(keep=3), store)
    assert {0, 2, 3, 4} <= {*Snapshots(store.kept_snapshots(NAME)).numbers()}
    assert plan([wanted(keep=2)], store) == plan([wanted(keep=3)], store) == []


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["epoch-000001.safetensors", "epoch-000001.json", "manifest.json"])
@pytest.mark.parametrize("spoil", [flip, lambda path: path.unlink(), lambda path: (path.unlink(), path.mkdir())])
def test_spoilt_snapshots_are_named_set_aside_and_made_again(store, tmp_path, capfd, name, spoil):
    make(wanted(keep=1), store)
    before, good = files(store.root / NAME), Snapshots(store.kept_snapshots(NAME))
    kept = contents(good.folder)
    spoil(good.folder / name)
    make(wanted(SOME, keep=1), store)
    said, aside = capfd.readouterr().out, [path.name for path in (store.root / "corrupt").glob("*")]
    if aside:  # without a manifest there are simply none
        assert aside == [f"{NAME}-snapshots"]
        assert f"run {NAME}: snapshot" in said or f"run {NAME}: the snapshot after epoch 1 is missing" in said
        assert "they are made again" in said
    assert files(store.root / NAME) == before
    assert contents(good.folder) == kept
    other = RunStore(tmp_path / "other")
    make(wanted(SOME, keep=1), other)
    assert known(store, NAME, SOME) == known(other, NAME, SOME)


def rewritten(store, table=lambda steps: steps, **facts):
    """The stored run, changed and consistent: its checksums agree."""
    path = store.root / NAME / "steps.parquet"
    table(store.get(NAME).table("steps")).to_parquet(path, index=False)
    manifest = store.root / NAME / "manifest.json"
    rewrite(manifest, files=read_sealed(manifest)["files"] | {"steps.parquet": file_checksum(path)}, **facts)


def other_loss(steps):
    """The loss of step 7, in epoch 3, a bit off."""
    return steps.assign(loss=steps["loss"].mask(steps["step"] == 7, 0.5))


def other_landing(store):
    return {"landings": [*store.get(NAME).manifest["landings"][:2], "0" * 64, store.get(NAME).manifest["landings"][3]]}


@pytest.mark.parametrize("measure", [SHARP, RECORDED, REPLAYED])
@pytest.mark.parametrize("keep", [None, 1])
def test_a_training_that_comes_out_otherwise_is_not_measured(store, measure, keep):
    make(wanted(keep=keep), store)
    rewritten(store, other_loss)
    before = files(store.root / NAME)
    message = (
        rf"{key(measure)} cannot be measured on the stored training: run again, it does not come out as it was stored "
        r"\(epoch 3, step 7: the loss is .*, it was .*0.5.* when the training was stored\). "
        r"The hardware and versions are the same: .* was changed\. `--train-anew` \(make … ANEW=1\) sets"
    )
    with pytest.raises(InputError, match=message):
        make(wanted(measure, keep=keep), store)
    if measure is SHARP and keep:  # launched it is told in the same words
        with pytest.raises(RunsFailed, match=rf"run {NAME}: InputError: {message}"):
            launch([wanted(measure, keep=keep)], store, workers=2)
    assert files(store.root / NAME) == before
    assert store.load(NAME, key(measure)) is None


def test_a_refusal_names_other_hardware_and_versions(store):
    make(wanted(), store)
    machine = store.get(NAME).manifest["machine"] | {"torch": "1.0", "processor": "an abacus"}
    rewritten(store, machine=machine, threads=7, **other_landing(store))
    with pytest.raises(
        InputError,
        match=r"epoch 3: the losses are those that were stored, but weights or buffers are not: .*\)\. "
        r"Processor an abacus then, .* now; torch 1\.0 then, \d.* now; threads 7 then, \d+ now\.",
    ):
        make(wanted(SHARP), store)


def test_snapshots_are_refused_in_their_own_words(store):
    make(wanted(), store)
    rewritten(store, other_loss)
    with pytest.raises(InputError, match=r"^snapshots cannot be had of the stored training: run again"):
        make(wanted(keep=1), store)


@pytest.mark.parametrize(("keep", "measures"), [(None, [REPLAYED]), (None, [SHARP]), (1, [REPLAYED, SHARP]), (1, [])])
def test_asked_to_it_sets_such_a_run_aside_and_trains_anew(store, keep, measures, capsys):
    make(wanted(RECORDED, keep=keep), store)
    good, spoilt = known(store, NAME, RECORDED), [store.kept_snapshots(NAME)] if not measures else []
    rewritten(store, other_loss)
    for folder in spoilt:  # so that something has to be replayed
        shutil.rmtree(folder)
    make(wanted(RECORDED, *measures, keep=keep), store, anew=True)
    assert f"set aside as {store.root / 'corrupt' / NAME}, it is made anew" in capsys.readouterr().out
    assert known(store, NAME, RECORDED) == good
    assert plan([wanted(RECORDED, *measures, keep=keep)], store) == []
    assert (store.root / "corrupt" / NAME / key(RECORDED)).is_dir()


def test_launched_anew_it_is_trained_anew(store, at_once, capfd):
    make(wanted(keep=1), store)
    rewritten(store, other_loss)
    assert launch([wanted(*ALL, keep=1)], store, workers=2, anew=True) == 1
    assert "it is made anew" in capfd.readouterr().err
    assert known(store, NAME, *ALL) == at_once


def test_anew_changes_nothing_of_runs_that_come_out_as_stored(store):
    make(wanted(), store)
    before = files(store.root / NAME)
    make(wanted(SHARP), store, anew=True)
    assert files(store.root / NAME) == before


def forgotten(store, column, *measurement):
    """What is stored, as a library wrote it that did not know this column."""
    path = store.root.joinpath(NAME, *measurement, "manifest.json")
    summary = read_sealed(path)["summary"]
    del summary[column]
    rewrite(path, summary=summary)


def test_a_measurement_without_a_column_that_its_measure_has_come_to_offer_is_made_again(store, epochs, capsys):
    make(wanted(RECORDED, SHARP), store)
    before, kept = known(store, NAME, RECORDED, SHARP), files(store.root / NAME / key(RECORDED))
    forgotten(store, "sharpness_final", key(SHARP))
    (todo,) = plan([wanted(RECORDED, SHARP)], store)
    assert (todo.is_stored, [*todo.measures]) == (True, [key(SHARP)])
    assert announcement([todo]) == "1 measurement of 1 stored run to make by replay"
    epochs.clear()
    make(wanted(RECORDED, SHARP), store)
    said = f"run {NAME}: {key(SHARP)} was stored without sharpness_final: it is measured again\n"
    assert capsys.readouterr().out == said
    assert epochs == [1, 2, 3, 4]
    assert known(store, NAME, RECORDED, SHARP) == before
    assert files(store.root / NAME / key(RECORDED)) == kept
    assert not list(store.root.glob(f".{NAME}*"))
    assert plan([wanted(RECORDED, SHARP)], store) == []


def test_a_measurement_in_pieces_is_made_again_too(store, epochs):
    make(wanted(SOME, keep=1), store)
    before = known(store, NAME, SOME)
    forgotten(store, "rate_late", key(SOME))
    epochs.clear()
    make(wanted(SOME, keep=1), store)
    assert epochs == [2]
    assert known(store, NAME, SOME) == before


def test_a_column_that_cannot_be_had_with_its_options_is_not_lacking(store):
    epoch = Regularity(estimator="epoch")
    make(wanted(epoch), store)
    forgotten(store, "cosine", key(epoch))
    assert plan([wanted(epoch)], store) == []


def test_a_training_without_a_column_of_its_kind_is_refused_or_made_anew(store, capfd):
    make(wanted(RECORDED), store)
    before = known(store, NAME, RECORDED)
    forgotten(store, "final_test_loss")
    (todo,) = plan([wanted(RECORDED)], store)
    assert announcement([todo]) == "1 run to make with 1 measurement"
    message = (
        rf"^run {NAME} was stored without final_test_loss, which cannot be had without making it anew\. "
        r"`--train-anew` \(make … ANEW=1\) sets such runs aside and makes them anew here$"
    )
    for refused in (lambda: launch([wanted(RECORDED)], store, workers=1), lambda: make(wanted(RECORDED), store)):
        with pytest.raises(InputError, match=message):
            refused()
    assert launch([wanted(RECORDED)], store, workers=1, anew=True) == 1
    assert "it is made anew" in capfd.readouterr().err
    assert known(store, NAME, RECORDED) == before


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({}, {"final_test_mean_iou"}),
        (
            {
                "data": {"name": "quadratic", "eigenvalues": [1.0]},
                "model": {"name": "mlp", "hidden": []},
                "batch_size": None,
            },
            {"final_test_mean_iou", "final_train_accuracy", "final_test_accuracy"},
        ),
        (
            {
                "data": {"name": "digits_seg", "num_train": 20, "num_test": 4},
                "model": {"name": "unet", "width": 0.03, "depth": 1},
            },
            set(),
        ),
        ({"task": "one_hot_mse"}, {"final_test_mean_iou"}),
    ],
)
def test_a_training_has_the_columns_that_its_spec_says(store, changes, lacking):
    one = wanted(num_epochs=1, **changes) if changes else wanted()
    make(one, store)
    stored, all_columns = store.get(fingerprint(one.spec)), one.spec.COLUMNS
    assert {column.name for column in all_columns.summary} - {
        column.name for column in one.spec.columns.summary
    } == lacking
    assert {column.name for column in one.spec.columns.summary} == {*stored.summary, "steps_to_loss"}
    assert {column.name for column in one.spec.columns.epochs} == {*stored.table("epochs")} - {"epoch", "step"}
    assert plan([one], store) == []


def several(count, *measures, keep=None):
    return [wanted(*measures, keep=keep, seed=seed, num_epochs=1) for seed in range(count)]


def no_room(monkeypatch, free=0):
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)


@pytest.mark.parametrize(("keep", "runs_at_once"), [(None, 2), (1, 4)])
def test_the_disk_of_all_runs_under_way_is_refused_before_any_is_made(store, monkeypatch, keep, runs_at_once):
    some = several(4, REPLAYED, keep=keep)
    no_room(monkeypatch)
    with pytest.raises(InputError, match=r"2 snapshots need up to .* bytes") as alone:
        make(some[0], store)
    room = int(re.search(r"up to ([0-9,]+) bytes", str(alone.value))[1].replace(",", ""))
    no_room(monkeypatch, room * runs_at_once - 1)
    wanted = rf"the snapshots of 4 runs need up to {room * runs_at_once:,} bytes at once, {room * 4 if keep else 0:,} of them stay"
    with pytest.raises(InputError, match=wanted):
        launch(some, store, workers=1)
    assert store.fingerprints() == []
    assert not list(store.root.glob(".snapshots*"))


def test_a_run_alone_is_refused_too(store, monkeypatch):
    no_room(monkeypatch)
    with pytest.raises(InputError, match=r"5 snapshots need up to .* bytes, 0 are available"):
        make(wanted(keep=1), store)


def test_what_is_had_from_kept_snapshots_needs_no_disk(store, monkeypatch):
    for one in several(2, keep=1):
        make(one, store)
    no_room(monkeypatch)
    assert launch(several(2, REPLAYED, keep=1), store, workers=1) == 2


def test_no_more_runs_are_under_way_than_workers_and_one(store, monkeypatch):
    lock, under_way, most = threading.Lock(), [], []

    def counted(name, *rest):
        with lock:
            under_way.append(name)
            most.append(len(under_way))
        time.sleep(0.05)
        with lock:
            under_way.remove(name)

    monkeypatch.setattr(launching, "execute", counted)
    assert launch(several(6), store, workers=1) == 6
    assert max(most) == 2


def test_a_run_that_cannot_be_trained_fails_alone(store):
    good, impossible = several(1, REPLAYED), wanted(REPLAYED, batch_size=61)
    with pytest.raises(RunsFailed, match=r"1 of 2 runs failed.*\n.*batch_size = 61 is larger"):
        launch([*good, impossible], store, workers=1)
    assert store.fingerprints() == [fingerprint(good[0].spec)]
