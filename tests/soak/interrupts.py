"""SIGINT and SIGTERM at any moment: to the top process, to its group, by the keyboard of a terminal. Then the same again, to the end."""

import contextlib
import os
import signal
import time

from soak.reference import Moment, shape
from soak.running import LEAVE_WITHIN, Running, lines
from soak.trial import Trial

INTERRUPTS = 3  # of one victim, before it may end
CODES = {"SIGINT": 130, "SIGTERM": 143}
LATE = 0.5  # a command that ends well so soon after an interrupt was done before it came
WAYS = {"the top process": 4, "the group": 4, "the keyboard": 2}


def trial(one: Trial, interrupts: int = INTERRUPTS) -> None:
    """A chain of interrupts, each of a rerun that goes on from what the last one left, and a rerun to the end."""
    state = one.drawn_state()
    begun = one.victim(state)
    for _ in range(interrupts):
        way = one.rng.choices(list(WAYS), weights=list(WAYS.values()))[0]
        name = "SIGINT" if way == "the keyboard" else one.rng.choice(list(CODES))
        moment = Moment.drawn(one.rng, one.reference, one.top, state)
        one.begin(f"{name} to {way} {moment}, {begun}")
        begun = "going on"
        running = one.start("all", terminal=way == "the keyboard")
        if not moment.wait(running, one.top):
            one.ended_well(running, running.wait(one.patience), "what ended before its interrupt")
            return
        _interrupt(one, running, name, way)
    one.completes()


def _interrupt(one: Trial, running: Running, name: str, way: str) -> None:
    known = len(lines(running.ended(None).err))
    since = time.perf_counter()
    _send(running, getattr(signal, name), way)
    ended = running.wait(one.patience)
    seconds = time.perf_counter() - since
    if ended.code == 0 and seconds < LATE and any(line.startswith("done after") for line in lines(ended.out)):
        one.ended_well(running, ended, "what ended as its interrupt came")
        return
    one.nothing_left(running, time.perf_counter(), name)
    one.took(seconds)
    one.expect(seconds <= LEAVE_WITHIN, f"{name}: ends after more than {LEAVE_WITHIN:.0f} s", f"{seconds:.1f} s")
    one.quiet(ended, f"all with {name}")
    one.expect(ended.code in (CODES[name], None), f"{name}: exit {ended.code}, not {CODES[name]}")
    # what it says in any case it may just have been about to say
    new = [line for line in lines(ended.err)[known:] if shape(line) not in one.reference.said]
    told = [line for line in lines(ended.err) if line.startswith("stopped; ")]
    one.expect(len(told) == 1, f"{name}: not one line `stopped; …`", f"{len(told)} such lines")
    one.expect(not set(new) - set(told), f"{name}: more than `stopped; …` on stderr", " | ".join(new[:3]))


def _send(running: Running, number: int, way: str) -> None:
    with contextlib.suppress(ProcessLookupError):
        if way == "the top process":
            os.kill(running.process.pid, number)
        elif way == "the group":
            os.killpg(running.process.pid, number)
        elif running.keyboard is not None:
            os.write(running.keyboard, b"\x03")
