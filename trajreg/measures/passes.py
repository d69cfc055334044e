"""A training watched by measures: in the pass that trains it, or later, by a verified replay of the whole or of single epochs."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from trajreg.data.dataset import Dataset
from trajreg.measures.measure import Measure
from trajreg.result import Result
from trajreg.training.loop import Progress, ReplayRefused, Trained, replay, train
from trajreg.training.observer import Observer
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots, landing
from trajreg.training.spec import TrainSpec


class Pieces(Observer):
    """Watches epochs each on its own: every one has an observer that begins and finishes with it.

    So an epoch is seen alike in the pass that trains and in a replay from its snapshot.
    """

    def __init__(self, measure: Measure, epochs: dict[int, bool], end: torch.Tensor | None):
        self._measure, self._epochs, self._end = measure, epochs, end
        self._inner: Observer | None = None
        self._steps = False
        self._parts: list[Any] = []

    def begin(self, session: Session) -> None:
        self._session = session
        self._open(session.epochs_done + 1)

    def before_update(self, step: int, loss: torch.Tensor, lr: float) -> None:
        if self._inner and self._steps:
            self._inner.before_update(step, loss, lr)

    def after_update(self, step: int) -> None:
        if self._inner and self._steps:
            self._inner.after_update(step)

    def end_epoch(self, epoch: int) -> None:
        if self._inner and self._steps:
            self._inner.end_epoch(epoch)
        self._close()
        self._open(epoch + 1)

    def finish(self) -> list[Any]:
        """What each epoch's observer saw, in order."""
        if not self._steps:  # the last epoch may have been wanted only for where it begins
            self._close()
        return self._parts

    def close(self) -> None:
        if self._inner:
            self._inner.close()

    def _open(self, epoch: int) -> None:
        if epoch in self._epochs:
            self._inner, self._steps = self._measure.observer(self._session, self._end), self._epochs[epoch]
            self._inner.begin(self._session)

    def _close(self) -> None:
        if self._inner:
            self._parts.append(self._inner.finish())
            self._inner.close()
        self._inner, self._steps = None, False


@dataclass(frozen=True)
class Stretch:
    """Epochs of a stored training to run again from the snapshot after `start` epochs.

    wanted: for each measure, epoch → whether its steps are watched, or only where it begins.
    """

    start: int
    wanted: dict[str, dict[int, bool]]

    @property
    def last(self) -> int:
        """The last epoch that has to be run; `start` where none has to."""
        return max((e if steps else e - 1) for epochs in self.wanted.values() for e, steps in epochs.items())


def first_pass(
    session: Session,
    measures: dict[str, Measure],
    *,
    stored: Trained | None = None,
    snapshots: Snapshots | None = None,
    every: int = 1,
    progress: Progress = lambda epoch, loss: None,
) -> tuple[Trained, dict[str, Result]]:
    """Train, or run the `stored` training again from its start, watched by all of `measures` that need not know its end.

    Args:
        session: at its start. measures: by any names, which the results have as well; those that need to know the end are left out.
        snapshots: where the state goes after every `every` epochs, for measures that are had afterwards.

    Raises:
        ReplayRefused: the training does not come out as it was stored.
    """
    watchers = {name: _watcher(measure, session) for name, measure in measures.items() if not measure.needs_end}
    observers = list(watchers.values())
    try:
        if stored is None:
            trained = train(session, observers, snapshots=snapshots, every=every, progress=progress)
        else:
            trained, last = stored, len(stored.landings)
            replay(session, observers, stored, last=last, snapshots=snapshots, every=every, progress=progress)
        if trained.diverged:
            return trained, {}
        return trained, {name: measures[name].result(session, trained, _parts(one)) for name, one in watchers.items()}
    finally:
        for observer in observers:
            observer.close()


def stretches(session: Session, measures: dict[str, Measure], numbers: Collection[int]) -> list[Stretch]:
    """The stretches to run again so that `measures`, all in pieces, are had from snapshots of these numbers."""
    by_start: dict[int, dict[str, dict[int, bool]]] = {}
    for name, measure in measures.items():
        for epoch, steps in (measure.pieces(session) or {}).items():
            start = max(number for number in numbers if number < epoch)
            by_start.setdefault(start, {}).setdefault(name, {})[epoch] = steps
    return [Stretch(start, wanted) for start, wanted in sorted(by_start.items())]


def replay_stretch(
    session: Session, measures: dict[str, Measure], stored: Trained, snapshots: Snapshots, stretch: Stretch
) -> dict[str, list[Any]]:
    """Run a stretch again; for each measure the parts of its epochs. Stretches are run in any order, in any process.

    Raises:
        ReplayRefused: an epoch does not come out as it was stored. InputError: a snapshot is missing or was changed.
    """
    end = _go_to_end(session, stored, snapshots) if any(one.needs_end for one in measures.values()) else None
    start = snapshots.read(stretch.start), stretch.start
    observers = {name: Pieces(measures[name], epochs, end) for name, epochs in stretch.wanted.items()}
    try:
        replay(session, list(observers.values()), stored, last=stretch.last, start=start)
        return {name: observer.finish() for name, observer in observers.items()}
    finally:
        for observer in observers.values():
            observer.close()


def together(
    session: Session,
    measures: dict[str, Measure],
    trained: Trained,
    snapshots: Snapshots,
    parts: Iterable[dict[str, list[Any]]],
) -> dict[str, Result]:
    """The results of measures whose epochs were watched in stretches, given in the order of `stretches`."""
    _go_to_end(session, trained, snapshots)
    collected: dict[str, list[Any]] = {name: [] for name in measures}
    for one in parts:
        for name, some in one.items():
            collected[name] += some
    return {name: measure.result(session, trained, collected[name]) for name, measure in measures.items()}


def measure(
    spec: TrainSpec, data: Dataset, measures: dict[str, Measure], progress: Progress = lambda epoch, loss: None
) -> tuple[Trained, dict[str, Result]]:
    """Train and measure here and now, without a store; measures that need θ_T get a second pass from snapshots in a temporary folder."""
    later = {name: one for name, one in measures.items() if one.needs_end}
    session = Session(spec, data)
    for name, one in measures.items():
        one.check(spec, name)
    with tempfile.TemporaryDirectory(prefix="trajreg-") as folder:
        snapshots = Snapshots(folder)
        trained, results = first_pass(session, measures, snapshots=snapshots if later else None, progress=progress)
        if later and not trained.diverged:
            runs = stretches(session, later, snapshots.numbers())
            parts = [replay_stretch(session, later, trained, snapshots, stretch) for stretch in runs]
            results |= together(session, later, trained, snapshots, parts)
    return trained, results


def _go_to_end(session: Session, stored: Trained, snapshots: Snapshots) -> torch.Tensor:
    """(P,) θ_T, where the session is then; ReplayRefused where the last snapshot is not where the stored training ended."""
    last = session.spec.num_epochs
    with session.running():  # the caller's random stream stays where it is
        session.restore(snapshots.read(last), last)
    if landing(session.model) != stored.landings[-1]:
        raise ReplayRefused(
            f"the snapshot after epoch {last} ({snapshots.folder}) is not where the stored training ended"
        )
    return torch.cat([weight.detach().reshape(-1) for weight in session.weights])


def _watcher(measure: Measure, session: Session) -> Observer:
    """One observer of the whole training, or one for every epoch."""
    epochs = measure.pieces(session)
    return measure.observer(session, None) if epochs is None else Pieces(measure, epochs, None)


def _parts(watcher: Observer) -> list[Any]:
    return watcher.finish() if isinstance(watcher, Pieces) else [watcher.finish()]
