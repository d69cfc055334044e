"""Loss and learning rate of the stretches between checkpoints, from a training's log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from trajreg.checkpoints.learning_rate import LearningRate, is_same
from trajreg.checkpoints.training_log import Log
from trajreg.errors import InputError


@dataclass(frozen=True)
class LoggedStretches:
    """loss (m,): means weighted by the learning rate. lr (m,): means. notes: what was assumed, a sentence each."""

    loss: np.ndarray
    lr: np.ndarray
    notes: list[str]


def logged_stretches(
    path: Path,
    edges: Sequence[int],
    lr: float | Path | None = None,
    columns: Mapping[str, str] | None = None,
    counts_from: int | None = None,
) -> LoggedStretches:
    """Σ η loss and Σ η of the steps between checkpoints that were saved after `edges` (m+1,) steps.

    A row stands for the steps since the row before it, which are taken to have its loss; of a row that straddles a checkpoint each stretch
    gets its steps. The learning rate of a row is that of the last of its steps, and linear from one that is known to the next. So the sums
    are exact with a log of every step, or with rows that are means and a known learning rate that is constant in each.

    Args:
        path: the log: CSV, JSON (trainer_state.json), JSON lines, Parquet. Rows without a loss (evaluations) say nothing of losses.
        edges: rising.
        lr: a number, or a log of learning rates that counts steps as the log of losses does; else the log's own.
        columns: names of the columns step, loss, lr of the log that are not to be guessed.
        counts_from: 0 where row s is after s + 1 steps, 1 where it is after s; None: 0 where the smallest step is 0 or the last is one less
            than the last checkpoint's, else 1.

    Raises:
        InputError: of `Log`; no learning rate for a step; a stretch without a row, or the log ends before the last checkpoint.
    """
    log = Log.read(path, columns)
    loss = log.values("loss")
    if loss.empty:
        raise InputError(f"{path}: no row has a value of {log.name('loss')}")
    steps = loss.index.to_numpy()
    from_zero = bool(steps[0] == 0 or steps[-1] + 1 == edges[-1]) if counts_from is None else counts_from == 0
    ends = steps + int(from_zero)
    _refuse_gaps(path, ends, edges)
    needed = slice(np.searchsorted(ends, edges[0], side="right"), np.searchsorted(ends, edges[-1]) + 1)
    rate = LearningRate.of(log, lr, steps[needed], (edges[0], edges[-1] - 1), from_zero)
    runs = _Runs.of(ends, loss.to_numpy(), rate, edges)
    every_step = bool(np.diff(ends, prepend=0)[needed].max() == 1)
    notes = [_counting(from_zero, counts_from), *_sparse(every_step, runs, rate)]
    return LoggedStretches(*runs.means(len(edges) - 1), notes)


@dataclass(frozen=True)
class _Runs:
    """Runs of steps (k,) in which the loss is constant and the learning rate linear.

    starts, stops: the first step of each and that after its last, counted from 0. row, stretch: to which it belongs. loss: of each.
    first, last: the learning rate of its first and last step.
    """

    starts: np.ndarray
    stops: np.ndarray
    row: np.ndarray
    stretch: np.ndarray
    loss: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, ends: np.ndarray, loss: np.ndarray, rate: LearningRate, edges: Sequence[int]) -> "_Runs":
        cuts = np.unique(np.clip(np.concatenate([ends, rate.steps, edges]), edges[0], edges[-1]))
        starts, stops = cuts[:-1], cuts[1:]
        row = np.searchsorted(ends, starts, side="right")
        stretch = np.searchsorted(np.asarray(edges), starts, side="right") - 1
        return cls(starts, stops, row, stretch, loss[row], rate.at(starts), rate.at(stops - 1))

    def means(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(count,) the loss weighted by the learning rate, plain where that is 0 throughout a stretch, and the mean learning rate."""
        num_steps = self.stops - self.starts
        total = num_steps * (self.first + self.last) / 2  # an arithmetic series
        total_lr = np.bincount(self.stretch, total, count)
        weight = np.where(total_lr[self.stretch] > 0, total, num_steps)
        loss = np.bincount(self.stretch, weight * self.loss, count) / np.bincount(self.stretch, weight, count)
        return loss, total_lr / np.bincount(self.stretch, num_steps, count)

    def varies_in_rows(self) -> bool:
        """Whether the learning rate is not constant in each row of the log."""
        begins = np.unique(self.row, return_index=True)[1]
        lowest = np.minimum.reduceat(np.minimum(self.first, self.last), begins)
        highest = np.maximum.reduceat(np.maximum(self.first, self.last), begins)
        return not is_same(lowest, highest).all()


def _refuse_gaps(path: Path, ends: np.ndarray, edges: Sequence[int]) -> None:
    if ends[-1] < edges[-1]:
        raise InputError(
            f"{path} ends after {ends[-1]} steps, the last checkpoint is of step {edges[-1]}: give all of the log, or fewer checkpoints"
        )
    for a, b in pairwise(edges):
        if not ((ends > a) & (ends <= b)).any():
            raise InputError(
                f"{path} has no row with a loss between the checkpoints of steps {a} and {b}: give a finer log, or fewer checkpoints"
            )


def _counting(from_zero: bool, counts_from: int | None) -> str:
    meant = "from 0: row s is the step after which s + 1 are done" if from_zero else "as done: row s is after s steps"
    asked = f" If it is not: --counts-from {int(from_zero)}." if counts_from is None else ""
    return f"The log is taken to count steps {meant}.{asked}"


def _sparse(every_step: bool, runs: _Runs, rate: LearningRate) -> list[str]:
    notes, reasons = [], []
    if not every_step:
        notes.append("The log is not of every step: a row's loss is taken for the mean since the row before it.")
    if rate.is_guessed(runs.starts, runs.stops):
        reasons.append("the learning rate is taken to be linear between the rows that have one")
    if not every_step and runs.varies_in_rows():
        reasons.append("the learning rate varies within rows, of whose losses the mean alone is known")
    return [*notes, f"γ is approximate: {', and '.join(reasons)}."] if reasons else notes
