"""Train one run and store it, in stages that a pool of processes can share."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.metrics.aggregate import over_stretches, summarise
from trajreg.runs.fingerprint import fingerprint, identity
from trajreg.runs.provenance import machine, source
from trajreg.runs.store import RunStore
from trajreg.training.loop import train
from trajreg.training.replay import Replayer, snapshot_bytes, train_with_snapshots, with_replays
from trajreg.training.result import Training
from trajreg.training.session import Progress, Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec
from trajreg.trajectory.replay import ReplayedEpoch, ReplayTrajectory

CHECKOUT = Path(__file__).resolve().parents[2]  # whose commit the numbers come from
_load = lru_cache(maxsize=1)(load)  # the epochs of one run follow one another in a worker: read its data once


@dataclass(frozen=True)
class Trained:
    """A run whose training is over; `to_replay` are the epochs that are still to be run again."""

    training: Training
    data_checksum: str
    seconds: float

    @property
    def to_replay(self) -> tuple[int, ...]:
        """The chosen epochs of estimator `replay`, none of a run that diverged."""
        return () if self.training.diverged else self.training.spec.replayed_epochs()


def execute(
    spec: TrainSpec,
    store: RunStore,
    progress: Progress = lambda epoch, loss: None,
    say: Callable[[str], None] = print,
) -> None:
    """Train this run, all stages one after the other, unless the store has it; waits if another process is training it."""
    name = fingerprint(spec)
    with store.lock(name):
        if store.load_or_set_aside(name) is None:
            trained = train_stage(spec, store, progress, say)
            finish_stage(store, trained, [replay_stage(spec, store, epoch) for epoch in trained.to_replay])


def train_stage(spec: TrainSpec, store: RunStore, progress: Progress, say: Callable[[str], None]) -> Trained:
    """Train; with estimator `replay` leave snapshots in the store, from which a run that was killed goes on. Hold the lock."""
    store.forget_partial(fingerprint(spec))
    started = time.perf_counter()
    _load.cache_clear()  # a file may have changed since another run of this process
    _replayer.cache_clear()
    data = _load(spec.data)
    if spec.record.estimator == "replay":
        training = train_with_snapshots(spec, data, _snapshots(spec, store), progress, say)
    else:
        training = train(spec, data, progress)
    return Trained(training, data.checksum, time.perf_counter() - started)


def snapshot_room(spec: TrainSpec, store: RunStore) -> int:
    """Bytes of the epoch snapshots that this run has still to write; 0 of one that cannot be trained, which says so then."""
    try:
        session = Session(spec, _load(spec.data))
    except InputError:
        return 0
    return (spec.num_epochs + 1 - _snapshots(spec, store).count()) * snapshot_bytes(session)


def replay_stage(spec: TrainSpec, store: RunStore, epoch: int) -> tuple[ReplayedEpoch, float]:
    """Run one epoch again from its snapshot; (what it told, seconds). Epochs may be run in any order, in any process."""
    started = time.perf_counter()
    replayed = _replayer(spec, store.snapshots(fingerprint(spec))).replay(epoch)
    return replayed, time.perf_counter() - started


def finish_stage(store: RunStore, trained: Trained, replays: Iterable[tuple[ReplayedEpoch, float]]) -> None:
    """Write the run to the store; its snapshots go with it if they are to be kept, and are deleted otherwise."""
    replays, spec = list(replays), trained.training.spec
    training = with_replays(trained.training, [replayed for replayed, _ in replays])
    epochs, steps, summary = tabulate(training)
    manifest = {
        "fingerprint": fingerprint(spec),
        "identity": identity(spec),
        "status": "diverged" if training.diverged else "completed",
        "estimator": training.estimator,
        "optimum": training.optimum,
        "exact": _is_exact(training, replays),
        "replays": [_entry(replayed) for replayed, _ in replays],
        "num_weights": training.num_weights,
        "steps_per_epoch": training.steps_per_epoch,
        "data_checksum": trained.data_checksum,
        "summary": {key: value if np.isfinite(value) else None for key, value in summary.items()},
        "seconds": round(trained.seconds + sum(seconds for _, seconds in replays), 2),
        "source": source(CHECKOUT),
        "machine": machine(),
    }
    kept = training.trajectory and training.trajectory.iterates
    snapshots = _snapshots(spec, store)
    folder = snapshots.folder if spec.record.keep_snapshots else None
    tables, iterates = {"epochs": epochs, "steps": steps}, None if kept is None else kept.numpy()
    store.save(fingerprint(spec), tables, manifest, iterates, folder)
    snapshots.delete()


@lru_cache(maxsize=1)  # as its data
def _replayer(spec: TrainSpec, snapshots: Path) -> Replayer:
    return Replayer(spec, _load(spec.data), Snapshots(snapshots))


def _snapshots(spec: TrainSpec, store: RunStore) -> Snapshots:
    return Snapshots(store.snapshots(fingerprint(spec)))


def _is_exact(training: Training, replays: list[tuple[ReplayedEpoch, float]]) -> bool:
    """Whether the trajectory's numbers are exact: not estimated by a sketch, ℓ* no approximation, and every replay landed."""
    exact = not training.diverged and training.estimator != "sketch" and training.spec.optimum_is_exact
    return exact and all(replayed.exact for replayed, _ in replays)


