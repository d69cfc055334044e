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
    path: Path,
    edges: Sequence[int],
    lr: float | Path | None = None,
    columns: Mapping[str, str] | None = None,
    counts_from: int | None = None,
) -> LoggedStretches:
    """Σ η loss of the steps between checkpoints that were saved after `edges` (m+1,) steps.

    A row stands for the steps since the row before it: its loss is taken for their mean. Of a row that straddles a checkpoint each stretch
    gets its steps, with the row's loss. A row "s" is after s steps; but where the smallest step is 0, or the last one is one less than the
    last checkpoint's, steps are counted from 0, and it is after s + 1.

    Args:
        path: the log: CSV, JSON (trainer_state.json), JSON lines, Parquet. Rows without a loss (evaluations) say nothing of losses.
        edges: rising.
        lr: a number, or a log with a learning rate that holds from its row's step to the next row's; else the log's own, which is that of
            the row's last step: between rows it is interpolated, before the first it is the first.
        columns: names of the columns step, loss, lr of the log that are not to be guessed.
        counts_from: 0 or 1, what the first step is called, where that is not to be guessed either.

    Raises:
        InputError: of `Log`; no learning rate for a step; a stretch without a row, or the log ends before the last checkpoint.
    """
    log = Log.read(path, columns)
    loss = log.values("loss")
    if loss.empty:
        raise InputError(f"{path}: no row has a value of {log.name('loss')}")
    steps = loss.index.to_numpy()
    from_zero = steps[0] == 0 or steps[-1] + 1 == edges[-1] if counts_from is None else counts_from == 0
    ends = steps + int(from_zero)
    starts = np.concatenate([[0], ends[:-1]])
    _refuse_gaps(path, ends, edges)
    needed = (ends > edges[0]) & (starts < edges[-1])
    rates, exact = _rates(log, edges, int(from_zero), lr)
    total = np.concatenate([[0.0], np.cumsum(rates)])  # Σ η of the first steps
    counted = np.arange(len(total))
    means = [
        (_mean(loss, starts, ends, (a, b), total if total[b] > total[a] else counted), (total[b] - total[a]) / (b - a))
        for a, b in pairwise(edges)
    ]
    seen = rates[edges[0] :]
    varies = bool(np.ptp(seen) > 1e-12 * seen.max())
    every_step = bool((ends - starts)[needed].max() == 1)
    losses, lrs = np.array(means).T
    return LoggedStretches(losses, lrs, _notes(bool(from_zero), every_step, varies, exact))


def _mean(loss: pd.Series, starts: np.ndarray, ends: np.ndarray, stretch: tuple[int, int], total: np.ndarray) -> float:
    """The loss over the steps of a stretch, each row's weighted by what `total` grows by over the steps that both share."""
    first, last = np.maximum(starts, stretch[0]), np.minimum(ends, stretch[1])
    shared = first < last
    weight = total[last[shared]] - total[first[shared]]
    return float(np.average(loss.to_numpy()[shared], weights=weight))


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


def _rates(log: Log, edges: Sequence[int], more: int, lr: float | Path | None) -> tuple[np.ndarray, bool]:
    """(T,) the learning rate of each step up to the last checkpoint, 0 before the first; and whether each is known, not interpolated.

    more: what makes a row's step the number of steps done.
    """
    if isinstance(lr, float):
        return np.full(edges[-1], lr), True
    source = log if lr is None else Log.read(lr)
    if lr is None and log.names["lr"] is None:
        columns = list(dict.fromkeys(name for _, row in log.rows for name in row))
        raise InputError(
            f"{log.path} has no learning rate (lr, learning_rate or one lr-…), but {', '.join(columns)}: give --lr, a number or a "
            "CSV with the columns step,lr; or say which column it is, --columns lr=NAME"
        )
    known = source.values("lr")
    first, last = edges[0] + 1 - more, edges[-1] - more  # as rows call the steps
    late = lr is not None and len(known) and (known.index[0] > first or known.index[-1] < last)
    if known.empty or late:
        has = f"steps {known.index[0]} to {known.index[-1]}" if len(known) else "no step"
        raise InputError(f"{source.path} has learning rates of {has}, steps {first} to {last} are wanted")
    if (known < 0).any():
        raise InputError(
            f"{source.path}: the learning rate of step {known.idxmin()} is {known.min():g}, which is negative"
        )
    asked, given = np.arange(first, last + 1), known.index.to_numpy()
    held = known.reindex(pd.Index(asked), method="ffill").to_numpy()
    rates = np.interp(asked, given, known.to_numpy()) if lr is None else held
    return np.concatenate([np.zeros(edges[0]), rates]), lr is not None or bool(np.isin(asked, given).all())


def _notes(from_zero: bool, every_step: bool, varies: bool, exact: bool) -> list[str]:
    meant = "from 0: row s is the step after which s + 1 are done" if from_zero else "as done: row s is after s steps"
    notes = [f"The log is taken to count steps {meant} (--counts-from {0 if from_zero else 1})."]
    if not every_step:
        notes.append("The log is not of every step: a row's loss is taken for the mean since the row before it.")
    if varies and not every_step:
        notes.append(
            "γ is approximate: the learning rate varies within rows, whose mean loss is taken for that of each of their steps."
        )
    if varies and not exact:
        notes.append("Learning rates between logged ones are interpolated: --lr FILE gives that of every step.")
    return notes
