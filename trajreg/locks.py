"""A lock on files that says who holds it, and that the system takes back from a process that ends, however it ends."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal

import psutil
from filelock import FileLock, Timeout

from trajreg.files import CannotWrite, is_file, is_folder, is_taken, set_aside, write_json, writing

POLL = 0.1  # seconds between two looks at a lock that is taken


class Interrupted(RuntimeError):
    """Whoever waited for a lock was told to stop."""


class Lock:
    """Held by one process or thread at a time: `with Lock(path, what, say): …`. Who has to wait says once for whom, through `say`.

    Args:
        path: of the lock file, whose folder is made; nothing is read from it.
        what: it is for, in a few words.
        stopped: asked while waiting; where it says True, waiting ends with `Interrupted`.
    """

    def __init__(self, path: Path, what: str, say: Callable[[str], None], stopped: Callable[[], bool] = lambda: False):
        self._path, self._what, self._say, self._stopped = path, what, say, stopped
        self._holder = path.with_name(f"{path.name}.holder")
        self._lock = FileLock(path)

    def __enter__(self) -> "Lock":
        self._make_way()
        with writing(f"the lock of {self._what}", self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._wait()
        with suppress(CannotWrite, OSError):  # a note for those who wait; the lock is held without it too
            write_json(self._holder, {"pid": os.getpid(), "command": _command(), "since": time.strftime("%H:%M:%S")})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        with suppress(OSError):
            self._holder.unlink()
        self._lock.release()
        return False

    def _wait(self) -> None:
        told = False
        while True:
            try:
                self._lock.acquire(timeout=POLL if told else 0, poll_interval=POLL / 2)
                return
            except Timeout:
                if self._stopped():
                    raise Interrupted(f"no longer waiting for {self._what}") from None
                if not told:
                    self._say(f"waiting for {self.holder()}, who is at {self._what}")
                told = True

    def holder(self) -> str:
        """Who holds it, in words."""
        try:
            known = json.loads(self._holder.read_text(encoding="utf-8"))
            if not psutil.pid_exists(
                known["pid"]
            ):  # it was killed, and who took the lock after it has left no note yet
                return "another process"
            return f"process {known['pid']} ({known['command']}, since {known['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    def _make_way(self) -> None:
        """What is no lock file gives way."""
        folder = self._path.parent
        if is_taken(folder) and not is_folder(folder):
            set_aside(folder, folder.name.lstrip("."), folder.parent / "corrupt")
        for path in (self._path, self._holder):
            if is_taken(path) and not is_file(path):
                set_aside(path, path.name, folder.parent / "corrupt")


def _command() -> str:
    """How this process was started, without where its files lie."""
    name, *arguments = sys.argv or ["python"]
    program = "trajreg" if Path(name).name == "__main__.py" else Path(name).name
    return " ".join([program, *arguments])[:80]
