"""Make many runs: a pool of processes, one a core with one thread each (or one a GPU), and one progress display for all."""

import os
import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from tqdm import tqdm

from trajreg.errors import InputError, is_lack_of_memory
from trajreg.files import CannotWrite
from trajreg.processes import Context
from trajreg.runs.display import Display, Sent, Shown
from trajreg.runs.execute import ANEW, execute, executor
from trajreg.runs.memory import killed, need
from trajreg.runs.outcome import Room
from trajreg.runs.plan import Todo, announcement, plan
from trajreg.runs.provenance import num_cores
from trajreg.runs.store import RunStore
from trajreg.studies.kinds import Wanted

T = TypeVar("T")
ROUNDS = 3  # with a new pool, after a process was killed
SHOWN_FAILURES = 5
_tells: Any = None  # in a worker: the pipe that the parent's display reads


class RunsFailed(RuntimeError):
    """Some runs raised; the others are stored. The message names runs and their errors."""


def launch(wanted: Iterable[Wanted], store: RunStore, workers: int | None = None, anew: bool = False) -> int:
    """Make what is missing of these runs, and return how many had something missing.

    Each run under way is a thread that only waits (`execute`) while processes of one pool do its work: the pieces of a single run use all
    of them. No more runs than workers and one are under way at once, which bounds the disk that their snapshots take; it is announced and,
    where it is not there, refused before anything is made.
    `workers` defaults to one a core, or one a GPU where the runs ask for cuda. Raises RunsFailed after all others have
    finished, also where a process was killed: the run it was at is named, the others go on in a new pool. CannotWrite, at once, when the
    disk takes nothing more; InputError, before anything is made, when cuda, data or that disk is not there, when a run cannot be made
    (`check` of its kind), or when a stored one lacks columns and is not to be made `anew`. Interrupted, it ends its processes and begins
    no run.
    """
    store.make_way(tqdm.write)
    todos = plan(wanted, store)
    if not todos:
        return 0
    _refuse_impossible(todos, anew)
    devices = _devices(todos)
    for one in todos:
        one.spec.prepare()  # here, once, not in each of the processes; what cannot be had is one error
    workers = workers or len(devices)
    failures: list[str] = []
    left, rounds = todos, 0
    with Display({one.name: one.spec.length for one in todos}) as display:
        display.say(announcement(todos))
        while left and rounds < ROUNDS:
            crew = _Crew(workers, devices, display, store, anew)
            try:
                if not rounds:
                    _refuse_without_disk(todos, store, crew.pool, workers + 1, display.say)
                found, left = crew.make(left)
            except BaseException:
                crew.stop()  # at once: the display shows all that the processes have to say before it closes
                raise
            failures, rounds = failures + found, rounds + 1
    failures += [f"run {one.name}: processes ended again and again, it was not begun" for one in left]
    if failures:
        raise RunsFailed(_told(failures, len(todos)))
    return len(todos)


def _told(failures: list[str], total: int) -> str:
    more = len(failures) - SHOWN_FAILURES
    shown = [*failures[:SHOWN_FAILURES], *([f"… and {more} more"] if more > 0 else [])]
    return f"{len(failures)} of {total} runs failed, the others are stored:\n" + "\n".join(shown)


class _Crew:
    """A pool of processes, and the threads that wait for it."""

    def __init__(self, workers: int, devices: list[str], display: Display, store: RunStore, anew: bool):
        self._context, self._display, self._store, self._anew = Context(), display, store, anew
        told, tells = self._context.Pipe(duplex=False)
        display.follow(told)
        slots = self._context.Queue()
        for worker in range(workers):
            slots.put(devices[worker % len(devices)])
        self._workers, self._stopped = workers, threading.Event()
        self.pool = ProcessPoolExecutor(
            workers, mp_context=self._context, initializer=_start_worker, initargs=(tells, slots)
        )
        # each run under way has at least one job in the pool: no worker is idle while runs are left
        self._under_way = ThreadPoolExecutor(workers + 1)

    def make(self, todos: list[Todo]) -> tuple[list[str], list[Todo]]:
        """What failed, a line a run, and the runs that are to be begun again, since the process of another was killed."""
        futures = {self._under_way.submit(self._run, one): one for one in todos}
        failures, broken = [], []
        for future in as_completed(futures):
            todo, error = futures[future], future.exception()
            if isinstance(error, CannotWrite):
                raise error
            if isinstance(error, BrokenProcessPool):
                broken.append(todo)
            elif error is not None:
                failures.append(_failure(todo, error))
        self._under_way.shutdown()
        self.pool.shutdown()
        self._display.settle()
        names = {name for pid, name in self._display.worked_on.items() if pid in self._context.killed()}
        failures += [killed(one) for one in broken if one.name in names]
        return failures, [one for one in broken if one.name not in names]

    def stop(self) -> None:
        """End the processes now; nothing that is queued begins."""
        self._stopped.set()
        self._under_way.shutdown(wait=False, cancel_futures=True)
        self._context.kill()  # the pool breaks, and whoever waits for it gets an exception; a cancelled future would tell nobody
        self._under_way.shutdown()
        self.pool.shutdown()

    def _run(self, todo: Todo) -> None:
        """In a thread that only waits, with the run's lock held."""
        work = _Pool(self.pool, todo.name, Shown(self._display, todo.name), self._workers + 1)
        execute(todo.name, todo.wanted, self._store, work, self._anew, self._stopped.is_set)
        work.tell.done()