def _entry(replayed: ReplayedEpoch) -> dict[str, float | bool | None]:
    """One replay in the manifest; a deviation that no number tells (another random stream, NaN) is null."""
    deviation = replayed.deviation if np.isfinite(replayed.deviation) else None
    return {"epoch": replayed.epoch, "deviation": deviation, "exact": replayed.exact}


def tabulate(training: Training) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """(epochs, steps, summary) of a training: γ joined to the rows of its epochs, and the numbers of the whole run.

    A diverged run has its losses and no γ: there is no end point to measure distances from. With estimator `replay` the rows
    of epochs have `distance` (where the epoch begins) and `deviation` (0: exact). An epoch that was not chosen has its `gamma` and
    `rate` from the snapshots around it, exactly and if its gaps are known, which they are not with `optimum: endpoint`; `estimator`
    says `epoch` there, and its other columns are NaN. So is the summary of a stretch that was not replayed as a whole.
    A column `optimum` says what ℓ* is where it is not 0.
    """
    last = training.epochs.iloc[-1]
    final = {f"final_{name}": last[name] for name in last.index if name.startswith(("train_", "test_"))}
    if training.diverged:
        steps = pd.DataFrame({"step": np.arange(len(training.losses)), "loss": training.losses})
        return training.epochs, steps, {name: float(value) for name, value in final.items()}
    if isinstance(training.trajectory, ReplayTrajectory):
        by_epoch, steps, whole = _tabulate_replay(training, training.trajectory)
    else:
        steps = training.regularity()
        by_epoch = over_stretches(steps, 1 + steps["step"].to_numpy() // training.steps_per_epoch)
        by_epoch, whole = by_epoch.assign(estimator=training.estimator), summarise(steps, len(training.losses))
    told = {} if training.optimum == "zero" else {"optimum": training.optimum}
    epochs = training.epochs.join(by_epoch, on="epoch").assign(**told)
    steps = steps.assign(estimator=training.estimator, **told)
    return epochs, steps, {name: float(value) for name, value in final.items()} | whole


def _tabulate_replay(
    training: Training, trajectory: ReplayTrajectory
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """(numbers by epoch, steps, summary) of a replayed trajectory."""
    known, per_epoch = trajectory.known(training.optimal_loss), training.steps_per_epoch
    epochs = known.over_stretches(1 + np.arange(len(training.losses)) // per_epoch)
    deviation = pd.Series({replayed.epoch: replayed.deviation for replayed in trajectory.replays})
    epochs = epochs.assign(
        estimator=np.where(epochs.index.isin(deviation.index), training.estimator, "epoch"),
        distance=np.sqrt(known.distance_sq[:-1:per_epoch]),
        deviation=deviation.reindex(epochs.index),
    )
    return epochs, known.steps, known.summarise()
