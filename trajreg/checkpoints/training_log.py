"""A training's log as people have it: losses and learning rates by step, from CSV, JSON, JSON lines or Parquet."""

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from trajreg.errors import InputError, choices, shown

SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")
NAMES = {  # the first that occurs; `lr-*` is what Lightning's monitor calls it
    "step": ("step", "global_step", "iteration", "iter", "trainer/global_step"),
    "loss": ("loss", "train_loss", "train_loss_step", "train/loss", "training_loss"),
    "lr": ("lr", "learning_rate"),
}
MONITORED = "lr-"
MOST_STEPS = 2**53  # beyond it a float is not every whole number
SEPARATORS = (";", "\t", "|")  # of other dialects of CSV


@dataclass(frozen=True)
class Log:
    """The rows of a file that say something, each with its place in words ("line 3").

    names: what its columns of steps, losses and learning rates are called; None where there is none.
    """

    path: Path
    rows: list[tuple[str, dict[str, Any]]]
    names: dict[str, str | None]

    @classmethod
    def read(cls, path: Path, given: Mapping[str, str] | None = None) -> "Log":
        """Read a file; `given` are names of columns that are not to be guessed.

        Raises:
            InputError: no such file, another format, damaged, without rows, or a column that is given and not there.
        """
        rows = _rows(path)
        columns = list(dict.fromkeys(name for _, row in rows for name in row))
        names = {what: _found(what, columns, rows) for what in NAMES if what not in (given or {})}
        for what, name in (given or {}).items():
            if what not in NAMES or name not in columns:
                known = choices(name, columns) if what in NAMES else "step, loss, lr"
                raise InputError(f"--columns {what}={name}: {path} has no such column, there are {known}")
        return cls(path, rows, {**names, **(given or {})})

    def values(self, what: str) -> pd.Series:
        """The numbers of a column by step, from the rows that have one. InputError for text, and for steps that are not whole or rise."""
        step_name, name = self.name("step"), self.name(what)
        found: dict[int, float] = {}
        last = -1
        for place, row in self.rows:
            value = self._number(place, name, row.get(name))
            if value is None:
                continue
            step = self._number(place, step_name, row.get(step_name))
            if step is None or not 0 <= step < MOST_STEPS or step != round(step):
                raise InputError(
                    f"{self.path}, {place}: {step_name} is {shown(row.get(step_name))}, should be a whole number, below 2**53"
                )
            if step <= last and not (what == "lr" and step == last and found[last] == value):
                raise InputError(
                    f"{self.path}, {place}: {step_name} {int(step)} follows {last}; steps must rise, each in one row with a {name}"
                )
            last = int(step)
            found[last] = value
        return pd.Series(found, dtype="float64", name=what)

    def name(self, what: str) -> str:
        """What the column is called; InputError that lists the columns where there is none."""
        name = self.names[what]
        if name is None:
            columns = list(dict.fromkeys(name for _, row in self.rows for name in row))
            wanted = " or ".join(NAMES[what])
            raise InputError(
                f"{self.path} has no column {wanted}, but {choices(what, columns)}; say which it is: --columns {what}=NAME"
            )
        return name

    def _number(self, place: str, name: str, value: Any) -> float | None:
        """A finite number, or None where there is none."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            comma = ", with a decimal point" if isinstance(value, str) and "," in value else ""
            raise InputError(f"{self.path}, {place}, column {name}: {shown(value)}, should be a finite number{comma}")
        return number


def _found(what: str, columns: list[str], rows: list[tuple[str, dict[str, Any]]]) -> str | None:
    plain = {name.strip().lower(): name for name in reversed(columns)}
    for wanted in NAMES[what]:
        name = plain.get(wanted)
        if name is not None and any(row.get(name) not in (None, "") for _, row in rows):
            return name
    monitored = [name for name in columns if what == "lr" and name.lower().startswith(MONITORED)]
    return monitored[0] if len(monitored) == 1 else None


def _rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: a log should be one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{path} is not there, or no file")
    try:
        rows = list({".csv": _csv, ".json": _json, ".jsonl": _json_lines, ".parquet": _parquet}[path.suffix](path))
    except InputError:
        raise
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path} cannot be read as {path.suffix[1:]}: {reason or type(error).__name__}") from None
    if not rows:
        raise InputError(f"{path} has no rows")
    return rows


def _csv(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        lines = (values for values in reader if any(map(str.strip, values)))
        header = next(lines, [])
        _refuse_header(path, f"line {reader.line_num}", header)
        for values in lines:
            if len(values) > len(header):
                raise InputError(
                    f"{path}, line {reader.line_num}: more values than the {len(header)} columns of the first line"
                )
            yield f"line {reader.line_num}", dict(zip(header, values, strict=False))


def _refuse_header(path: Path, place: str, header: list[str]) -> None:
    other = next((one for one in SEPARATORS if len(header) == 1 and one in header[0]), None)
    if other:
        raise InputError(
            f"{path}, {place} has {other!r} between columns, should have commas, and numbers a decimal point: "
            f"pandas.read_csv(…, sep={other!r}, decimal=…).to_csv(…, index=False) writes it so"
        )
    names = [name.strip() for name in header if name.strip()]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"{path}, {place}: the column {name!r} occurs {names.count(name)} times, should occur once"
            )


def _json(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """Hugging Face's trainer_state.json, or a list of rows."""
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = content.get("log_history") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise InputError(f"{path} should have a list log_history, as trainer_state.json has, or be a list of rows")
    return [(f"row {number}", _row(path, f"row {number}", row)) for number, row in enumerate(rows, 1)]


def _json_lines(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}, line {number} is no JSON: {error}") from None
            yield f"line {number}", _row(path, f"line {number}", row)


def _row(path: Path, place: str, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise InputError(f"{path}, {place}: {shown(row)}, should be a row with names")
    return row


def _parquet(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    table = pd.read_parquet(path)
    _refuse_header(path, "its schema", [str(name) for name in table.columns])
    table.columns = [str(name) for name in table.columns]
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [(f"row {number}", row) for number, row in enumerate(rows, 1)]
