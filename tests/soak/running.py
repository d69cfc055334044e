"""A command under way, with every process that comes of it: found by a mark in its environment, whatever its parent is now."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from soak.project import PROFILE, ROOT

MARK = "TRAJREG_SOAK"
OURS = f"{os.getpid()}-"  # begins the mark of whatever this soak started
KINDS = {
    "worker": "spawn_main",
    "kernel": "ipykernel_launcher",
    "tracker": "resource_tracker",
}  # what their command lines contain
LEAVE_WITHIN = 3.0  # seconds in which everything is gone after a kill or an interrupt
_numbers = itertools.count()


@dataclass(frozen=True)
class Ended:
    """How a command ended: its status (negative: the signal; None: it did not, and was killed), and what it wrote."""

    code: int | None
    out: str
    err: str

    @property
    def told(self) -> list[str]:
        """All it wrote, line by line, without progress bars."""
        return lines(self.out) + lines(self.err)


class Running:
    """A command of trajreg on a project; its output goes to files `<log>.out` and `<log>.err`."""

    def __init__(
        self,
        top: Path,
        command: Sequence[str],
        log: Path,
        *,
        before: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        memory: int | None = None,
        terminal: bool = False,
    ):
        self.mark, self._log, self.started = f"{OURS}{next(_numbers)}", log, time.perf_counter()
        if (
            signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        ):  # who soaks in the background ignores it: that is inherited
            signal.signal(signal.SIGINT, signal.default_int_handler)
        line = ["make", *command[1:]] if command[0] == "make" else [sys.executable, "-m", "trajreg", *command]
        line += [] if command[0] == "make" else ["--profile", PROFILE]
        if memory is not None:
            before = [*before, "prlimit", f"--as={memory}"]
        known = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHON": sys.executable}
        options = {"cwd": top, "env": known | (environment or {}) | {MARK: self.mark}}
        self.keyboard: int | None = None
        with self._file("out").open("wb") as out, self._file("err").open("wb") as err:
            if not terminal:
                options |= {"stdin": subprocess.DEVNULL, "stderr": err, "start_new_session": True}
                self.process = subprocess.Popen([*before, *line], stdout=out, **options)
                return
            self.keyboard, screen = os.openpty()
            weakref.finalize(self, os.close, self.keyboard)
            command = [
                "setsid",
                "--ctty",
                *before,
                *line,
            ]  # this process: it leads no group, so that setsid need not fork
            self.process = subprocess.Popen(command, stdin=screen, stdout=out, stderr=screen, **options)
            os.close(screen)
            self._reader = threading.Thread(target=self._copy, daemon=True)
            self._reader.start()

    def is_under_way(self) -> bool:
        """Whether the top process lives."""
        return self.process.poll() is None

    def processes(self, kind: str | None = None) -> list[psutil.Process]:
        """What lives of it; of a kind: "worker", "kernel" …"""
        found = marked(self.mark)
        if kind is None:
            return found
        return [one for one in found if KINDS[kind] in _command_line(one)]

    def wait(self, seconds: float) -> Ended:
        """Until it ends; what has not ended after so long is killed."""
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(seconds)
        if code is None:
            self.kill_all()
        if self.keyboard is not None:
            self._reader.join(timeout=LEAVE_WITHIN)  # it goes on where something that is left has the terminal open
        return self.ended(code)

    def ended(self, code: int | None) -> Ended:
        """With this status, and what it has written up to now."""
        out, err = (self._file(name).read_text(errors="replace") for name in ("out", "err"))
        return Ended(code, out, err)

    def gone_after(self, since: float, within: float = LEAVE_WITHIN) -> float | None:
        """Seconds from `since` until nothing lives of it; None where that takes longer than `within`."""
        while True:
            gone, seconds = not self.is_under_way() and not self.processes(), time.perf_counter() - since
            if gone or seconds > within:
                return seconds if gone else None
            time.sleep(0.02)

    def told_left(self) -> str:
        """What lives of it, in words, by kinds."""
        counts: dict[str, int] = {}
        for one in self.processes():
            line = _command_line(one)
            kind = next((name for name, part in KINDS.items() if part in line), None)
            kind = kind or ("top process" if one.pid == self.process.pid else "other process")
            counts[kind] = counts.get(kind, 0) + 1
        return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))

    def kill_all(self) -> None:
        """End everything of it."""
        kill_marked(self.mark)
        self.process.wait()

    def _file(self, suffix: str) -> Path:
        return self._log.with_name(f"{self._log.name}.{suffix}")

    def _copy(self) -> None:
        """What appears on the terminal into the file, as it comes."""
        with self._file("err").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while text := os.read(self.keyboard, 65536):
                file.write(text)


def lines(text: str) -> list[str]:
    """The lines a user is left with: no progress bar, nothing blank."""
    parts = (part.replace("^C", "").strip() for part in re.split(r"[\r\n]+|\x1b\[\w", text))
    return [part for part in parts if part and not re.match(r"running\b.*(epochs|%\|)", part)]


def marked(mark: str) -> list[psutil.Process]:
    """The living processes with this mark; one that ends in `-` is the beginning of many."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            here = process.environ().get(MARK, "")
            if here == mark or (mark.endswith("-") and here.startswith(mark)):
                found.append(process)
    return found


def kill_marked(mark: str = OURS) -> None:
    """End every process with this mark, and those that it starts meanwhile; by default whatever this soak started."""
    while found := marked(mark):
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)


def _command_line(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
