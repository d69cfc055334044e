"""The learning rate of every step, from a number or from the rows of a log that have one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from trajreg.checkpoints.training_log import Log
from trajreg.errors import InputError


@dataclass(frozen=True)
class LearningRate:
    """Linear in the step between those at which it is known, and on beyond them, not below 0.

    steps, rates: (k,) the ends of its lines; steps rise and are counted from 0. logged: the steps at which it is known, None for a number.
    """

    steps: np.ndarray
    rates: np.ndarray
    logged: np.ndarray | None

    @classmethod
    def of(
        cls, log: Log, given: float | Path | None, rows: np.ndarray, span: tuple[int, int], from_zero: bool
    ) -> "LearningRate":
        """A number, or what a log has: the one that is `given`, or else the log of the losses.

        Args:
            rows: the steps of the rows with a loss that are needed, as the log has them.
            span: the first step and the last that are needed, counted from 0.
            from_zero: row s has the learning rate of step s of these, else of step s − 1.

        Raises:
            InputError: no column or no row of learning rates, none of the first of `rows`, or a negative one; of a file of its own, none of
                the last.
        """
        if isinstance(given, float):
            return cls(np.array(span), np.full(2, given), None)
        known = _logged(log, given, rows, from_zero)
        steps, rates = known.index.to_numpy() - int(not from_zero), known.to_numpy()
        return cls(*_to_ends(steps, rates, *span), steps)

    def at(self, steps: np.ndarray) -> np.ndarray:
        """At each of the steps."""
        return np.interp(steps, self.steps, self.rates)

    def is_guessed(self, starts: np.ndarray, stops: np.ndarray) -> bool:
        """Whether steps of the runs [start, stop), none with a known one but at its start, are on a line that is not level."""
        if self.logged is None:
            return False
        unknown = (stops - starts > 1) | ~np.isin(starts, self.logged)
        level = is_same(self.at(starts), self.at(stops)) & (len(self.logged) > 1)
        return bool((unknown & ~level).any())


def is_same(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which differ by no more than rounding."""
    return np.isclose(one, other, rtol=1e-12, atol=0)


def _to_ends(steps: np.ndarray, rates: np.ndarray, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps and rates with a first and a last one added where they do not reach so far, on the lines through the two nearest."""
    slopes = np.diff(rates) / np.diff(steps) if len(steps) > 1 else np.zeros(1)
    if steps[0] > first:
        rate = max(0.0, rates[0] - slopes[0] * (steps[0] - first))
        steps, rates = np.insert(steps, 0, first), np.insert(rates, 0, rate)
    if steps[-1] < last:
        rate = max(0.0, rates[-1] + slopes[-1] * (last - steps[-1]))
        steps, rates = np.append(steps, last), np.append(rates, rate)
    return steps, rates


def _logged(log: Log, given: Path | None, rows: np.ndarray, from_zero: bool) -> pd.Series:
    """The learning rates by step, as the log counts them."""
    source = log if given is None else Log.read(given)
    if given is None and log.names["lr"] is None:
        columns = list(dict.fromkeys(name for _, row in log.rows for name in row))
        raise InputError(
            f"{log.path} has no learning rate (lr, learning_rate or one lr-…), but {', '.join(columns)}: give --lr, a number or a "
            "CSV with the columns step,lr; or say which column it is, --columns lr=NAME"
        )
    known = source.values("lr")
    if known.empty or known.index[0] > rows[0] or (given is not None and known.index[-1] < rows[-1]):
        has = f"steps {known.index[0]} to {known.index[-1]}" if len(known) else "no step"
        counted = f"steps {rows[0]} to {rows[-1]} are wanted, counted from {int(not from_zero)} as in {log.path}"
        raise InputError(f"{source.path} has learning rates of {has}, {counted}")
    if (known < 0).any():
        raise InputError(
            f"{source.path}: the learning rate of step {known.idxmin()} is {known.min():g}, which is negative"
        )
    return known
