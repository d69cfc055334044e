"""The undisturbed project: what everything has to come back to, how long it takes, and what it says."""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random

from soak.project import FIGURE, PROFILE, make_project
from soak.running import Ended, Running
from soak.same import contents

# what is there when a command starts → the stages that are still to come
STATES = {"nothing": 3, "half of the runs": 3, "the runs": 2, "all but the report": 1}
STAGES = ("run", "figure", "report")


@dataclass
class Reference:
    """A finished project at `top`, made undisturbed stage by stage. Read only; `copy` gives one that may be spoilt."""

    folder: Path
    stages: dict[str, float] = field(default_factory=dict)  # stage → seconds

    @property
    def top(self) -> Path:
        """The finished project."""
        return self.folder / "reference"

    def make(self) -> "Reference":
        """Make it. Compiles the library first, which is of no interest."""
        top = make_project(self.top)
        subprocess.run([sys.executable, "-m", "compileall", "-q", top / "trajreg"], check=True)
        self.said: set[str] = set()
        for stage in STAGES:
            started = time.perf_counter()
            ended = self._command(stage)
            self.stages[stage] = time.perf_counter() - started
            self.said |= {shape(line) for line in ended.told}
        again = self._command("all")
        self.idle = {shape(line) for line in again.told}
        self.said |= self.idle
        self.earliest = 5 * self._interpreter()
        return self

    def _command(self, name: str) -> Ended:
        ended = Running(self.top, [name], self.folder / name).wait(600)
        if ended.code != 0:
            raise SystemExit(f"the undisturbed project fails: `{name}` ends with {ended.code}\n{ended.out}{ended.err}")
        return ended

    def _interpreter(self) -> float:
        """Seconds that Python itself takes to start and end; what it does when interrupted meanwhile is its own affair."""
        started = time.perf_counter()
        for _ in range(5):
            subprocess.run([sys.executable, "-c", ""], check=True)
        return (time.perf_counter() - started) / 5

    @cached_property
    def contents(self) -> dict[str, str]:
        """Its results by content."""
        return contents(self.top / "results")

    def seconds(self, state: str) -> float:
        """How long `all` takes from this state, about."""
        return sum(list(self.stages.values())[-STATES[state] :])

    def copy(self, top: Path, state: str | None = None) -> Path:
        """A copy of it in this state, or finished."""
        shutil.copytree(self.top, top, symlinks=True)
        if state is not None:
            undo(top, state)
        return top


def shape(line: str) -> str:
    """A line without its numbers and names of runs, to be compared with what another command said."""
    line = re.sub(r"/\S+", "PATH", re.sub(r"\b[0-9a-f]{12,}\b", "RUN", line))
    return re.sub(r"\d[\d,.]*", "N", line)


def undo(top: Path, state: str) -> None:
    """Take away what is not there in this state."""
    results = top / "results" / PROFILE
    tree, runs = results / "local", results / "runs"
    if state == "nothing":
        shutil.rmtree(top / "results")
    elif state == "all but the report":
        for path in tree.iterdir():
            if path.name != FIGURE:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    else:
        shutil.rmtree(tree)
        for run in sorted(runs.glob("[0-9a-f]*"))[: 2 if state == "half of the runs" else 0]:
            shutil.rmtree(run)


@dataclass(frozen=True)
class Moment:
    """When an attack begins: so long after the start, or after the moment when there are so many paths in the results."""

    after: float
    paths: int | None = None
    earliest: float = 0.0  # seconds after the start, before which it is not in any case

    @classmethod
    def drawn(cls, rng: Random, reference: Reference, top: Path, state: str) -> "Moment":
        """Half of them by the clock, half by what is written: files appear in short moments between long imports."""
        by_the_clock, part, after = rng.random() < 0.5, rng.random(), rng.uniform(0, 0.02)  # always as many draws
        here, whole = num_paths(top), num_paths(reference.top)
        if by_the_clock or here >= whole:
            return cls(reference.earliest + part * (reference.seconds(state) - reference.earliest))
        return cls(after, here + 1 + int(part * (whole - here)), reference.earliest)

    def wait(self, running: Running, top: Path) -> bool:
        """Until it has come; False where the command ended before."""
        while self.paths is not None and num_paths(top) < self.paths and running.is_under_way():
            time.sleep(0.001)
        start = running.started if self.paths is None else time.perf_counter()
        begin = max(start + self.after, running.started + self.earliest)
        while time.perf_counter() < begin and running.is_under_way():
            time.sleep(0.001)
        return running.is_under_way()

    def __str__(self) -> str:
        return (
            f"at {self.after:.2f} s" if self.paths is None else f"{1000 * self.after:.0f} ms after {self.paths} paths"
        )


def num_paths(top: Path) -> int:
    """How much there is in the results folder."""
    # `walk` does not mind folders that vanish meanwhile
    return sum(len(folders) + len(files) for _, folders, files in os.walk(top / "results"))
