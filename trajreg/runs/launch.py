"""Train many runs: a pool of processes, one a core with one thread each (or one a GPU), and one progress display for all."""

import multiprocessing
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tqdm import tqdm

from trajreg.errors import InputError
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.provenance import num_cores
from trajreg.runs.store import RunStore
from trajreg.training.spec import TrainSpec

_events = None  # in a worker: the queue that the parent's display reads


class RunsFailed(RuntimeError):
    """Some runs raised; the others are stored. The message names each run and its error."""


def missing(specs: list[TrainSpec], store: RunStore) -> dict[str, TrainSpec]:
    """Fingerprint → spec of the runs that the store lacks, each once however many figures want it; corrupt ones are set aside."""
    wanted = {fingerprint(spec): spec for spec in specs}
    return {name: spec for name, spec in wanted.items() if store.load_or_set_aside(name, tqdm.write) is None}


def launch(specs: list[TrainSpec], store: RunStore, workers: int | None = None) -> int:
    """Train what is missing, and return how many runs that were.

    The epochs that a run with estimator `replay` runs again are jobs of the same pool as soon as it is trained, one each: the
    replay of a single run uses all workers. No more such runs than workers and one are under way at once, which bounds the disk that
    their snapshots take; it is announced and, where it is not there, refused before anything is trained.
    `workers` defaults to one a core, or one a GPU where the runs ask for cuda. Raises RunsFailed after all others have
    finished, InputError when cuda or that disk is not there.
    """
    todo = missing(specs, store)
    if not todo:
        return 0
    devices = _devices(todo.values())
    num_jobs = sum(max(1, len(spec.replayed_epochs())) for spec in todo.values())
    workers = min(workers or len(devices), num_jobs)
    context = multiprocessing.get_context("spawn")  # a forked process inherits threads and CUDA in an unusable state
    events, slots = context.Queue(), context.Queue()
    for worker in range(workers):
        slots.put(devices[worker % len(devices)])
    failures = []
    with (
        _Display(todo, events) as display,
        ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(events, slots)) as pool,
        # each run under way has at least one job in the pool: no worker is idle while runs are left
        ThreadPoolExecutor(workers + 1) as stages,
    ):
        _refuse_without_disk(todo, store, pool, workers + 1, display.say)
        # the longest first, so that none is left running alone at the end
        longest_first = sorted(todo.items(), key=lambda item: -item[1].num_epochs * item[1].model.width)
        futures = {}
        for name, spec in longest_first:
            if spec.record.estimator == "replay":
                futures[stages.submit(_in_stages, spec, store, pool, events)] = name
            else:
                futures[pool.submit(_work, spec, store.root)] = name
        for future in as_completed(futures):
            failures += _failure(future, futures[future])
    if failures:
        raise RunsFailed(f"{len(failures)} of {len(todo)} runs failed, the others are stored:\n" + "\n".join(failures))
    return len(todo)


def _in_stages(spec: TrainSpec, store: RunStore, pool: ProcessPoolExecutor, events) -> None:
    """In a thread that only waits: train in one worker, replay in all, write the run in one. The lock is held throughout."""
    name = fingerprint(spec)
    with store.lock(name):
        if store.load_or_set_aside(name, tqdm.write) is None:
            trained = pool.submit(_train, spec, store.root).result()
            jobs = [pool.submit(_replay, spec, store.root, epoch) for epoch in trained.to_replay]
            pool.submit(_finish, store.root, trained, [job.result() for job in jobs]).result()
    events.put((name, None, ""))


def _refuse_without_disk(
    todo: dict[str, TrainSpec], store: RunStore, pool: ProcessPoolExecutor, at_once: int, say: Callable[[str], None]
) -> None:
    """InputError unless there is room for the snapshots of all runs that keep them and of the `at_once` largest others."""
    replayed = [spec for spec in todo.values() if spec.record.estimator == "replay"]
    if len(replayed) < 2:
        return  # a run alone tells of its snapshots itself
    sizes = list(pool.map(_snapshot_room, replayed, [store.root] * len(replayed)))
    kept = [size for size, spec in zip(sizes, replayed, strict=True) if spec.record.keep_snapshots]
    passing = [size for size, spec in zip(sizes, replayed, strict=True) if not spec.record.keep_snapshots]
    needed = sum(kept) + sum(sorted(passing)[-at_once:])
    store.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(store.root).free
    what = (
        f"estimator 'replay': the snapshots of {len(replayed)} runs, {len(kept)} of them kept, need up to {needed:,} bytes "
        f"at once, {free:,} are available in {store.root}"
    )
    if needed > free:
        raise InputError(f"{what}; keep no snapshots, use fewer workers, or estimator 'sketch' or 'epoch'")
    say(what)