@dataclass(frozen=True)
class _Pool:
    """Works in the processes of a pool, for one run."""

    pool: ProcessPoolExecutor
    name: str
    tell: Shown
    at_once: int

    def one(self, function: Callable[..., T], *arguments: Any) -> T:
        """In one of them."""
        return self.pool.submit(_work, self.name, function, *arguments).result()

    def each(self, function: Callable[..., T], items: Iterable[Any], *arguments: Any) -> list[T]:
        """In all of them. No more is queued than keeps them busy: where one raises, those end before anything else is done with the run."""
        pieces, results = enumerate(items), dict[int, T]()
        jobs: dict[Future[T], int] = {}
        try:
            while True:
                for number, item in islice(pieces, self.at_once - len(jobs)):
                    jobs[self.pool.submit(_work, self.name, function, item, *arguments)] = number
                if not jobs:
                    return [results[number] for number in sorted(results)]
                for job in wait(jobs, return_when=FIRST_COMPLETED).done:
                    results[jobs.pop(job)] = job.result()
        finally:
            wait(jobs)


def _failure(todo: Todo, error: BaseException) -> str:
    text = " ".join(str(error).split())
    about = f"; {need(todo)}" if is_lack_of_memory(error) else ""
    return f"run {todo.name}: {type(error).__name__}: {text}{about}"


def _refuse_without_disk(
    todos: list[Todo], store: RunStore, pool: ProcessPoolExecutor, at_once: int, say: Callable[[str], None]
) -> None:
    """InputError unless there is room for the snapshots that stay and for those of the `at_once` runs that pass the most."""
    writing = [one for one in todos if one.spec.MEASURABLE and (one.lacks_snapshots or _second_pass(one))]
    if len(writing) < 2:
        return  # a run alone tells of its snapshots itself
    try:
        rooms = list(pool.map(_room, writing, [store] * len(writing)))
    except Exception:  # what ails the processes, each run will tell
        return
    kept = sum(room.kept for room in rooms)
    needed = kept + sum(sorted(max(0, room.passing - room.kept) for room in rooms)[-at_once:])
    store.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(store.root).free
    what = (
        f"the snapshots of {len(writing)} runs need up to {needed:,} bytes at once, {kept:,} of them stay; "
        f"{free:,} are available in {store.root}"
    )
    if needed > free:
        raise InputError(f"{what}; keep fewer snapshots, use fewer workers, or estimator 'sketch' or 'epoch'")
    say(what)


def _refuse_impossible(todos: list[Todo], anew: bool) -> None:
    """InputError, a line a problem, unless all of them can be made."""
    problems = [f"{one.refusal}. {ANEW}" for one in todos if one.refusal and not anew]
    for one in todos:
        try:
            executor(one.spec).check(one.spec)
        except InputError as error:
            problems.append(f"{one.wanted.where}: {error}" if one.wanted.where else str(error))
    if problems:
        raise InputError(*dict.fromkeys(problems))


def _second_pass(todo: Todo) -> bool:
    return any(one.needs_end for one in todo.measures.values())


def _room(todo: Todo, store: RunStore) -> Room:
    return executor(todo.spec).room(todo, store)


def _devices(todos: list[Todo]) -> list[str]:
    """A slot for each process that may work at once: the name of a GPU as CUDA_VISIBLE_DEVICES has it, or "" for a core."""
    if not any(one.spec.device == "cuda" for one in todos):
        return [""] * num_cores()
    import torch  # only here: planning on a CPU needs no torch

    count = torch.cuda.device_count()
    if count == 0:
        raise InputError("device = 'cuda', but PyTorch sees no GPU here; use PROFILE=digits, or device: cpu in params")
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return (visible or [str(number) for number in range(count)])[:count]


def _start_worker(tells: Any, slots: Any) -> None:
    """Before a worker's first run: its GPU, and the pipe for progress."""
    global _tells
    _tells = tells
    slot = slots.get()
    if slot:
        os.environ["CUDA_VISIBLE_DEVICES"] = slot


def _work(name: str, function: Callable[..., T], *arguments: Any) -> T:
    """In a worker."""
    tell = Sent(_tells, name)
    tell.began()
    import torch  # after the GPU was chosen; not in the initializer, whose errors nobody would be told

    torch.set_num_threads(1)
    result = function(*arguments, tell)
    tell.ended()
    return result
