"""Make many runs: a pool of processes, one a core with one thread each (or one a GPU), and one progress display for all."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from tqdm import tqdm

from trajreg.errors import InputError
from trajreg.runs.display import Display, Sent
from trajreg.runs.execute import ANEW, execute, executor
from trajreg.runs.outcome import Room
from trajreg.runs.plan import Todo, announcement, plan
from trajreg.runs.provenance import num_cores
from trajreg.runs.store import RunStore
from trajreg.studies.kinds import Wanted

T = TypeVar("T")
_events: Any = None  # in a worker: the queue that the parent's display reads


class RunsFailed(RuntimeError):
    """Some runs raised; the others are stored. The message names each run and its error."""


def launch(wanted: Iterable[Wanted], store: RunStore, workers: int | None = None, anew: bool = False) -> int:
    """Make what is missing of these runs, and return how many had something missing.

    Each run under way is a thread that only waits (`execute`) while processes of one pool do its work: the pieces of a single run use all
    of them. No more runs than workers and one are under way at once, which bounds the disk that their snapshots take; it is announced and,
    where it is not there, refused before anything is made.
    `workers` defaults to one a core, or one a GPU where the runs ask for cuda. Raises RunsFailed after all others have
    finished; InputError, before anything is made, when cuda or that disk is not there, when a run cannot be made (`check` of its kind), or
    when a stored one lacks columns and is not to be made `anew`. Interrupted, it ends its processes and begins no other run.
    """
    todos = plan(wanted, store, tqdm.write)
    if not todos:
        return 0
    _refuse_impossible(todos, anew)
    devices = _devices(todos)
    workers = workers or len(devices)
    context = multiprocessing.get_context("spawn")  # a forked process inherits threads and CUDA in an unusable state
    events, slots = context.Queue(), context.Queue()
    for worker in range(workers):
        slots.put(devices[worker % len(devices)])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(events, slots))
    # each run under way has at least one job in the pool: no worker is idle while runs are left
    under_way = ThreadPoolExecutor(workers + 1, initializer=_leave_interrupts_to_main)
    with Display({one.name: one.spec.length for one in todos}, events) as display:
        try:
            display.say(announcement(todos))
            _refuse_without_disk(todos, store, pool, workers + 1, display.say)
            futures = {under_way.submit(_run, one, store, pool, events, anew): one.name for one in todos}
            failures = [line for future in as_completed(futures) for line in _failure(future, futures[future])]
        except BaseException:
            _stop(
                under_way, pool, events
            )  # at once: the display shows all that the processes have to say before it closes
            raise
    under_way.shutdown()
    pool.shutdown()
    if failures:
        raise RunsFailed(f"{len(failures)} of {len(todos)} runs failed, the others are stored:\n" + "\n".join(failures))
    return len(todos)


class _Pool:
    """Works in the processes of a pool, for one run."""

    def __init__(self, pool: ProcessPoolExecutor, name: str, events: Any):
        self.tell, self._pool, self._name = Sent(events, name), pool, name

    def one(self, function: Callable[..., T], *arguments: Any) -> T:
        """In one of them."""
        return self._pool.submit(_work, self._name, function, *arguments).result()

    def each(self, function: Callable[..., T], items: Iterable[Any], *arguments: Any) -> list[T]:
        """In all of them."""
        jobs = [self._pool.submit(_work, self._name, function, item, *arguments) for item in items]
        try:
            return [job.result() for job in jobs]
        finally:  # where one raised, the others end before anything else is done with the run
            for job in jobs:
                job.cancel()
            wait(jobs)


def _run(todo: Todo, store: RunStore, pool: ProcessPoolExecutor, events: Any, anew: bool) -> None:
    """In a thread that only waits, with the run's lock held."""
    work = _Pool(pool, todo.name, events)
    execute(todo.name, todo.wanted, store, work, anew)
    work.tell.done()


def _stop(under_way: ThreadPoolExecutor, pool: ProcessPoolExecutor, events: Any) -> None:
    """End the processes now; nothing that is queued begins."""
    processes = list((pool._processes or {}).values())  # the executor offers no other way before Python 3.14
    under_way.shutdown(wait=False, cancel_futures=True)
    pool.shutdown(wait=False, cancel_futures=True)
    events.cancel_join_thread()  # a process that is ended while it writes leaves the queue locked
    for process in processes:
        process.terminate()
    under_way.shutdown()


def _refuse_without_disk(
    todos: list[Todo], store: RunStore, pool: ProcessPoolExecutor, at_once: int, say: Callable[[str], None]
) -> None:
    """InputError unless there is room for the snapshots that stay and for those of the `at_once` runs that pass the most."""
    writing = [one for one in todos if one.spec.MEASURABLE and (one.lacks_snapshots or _second_pass(one))]
    if len(writing) < 2:
        return  # a run alone tells of its snapshots itself
    rooms = list(pool.map(_room, writing, [store] * len(writing)))
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


def _failure(future: Future[None], name: str) -> list[str]:
    error = future.exception()
    if error is None:
        return []
    if isinstance(error, BrokenProcessPool):
        return [f"run {name}: its worker was killed (out of memory?); start again to make what is missing"]
    return [f"run {name}: {type(error).__name__}: {error}"]


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


def _leave_interrupts_to_main() -> None:
    """In a thread that starts workers: they inherit this, so that Ctrl-C does not end one that is still importing with a traceback."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _start_worker(events: Any, slots: Any) -> None:
    """Before a worker's first run: one thread, its GPU, and the queue for progress. Ctrl-C is the parent's business."""
    global _events
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _events = events
    slot = slots.get()
    if slot:
        os.environ["CUDA_VISIBLE_DEVICES"] = slot
    import torch  # after the GPU was chosen

    torch.set_num_threads(1)


def _work(name: str, function: Callable[..., T], *arguments: Any) -> T:
    """In a worker."""
    return function(*arguments, Sent(_events, name))
