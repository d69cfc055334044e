"""One finished run, as tables; where it was stored is not its business."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trajreg.columns import Columns, Value
from trajreg.errors import InputError
from trajreg.studies.names import Name
from trajreg.studies.setting import Settings


def _nothing(name: str) -> pd.DataFrame:
    """A run that was not stored has no tables of its own."""
    raise KeyError(name)


@dataclass(frozen=True)
class Run:
    """A run of a variant at a seed.

    settings, names: of each varied key its value and what a reader sees of it.
    epochs: a row an epoch (losses, accuracies, what the measures say of it); summary: the values of the whole run; columns: what
    both may hold, the measures' first. `tables(measure, name)` reads another table of a measure, KeyError where there is none;
    `arrays` does so of its arrays, `own(name)` of the run's own tables. measured: how the numbers were had, in words. num_weights: of its
    net, None where it has none.
    """

    variant: str
    settings: Settings
    names: dict[str, Name]
    seed: int
    fingerprint: str
    diverged: bool
    epochs: pd.DataFrame
    summary: dict[str, Value]
    columns: Columns
    tables: Callable[[str, str], pd.DataFrame]
    arrays: Callable[[str, str], np.ndarray]
    measured: str = ""
    own: Callable[[str], pd.DataFrame] = _nothing
    num_weights: int | None = None

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

    def own_table(self, name: str) -> pd.DataFrame:
        """The table `name` of the run itself, as `steps`; InputError where it has none."""
        try:
            return self.own(name)
        except KeyError:
            raise InputError(f"{self} has no table {name!r} of its own") from None

    def steps(self, measure: str = "regularity") -> pd.DataFrame:
        """The table with a row a step of a measure."""
        return self.table(measure, "steps")

    def iterates(self) -> np.ndarray:
        """(T+1, P) θ_0 … θ_T; InputError where they were not kept."""
        try:
            return self.arrays("regularity", "iterates")
        except KeyError:
            raise InputError(f"{self} has no iterates: nothing measured its regularity") from None

    def __str__(self) -> str:
        return f"run {self.fingerprint} ({self.variant}, seed {self.seed})"
