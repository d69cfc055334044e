"""What is to be done: the runs and measurements that figures want and the store lacks, each once however many want it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import gcd

from trajreg.measures.measure import Measure
from trajreg.run_spec import RunSpec
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.store import RunStore
from trajreg.studies.kinds import Wanted
from trajreg.training.snapshot_index import kept_numbers, numbers

Say = Callable[[str], None]


@dataclass(frozen=True)
class Todo:
    """One run, and what of it is to be made: itself, or measurements and snapshots of one that is stored.

    measures: those that are lacking.
    """

    name: str
    wanted: Wanted
    is_stored: bool
    measures: dict[str, Measure]
    lacks_snapshots: bool

    @property
    def spec(self) -> RunSpec:
        """What the run is."""
        return self.wanted.spec

    @property
    def is_nothing(self) -> bool:
        """Whether all is there."""
        return self.is_stored and not self.measures and not self.lacks_snapshots


def each_once(wanted: Iterable[Wanted]) -> dict[str, Wanted]:
    """Fingerprint → run, with all measures that any of `wanted` has of it, and snapshots for all of them."""
    found: dict[str, Wanted] = {}
    for one in wanted:
        name, every = fingerprint(one.spec), one.keep_snapshots
        if name in found:
            other = found[name]
            every = gcd(every or 0, other.keep_snapshots or 0) or None
            one = Wanted(one.spec, {**other.measures, **one.measures}, every)
        found[name] = one
    return found


def todo(name: str, wanted: Wanted, store: RunStore, say: Say) -> Todo:
    """What of this run is to be made; what cannot be believed is set aside and counts as absent."""
    stored = store.load_or_set_aside(name, say=say)
    if stored is None:
        return Todo(name, wanted, False, dict(wanted.measures), wanted.keep_snapshots is not None)
    if stored.diverged:  # there is no more to be known of it
        return Todo(name, wanted, True, {}, False)
    lacking = {
        key: measure for key, measure in wanted.measures.items() if store.load_or_set_aside(name, key, say) is None
    }
    every, kept = wanted.keep_snapshots, numbers(store.kept_snapshots(name))
    if every is None or {*kept_numbers(wanted.spec.length, every)} <= {*kept}:
        return Todo(name, wanted, True, lacking, False)
    # those that another figure wanted stay among the new ones
    return Todo(name, replace(wanted, keep_snapshots=gcd(every, *kept[:-1])), True, lacking, True)


def plan(wanted: Iterable[Wanted], store: RunStore, say: Say) -> list[Todo]:
    """All that is to be made, the longest first, so that none is left running alone at the end."""
    found = [todo(name, one, store, say) for name, one in each_once(wanted).items()]
    return sorted((one for one in found if not one.is_nothing), key=lambda one: -one.spec.cost)


def announcement(todos: list[Todo]) -> str:
    """How many runs and measurements are to be made, in words."""
    new, old = ([one for one in todos if one.is_stored is stored] for stored in (False, True))
    words = [f"{_count(len(new), 'run')} to make{_measurements(new, ' with ')}"] if new else []
    if measured := [one for one in old if one.measures]:
        words.append(f"{_measurements(measured)} of {_count(len(measured), 'stored run')} to make by replay")
    if snapshots := [one for one in todos if one.lacks_snapshots]:
        words.append(f"snapshots of {_count(len(snapshots), 'run')} to keep")
    return "; ".join(words)


def _measurements(todos: list[Todo], before: str = "") -> str:
    number = sum(len(one.measures) for one in todos)
    return before + _count(number, "measurement") if number else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
