"""Train one net, watched by observers; or run it again, and compare every loss and every landing with what was stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from trajreg.errors import InputError
from trajreg.training.observer import Observer
from trajreg.training.session import Epoch, Session
from trajreg.training.snapshots import Snapshots, State, landing
from trajreg.training.tasks import evaluate

Progress = Callable[[int, float], None]


class ReplayRefused(InputError):
    """A training that was run again did not come out as it was stored: nothing measured on it would be about the stored one."""


@dataclass(frozen=True)
class Trained:
    """What a training leaves, whatever was measured of it.

    epochs: a row an epoch: epoch (from 1), step (steps done at its end), train_loss and train_accuracy (means over the epoch's mini-batches
    as they were trained on), test_loss, and what else the task scores; NaN after epochs without an evaluation.
    losses, lr: (T,) of each mini-batch, up to and including the first that is not finite.
    landings: after each epoch, the checksum of weights and buffers. diverged: a loss or a weight stopped being finite.
    """

    num_weights: int
    steps_per_epoch: int
    epochs: pd.DataFrame
    losses: np.ndarray
    lr: np.ndarray
    landings: tuple[str, ...]
    diverged: bool


class Log:
    """The epochs of a training so far; it can be parted at snapshots and put together again."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.losses: list[np.ndarray] = []
        self.lr: list[np.ndarray] = []
        self.landings: list[str] = []

    def add(self, row: dict[str, Any], epoch: Epoch, landing: str) -> None:
        """One more epoch."""
        self.rows.append(row)
        self.losses.append(epoch.losses)
        self.lr.append(epoch.lr)
        self.landings.append(landing)

    def since(self, epoch: int) -> dict[str, list[Any]]:
        """The epochs after this one, as plain data."""
        arrays = {"losses": self.losses, "lr": self.lr}
        plain = {name: [one.tolist() for one in values[epoch:]] for name, values in arrays.items()}
        return plain | {"rows": self.rows[epoch:], "landings": self.landings[epoch:]}

    def extend(self, more: dict[str, list[Any]]) -> None:
        """The epochs of such plain data."""
        self.rows += more["rows"]
        self.landings += more["landings"]
        self.losses += [np.array(one) for one in more["losses"]]
        self.lr += [np.array(one) for one in more["lr"]]


def train(
    session: Session,
    observers: Sequence[Observer] = (),
    *,
    snapshots: Snapshots | None = None,
    every: int = 1,
    progress: Progress = lambda epoch, loss: None,
) -> Trained:
    """Train from the start; same spec, same machine, same threads: same bytes, whoever watches.

    Args:
        session: at its start.
        observers: told of everything (their `finish` is the caller's).
        snapshots: where the state goes before the first epoch, after every `every` epochs and at the end. Where nobody watches, a training
            that was killed goes on from the last one.
        progress: called with (epoch, train_loss) after each epoch.
    """
    log = Log()
    with session.running():
        _begin(session, observers, snapshots, log, progress)
        kept = session.epochs_done
        for number in range(session.epochs_done + 1, session.spec.num_epochs + 1):
            epoch = session.run_epoch(observers)
            log.add(_row(session, epoch), epoch, landing(session.model))
            progress(number, float(epoch.losses.mean()))
            if not np.isfinite(epoch.losses).all():
                break
            if snapshots and (number % every == 0 or number == session.spec.num_epochs):
                snapshots.write(number, session.state(), log.since(kept))
                kept = number
    return _trained(session, log)


def _begin(
    session: Session, observers: Sequence[Observer], snapshots: Snapshots | None, log: Log, progress: Progress
) -> None:
    """To the start of the training, or to the last snapshot of one that nobody has to watch from the start."""
    logs = _logs(snapshots) if snapshots and not observers else []
    if snapshots and logs:
        for one in logs:
            log.extend(one)
        session.restore(snapshots.read(len(log.rows)), len(log.rows))
        for row in log.rows:
            progress(row["epoch"], row["train_loss"])
    elif snapshots:
        snapshots.delete()
        snapshots.write(0, session.state())
    for observer in observers:
        observer.begin(session)