def _failure(future: Future, name: str) -> list[str]:
    error = future.exception()
    if error is None:
        return []
    if isinstance(error, BrokenProcessPool):
        return [f"run {name}: its worker was killed (out of memory?); start again to train what is missing"]
    return [f"run {name}: {type(error).__name__}: {error}"]


def _devices(specs) -> list[str]:
    """A slot for each process that may work at once: the number of a GPU, or "" for a core."""
    if not any(spec.device == "cuda" for spec in specs):
        return [""] * num_cores()
    import torch  # only here: planning on a CPU needs no torch

    count = torch.cuda.device_count()
    if count == 0:
        raise InputError("device = 'cuda', but PyTorch sees no GPU here; use PROFILE=digits, or device: cpu in params")
    return [str(number) for number in range(count)]


def _start_worker(events, slots) -> None:
    """Before a worker's first run: one thread, its GPU, and the queue for progress."""
    global _events
    _events = events
    slot = slots.get()
    if slot:
        os.environ["CUDA_VISIBLE_DEVICES"] = slot
    import torch  # after the GPU was chosen

    torch.set_num_threads(1)


def _work(spec: TrainSpec, root: Path) -> None:
    from trajreg.runs.execute import execute  # imports torch: only workers pay for it

    execute(spec, RunStore(root), _progress(spec))
    _events.put((fingerprint(spec), None, ""))


def _train(spec: TrainSpec, root: Path):
    from trajreg.runs.execute import train_stage

    name = fingerprint(spec)
    return train_stage(
        spec, RunStore(root), _progress(spec), lambda text: _events.put((None, None, f"run {name}: {text}"))
    )


def _snapshot_room(spec: TrainSpec, root: Path) -> int:
    from trajreg.runs.execute import snapshot_room

    return snapshot_room(spec, RunStore(root))


def _replay(spec: TrainSpec, root: Path, epoch: int):
    from trajreg.runs.execute import replay_stage

    replayed = replay_stage(spec, RunStore(root), epoch)
    _events.put((fingerprint(spec), epoch, "replayed"))
    return replayed


def _finish(root: Path, trained, replays) -> None:
    from trajreg.runs.execute import finish_stage

    finish_stage(RunStore(root), trained, replays)


def _progress(spec: TrainSpec):
    name = fingerprint(spec)
    return lambda epoch, loss: _events.put((name, epoch, f"loss {loss:.3g}"))


class _Display:
    """One bar over the epochs of all runs, fed by a thread from the workers' queue."""

    def __init__(self, runs: dict[str, TrainSpec], events):
        self._epochs_left = {name: spec.num_epochs + len(spec.replayed_epochs()) for name, spec in runs.items()}
        self._total, self._events, self._done = len(runs), events, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "_Display":
        # seldom refreshed where nobody looks (a log), often on a terminal
        interval = 0.5 if os.isatty(2) else 15
        form = "training {desc}{percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} epochs, {elapsed} gone, {remaining} left{postfix}"
        total = sum(self._epochs_left.values())
        self._bar = tqdm(total=total, bar_format=form, mininterval=interval, maxinterval=interval, dynamic_ncols=True)
        self._describe()
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._stop.set()
        self._thread.join()
        self._bar.close()

    def say(self, text: str) -> None:
        """Print a message above the bar."""
        self._bar.write(text, file=sys.stderr)

    def _follow(self) -> None:
        while True:
            try:
                name, epoch, text = self._events.get(timeout=0.2)
            except queue.Empty:
                if self._stop.is_set():
                    return
                continue
            self._note(name, epoch, text)

    def _note(self, name: str | None, epoch: int | None, text: str) -> None:
        if name is None:
            self.say(text)
        elif epoch is None:  # the run is stored; a diverged one had fewer epochs
            self._done += 1
            self._bar.update(self._epochs_left.pop(name))
        elif name in self._epochs_left:  # another worker's last word may come after the run's end
            self._epochs_left[name] -= 1
            self._bar.set_postfix_str(f"epoch {epoch}, {text}", refresh=False)
            self._bar.update(1)
        self._describe()

    def _describe(self) -> None:
        self._bar.set_description_str(f"{self._done}/{self._total} runs ", refresh=False)
