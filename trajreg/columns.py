"""What a column of a table is: its name, its title for a reader, its unit and scale, its null, and who may use it."""

import math
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Literal

from trajreg.errors import InputError, choices


@dataclass(frozen=True)
class Bound:
    """A value of which only bounds are known: Bound(16) was not reached by epoch 15, Bound(high=0.1) lies below what can be resolved."""

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"Bound({self.low}, {self.high}): low must not be above high")


Value = float | Bound
"""What a summary holds: a number, NaN where it is undefined, or a bound."""


@dataclass(frozen=True)
class Column:
    """One column. Tables, panels, claims, `verify` and the report read it here; no other list of names of metrics exists.

    name: in tables and in params. title: what a reader sees, in a table's head, above a panel or in a legend. unit: the label of its
    axis. scale: of that axis; symlog is for numbers of either sign that span decades, and linear up to the smallest median of a variant.
    baseline: a value drawn across the panel, as 0 where the sign matters.
    null: the column that says what chance alone would give; dashed, a line a variant. companion: a second column of the same quantity,
    drawn thinner beside it.
    claimable: a claim may be about it. compared: `verify` compares its mean over seeds. shown: it stands in a figure's summary table.
    first_below: the column of the run's own table of steps that is to get to a claim's threshold: this is the number of steps done when
    its mean over the last epoch's worth of steps is first at or below it; a claim about it needs a threshold, and a run that never
    gets there has a bound: later than its last step.
    beside: the column of the same quantity measured in another way, by which a claim about this one is judged as well where runs have it.
    """

    name: str
    title: str
    unit: str = ""
    scale: Literal["linear", "log", "symlog"] = "linear"
    baseline: float | None = None
    null: str | None = None
    companion: str | None = None
    claimable: bool = False
    compared: bool = False
    shown: bool = False
    first_below: str | None = None
    beside: str | None = None


@dataclass(frozen=True)
class Columns:
    """The columns of a training or of a measure: of its summary (a value a run) and of its table of epochs.

    Tables show them in this order. No two may have one name.
    """

    summary: tuple[Column, ...] = ()
    epochs: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        for columns in (self.summary, self.epochs):
            names = [column.name for column in columns]
            if len(set(names)) < len(names):
                twice = sorted({name for name in names if names.count(name) > 1})
                raise ValueError(f"two columns have one name: {', '.join(twice)}")

    def __add__(self, other: "Columns") -> "Columns":
        """Both, this one's first; a column that both have counts once."""
        return Columns(_each_once(self.summary + other.summary), _each_once(self.epochs + other.epochs))

    def without(self, names: Container[str]) -> "Columns":
        """These without those of some names, of the summary and of epochs."""
        summary, epochs = (
            tuple(column for column in columns if column.name not in names) for columns in (self.summary, self.epochs)
        )
        return Columns(summary, epochs)

    @property
    def claimable(self) -> dict[str, Column]:
        """Name → column, of what claims may be about."""
        return {column.name: column for column in self.summary if column.claimable}

    @property
    def shown(self) -> dict[str, Column]:
        """Name → column, of a figure's summary table."""
        return {column.name: column for column in self.summary if column.shown}

    @property
    def compared(self) -> dict[str, Column]:
        """Name → column, of what `verify` compares."""
        return {column.name: column for column in self.summary if column.compared}

    def title(self, name: str) -> str:
        """The title of a column of the summary; the name itself where there is none."""
        return next((column.title for column in self.summary if column.name == name), name)

    def of_summary(self, name: str) -> Column:
        """The column of the summary with this name; InputError names the nearest of those there are."""
        known = {column.name: column for column in self.summary}
        if name not in known:
            raise InputError(f"{name!r} is no column of runs, choose from {choices(name, known)}")
        return known[name]

    def of_epochs(self, name: str) -> Column:
        """The column of epochs with this name; InputError names the nearest of those there are."""
        known = {column.name: column for column in self.epochs}
        if name not in known:
            raise InputError(f"{name!r} is no column of epochs, choose from {choices(name, known)}")
        return known[name]


def as_plain(value: Value) -> Any:
    """A summary's value for JSON: a number, [low, high] of a bound, null for what is unknown."""
    if isinstance(value, Bound):
        return [as_plain(value.low), as_plain(value.high)]
    return value if math.isfinite(value) else None


def from_plain(plain: Any) -> Value:
    """What `as_plain` wrote."""
    if isinstance(plain, list):
        low, high = plain
        return Bound(-math.inf if low is None else low, math.inf if high is None else high)
    return math.nan if plain is None else float(plain)


def _each_once(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(dict.fromkeys(columns))