def _logs(snapshots: Snapshots) -> list[dict[str, Any]]:
    """The logs that lead up to the last snapshot; none where they lack epochs: a snapshot was deleted, or a replay wrote it."""
    numbers = snapshots.numbers()
    logs = [snapshots.log(number) for number in numbers[1:]]
    return logs if sum(len(one.get("rows", [])) for one in logs) == max(numbers, default=0) else []


def _row(session: Session, epoch: Epoch) -> dict[str, Any]:
    """The numbers of the epoch that is just over."""
    number, spec = session.epochs_done, session.spec
    row = {"epoch": number, "step": number * session.steps_per_epoch, "train_loss": float(epoch.losses.mean())}
    if epoch.accuracy is not None:
        row["train_accuracy"] = epoch.accuracy
    if number % spec.evaluate_every == 0 or number == spec.num_epochs:
        row |= evaluate(session.model, session.task, session.data)
    return row


def _trained(session: Session, log: Log) -> Trained:
    losses, lr = np.concatenate(log.losses), np.concatenate(log.lr)
    finite = np.isfinite(losses)
    end = len(losses) if finite.all() else int(np.argmin(finite)) + 1
    num_weights = sum(weight.numel() for weight in session.weights)
    diverged = not (finite.all() and session.finite())
    epochs = pd.DataFrame(log.rows)
    return Trained(num_weights, session.steps_per_epoch, epochs, losses[:end], lr[:end], tuple(log.landings), diverged)


def replay(
    session: Session,
    observers: Sequence[Observer],
    stored: Trained,
    *,
    last: int,
    start: tuple[State, int] | None = None,
    snapshots: Snapshots | None = None,
    every: int = 1,
    progress: Progress = lambda epoch, loss: None,
) -> None:
    """Run epochs again, to the end of epoch `last`, watched by `observers`.

    Every loss and every landing has to be what was stored, bit by bit: then what is measured is what would have been measured at the time.

    Args:
        session: at its start, or anywhere with `start`: the state to begin with, and how many epochs it is after.

    Raises:
        ReplayRefused: it names the first epoch that differs, and by how much.
    """
    with session.running():
        if start:
            session.restore(*start)  # in here: the dropout stream is a global one
        if session.epochs_done == 0 and snapshots:
            snapshots.delete()
            snapshots.write(0, session.state())
        for observer in observers:
            observer.begin(session)
        for number in range(session.epochs_done + 1, last + 1):
            epoch = session.run_epoch(observers)
            _refuse_deviation(stored, number, epoch, landing(session.model))
            if snapshots and (number % every == 0 or number == session.spec.num_epochs):
                snapshots.write(number, session.state())
            progress(number, float(epoch.losses.mean()))


def _refuse_deviation(stored: Trained, number: int, epoch: Epoch, arrived: str) -> None:
    steps = slice((number - 1) * stored.steps_per_epoch, number * stored.steps_per_epoch)
    wanted = stored.losses[steps]
    losses = epoch.losses[: len(wanted)]  # a training that diverged was stored up to its first loss that is not finite
    differs = losses.view(np.int64) != wanted.view(np.int64)
    differs &= ~(np.isnan(losses) & np.isnan(wanted))  # files keep that a number is NaN, but not the bits of it
    if differs.any():
        step = int(np.argmax(differs))
        here, then = float(losses[step]), float(wanted[step])
        raise ReplayRefused(
            f"epoch {number}, step {steps.start + step}: the loss is {here!r}, it was {then!r} when the training was stored"
        )
    if arrived != (landed := stored.landings[number - 1]):
        raise ReplayRefused(
            f"epoch {number}: the losses are those that were stored, but weights or buffers are not: their checksum is "
            f"{arrived[:12]}…, it was {landed[:12]}…"
        )
