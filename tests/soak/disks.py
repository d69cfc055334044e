"""What a machine lacks: room on the disk, the right to write, a temporary folder, memory."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from soak.kills import RUN_OR_FIGURE
from soak.running import Ended, Running
from soak.trial import Trial

NOBODY = "65534"
FEW = 6  # lines
SMALLEST, ROOM = 20 * 2**10, 2**28  # bytes
MEMORY = (2**28, 6 * 2**30)  # bytes of addresses; the libraries take some gigabytes without touching them
# words of which a refusal has one, whatever else it says
FULL = r"full|no space left|no room|are available"
NOT_ALLOWED = r"permission|read-only|not be written|may not"
NO_MEMORY = r"memory|killed|ended|died|allocate|map segment"
HALF_WRITTEN = r"\.partial(/|$)|(^|/)\.[0-9a-f]{20}-|(^|/)\.snapshots-"
_mounted: list[Path] = []


class Impossible(Exception):
    """This platform does not let it be tried; the message says why."""


def trial(one: Trial, kind: str | None = None) -> None:
    """One lack, and then the same with all that is needed."""
    kinds = {"full": _full, "read-only": _read_only, "no temporary folder": _no_temporary, "little memory": _memory}
    kinds[kind or one.rng.choices(list(kinds), weights=(5, 2, 1, 2))[0]](one)


def _full(one: Trial) -> None:
    whole = sum(-(-os.path.getsize(one.reference.top / "results" / name) // 4096) for name in one.reference.contents)
    whole *= 4096
    least = one.rng.choice([SMALLEST, whole // 2])  # where not even the snapshots fit, that is refused beforehand
    size = one.rng.randint(least, int(0.95 * whole))
    begun = one.victim("nothing")
    one.results.mkdir()
    one.begin(f"a disk of {size // 1024} KiB, {begun}")
    with tmpfs(one.results, size):
        running = one.start("all")
        ended = running.wait(one.patience)
        _refused(one, running, ended, "a full disk", FULL, "results")
        left = [name for name in _paths(one.results) if re.search(HALF_WRITTEN, name)]
        one.expect(not left, "a full disk: something half-written stays", ", ".join(left[:3]))
        _mount(one.results, f"remount,size={ROOM}")
        one.completes("the next all with room")


def _read_only(one: Trial) -> None:
    begun = one.victim(state := one.drawn_state())
    one.results.mkdir(exist_ok=True)
    one.begin(f"a results folder that must not be written, {begun}")
    home = one.folder / "home"
    home.mkdir()
    before = _as_nobody(one.top, home) if os.getuid() == 0 else []
    modes = {path: path.stat().st_mode for path in [one.results, *one.results.rglob("*")]}
    for path, mode in modes.items():
        path.chmod((mode | (0o555 if path.is_dir() else 0o444)) & ~0o222)
    running = one.start("all", before=before, environment={"HOME": str(home)})
    ended = running.wait(one.patience)
    for path, mode in modes.items():
        path.chmod(mode)
    _refused(one, running, ended, "a read-only folder", NOT_ALLOWED, "results")
    one.completes(f"the next all from {state} with the right to write")


def _as_nobody(top: Path, home: Path) -> list[str]:
    """What makes a command one of another user, for root may write everywhere."""
    os.chown(home, int(NOBODY), int(NOBODY))
    before = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    try:
        subprocess.run([*before, sys.executable, "-c", "import trajreg"], cwd=top, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Impossible(f"root may write everywhere, and nobody else can run the project here: {error}") from None
    return before


def _no_temporary(one: Trial) -> None:
    begun = one.victim(one.drawn_state())
    one.begin(f"TMPDIR=/nonexistent, {begun}")
    one.completes("all without a temporary folder", environment={"TMPDIR": "/nonexistent"})


def _memory(one: Trial) -> None:
    begun = one.victim(one.drawn_state())
    memory = one.rng.randint(*MEMORY)
    one.begin(f"{memory / 2**30:.1f} GiB of addresses, {begun}")
    running = one.start("all", memory=memory)
    ended = running.wait(one.patience)
    _refused(one, running, ended, "little memory", NO_MEMORY, rf"trajreg itself|{RUN_OR_FIGURE}")
    one.completes("the next all with memory")


def _refused(one: Trial, running: Running, ended: Ended, what: str, why: str, where: str) -> None:
    """It got through, or ended with a few lines of which one says why and where."""
    one.quiet(ended, what)
    if running.gone_after(time.perf_counter()) is None:
        one.expect(False, f"{what}: processes left", running.told_left())
        running.kill_all()
    if ended.code == 0:
        one.same_bytes(f"all in spite of {what}")
        return
    new = one.unusual(ended)
    one.expect(len(new) <= FEW, f"{what}: more than {FEW} lines", f"{len(new)}, the last: {new[-1:]}")
    named = any(re.search(why, line, re.IGNORECASE) and re.search(where, line) for line in new)
    one.expect(named, f"{what}: no line says what was written where and why it was not", " | ".join(new[-3:])[:300])


def _paths(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*")]


@contextlib.contextmanager
def tmpfs(folder: Path, size: int) -> Iterator[None]:
    """A disk of its own of so many bytes, for a while."""
    _mount(folder, f"size={size}")
    _mounted.append(folder)
    try:
        yield
    finally:
        unmount_all()


def unmount_all() -> None:
    """Take away the disks that are still there; also of a soak that is interrupted."""
    while _mounted:
        subprocess.run(["umount", "--lazy", str(_mounted.pop())], check=True)


def _mount(folder: Path, options: str) -> None:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Impossible(f"no disk can be mounted here: {done.stderr.strip()}")
