"""What a column of a table is: its name, its title for a reader, its unit and scale, its null, and who may use it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One column. Tables, panels, claims, `verify` and the report read it here; no other list of names of metrics exists.

    name: in tables and in params. title: what a reader sees, in a table's head or above a panel. unit: the label of its axis.
    scale: of that axis. null: the column that says what chance alone would give. companion: a second column of the same quantity,
    drawn thinner beside it.
    claimable: a claim may be about it. compared: `verify` compares its mean over seeds. shown: it stands in a figure's summary table.
    first_below: the name of the column of epochs whose first value at or below a claim's threshold this is; a claim about it needs a
    threshold, and a run that never gets there has a bound: later than its last epoch.
    """

    name: str
    title: str
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    null: str | None = None
    companion: str | None = None
    claimable: bool = False
    compared: bool = False
    shown: bool = False
    first_below: str | None = None


@dataclass(frozen=True)
class Columns:
    """The columns of a training or of a measure: of its summary (a value a run) and of its table of epochs."""

    summary: tuple[Column, ...] = ()
    epochs: tuple[Column, ...] = ()

    def __add__(self, other: "Columns") -> "Columns":
        """Both, this one's first."""
        return Columns(self.summary + other.summary, self.epochs + other.epochs)

    @property
    def claimable(self) -> dict[str, Column]:
        """Name → column, of what claims may be about."""
        return {column.name: column for column in self.summary if column.claimable}

    def of_epochs(self, name: str) -> Column:
        """The column of epochs with this name; KeyError names it."""
        return {column.name: column for column in self.epochs}[name]
