"""One finished run, as tables; where it was stored is not its business."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from trajreg.columns import Columns, Value
from trajreg.errors import InputError


@dataclass(frozen=True)
class Run:
    """A run of a variant at a seed.

    epochs: a row an epoch (losses, accuracies, what the measures say of it); summary: the values of the whole run; columns: what
    both may hold, the measures' first. `tables(measure, name)` reads another table of a measure, KeyError where there is none;
    `iterates()` the (T+1, P) array of θ_t, if it was kept. measured: which estimator γ comes from, in words.
    """

    variant: str
    settings: dict[str, Any]
    seed: int
    fingerprint: str
    diverged: bool
    epochs: pd.DataFrame
    summary: dict[str, Value]
    columns: Columns
    tables: Callable[[str, str], pd.DataFrame]
    iterates: Callable[[], np.ndarray]
    measured: str = ""

    def value(self, name: str) -> float:
        """A number of the whole run; NaN where it is a bound or not there."""
        value = self.summary.get(name)
        return value if isinstance(value, float | int) else float("nan")

    def table(self, measure: str, name: str) -> pd.DataFrame:
        """The table `name` of a measure; InputError where this run has none."""
        try:
            return self.tables(measure, name)
        except KeyError:
            raise InputError(f"{self} has no table {name!r} of measure {measure!r}") from None

    def steps(self, measure: str = "regularity") -> pd.DataFrame:
        """The table with a row a step of a measure."""
        return self.table(measure, "steps")

    def __str__(self) -> str:
        return f"run {self.fingerprint} ({self.variant}, seed {self.seed})"
