"""What runs will take before any of them is begun: steps, bytes and time, from a few timed steps of each kind of training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trajreg.data.sizes import sizes
from trajreg.data.spec import LabelledSpec
from trajreg.measures.extent import FORWARD, Extent
from trajreg.measures.measure import Measure
from trajreg.processes import Context
from trajreg.runs.plan import Todo, each_once, todo
from trajreg.runs.provenance import num_cores
from trajreg.runs.store import RunStore
from trajreg.studies.kinds import Wanted
from trajreg.training.snapshot_index import kept_numbers
from trajreg.training.spec import TrainSpec

if TYPE_CHECKING:
    from trajreg.runs.trial import Trial

LIMIT, BUDGET = 3.0, 40.0  # seconds of a trial, and of all that one process makes
RUN_BYTES, STEP_BYTES, EPOCH_BYTES = (
    8500,
    12,
    20,
)  # of a stored training: manifest and empty tables, each step, each epoch

Cell = tuple[TrainSpec, tuple[Measure, ...]]


@dataclass(frozen=True)
class Forecast:
    """Of some runs. wanted: (trainings, measurements); missing: those of them that are not there.

    steps: of the trainings to be made, and of stored ones to be run again. stored: bytes at the end. peak: bytes of the disk at most.
    seconds: the likely ones between the quartiles of what was timed, divided among the workers. memory: bytes of the largest process.
    unknown: runs of other kinds, which are not in steps, bytes and time. extrapolated: whether any time is from smaller batches.
    """

    wanted: tuple[int, int]
    missing: tuple[int, int]
    steps: int
    stored: int
    peak: int
    seconds: tuple[float, float, float]
    memory: int
    unknown: int
    extrapolated: bool


@dataclass(frozen=True)
class Plan:
    """figures: the forecast of each, as if it were made alone; whole: of all together, each run once.

    device: where steps were timed. workers: processes. lacks_gpu: runs ask for cuda, which is not here.
    """

    figures: dict[str, Forecast]
    whole: Forecast
    device: str
    workers: int
    lacks_gpu: bool


def forecast(
    wanted: Mapping[str, Sequence[Wanted]], store: RunStore, workers: int | None, say: Callable[[str], None]
) -> Plan:
    """What is to be made of the runs that each figure wants. Reads the store, writes and downloads nothing.

    Raises InputError where a training cannot be made.
    """
    needs_gpu = any(one.spec.device == "cuda" for some in wanted.values() for one in some)
    gpus, name = _gpus() if needs_gpu else (0, "")
    device, workers = ("cuda", workers or gpus) if gpus else ("cpu", workers or num_cores())
    todos = {figure: _todos(some, store) for figure, some in wanted.items()}
    whole = _todos([one for some in wanted.values() for one in some], store)
    cells = dict.fromkeys(cell(one, device) for one in whole if isinstance(one.spec, TrainSpec) and not one.is_nothing)
    # processes beside each other, as when runs are made, but on a GPU, of which every worker has its own
    at_once = min(1 if gpus else workers, len(cells))
    limit = min(LIMIT, BUDGET * at_once / max(1, len(cells)))
    if cells:
        say(f"timing a few steps of {len(cells)} kinds of training, some {limit:.1g} s each …")
    trials = _trials(list(cells), limit, at_once)
    figures = {figure: _sum(some, trials, device, workers) for figure, some in todos.items()}
    return Plan(figures, _sum(whole, trials, device, workers), name or "this CPU", workers, needs_gpu and not gpus)


def cell(one: Todo, device: str) -> Cell:
    """What decides how long a step takes: the training without what only changes its numbers, and what watches it."""
    spec = one.spec
    if not isinstance(spec, TrainSpec):
        raise TypeError(f"run {one.name} is no training but {type(spec).__name__}")
    same = {"seed": 0, "evaluate_every": 1, "device": device}
    changed: dict[str, Any] = {
        "model": spec.model.model_copy(update={"init": "default"}),
        "optimizer": spec.optimizer.model_copy(update={"lr": 1e-3}),
    }
    if isinstance(spec.data, LabelledSpec):
        changed["data"] = spec.data.model_copy(update={"shuffle_targets": False, "deal": 0})
    return spec.model_copy(update=same | changed), tuple(one.measures[key] for key in sorted(one.measures))


def extent(spec: TrainSpec, num_weights: int) -> Extent:
    """How large this training is, without its data."""
    num_train, _ = sizes(spec.data)
    batch_size = spec.batch_size or num_train
    return Extent(spec.num_epochs, num_train // batch_size, batch_size, num_train, num_weights)


def _todos(wanted: Iterable[Wanted], store: RunStore) -> list[Todo]:
    return [todo(name, one, store, store.believed) for name, one in each_once(wanted).items()]


def _gpus() -> tuple[int, str]:
    """How many GPUs there are, and what the first is called."""
    import torch  # only here: counting on a CPU needs no torch

    count = torch.cuda.device_count()
    return count, torch.cuda.get_device_name(0) if count else ""


def _trials(cells: list[Cell], limit: float, at_once: int) -> dict[Cell, Trial]:
    if not cells:
        return {}
    with ProcessPoolExecutor(at_once, mp_context=Context()) as pool:
        return dict(zip(cells, pool.map(_try, cells, [limit] * len(cells)), strict=True))


def _try(one: Cell, limit: float) -> Trial:
    """In a process with one thread, as a worker's."""
    import torch

    from trajreg.runs.trial import trial

    torch.set_num_threads(1)
    return trial(*one, limit)


