"""`trajreg gamma`: γ of a training that is over, from its checkpoints and its log, on the command line. It needs no checkout."""

import argparse
import json
import math
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from tqdm import tqdm

from trajreg.errors import InputError
from trajreg.files import write_bytes
from trajreg.studies.numbers import number

if TYPE_CHECKING:
    from trajreg.checkpoints.distances import Opened, Snapshots

NAME = "gamma"
ABOUT = "γ of each stretch between the checkpoints of a training that is over, from its log; no checkout is needed"
TABLES = (".csv", ".parquet", ".json")
PICTURES = (".png", ".svg")
MISSING = "–"
FEW = 6  # names in a line
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
        "--lr", type=_rate, metavar="NUMBER|FILE", help="the learning rate, or a CSV step,lr (default: as logged)"
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
    from trajreg.checkpoints.order import expanded, in_order
    from trajreg.checkpoints.table import table_of
    from trajreg.metrics.stretches import Stretches  # with torch, which the other commands do without

    _refuse_suffix("--out", options.out, TABLES)
    _refuse_suffix("--picture", options.picture, PICTURES)
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
    for line in [*_rows(table), "", *_about(snapshots), *known.notes, UNTOLD]:
        print(line)
    if options.out:
        _write(table, options.out)
    if options.picture:
        from trajreg.plots.checkpoints import checkpoint_panels  # with matplotlib, which is no dependency
        from trajreg.plots.style import save_picture

        save_picture(checkpoint_panels(table), options.picture)
    return True


def _compare(opened: "Sequence[Opened]") -> "Snapshots":
    """With a bar on a terminal."""
    from trajreg.checkpoints.distances import Snapshots, num_comparisons

    with tqdm(total=num_comparisons(len(opened)), desc="comparing checkpoints", leave=False, disable=None) as bar:
        return Snapshots.of(opened, bar.update)


def _rows(table: pd.DataFrame) -> list[str]:
    """A line a stretch, its numbers right-aligned under their titles."""
    steps = [f"{row.step}–{row.step + row.num_steps}" for row in table.itertuples()]
    cells = {"steps": steps}
    for name, title in SHOWN.items():
        cells[title] = [MISSING if math.isnan(value) else number(value) for value in table[name]]
    columns = [[title, *texts] for title, texts in cells.items()]
    widths = [max(map(len, column)) for column in columns]
    return ["  ".join(map(str.rjust, line, widths)) for line in zip(*columns, strict=True)]


def _about(snapshots: "Snapshots") -> list[str]:
    """What was taken for θ, and what may be wrong with it."""
    left_out = f"left out: {_few(snapshots.left_out)}" if snapshots.left_out else "nothing left out"
    lines = [f"{snapshots.num_weights:,} weights; {left_out}."]
    if snapshots.alike:
        pairs = _few([f"{other} = {one}" for one, other in snapshots.alike])
        lines.append(f"Copies of each other, which count twice: {pairs}. Tied weights? --leave-out one of them.")
    return lines


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return f"{', '.join(names[:FEW])}{more}"


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


def _refuse_suffix(option: str, path: Path | None, suffixes: Sequence[str]) -> None:
    if path is not None and path.suffix not in suffixes:
        raise InputError(f"{option} {path}: its name should end with {', '.join(suffixes[:-1])} or {suffixes[-1]}")


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
