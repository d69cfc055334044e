"""What is to be done: the runs and measurements that figures want and the store lacks, each once however many want it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import gcd

from trajreg.columns import Columns
from trajreg.files import Damaged
from trajreg.measures.measure import Measure
from trajreg.run_spec import RunSpec
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.store import RunStore, Stored
from trajreg.studies.kinds import Wanted
from trajreg.training.snapshot_index import kept_numbers, numbers

Read = Callable[[str, str | None], Stored | None]
"""What is stored of a run, or of a measurement of it; None where that is nothing, or cannot be believed."""


@dataclass(frozen=True)
class Todo:
    """One run, and what of it is to be made: itself, or measurements and snapshots of one that is stored.

    measures: those that are lacking. outdated: of these, the ones that are stored, and the columns that they have come to offer since.
    lacks_columns: those that runs of its kind have come to have since it was stored; they cannot be had of it.
    """

    name: str
    wanted: Wanted
    is_stored: bool
    measures: dict[str, Measure]
    lacks_snapshots: bool
    outdated: Mapping[str, list[str]] = field(default_factory=dict)
    lacks_columns: tuple[str, ...] = ()

    @property
    def spec(self) -> RunSpec:
        """What the run is."""
        return self.wanted.spec

    @property
    def is_nothing(self) -> bool:
        """Whether all is there."""
        return self.is_stored and not (self.measures or self.lacks_snapshots or self.lacks_columns)

    @property
    def is_made(self) -> bool:
        """Whether the run itself is to be made."""
        return not self.is_stored or bool(self.lacks_columns)

    @property
    def refusal(self) -> str:
        """What to say of a stored run that lacks columns; empty where it does not."""
        if not self.lacks_columns:
            return ""
        lacking = ", ".join(self.lacks_columns)
        return f"run {self.name} was stored without {lacking}, which cannot be had without making it anew"


def each_once(wanted: Iterable[Wanted]) -> dict[str, Wanted]:
    """Fingerprint → run, with all measures that any of `wanted` has of it, and snapshots for all of them."""
    found: dict[str, Wanted] = {}
    for one in wanted:
        name, every = fingerprint(one.spec), one.keep_snapshots
        if name in found:
            other = found[name]
            every = gcd(every or 0, other.keep_snapshots or 0) or None
            one = Wanted(one.spec, {**other.measures, **one.measures}, every, other.where or one.where)
        found[name] = one
    return found


def todo(name: str, wanted: Wanted, store: RunStore, read: Read) -> Todo:
    """What of this run is to be made."""
    stored = read(name, None)
    if stored is None:
        return Todo(name, wanted, False, dict(wanted.measures), wanted.keep_snapshots is not None)
    if stored.diverged:  # there is no more to be known of it
        return Todo(name, wanted, True, {}, False)
    if gone := _absent(stored, wanted.spec.columns):
        return Todo(
            name, wanted, True, dict(wanted.measures), wanted.keep_snapshots is not None, lacks_columns=(*gone,)
        )
    measured = {key: read(name, key) for key in wanted.measures}
    absent = {key: _absent(one, wanted.measures[key].columns) for key, one in measured.items() if one is not None}
    outdated = {key: columns for key, columns in absent.items() if columns}
    lacking = {key: wanted.measures[key] for key, one in measured.items() if one is None or key in outdated}
    every, kept = wanted.keep_snapshots, _kept(store, name)
    if every is None or {*kept_numbers(wanted.spec.length, every)} <= {*kept}:
        return Todo(name, wanted, True, lacking, False, outdated)
    # those that another figure wanted stay among the new ones
    return Todo(name, replace(wanted, keep_snapshots=gcd(every, *kept[:-1])), True, lacking, True, outdated)


def _kept(store: RunStore, name: str) -> list[int]:
    """The snapshots that stayed with a run; none where their manifest cannot be believed."""
    try:
        return numbers(store.kept_snapshots(name))
    except Damaged:
        return []


def _absent(stored: Stored, columns: Columns) -> list[str]:
    """The columns of the summary that are not in what is stored; what depends on a claim's threshold never is."""
    known = stored.summary
    return [one.name for one in columns.summary if one.name not in known and not one.first_below]


def plan(wanted: Iterable[Wanted], store: RunStore) -> list[Todo]:
    """All that is to be made, the longest first, so that none is left running alone at the end; moves nothing."""
    found = [todo(name, one, store, store.believed) for name, one in each_once(wanted).items()]
    return sorted((one for one in found if not one.is_nothing), key=lambda one: -one.spec.cost)


def announcement(todos: list[Todo]) -> str:
    """How many runs and measurements are to be made, in words."""
    new, old = ([one for one in todos if one.is_made is made] for made in (True, False))
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
