"""Which figures and runs are there, and what to do next. Reads only, whoever writes meanwhile."""

from collections import Counter
from collections.abc import Callable

from trajreg.files import is_taken
from trajreg.runs.notebooks import FigureJob
from trajreg.runs.store import CorruptRun, RunStore
from trajreg.runs.tree import FAILED

READY, MISSING, FAILED_LAST, DAMAGED = "ready", "to be drawn", "failed", "damaged"


def tell_status(jobs: list[FigureJob], options: str, say: Callable[[str], None]) -> bool:
    """Say a line a figure and what to do next; False where something failed or is damaged, not where it is merely missing.

    `options` are those of make that name the same figures.
    """
    corrupt: list[str] = []
    stored = {name: is_stored(job.store, name, corrupt.append) for job in jobs for name in job.fingerprints()}
    for line in corrupt:
        say(line)
    states = Counter[str]()
    for job in jobs:
        state, names = _state(job, say), job.fingerprints()
        states[state] += 1
        there = sum(stored[name] for name in names)
        say(f"{job.figure.id}  {there:3d}/{len(names):<3d} runs  {state:12} {job.figure.question.title}")
    num_missing = list(stored.values()).count(False) - len(corrupt)
    say(_next(states, num_missing, len(corrupt), options))
    return not (corrupt or states[FAILED_LAST] or states[DAMAGED])


def is_stored(store: RunStore, name: str, say: Callable[[str], None]) -> bool:
    """Whether the store has this run; of one that cannot be believed, what is wrong with it is said."""
    try:
        return store.believed(name) is not None or store.load(name) is not None  # it may come just now
    except CorruptRun as error:
        say(str(error))
        return False


def _state(job: FigureJob, say: Callable[[str], None]) -> str:
    if job.is_ready():
        return READY
    tree, figure = job.tree, job.figure.id
    with tree.still():
        damage = tree.damage(figure) if is_taken(tree.root / figure) else []
    for line in damage:
        say(line)
    if damage:
        return DAMAGED
    kept = tree.root / FAILED / f"{figure}.ipynb"
    if not is_taken(kept.with_suffix(".json")):
        return MISSING
    say(f"{figure} failed when it was drawn last; executed notebook: {job.output(kept)}")
    return FAILED_LAST


def _next(states: Counter[str], num_missing: int, num_corrupt: int, options: str) -> str:
    """The last line: what there is to be done, and by which command."""
    counts = {
        "missing": (num_missing, states[MISSING]),
        "damaged": (num_corrupt, states[DAMAGED]),
        "failed": (0, states[FAILED_LAST]),
    }
    parts = [f"{what}: {_counted(*numbers)}" for what, numbers in counts.items() if any(numbers)]
    if not parts:
        return "nothing is missing"
    plan = f"; `make runs PLAN=1 {options}` says what that takes" if num_missing else ""
    return f"{', '.join(parts)}; next: `make all {options}`{plan}"


def _counted(num_runs: int, num_figures: int) -> str:
    pairs = ((num_runs, "run"), (num_figures, "figure"))
    return " and ".join(f"{num} {what}{'s' * (num > 1)}" for num, what in pairs if num)
