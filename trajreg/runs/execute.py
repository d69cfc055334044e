"""Make one run, or what of it is missing: the one way, whoever works on it."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

from trajreg.errors import InputError
from trajreg.files import Damaged
from trajreg.run_spec import RunSpec
from trajreg.runs.fingerprint import identity
from trajreg.runs.outcome import Refused, Tell
from trajreg.runs.plan import Todo, todo
from trajreg.runs.provenance import machine, source
from trajreg.runs.store import RunStore
from trajreg.studies.kinds import Wanted

CHECKOUT = Path(__file__).resolve().parents[2]  # whose commit the numbers come from
ANEW = "`--train-anew` (make … ANEW=1) sets such runs aside and makes them anew here"
T = TypeVar("T")


class Work(Protocol):
    """Who does the work: this process (`Here`), or a pool of others (`launch`)."""

    @property
    def tell(self) -> Tell:
        """Tells of the run that is worked on."""

    def one(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function(*arguments, tell)`, in some process."""

    def each(self, function: Callable[..., T], items: Iterable[Any], *arguments: Any) -> list[T]:
        """`function(item, *arguments, tell)` for each item, in all processes, in the order of the items."""


class Here:
    """Works in this process, one thing after the other; prints what is said."""

    def __init__(self, tell: Tell):
        self.tell = tell

    def one(self, function: Callable[..., T], *arguments: Any) -> T:
        """Now."""
        return function(*arguments, self.tell)

    def each(self, function: Callable[..., T], items: Iterable[Any], *arguments: Any) -> list[T]:
        """Now, one after the other."""
        return [function(item, *arguments, self.tell) for item in items]


class Printed:
    """A `Tell` that prints what is said and shows no progress."""

    def tick(self, text: str) -> None:
        """Not shown."""

    def more(self, count: int) -> None:
        """Not shown."""

    def say(self, text: str) -> None:
        """Print it."""
        print(text)


def execute(
    name: str,
    wanted: Wanted,
    store: RunStore,
    work: Work | None = None,
    anew: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Make what is missing of this run; waits if another process is at it, until `stopped`.

    First the run is made, or replayed, watched by what can watch it from its start. What can be measured only afterwards follows in pieces,
    side by side. Each of them is stored as soon as it is whole. What cannot be believed is set aside first, and snapshots that turn out so
    while they are read. A stored run that does not come out as it was stored is an InputError; with `anew` it is set aside and made again.
    """
    work = work or Here(Printed())
    say = work.tell.say
    read = partial(store.load_or_set_aside, say=say)
    with store.lock(name, say, stopped):
        try:
            _make(todo(name, wanted, store, read), store, work)
        except Damaged as error:
            say(f"run {name}: {error}; set aside as {store.set_snapshots_aside(name)}, they are made again")
            _make(todo(name, wanted, store, read), store, work)
        except Refused as error:
            if not anew:
                raise InputError(f"{error}. {ANEW}") from None
            say(f"run {name}: {error}; set aside as {store.set_aside(name)}, it is made anew")
            _make(todo(name, wanted, store, read), store, work)


def _make(missing: Todo, store: RunStore, work: Work) -> None:
    if missing.is_nothing:
        return
    if missing.lacks_columns:
        raise Refused(missing.refusal)
    for key, columns in missing.outdated.items():
        work.tell.say(f"run {missing.name}: {key} was stored without {', '.join(columns)}: it is measured again")
    pieces = work.one(_begin, missing, store.root)
    if pieces:
        parts = work.each(_replay, pieces, missing, store.root)
        work.one(_collect, missing, store.root, parts)
    if missing.spec.MEASURABLE:
        work.one(_end, missing, store.root)


def executor(spec: RunSpec) -> ModuleType:
    """The module that makes runs of this kind; imports whatever that needs, torch for a training."""
    return import_module(spec.EXECUTOR)


def _begin(missing: Todo, root: Path, tell: Tell) -> list[Any]:
    """Make and store the run and what watched it; the pieces that are still to be replayed."""
    store, started = RunStore(root), time.perf_counter()
    store.forget_partial(missing.name)
    outcome = executor(missing.spec).execute(missing, store, tell)
    facts = _facts(time.perf_counter() - started)
    if outcome.result is not None:
        store.save(missing.name, outcome.result, {"identity": identity(missing.spec)} | facts)
    for key, result in outcome.measurements.items():
        store.save(missing.name, result, _measured(missing, key) | facts, key)
    return list(outcome.pieces)


def _replay(piece: Any, missing: Todo, root: Path, tell: Tell) -> tuple[Any, float]:
    """(what was seen in this piece, seconds)."""
    started = time.perf_counter()
    return executor(missing.spec).replay(missing, RunStore(root), piece, tell), time.perf_counter() - started


def _collect(missing: Todo, root: Path, parts: list[tuple[Any, float]], tell: Tell) -> None:
    """Store what was measured in pieces."""
    store, facts = RunStore(root), _facts(sum(seconds for _, seconds in parts))
    for key, result in executor(missing.spec).collect(missing, store, [part for part, _ in parts]).items():
        store.save(missing.name, result, _measured(missing, key) | facts, key)


def _end(missing: Todo, root: Path, tell: Tell) -> None:
    executor(missing.spec).end(missing, RunStore(root))


def _measured(missing: Todo, key: str) -> dict[str, Any]:
    return {"options": missing.measures[key].model_dump(mode="json")}


def _facts(seconds: float) -> dict[str, Any]:
    return {"seconds": round(seconds, 2), "source": source(CHECKOUT), "machine": machine()}
