"""Make figures: notebooks are executed side by side, and put into the tree one by one, by the process that holds the tree's lock."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from trajreg.processes import Context
from trajreg.runs.notebooks import Drawn, FigureJob, draw, killed, place
from trajreg.runs.provenance import num_cores

Made = tuple[FigureJob, dict[str, Any] | None]
"""A figure, and None or its failure: figure, title, cell, exception, message, notebook."""


def make_figures(jobs: Sequence[FigureJob], workers: int | None = None) -> Iterator[Made]:
    """Execute these notebooks in processes of their own, with the tree's lock held; `workers` defaults to one a core.

    Where a process is killed, those that it took with it are executed again, one after the other: then it is known whose it was.
    Raises CannotWrite where the disk takes nothing more; figures that are in the tree stay there.
    """
    unknown: list[FigureJob] = []
    for job, staging, drawn in _drawn(jobs, workers or num_cores()):
        if drawn is None:
            job.tree.forget(job.figure.id, staging)
            unknown.append(job)
        else:
            yield job, place(job, staging, drawn)
    for one in unknown:
        for job, staging, drawn in _drawn([one], 1):
            yield job, place(job, staging, drawn or killed(job))


def _drawn(jobs: Sequence[FigureJob], workers: int) -> Iterator[tuple[FigureJob, Path, Drawn | None]]:
    """Each figure with its staging folder and what came of it, None where a process of the pool was killed."""
    if not jobs:
        return
    stagings: dict[str, Path] = {}
    context = Context()
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context)
    try:
        for job in jobs:
            stagings[job.figure.id] = job.tree.staging(job.figure.id)
        futures = {pool.submit(draw, job, stagings[job.figure.id]): job for job in jobs}
        for future in as_completed(futures):
            job = futures[future]
            try:
                drawn = future.result()
            except BrokenProcessPool:
                drawn = None
            yield job, stagings[job.figure.id], drawn
    except BaseException:  # nobody wants the others any more
        context.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        for job in jobs:
            if job.figure.id in stagings:
                job.tree.forget(job.figure.id, stagings[job.figure.id])
