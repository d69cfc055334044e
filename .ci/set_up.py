"""Build the environment that every target of the Makefile uses: `set_up.py VENV LOCK STAMP`.

It runs before anything is installed, on whatever Python there is: the standard library only, in a syntax that old Pythons
read as well, so that they can say what they lack. So it stands outside the library, whose rules ask for today's Python.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

TRIED = ((3, 11), (3, 12), (3, 13))
# GB, measured on Linux; elsewhere reckoned without CUDA's libraries, which come with Linux only
DOWNLOADED, INSTALLED = (3.3, 6.7) if sys.platform == "linux" else (0.4, 1.6)
GB = 10**9


class SetUpError(Exception):
    """What stands in the way, in a line."""


def check_python(version: tuple) -> str:
    """Refuse a Python that is too old; of one that is newer than those that were tried, what to say of it."""
    found, *others, last = (f"{major}.{minor}" for major, minor in (version[:2], *TRIED))
    tried = f"{', '.join(others)} and {last}"
    if version[:2] < TRIED[0]:
        raise SetUpError(f"Python {found} is too old; {tried} work: name one of them, make PYTHON=python3.12")
    if version[:2] > TRIED[-1]:
        return f"Python {found} was not tried ({tried} were); where it fails, name another: make PYTHON=python3.12"
    return ""


def check_disk(free: int) -> None:
    """Refuse to begin what would fill the disk."""
    needed = DOWNLOADED + INSTALLED  # pip installs when all is there, and only then deletes what it downloaded
    if free < needed * GB:
        raise SetUpError(f"{free / GB:.1f} GB of disk are free here, the set-up takes {needed:.1f} GB while it runs")


def set_up(venv: Path, lock: Path, stamp: str) -> None:
    """Build `venv` from `lock` and write `stamp` last; whoever else is doing so is waited for.

    The log is what is locked. pip holds it too, so that a set-up which was killed, and left pip behind, is waited for.
    """
    if venv.is_symlink():  # what it leads to is another's
        venv.unlink()
    venv.mkdir(exist_ok=True)
    with (venv / "set-up.log").open("a+", encoding="utf-8", errors="replace") as log:
        _wait_for(log)
        built = venv / "built-from"
        if _stamp_of(built) != stamp:
            _empty(venv, built)
            log.truncate(0)
            check_disk(shutil.disk_usage(str(venv)).free)
            say(
                f"setting up {venv} with Python {sys.version.split()[0]}, once: "
                f"some minutes, {DOWNLOADED} GB to download, {INSTALLED} GB of disk"
            )
            _install(venv, lock, log)
            built.write_text(stamp + "\n")
        say(f"{venv} is ready")


def _stamp_of(built: Path) -> str:
    try:
        return built.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # it is not there, or a folder is
        return ""


def _wait_for(log) -> None:
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another set-up of the same environment")
        fcntl.flock(log, fcntl.LOCK_EX)


def _empty(venv: Path, built: Path) -> None:
    """Delete what is in `venv`, the stamp first, and leave the log."""
    for path in sorted(venv.iterdir(), key=lambda path: path != built):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(str(path))
        elif path.name != "set-up.log":
            path.unlink()


def _install(venv: Path, lock: Path, log) -> None:
    downloads = venv / "downloads"  # on the disk that was looked at: /tmp may be small, or missing
    downloads.mkdir()
    environ = dict(os.environ, TMPDIR=str(downloads.resolve()))
    environ.pop("PYTHONPATH", None)  # pip would take what it finds there for installed
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
    for command in (
        [sys.executable, "-m", "venv", str(venv)],
        [*pip, "--progress-bar", "off", "--requirement", str(lock)],
        [*pip, "--no-build-isolation", "--editable", "."],
    ):
        if subprocess.call(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log) != 0:
            log.seek(0)
            raise SetUpError(f"{_reason(log.read())}; all that was said is in {log.name}")
    shutil.rmtree(str(downloads))


def _reason(text: str) -> str:
    """What pip stopped at, from all it said."""
    if "Retrying (" in text.rpartition("\nCollecting ")[2]:
        return "no connection to the package index"
    lines = text.strip().splitlines() or ["nothing was said"]
    return next((line[len("ERROR: ") :] for line in reversed(lines) if line.startswith("ERROR: ")), lines[-1])


def say(text: str) -> None:
    """At once, before what follows takes its minutes."""
    print(text, flush=True)


def main(venv: str, lock: str, stamp: str) -> None:
    """Set up, or exit with a line that says what stands in the way."""
    try:
        note = check_python(sys.version_info)
        if note:
            say(note)
        if importlib.util.find_spec("ensurepip") is None:
            raise SetUpError("this Python has no venv: install python3-venv, or name another: make PYTHON=python3.12")
        set_up(Path(venv), Path(lock), stamp)
    except (SetUpError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("stopped; the next make begins the set-up anew", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main(*sys.argv[1:])
