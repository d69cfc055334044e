"""Makes runs of the kind `training`: trains and measures in one pass, and measures stored ones by verified replay."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pandas as pd
import psutil
import torch

from trajreg.data.dataset import Dataset
from trajreg.data.load import load
from trajreg.data.sources import source_checksum
from trajreg.data.spec import DataSpec
from trajreg.errors import InputError
from trajreg.measures.measure import Measure
from trajreg.measures.passes import Stretch, first_pass, replay_stretch, stretches, together
from trajreg.models.build import check as check_model
from trajreg.result import Result
from trajreg.runs.outcome import Outcome, Refused, Room, Tell
from trajreg.runs.plan import Todo
from trajreg.runs.provenance import machine
from trajreg.runs.store import RunStore, Stored
from trajreg.training.loop import ReplayRefused, Trained
from trajreg.training.room import snapshot_bytes, step_bytes
from trajreg.training.session import Session
from trajreg.training.snapshot_index import kept_numbers
from trajreg.training.snapshots import Snapshots, reserve
from trajreg.training.spec import TrainSpec


def check(spec: TrainSpec) -> None:
    """InputError unless its network can be made; what only its data tell, they tell in the run itself."""
    check_model(spec.model)


def execute(todo: Todo, store: RunStore, tell: Tell) -> Outcome:
    """Train, or replay what is stored, watched by all measures that can watch from the start; the others are pieces of a second pass."""
    stored = store.load(todo.name)
    with _refusal(todo, stored):
        return _execute(todo, store, stored, tell)


def _execute(todo: Todo, store: RunStore, stored: Stored | None, tell: Tell) -> Outcome:
    spec = _spec(todo)
    session = _fresh_session(spec)
    known = None if stored is None else trained_of(stored)
    from_snapshots = _from_kept_snapshots(todo, store, session)
    at_once = {key: one for key, one in todo.measures.items() if key not in from_snapshots}
    later = {key: one for key, one in at_once.items() if one.needs_end}
    if known is not None and not at_once and not todo.lacks_snapshots:
        return Outcome(None, {}, _stretches(session, from_snapshots, _snapshots(todo, store), tell))
    snapshots, every = None, _every(todo, later)
    if every is not None:
        snapshots = Snapshots(store.passing_snapshots(todo.name))
        count = len(kept_numbers(spec.num_epochs, every))
        reserve(
            snapshots.folder, count, snapshot_bytes(session, every), lambda text: tell.say(f"run {todo.name}: {text}")
        )
    trained, results = first_pass(
        session,
        at_once,
        stored=known,
        snapshots=snapshots,
        every=every or 1,
        progress=lambda epoch, loss: tell.tick(f"epoch {epoch}, loss {loss:.3g}"),
    )
    result = None if known else _result(trained, session.data)
    if trained.diverged:
        return Outcome(result)
    later |= from_snapshots
    return Outcome(result, results, _stretches(session, later, _snapshots(todo, store), tell))


def replay(todo: Todo, store: RunStore, piece: Stretch, tell: Tell) -> dict[str, list[Any]]:
    """Run a stretch of a stored training again; the parts that its measures saw."""
    stored, measures = store.get(todo.name), {key: todo.measures[key] for key in piece.wanted}
    with _refusal(todo, stored):
        parts = replay_stretch(_session(_spec(todo)), measures, trained_of(stored), _snapshots(todo, store), piece)
    tell.tick(f"epoch {piece.last} again")
    return parts


def collect(todo: Todo, store: RunStore, parts: list[dict[str, list[Any]]]) -> dict[str, Result]:
    """The measurements that were had in pieces."""
    measures = {key: todo.measures[key] for key in {key: None for one in parts for key in one}}
    stored = store.get(todo.name)
    with _refusal(todo, stored):
        return together(_session(_spec(todo)), measures, trained_of(stored), _snapshots(todo, store), parts)


def end(todo: Todo, store: RunStore) -> None:
    """All is measured: snapshots that are to stay go with the run, the others are deleted."""
    passing, stored = Snapshots(store.passing_snapshots(todo.name)), store.load(todo.name)
    every = todo.wanted.keep_snapshots if todo.lacks_snapshots else None
    if every is None or stored is None or stored.diverged:
        passing.delete()
    else:
        passing.keep_only(kept_numbers(_spec(todo).num_epochs, every))
        passing.drop_logs()
        passing.move(store.kept_snapshots(todo.name))


def room(todo: Todo, store: RunStore) -> Room:
    """The disk that its snapshots take; none of a run that cannot be trained, which says so then."""
    try:
        session = _fresh_session(_spec(todo))
        from_snapshots = _from_kept_snapshots(todo, store, session)
    except InputError:
        return Room()
    every = _every(todo, {key: one for key, one in todo.measures.items() if key not in from_snapshots})
    kept = todo.wanted.keep_snapshots if todo.lacks_snapshots else None
    total, stay = (
        0 if k is None else len(kept_numbers(session.spec.num_epochs, k)) * snapshot_bytes(session, k)
        for k in (every, kept)
    )
    return Room(total, stay)


def memory(todo: Todo) -> int:
    """About the bytes of a process that trains: what it has before its first step, and what a step keeps."""
    session = _fresh_session(_spec(todo))
    return psutil.Process().memory_info().rss + step_bytes(session)


def trained_of(stored: Stored) -> Trained:
    """The training of a stored run."""
    steps, known = stored.table("steps"), stored.manifest
    return Trained(
        known["num_weights"],
        known["steps_per_epoch"],
        stored.table("epochs"),
        steps["loss"].to_numpy(),
        steps["lr"].to_numpy(),
        tuple(known["landings"]),
        stored.diverged,
    )


def _result(trained: Trained, data: Dataset) -> Result:
    """A training as it is stored: its tables of epochs and steps, and its last numbers."""
    last = trained.epochs.iloc[-1]
    summary = {f"final_{name}": float(last[name]) for name in last.index if name.startswith(("train_", "test_"))}
    steps = pd.DataFrame({"step": range(len(trained.losses)), "lr": trained.lr, "loss": trained.losses})
    facts = {
        "num_weights": trained.num_weights,
        "steps_per_epoch": trained.steps_per_epoch,
        "landings": list(trained.landings),
        "data_checksum": data.checksum,
        "threads": torch.get_num_threads(),  # sums over more threads have other last bits
    }
    return Result({"epochs": trained.epochs, "steps": steps}, summary, facts=facts, diverged=trained.diverged)


def _every(todo: Todo, measures: dict[str, Measure]) -> int | None:
    """After how many epochs a snapshot is written in this pass: every one where measures need a second; None: not at all."""
    if any(one.needs_end for one in measures.values()):
        return 1
    return todo.wanted.keep_snapshots if todo.lacks_snapshots else None


def _from_kept_snapshots(todo: Todo, store: RunStore, session: Session) -> dict[str, Measure]:
    """The lacking measures that can be had of a stored run from the snapshots that stayed with it."""
    kept = Snapshots(store.kept_snapshots(todo.name)).numbers()
    if not todo.is_stored or todo.lacks_snapshots or session.spec.num_epochs not in kept:
        return {}
    return {key: one for key, one in todo.measures.items() if one.pieces(session) is not None}


def _stretches(session: Session, measures: dict[str, Measure], snapshots: Snapshots, tell: Tell) -> list[Stretch]:
    found = stretches(session, measures, snapshots.numbers()) if measures else []
    tell.more(len(found))
    return found


def _snapshots(todo: Todo, store: RunStore) -> Snapshots:
    """Those of the pass that is under way, or else those that stayed with the run."""
    passing = Snapshots(store.passing_snapshots(todo.name))
    return passing if _spec(todo).num_epochs in passing.numbers() else Snapshots(store.kept_snapshots(todo.name))


def _spec(todo: Todo) -> TrainSpec:
    if not isinstance(todo.spec, TrainSpec):
        raise TypeError(f"run {todo.name} is no training but {type(todo.spec).__name__}")
    return todo.spec


def _fresh_session(spec: TrainSpec) -> Session:
    """At its start."""
    _session.cache_clear()
    return Session(spec, _load(spec.data))


@lru_cache(maxsize=1)  # the pieces of one run follow one another in a worker
def _session(spec: TrainSpec) -> Session:
    return Session(spec, _load(spec.data))


def _load(spec: DataSpec) -> Dataset:
    """Its data, read once in a process, and again when the file changed since."""
    return _loaded(spec, source_checksum(spec))


@lru_cache(maxsize=1)
def _loaded(spec: DataSpec, source: str) -> Dataset:
    return load(spec)


@contextmanager
def _refusal(todo: Todo, stored: Stored | None) -> Iterator[None]:
    """A replay that does not come out as it was stored, in the user's words: what it was for, and what may be the reason."""
    try:
        yield
    except ReplayRefused as error:
        here, there = machine() | {"threads": torch.get_num_threads()}, {}
        if stored is not None:
            there = stored.manifest["machine"] | {"threads": stored.manifest["threads"]}
        other = [f"{name} {there[name]} then, {here.get(name)} now" for name in there if there[name] != here.get(name)]
        same = "the hardware and versions are the same: the stored run or the library was changed"
        why = "; ".join(other) or same
        what = f"{', '.join(todo.measures)} cannot be measured on" if todo.measures else "snapshots cannot be had of"
        raise Refused(
            f"{what} the stored training: run again, it does not come out as it was stored ({error}). {why[0].upper()}{why[1:]}"
        ) from None
