"""`trajreg gamma`: γ of a training that is over, from its checkpoints and its log, on the command line. It needs no checkout."""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from tqdm import tqdm

from trajreg.checkpoints.training_log import SUFFIXES as LOGS
from trajreg.errors import InputError
from trajreg.files import CannotWrite, write_bytes
from trajreg.studies.numbers import number

if TYPE_CHECKING:
    from trajreg.checkpoints.distances import Opened, Snapshots

NAME = "gamma"
ABOUT = "γ of each stretch between the checkpoints of a training that is over, from its log; no checkout is needed"
TABLES = (".csv", ".parquet", ".json")
PICTURES = (".png", ".svg")
MISSING = "–"
SHOWN = {"loss": "loss", "lr": "lr", "gamma": "γ", "rate": "rate ηγ", "distance": "distance", "directedness": "D"}
UNTOLD = (
    "Checkpoints do not tell the steps between them: D, γ of a random walk and cosines are known of a training that is recorded, by "
    "trajreg.TrajectoryRecorder (docs/own-loop.md)."
)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and its options."""
    command = commands.add_parser(NAME, help=ABOUT, description=ABOUT)
    command.add_argument(
        "checkpoints",
        nargs="+",
        type=Path,
        metavar="CHECKPOINT",
        help="files (.safetensors, .pt, .pth, .bin, .ckpt), folders of Hugging Face's, or a folder that has several; the last is θ_T",
    )
    command.add_argument(
        "--log",
        type=Path,
        required=True,
        metavar="FILE",
        help="loss by step: .csv, .json (trainer_state.json), .jsonl or .parquet",
    )
    command.add_argument(
        "--lr",
        type=_rate,
        metavar="NUMBER|FILE",
        help="the learning rate, or a CSV step,lr that counts as the log does (default: as logged)",
    )
    command.add_argument(
        "--steps",
        nargs="+",
        type=_count,
        metavar="STEP",
        help="after how many steps each was saved (default: contents, names)",
    )
    _add_choices(command)


def _add_choices(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--optimal-loss", type=float, default=0.0, metavar="LOSS", help="infimum of the loss (default: 0)"
    )
    command.add_argument(
        "--leave-out",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="names of tensors that are no weights, as 'head.*'",
    )
    command.add_argument(
        "--columns",
        nargs="+",
        type=_pair,
        default=[],
        metavar="step|loss|lr=NAME",
        help="columns of the log that are not recognised",
    )
    command.add_argument(
        "--counts-from",
        type=int,
        choices=(0, 1),
        help="0: row s of the log is after s + 1 steps, 1: after s (default: by its first and last step)",
    )
    command.add_argument("--out", type=Path, metavar="FILE", help="write the table: .csv, .parquet or .json")
    command.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw loss, γ and distance: .png or .svg (extra plots)"
    )


def run(options: argparse.Namespace) -> bool:
    """Read, print, and write what was asked for; True when done.

    Raises:
        InputError: as `trajreg.from_checkpoints`, `in_order` and `logged_stretches`; a suffix that nothing is written with; no matplotlib.
    """
    from trajreg.checkpoints.distances import open_all
    from trajreg.checkpoints.logged_stretches import logged_stretches
    from trajreg.checkpoints.notes import notes_on
    from trajreg.checkpoints.order import expanded, in_order
    from trajreg.checkpoints.table import table_of
    from trajreg.metrics.stretches import Stretches  # with torch, which the other commands do without

    _refuse_place("--out", options.out, TABLES)
    _refuse_place("--picture", options.picture, PICTURES)
    _refuse_rate(options.lr)
    if options.picture:
        _refuse_without_matplotlib()
    paths, edges = in_order(expanded(options.checkpoints), options.steps)
    opened = open_all(paths, options.leave_out)
    known = logged_stretches(options.log, edges, options.lr, dict(options.columns), options.counts_from)
    num_steps = [b - a for a, b in pairwise(edges)]
    stretches = Stretches.of(len(num_steps), known.loss, known.lr, num_steps, options.optimal_loss)
    snapshots = _compare(opened)
    table = table_of(stretches, snapshots)
    table["step"] += edges[0]
    for line in [*_rows(table), "", *notes_on(paths, snapshots, table), *known.notes, UNTOLD]:
        print(line)
    if options.out:
        with _writing("--out", options.out):
            _write(table, options.out)
    if options.picture:
        from trajreg.plots.checkpoints import checkpoint_panels  # with matplotlib, which is no dependency
        from trajreg.plots.style import save_picture

        with _writing("--picture", options.picture):
            save_picture(checkpoint_panels(table), options.picture)
    return True


def _compare(opened: "Sequence[Opened]") -> "Snapshots":
    """With a bar on a terminal."""
    from trajreg.checkpoints.distances import Snapshots, num_comparisons

    with tqdm(total=num_comparisons(len(opened)), desc="comparing checkpoints", leave=False, disable=None) as bar:
        return Snapshots.of(opened, bar.update)


def _rows(table: pd.DataFrame) -> list[str]:
    """A line a stretch, its numbers right-aligned under their titles."""
    from trajreg.checkpoints.notes import stretches

    cells = {"steps": stretches(table)}
    for name, title in SHOWN.items():
        cells[title] = [MISSING if math.isnan(value) else number(value) for value in table[name]]
    columns = [[title, *texts] for title, texts in cells.items()]
    widths = [max(map(len, column)) for column in columns]
    return ["  ".join(map(str.rjust, line, widths)) for line in zip(*columns, strict=True)]


def _write(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        content = table.to_csv(index=False).encode()
    elif path.suffix == ".json":
        rows = table.astype(object).where(table.notna(), None).to_dict("records")
        content = f"{json.dumps(rows, indent=1)}\n".encode()
    else:
        table.to_parquet(written := BytesIO(), index=False)
        content = written.getvalue()
    write_bytes(path, content)


@contextmanager
def _writing(option: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, CannotWrite) as error:
        cause = error.__cause__ if isinstance(error, CannotWrite) else error
        raise InputError(f"{option} {path} cannot be written: {getattr(cause, 'strerror', None) or error}") from None


def _refuse_place(option: str, path: Path | None, suffixes: Sequence[str]) -> None:
    if path is None:
        return
    if path.suffix not in suffixes:
        raise InputError(f"{option} {path}: its name should end with {', '.join(suffixes[:-1])} or {suffixes[-1]}")
    there = next(one for one in path.absolute().parents if one.exists())
    if path.is_dir() or not there.is_dir():
        reason = "it is a folder" if path.is_dir() else f"{there} is no folder"
        raise InputError(f"{option} {path} cannot be written: {reason}")


def _refuse_rate(given: float | Path | None) -> None:
    if isinstance(given, float) and not 0 <= given < math.inf:
        raise InputError(f"--lr {given:g}: a learning rate should be a finite number of at least 0")
    if isinstance(given, Path) and given.suffix not in LOGS:
        raise InputError(f"--lr {given} is neither a number, with a decimal point, nor a file {', '.join(LOGS)}")


def _refuse_without_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
        import seaborn  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"--picture needs {error.name}, which is not installed: pip install 'trajreg[plots]'"
        ) from None


def _rate(text: str) -> float | Path:
    try:
        return float(text)
    except ValueError:
        return Path(text)


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of steps")
    return int(text)


def _pair(text: str) -> tuple[str, str]:
    what, equals, name = text.partition("=")
    if not (what and equals and name):
        raise argparse.ArgumentTypeError(f"{text!r} should be step=NAME, loss=NAME or lr=NAME")
    return what, name
