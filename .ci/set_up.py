"""Build the environment that every target of the Makefile uses: `set_up.py VENV LOCK STAMP`.

With TORCH_INDEX in the environment, an address or a folder, PyTorch is taken from there, and what only CUDA needs is left out.

It runs before anything is installed, on whatever Python there is: the standard library only, in a syntax that old Pythons
read as well, so that they can say what they lack. So it stands outside the library, whose rules ask for today's Python.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TRIED = ((3, 11), (3, 12), (3, 13))
WITHOUT_TORCH = (3, 15)  # the first Python that the locked PyTorch has no build for
TORCH = ("torch", "torchvision")
OF_CUDA = ("cuda-", "nvidia-", "triton")  # how the names of the packages begin that only CUDA needs
# (GB to download, GB of disk), measured on Linux; CUDA's libraries come with Linux only
WITH_CUDA, WITHOUT_CUDA = (3.4, 7.0), (0.6, 2.1)
GB = 10**9


class SetUpError(Exception):
    """What stands in the way, in a line."""


def check_python(version: tuple) -> str:
    """Refuse a Python that cannot work; of one that is newer than those that were tried, what to say of it."""
    found, *others, last = (f"{major}.{minor}" for major, minor in (version[:2], *TRIED))
    tried = f"{', '.join(others)} and {last}"
    if version[:2] < TRIED[0]:
        raise SetUpError(f"Python {found} is too old; {tried} work: {another()}")
    if version[:2] >= WITHOUT_TORCH:
        raise SetUpError(f"the locked PyTorch has no build for Python {found} yet; {tried} work: {another()}")
    if version[:2] > TRIED[-1]:
        return f"Python {found} was not tried ({tried} were); where it fails, {another()}"
    return ""


def another() -> str:
    """How to name a Python that works, one that is here if there is one."""
    for major, minor in TRIED:
        name = f"python{major}.{minor}"
        try:  # a name on PATH may be that of a version manager, which has no such Python
            if (
                subprocess.call([name, "-c", "import ensurepip"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                == 0
            ):
                return f"{name} is here, make PYTHON={name}"
        except OSError:
            pass
    return "name one of them, make PYTHON=python3.12"


def check_disk(free: int, sizes: tuple) -> None:
    """Refuse to begin what would fill the disk."""
    needed = sum(sizes)  # pip installs when all is there, and only then deletes what it downloaded
    if free < needed * GB:
        raise SetUpError(f"{free / GB:.1f} GB of disk are free here, the set-up takes {needed:.1f} GB while it runs")


def announced(venv: Path, index: str) -> str:
    """What is about to be done, and what it takes."""
    download, disk = sizes_of(index)
    text = f"setting up {venv} with Python {sys.version.split()[0]}, once: some minutes, {download} GB to download, {disk} GB of disk"
    if (download, disk) == WITHOUT_CUDA:
        return text
    return f"{text} ({WITHOUT_CUDA[0]} and {WITHOUT_CUDA[1]} without CUDA: TORCH_INDEX, see README.md)"


def sizes_of(index: str) -> tuple:
    """(GB to download, GB of disk) of the set-up."""
    return WITHOUT_CUDA if index or sys.platform != "linux" else WITH_CUDA


def source_of(index: str) -> list:
    """How pip is told to take packages from `index`, and from there only."""
    if Path(index).is_dir():
        return ["--no-index", "--find-links", index]
    if re.match(r"(https?|file)://", index):
        return ["--index-url", index]
    raise SetUpError(f"TORCH_INDEX={index} is neither an address (https://…) nor a folder that is here")


def set_up(venv: Path, lock: Path, stamp: str, index: str) -> None:
    """Build `venv` from `lock`, with PyTorch from `index` if there is one, and write `stamp` last; whoever else is doing so is waited for.

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
            check_disk(shutil.disk_usage(str(venv)).free, sizes_of(index))
            say(announced(venv, index))
            (venv / "torch-index").write_text(index, encoding="utf-8")  # the next make takes the same, if it names none
            _install(venv, lock, index, log)
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


def _install(venv: Path, lock: Path, index: str, log) -> None:
    downloads = venv / "downloads"  # on the disk that was looked at: /tmp may be small, or missing
    downloads.mkdir()
    environ = dict(os.environ, TMPDIR=str(downloads.resolve()))
    environ.pop("PYTHONPATH", None)  # pip would take what it finds there for installed
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--progress-bar", "off"]
    locked = [[*pip, "--requirement", str(lock)]]
    if index:
        torch, others = _split(lock, downloads)
        locked = [[*pip, *source_of(index), "--requirement", str(torch)], [*pip, "--requirement", str(others)]]
        locked.append([python, "-c", "import torchvision"])  # a build for CUDA fails here, without CUDA's libraries
    for command in (
        [sys.executable, "-m", "venv", str(venv)],
        *locked,
        [*pip, "--no-build-isolation", "--editable", "."],
    ):
        if subprocess.call(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log) != 0:
            log.seek(0)
            raise SetUpError(f"{_reason(log.read())}; all that was said is in {log.name}")
    shutil.rmtree(str(downloads))


def _split(lock: Path, folder: Path) -> tuple:
    """Two files of pins in `folder`: of PyTorch, and of all else that is needed without CUDA."""
    pins = lock.read_text(encoding="utf-8").splitlines()
    torch, others = folder / "torch.txt", folder / "others.txt"
    torch.write_text("\n".join(pin for pin in pins if _name(pin) in TORCH), encoding="utf-8")
    rest = [pin for pin in pins if _name(pin) not in TORCH and not pin.startswith(OF_CUDA)]
    others.write_text("\n".join(rest), encoding="utf-8")
    return torch, others


def _name(pin: str) -> str:
    return re.split(r"[^\w.-]", pin)[0]


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
            raise SetUpError(f"this Python has no venv: install python3-venv; else {another()}")
        index = os.environ.get("TORCH_INDEX", "").strip()
        if index:
            source_of(index)
        set_up(Path(venv), Path(lock), stamp, index)
    except (SetUpError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("stopped; the next make begins the set-up anew", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main(*sys.argv[1:])
