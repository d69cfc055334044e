"""The command line: `python -m trajreg COMMAND …`. Exit status 0 only when all is well."""

import argparse
import os
import sys
from pathlib import Path

from trajreg import gamma_command
from trajreg.data.download import OFFICIAL, OFFLINE
from trajreg.data.sources import FOLDER
from trajreg.errors import InputError
from trajreg.pipeline import Pipeline
from trajreg.runs.forecast import forecast
from trajreg.runs.forecast_text import told
from trajreg.runs.study import project_folder
from trajreg.scaffold.new import THINGS, new

COMMANDS = {
    "all": "train, draw, report and compare: what `make all` does",
    "tune": "choose each variant's learning rate from the grid its setting declares, and write it into the params",
    "run": "make the runs and measurements that are missing",
    "figure": "execute the notebooks whose inputs changed",
    "report": "render the report from what is there",
    "verify": "compare a version with the newest committed reference",
    "status": "which runs and figures are there, and what to do next; what is merely missing is no failure",
    "why": "why a run is wanted, and what sets it apart from the nearest stored one",
    "diff": "compare two versions: what must agree, and old beside new of what was changed",
}
NEW = "write the files of a new figure, net, measure or activation, for all profiles, and a test"
NO_NETWORK = f"never touch the network: data sets that are not here are an error ({OFFLINE}=1 says the same)"
FETCH = "download an official data set, unless it is here, and write it as the archive that `data: {name: archive, path: …}` reads"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when something failed or differs, 2 for bad input."""
    options = _parser().parse_args(arguments)
    if getattr(options, "offline", False):
        os.environ[OFFLINE] = "1"  # workers and notebooks have it from here
    try:
        well = _run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, MemoryError) as error:  # which nobody foresaw where it came up: the disk, a limit of the system
        place = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        reason = getattr(error, "strerror", None) or error or "out of memory"
        print(
            f"error: {place}{reason}; what is finished is stored, the same command goes on from there", file=sys.stderr
        )
        return 2
    return 0 if well else 1


def _run(options: argparse.Namespace) -> bool:
    if options.command == gamma_command.NAME:  # which works anywhere
        return gamma_command.run(options)
    return {"new": _new, "fetch": _fetch}.get(options.command, _go)(project_folder(Path.cwd()), options)


def _go(top: Path, options: argparse.Namespace) -> bool:
    figures = None if options.figures in (None, ["all"]) else options.figures
    pipeline = Pipeline(top, options.profile, options.version, figures, options.workers, options.train_anew)
    if options.command == "why":
        return pipeline.why(options.run)
    if options.command == "diff":
        return pipeline.diff(options.one, options.other)
    if options.command == "run" and options.plan:
        return _plan(pipeline)
    return getattr(pipeline, options.command)() is not False


def _plan(pipeline: Pipeline) -> bool:
    wanted = {job.figure.id: job.figure.wanted() for job in pipeline.jobs}
    for line in told(forecast(wanted, pipeline.store, pipeline.workers, pipeline.say)):
        pipeline.say(line)
    return True


def _new(top: Path, options: argparse.Namespace) -> bool:
    paths, hints = new(top, options.what, options.name, options.like)
    for path in paths:
        print(f"  {path.relative_to(top).as_posix()}")
    print("\n".join(hints))
    return True


def _fetch(top: Path, options: argparse.Namespace) -> bool:
    from trajreg.data.fetch import fetch  # imports torch, which planning does without

    folder = Path(os.path.relpath(top / FOLDER))
    print(fetch(options.name, folder, options.to or folder / f"{options.name}.npz"))
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trajreg", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--profile", default="digits", help="a folder of params/ (default: digits)")
        command.add_argument("--version", default="local", help="a results tree of the profile (default: local)")
        command.add_argument("--figures", nargs="+", metavar="FIG", help="fig04 fig05 … (default: all)")
        command.add_argument("--workers", type=_positive, help="processes (default: one a core, or one a GPU)")
        command.add_argument(
            "--train-anew",
            action="store_true",
            help="where a stored training does not come out as stored, make it anew",
        )
        command.add_argument("--offline", action="store_true", help=NO_NETWORK)
        if name == "run":
            command.add_argument(
                "--plan", action="store_true", help="only say what it would take: trainings, steps, bytes, time"
            )
        if name == "why":
            command.add_argument("run", help="a fingerprint, or its beginning")
        if name == "diff":
            command.add_argument("one", help="the old version, as v1: what the other is held against")
            command.add_argument("other", help="the new version, as local")
    command = commands.add_parser("fetch", help=FETCH, description=FETCH)
    command.add_argument("name", choices=OFFICIAL)
    command.add_argument("--to", type=Path, metavar="FILE", help=f"the archive (default: {FOLDER}/NAME.npz)")
    command.add_argument("--offline", action="store_true", help=NO_NETWORK)
    command = commands.add_parser("new", help=NEW, description=NEW)
    command.add_argument("what", choices=THINGS)
    command.add_argument("name", help="fig17, conv_net …")
    command.add_argument("--like", metavar="FIG", help="the figure that a new figure is begun from (default: fig02)")
    gamma_command.add_to(commands)
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)
