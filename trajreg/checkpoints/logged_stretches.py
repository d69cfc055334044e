"""Loss and learning rate of the stretches between checkpoints, from a training's log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from trajreg.checkpoints.training_log import Log
from trajreg.errors import InputError


@dataclass(frozen=True)
class LoggedStretches:
    """loss (m,): means weighted by the learning rate. lr (m,): means. notes: what was assumed, a sentence each."""

    loss: np.ndarray
    lr: np.ndarray
    notes: list[str]


def logged_stretches(
    path: Path, edges: Sequence[int], lr: float | Path | None = None, columns: Mapping[str, str] | None = None
) -> LoggedStretches:
    """Σ η loss of the steps between checkpoints that were saved after `edges` (m+1,) steps.

    A row stands for the steps since the row before it; of a row that straddles a checkpoint each stretch gets its steps, with the row's
    loss. A row "s" is after s steps; but where the smallest step is 0, or the last one is one less than the last checkpoint's, steps are
    counted from 0, and it is after s + 1.

    Args:
        path: the log: CSV, JSON (trainer_state.json), JSON lines, Parquet. Rows without a loss (evaluations) say nothing of losses.
        edges: rising.
        lr: a number, or a log with a learning rate that holds from its row's step to the next row's; else the log's own.
        columns: names of the columns step, loss, lr of the log that are not to be guessed.

    Raises:
        InputError: of `Log`; no learning rate for a step; a stretch without a row, or the log ends before the last checkpoint.
    """
    log = Log.read(path, columns)
    loss = log.values("loss")
    if loss.empty:
        raise InputError(f"{path}: no row has a value of {log.name('loss')}")
    steps = loss.index.to_numpy()
    from_zero = steps[0] == 0 or steps[-1] + 1 == edges[-1]
    ends = steps + int(from_zero)
    starts = np.concatenate([[0], ends[:-1]])
    _refuse_gaps(path, ends, edges)
    needed = (ends > edges[0]) & (starts < edges[-1])
    rates = np.full(len(steps), np.nan)
    rates[needed] = _rates(log, steps[needed], lr)
    overlap = np.array([np.clip(np.minimum(ends, b) - np.maximum(starts, a), 0, None) for a, b in pairwise(edges)])
    every_step = bool((ends - starts)[needed].max() == 1)
    varies = any(np.ptp(rates[row > 0]) > 1e-12 * rates[row > 0].max() for row in overlap)
    means = np.array([_means(row[row > 0], loss.to_numpy()[row > 0], rates[row > 0]) for row in overlap])
    return LoggedStretches(means[:, 0], means[:, 1], _notes(from_zero, every_step, varies))


def _means(steps: np.ndarray, loss: np.ndarray, lr: np.ndarray) -> tuple[float, float]:
    """The loss weighted by the learning rate, and the mean learning rate, over so many steps of each row."""
    weight = steps * lr if lr.any() else steps
    return float(np.average(loss, weights=weight)), float(np.average(lr, weights=steps))


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


def _rates(log: Log, steps: np.ndarray, lr: float | Path | None) -> np.ndarray:
    """The learning rate at each of the steps: of the last row at or before it that has one."""
    if isinstance(lr, float):
        return np.full(len(steps), lr)
    source = log if lr is None else Log.read(lr)
    if lr is None and log.names["lr"] is None:
        columns = list(dict.fromkeys(name for _, row in log.rows for name in row))
        raise InputError(
            f"{log.path} has no learning rate (lr, learning_rate or one lr-…), but {', '.join(columns)}: give --lr, a number or a "
            "CSV with the columns step,lr; or say which column it is, --columns lr=NAME"
        )
    known = source.values("lr")
    if known.empty or known.index[0] > steps[0] or (lr is not None and known.index[-1] < steps[-1]):
        has = f"steps {known.index[0]} to {known.index[-1]}" if len(known) else "no step"
        raise InputError(f"{source.path} has learning rates of {has}, steps {steps[0]} to {steps[-1]} are wanted")
    if (known < 0).any():
        raise InputError(
            f"{source.path}: the learning rate of step {known.idxmin()} is {known.min():g}, which is negative"
        )
    return known.reindex(pd.Index(steps), method="ffill").to_numpy()


def _notes(from_zero: bool, every_step: bool, varies: bool) -> list[str]:
    meant = "from 0: row s is the step after which s + 1 are done" if from_zero else "as done: row s is after s steps"
    notes = [f"The log is taken to count steps {meant}."]
    if not every_step:
        notes.append("The log is not of every step: a row's loss is taken for the mean since the row before it.")
    if not every_step and varies:
        notes.append("γ is approximate: the learning rate varies between rows, whose means it weighs instead of steps.")
    return notes
