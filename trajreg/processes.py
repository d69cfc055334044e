"""How processes end: a worker with its parent, and a command at Ctrl-C with all that it started, at once and without a traceback.

Nothing has to be tidied on the way out: what is on the disk is whole at every moment, since any process may be killed.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import FrameType
from typing import Any

MADE_BY = "TRAJREG_MADE_BY"  # the Makefile says here which process its make is
GRACE = 2.0  # seconds that processes which were killed have to go
LOOK = 0.25  # seconds between two looks at a parent
_TRACKER = "multiprocessing.resource_tracker"  # ends by itself when all that use it have, and tidies behind them

_starting = threading.RLock()  # held while a process is started, so that none slips through between


class Child(SpawnProcess):
    """A worker that ends when its parent does, whatever ended that; Ctrl-C is its parent's business."""

    def start(self) -> None:
        """As of every process; the signal is blocked from its first moment on, when it is still importing."""
        with _starting, _without_interrupts():
            super().start()

    def run(self) -> None:
        """In the new process."""
        threading.Thread(target=_end_with_parent, daemon=True).start()
        super().run()


class Context(SpawnContext):
    """What pools and queues are made by: a forked process would inherit threads and CUDA in an unusable state.

    started: the processes that were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started: list[Child] = []

    def Process(self, *arguments: Any, **options: Any) -> Child:  # type: ignore[override]
        """A worker."""
        self.started.append(Child(*arguments, **options))
        return self.started[-1]

    def kill(self) -> None:
        """End them all now."""
        for one in self.started:
            if one.pid is not None:  # else it could not be started
                one.kill()

    def killed(self) -> list[int]:
        """The processes that something ended; one that a pool does away with when it breaks is sent SIGTERM."""
        return [one.pid for one in self.started if one.pid and one.exitcode not in (None, 0, -signal.SIGTERM)]


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process that is started in here inherits that SIGINT is blocked."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        try:
            kill_descendants()
        finally:
            os._exit(1)


def kill_descendants() -> None:
    """End every process that this one started, and those that they did, at once."""
    import psutil  # here, since hardly any process comes to this

    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        living = [one for one in psutil.Process().children(recursive=True) if _is_ours(one)]
        for one in living:
            try:
                one.kill()
            except psutil.Error:  # it has ended meanwhile
                continue
        if not living:
            return
        psutil.wait_procs(living, timeout=0.05)


def _is_ours(process: Any) -> bool:
    import psutil

    try:
        return process.status() != psutil.STATUS_ZOMBIE and not any(_TRACKER in part for part in process.cmdline())
    except psutil.Error:
        return False


def end_on_signals(line: str) -> None:
    """From now on SIGINT, SIGTERM and SIGHUP end this process with all it started, with one line on stderr and status 128 + number.

    Also where make is killed that started it (it is named in MADE_BY). A SIGHUP that is ignored (nohup) stays so.
    """
    import psutil  # noqa: F401 - not while a signal is handled

    def stop(number: int, frame: FrameType | None) -> None:
        try:
            _starting.acquire(timeout=GRACE / 2)  # not for ever: whoever has it may wait for what this thread holds
            kill_descendants()
            os.write(2, f"\n{line}\n".encode())
        finally:  # also where nobody reads the line any more
            os._exit(128 + number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and not (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):
            signal.signal(number, stop)
    # what a process that ends like this leaves to the tracker is no news for the user
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker"]))
    if os.environ.pop(MADE_BY, "") == str(os.getppid()):
        threading.Thread(target=_end_with_make, args=(os.getppid(),), daemon=True).start()


def _end_with_make(make: int) -> None:
    while os.getppid() == make:
        time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)
