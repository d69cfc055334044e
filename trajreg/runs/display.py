"""What a user sees while runs are made: one bar for all, fed by whoever works on them."""

import os
import queue
import sys
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from tqdm import tqdm


@dataclass(frozen=True)
class Sent:
    """Tells of a run through a queue, from any process: a `Tell`."""

    events: Any
    name: str

    def tick(self, text: str) -> None:
        """Another bit of the run's length is done."""
        self.events.put((self.name, "tick", text))

    def more(self, count: int) -> None:
        """There are so many more ticks to come."""
        self.events.put((self.name, "more", count))

    def say(self, text: str) -> None:
        """A message for the user."""
        self.events.put((self.name, "say", text))

    def done(self) -> None:
        """The run is stored."""
        self.events.put((self.name, "done", None))


class Display:
    """One bar over all runs, fed by a thread from the queue; `lengths` are the ticks that each run is known to have."""

    def __init__(self, lengths: dict[str, int], events: Any):
        self._left, self._total, self._events, self._done = dict(lengths), len(lengths), events, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

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
        self._bar.close()
        return False

    def say(self, text: str) -> None:
        """Print a message above the bar."""
        self._bar.write(text, file=sys.stderr)

    def _follow(self) -> None:
        while True:
            try:
                event = self._events.get(timeout=0.2)
            except queue.Empty:
                if self._stop.is_set():
                    return
                continue
            self._note(*event)

    def _note(self, name: str, what: str, value: Any) -> None:
        if what == "say":
            self.say(value)
        elif what == "done":  # a run that diverged, or of which only a part was missing, had fewer ticks
            self._done += 1
            self._bar.update(self._left.pop(name))
        elif name not in self._left:  # another process's last word may come after the run's end
            return
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
