"""SIGKILL at any moment: of the top process, of make above it, of a worker, of a notebook's kernel. Then the same again, to the end."""

import contextlib
import re
import time

import psutil

from soak.project import FIGURE
from soak.reference import Moment
from soak.running import Running
from soak.trial import Trial

KILLS = 4  # of one victim, before it may end
TARGETS = {"top": 6, "worker": 2, "kernel": 1, "make": 1}
RUN_OR_FIGURE = rf"\b[0-9a-f]{{12,}}\b|{FIGURE}"


def trial(one: Trial, kills: int = KILLS) -> None:
    """A chain of kills, each of a rerun that goes on from what the last one left, and a rerun to the end."""
    state = one.drawn_state()
    begun = one.victim(state)
    for _ in range(kills):
        target = one.rng.choices(list(TARGETS), weights=list(TARGETS.values()))[0]
        moment = Moment.drawn(one.rng, one.reference, one.top, state)
        one.begin(f"SIGKILL of {target} {moment}, {begun}")
        begun = "going on"
        running = one.start("make", "all") if target == "make" else one.start("all")
        if not moment.wait(running, one.top):
            one.ended_well(running, running.wait(one.patience), "what ended before its kill")
            return
        if target in ("worker", "kernel"):
            _kill_child(one, running, target)
        else:
            _kill_top(one, running, target)
    one.completes()


def _kill_top(one: Trial, running: Running, target: str) -> None:
    """Whoever made it is gone: nothing of it goes on. What make leaves is a command of its own, which the next one meets."""
    since = time.perf_counter()
    running.process.kill()
    running.process.wait()
    if target == "top":
        one.nothing_left(running, since, "killed")
        one.expect("Traceback" not in running.ended(None).err, "killed: what it leaves shows a traceback")
        return
    one.completes("the rerun beside what make left", ("make", "all"))
    one.nothing_left(running, time.perf_counter(), "make killed, and all done by the next")


def _kill_child(one: Trial, running: Running, kind: str) -> None:
    """The top process names the run or the figure it was at, and ends by itself; it may also have had that done once more."""
    while running.is_under_way() and not running.processes(kind):
        time.sleep(0.005)
    part, found = one.rng.random(), running.processes(kind)
    with contextlib.suppress(IndexError, psutil.Error):
        found[int(part * len(found))].kill()
    ended = running.wait(one.patience)
    since = time.perf_counter()
    what = f"all with a killed {kind}"
    one.quiet(ended, what)
    one.expect(ended.code in (0, 1, None), f"{what} ends with {ended.code}", (ended.told or [""])[-1])
    one.nothing_left(running, since, what)
    if ended.code == 0:
        one.same_bytes(what)
    elif ended.code == 1:
        new = one.unusual(ended)
        named = any("error: " in line for line in new) and any(re.search(RUN_OR_FIGURE, line) for line in new)
        one.expect(named, f"{what}: no error names the run or the figure", " | ".join(new[:3])[:300])
