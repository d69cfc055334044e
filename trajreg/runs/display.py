"""What a user sees while runs are made: one bar for all, fed by whoever works on them."""

import os
import select
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Literal

from tqdm import tqdm

BRIEF = select.PIPE_BUF - 200  # bytes of a message from a worker, beside which there is its frame


class Sent:
    """Tells of a run through a pipe, from a worker: a `Tell`. What is told is in the pipe when a call returns, whatever ends the worker.

    Many write to one pipe, without a lock that a killed process could keep: the system does not mix what is short.
    """

    def __init__(self, pipe: Connection, name: str):
        self._pipe, self._name = pipe, name

    def began(self) -> None:
        """This process works on the run from now on."""
        self._send("began", os.getpid())

    def ended(self) -> None:
        """It does no longer."""
        self._send("ended", os.getpid())

    def tick(self, text: str) -> None:
        """Another bit of the run's length is done."""
        self._send("tick", _brief(text))

    def more(self, count: int) -> None:
        """There are so many more ticks to come."""
        self._send("more", count)

    def say(self, text: str) -> None:
        """A message for the user."""
        self._send("say", _brief(text))

    def _send(self, what: str, value: Any) -> None:
        self._pipe.send((self._name, what, value))


def _brief(text: str) -> str:
    return text.encode()[:BRIEF].decode(errors="ignore")


@dataclass(frozen=True)
class Shown:
    """Tells of a run in the process that has the display: a `Tell`."""

    display: "Display"
    name: str

    def tick(self, text: str) -> None:
        """Another bit of the run's length is done."""
        self.display.note(self.name, "tick", text)

    def more(self, count: int) -> None:
        """There are so many more ticks to come."""
        self.display.note(self.name, "more", count)

    def say(self, text: str) -> None:
        """A message for the user."""
        self.display.note(self.name, "say", text)

    def done(self) -> None:
        """The run is stored."""
        self.display.note(self.name, "done", None)


class Display:
    """One bar over all runs, fed by a thread from pipes that workers write to; `lengths` are the ticks that each run is known to have.

    worked_on: the run that each process works on.
    """

    def __init__(self, lengths: dict[str, int]):
        self._left, self._total, self._done = dict(lengths), len(lengths), 0
        self.worked_on: dict[int, str] = {}
        self._pipes: list[Connection] = []
        self._noting, self._receiving = threading.Lock(), threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def follow(self, pipe: Connection) -> None:
        """Show what comes through this pipe too."""
        self._pipes = [*self._pipes, pipe]

    def __enter__(self) -> "Display":
        # seldom refreshed where nobody looks (a log), often on a terminal
        interval = 0.5 if os.isatty(2) else 15
        form = "running {desc}{percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} epochs, {elapsed} gone, {remaining} left{postfix}"
        total = sum(self._left.values())
        self._bar = tqdm(total=total, bar_format=form, mininterval=interval, maxinterval=interval, dynamic_ncols=True)
        self._describe()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        self._stop.set()
        self._thread.join()
        with suppress(OSError, ValueError):
            self._bar.close()
        return False

    def say(self, text: str) -> None:
        """Print a message above the bar."""
        with suppress(OSError, ValueError):
            self._bar.write(text, file=sys.stderr)

    def settle(self) -> None:
        """Return when all that has been told is noted."""
        while self._thread.is_alive():
            with self._receiving:
                if not any(pipe.poll() for pipe in self._pipes):
                    return
            time.sleep(0.01)

    def _follow(self) -> None:
        while True:
            ready = wait(self._pipes, timeout=0.2) if self._pipes else []
            with self._receiving:
                for pipe in [one for one in self._pipes if one in ready]:
                    self._receive(pipe)
            if not ready and self._stop.wait(0 if self._pipes else 0.05):
                return

    def _receive(self, pipe: Connection) -> None:
        try:
            event = pipe.recv()
        except EOFError:  # all that could write to it have ended
            self._pipes = [one for one in self._pipes if one is not pipe]
            return
        self.note(*event)

    def note(self, name: str, what: str, value: Any) -> None:
        """Show an event of a run; where nobody can be shown anything, the runs go on all the same."""
        with self._noting, suppress(OSError, ValueError):
            if what == "say":
                self.say(value)
            elif what == "began":
                self.worked_on[value] = name
            elif what == "ended":
                self.worked_on.pop(value, None)
            elif name not in self._left:  # another process's last word may come after the run's end
                return
            elif what == "done":  # a run that diverged, or of which only a part was missing, had fewer ticks
                self._done += 1
                self._bar.update(self._left.pop(name))
            elif what == "more":
                self._left[name] += value
                self._bar.total += value
            else:
                self._left[name] -= 1
                self._bar.set_postfix_str(value, refresh=False)
                self._bar.update(1)
            self._describe()

    def _describe(self) -> None:
        self._bar.set_description_str(f"{self._done}/{self._total} runs ", refresh=False)
