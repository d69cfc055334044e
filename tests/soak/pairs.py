"""Two at once on the same results: two `all`, one of them killed, an `all` beside readers."""

import time

from soak.reference import Moment
from soak.running import Ended, Running
from soak.trial import Trial

KINDS = {"two all": 4, "two all, one killed": 3, "all beside readers": 3}
AT_ONCE = 1.0  # seconds: of two that start so close to each other, and have runs or figures to make, one has to wait
HALF_WRITTEN = ("unreadable", "missing or was changed", "cannot be read", "corrupt", "set aside")


def trial(one: Trial, kind: str | None = None) -> None:
    """A pair on a new victim."""
    kind = kind or one.rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
    state = one.drawn_state()
    begun = one.victim(state)
    if kind == "all beside readers":
        _readers(one, begun)
        return
    delay = one.rng.choice([0.0, one.rng.uniform(0, one.reference.seconds(state))])
    moment = Moment.drawn(one.rng, one.reference, one.top, state) if kind != "two all" else None
    one.begin(f"{kind}{f' {moment}' if moment else ''}, the second {delay:.2f} s later, {begun}")
    pair = [one.start("all")]
    time.sleep(delay)
    pair.append(one.start("all"))
    killed = one.rng.choice(pair)
    if moment and moment.wait(killed, one.top):
        killed.process.kill()
        pair.remove(killed)
        one.nothing_left(killed, time.perf_counter(), "one of two killed")
    ended = [running.wait(one.patience) for running in pair]
    for running, how in zip(pair, ended, strict=True):
        one.ended_well(running, how, "one of two" if len(pair) == 2 else "the other of two")
    if len(pair) == 2 and delay < AT_ONCE and state != "all but the report":
        said = [line for how in ended for line in how.told if "waiting for" in line]
        one.expect(bool(said), "nobody says whom it waits for")
    one.completes("all after two")


def _readers(one: Trial, begun: str) -> None:
    """Readers may find things missing, never half of them."""
    one.begin(f"all beside readers, {begun}")
    running = one.start("all")
    while running.is_under_way():
        name = one.rng.choice(["status", "status", "report"])
        reader = one.start(name)
        _check_reader(one, name, reader, reader.wait(one.patience))
        time.sleep(one.rng.uniform(0, 0.3))
    one.ended_well(running, running.wait(one.patience), "all beside readers")


def _check_reader(one: Trial, name: str, reader: Running, ended: Ended) -> None:
    one.quiet(ended, name)
    wrong = [line for line in ended.told if any(text in line for text in HALF_WRITTEN)]
    if name == "status":
        wrong += [line for line in ended.told if line.startswith("error:")]
        one.expect(ended.code in (0, 1, None), f"status beside all ends with {ended.code}", (ended.told or [""])[-1])
    one.expect(not wrong, f"{name} beside all tells of half-written things", " | ".join(wrong[:2]))
    if reader.gone_after(time.perf_counter()) is None:
        one.expect(False, f"{name}: processes left", reader.told_left())
        reader.kill_all()