def _sum(todos: list[Todo], trials: Mapping[Cell, Trial], device: str, workers: int) -> Forecast:
    work = [one for one in todos if not one.is_nothing]
    trainings = [(one, trials[cell(one, device)]) for one in work if isinstance(one.spec, TrainSpec)]
    stored, passing = [], []
    for one, found in trainings:
        end, more = _bytes(one, found)
        stored.append(end)
        passing.append(more)
    steps = [(_extent(one, found), _work(one, found), found) for one, found in trainings]
    low, middle, high = (sum(count * found.seconds[i] for _, count, found in steps) / workers for i in range(3))
    return Forecast(
        (len(todos), sum(len(one.wanted.measures) for one in todos)),
        (sum(one.is_made for one in work), sum(len(one.measures) for one in work)),
        sum(size.num_steps for size, _, _ in steps),
        sum(stored),
        sum(stored) + sum(sorted(passing)[-workers - 1 :]),  # no more runs than workers and one are under way at once
        (low, middle, high),
        max((found.memory for _, found in trainings), default=0),
        len(work) - len(trainings),
        any(found.is_extrapolated for _, found in trainings),
    )


def _extent(one: Todo, found: Trial) -> Extent:
    assert isinstance(one.spec, TrainSpec)
    return extent(one.spec, found.num_weights)


def _work(one: Todo, found: Trial) -> float:
    """How many training steps take as long as all that is done for this run."""
    size, spec = _extent(one, found), one.spec
    assert isinstance(spec, TrainSpec)
    evaluations = -(-spec.num_epochs // spec.evaluate_every) * sizes(spec.data)[1] / size.batch_size
    evaluated = FORWARD * evaluations if one.is_made else 0.0
    return size.num_steps + evaluated + sum(measure.extra_steps(size) for measure in one.measures.values())


def _bytes(one: Todo, found: Trial) -> tuple[int, int]:
    """(bytes that stay, bytes beside them while it is under way)."""
    size = _extent(one, found)
    run = RUN_BYTES + STEP_BYTES * size.num_steps + EPOCH_BYTES * size.num_epochs if one.is_made else 0
    measured = sum(measure.stored_bytes(size) for measure in one.measures.values())
    every = one.wanted.keep_snapshots if one.lacks_snapshots else None
    kept = _snapshots(size, every) * found.snapshot_bytes
    second_pass = any(measure.needs_end for measure in one.measures.values())
    written = _snapshots(size, 1 if second_pass else every) * found.snapshot_bytes
    return run + measured + kept, max(0, written - kept) + found.disk


def _snapshots(size: Extent, every: int | None) -> int:
    return 0 if every is None else len(kept_numbers(size.num_epochs, every))
