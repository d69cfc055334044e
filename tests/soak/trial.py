"""One trial of an attack: a victim of its own, what is tried on it, and what was wrong."""

import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from soak.reference import STATES, Reference, shape
from soak.running import LEAVE_WITHIN, Ended, Running
from soak.same import differences


@dataclass
class Try:
    """One attack, how long what it is about took, and what was wrong: (kind, detail)."""

    what: str
    seconds: float | None = None
    wrong: list[tuple[str, str]] = field(default_factory=list)


class Trial:
    """Trial `number` of an attack. All its choices are drawn from `rng`, which depends on nothing but seed, attack and number."""

    def __init__(
        self, attack: str, number: int, seed: int, folder: Path, reference: Reference, state: str | None = None
    ):
        self.attack, self.number, self.seed, self.reference = attack, number, seed, reference
        self.rng = Random(f"{seed} {attack} {number}")
        self.folder = folder / f"{attack}-{number}"
        self.folder.mkdir(parents=True)
        self.top = self.folder / "project"
        self.tries: list[Try] = []
        self._state, self._commands = state, 0

    @property
    def results(self) -> Path:
        """The victim's results folder."""
        return self.top / "results"

    @property
    def repeat(self) -> str:
        """The command that repeats just this trial."""
        return f"python tests/soak --seed {self.seed} --only {self.attack} --trial {self.number}"

    def victim(self, state: str | None) -> str:
        """Begin with a victim in this state, finished where it is None; the state in words."""
        self.reference.copy(self.top, state)
        return f"from {state or 'all'}"

    def drawn_state(self) -> str:
        """From where the command that is attacked starts: often from nothing."""
        return self._state or self.rng.choices(list(STATES), weights=(5, 2, 3, 1))[0]

    def begin(self, what: str) -> None:
        """Another attack begins; what is expected from here on is about it."""
        self.tries.append(Try(what))

    def expect(self, holds: bool, kind: str, detail: object = "") -> bool:
        """Note what is wrong where this does not hold: its kind in words that do not vary, and the detail."""
        if not holds:
            self.tries[-1].wrong.append((kind, str(detail)))
        return holds

    def took(self, seconds: float) -> None:
        """How long what the attack is about took."""
        self.tries[-1].seconds = seconds

    def start(self, *command: str, **options: Any) -> Running:
        """Start a command on the victim: `all`, `status` …, or `make all`."""
        self._commands += 1
        log = self.folder / f"{self._commands:02d}-{'-'.join(command)}"
        return Running(self.top, command, log, **options)

    @property
    def patience(self) -> float:
        """Seconds after which a command is taken to hang."""
        return 60 + 5 * self.reference.seconds("nothing")

    def quiet(self, ended: Ended, what: str) -> None:
        """It ended, and no process of it showed a traceback."""
        self.expect(ended.code is not None, f"{what} hangs", f"no end after {self.patience:.0f} s")
        if "Traceback" in ended.out + ended.err:
            last = [line for line in ended.told if re.match(r"[\w.]+(Error|Exception|Interrupt|Exit|Run|Pool)\b", line)]
            self.expect(False, f"{what} shows a traceback", (last or ended.told)[-1])

    def unusual(self, ended: Ended) -> list[str]:
        """The lines that an undisturbed command does not write."""
        return [line for line in ended.told if shape(line) not in self.reference.said]

    def nothing_left(self, running: Running, since: float, what: str) -> None:
        """No process of it lives any more, soon after `since`."""
        seconds = running.gone_after(since)
        if seconds is None:
            self.expect(False, f"{what}: processes left after {LEAVE_WITHIN:.0f} s", running.told_left())
            running.kill_all()
        else:
            self.took(seconds)

    def completes(self, what: str = "the rerun", command: Sequence[str] = ("all",), **options: Any) -> Ended:
        """`all`, undisturbed, ends well and with the reference's bytes."""
        running = self.start(*command, **options)
        ended = running.wait(self.patience)
        self.ended_well(running, ended, what)
        return ended

    def ended_well(self, running: Running, ended: Ended, what: str) -> None:
        """Exit 0, no traceback, no process left, the same bytes."""
        since = time.perf_counter()
        self.quiet(ended, what)
        self.expect(ended.code in (0, None), f"{what} ends with {ended.code}", (ended.told or [""])[-1])
        if running.gone_after(since) is None:
            self.expect(False, f"{what}: processes left after {LEAVE_WITHIN:.0f} s", running.told_left())
            running.kill_all()
        if ended.code == 0:
            self.same_bytes(what)

    def same_bytes(self, what: str) -> None:
        """The results are the reference's."""
        wrong = differences(self.results, self.reference.contents)
        self.expect(not wrong, f"{what} ends with other bytes", f"{len(wrong)} paths: {'; '.join(wrong[:4])}")

    @property
    def failed(self) -> bool:
        """Whether anything was wrong."""
        return any(one.wrong for one in self.tries)

    def finish(self) -> None:
        """Keep the folder of a trial that failed, for who wants to look."""
        if not self.failed:
            shutil.rmtree(self.folder)
