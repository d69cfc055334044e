"""What a recording will cost, before it starts: bytes needed and available, seconds a step."""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from trajreg.trajectory.epoch import epoch_length
from trajreg.trajectory.flat import Flat
from trajreg.trajectory.parameters import Weights

TRIALS = 3


@dataclass(frozen=True)
class Estimate:
    """The cost of a recording.

    Attributes:
        bytes_needed: of the iterates that are kept, beside the working copies of θ.
        bytes_available: in memory (half of what is free at most) and, for "store", on the disk of `directory`.
        seconds_per_step: the shortest of a few trials of what a step adds: the copy of θ to where iterates go, and with "sketch" its
            projection. Writing to a disk may take longer; the reduction at the end comes on top.
    """

    bytes_needed: int
    bytes_available: int
    seconds_per_step: float

    @property
    def fits(self) -> bool:
        """Whether there is room."""
        return self.bytes_needed <= self.bytes_available


def usable_memory(limit: int) -> int:
    """`limit` bytes, or half of the free memory where that is less."""
    return min(limit, psutil.virtual_memory().available // 2)


def room(
    weights: Weights,
    estimator: str,
    num_steps: int,
    steps_per_epoch: int | None,
    memory: int,
    directory: str | Path | None,
) -> tuple[int, int]:
    """(bytes needed, bytes available) of the iterates that `estimator` keeps in `num_steps` steps."""
    iterate = weights.count * weights.tensors[0].dtype.itemsize
    if estimator == "epoch":
        return (-(-num_steps // epoch_length(steps_per_epoch)) + 1) * iterate, psutil.virtual_memory().available // 2
    needed, in_memory = (num_steps + 1) * iterate, usable_memory(memory)
    on_disk = shutil.disk_usage(directory or tempfile.gettempdir()).free
    return needed, in_memory if needed <= in_memory else in_memory + on_disk


def seconds_per_copy(weights: Weights, estimator: str) -> float:
    """Wall seconds of one copy of θ as a step makes it, the shortest of a few."""
    like = weights.tensors[0]
    row = torch.empty(weights.count, dtype=like.dtype, device="cpu" if estimator == "store" else like.device)
    flat = Flat(weights.tensors)
    return shortest(lambda: flat.into(row), like.device)


def shortest(body: Callable[[], object], device: torch.device) -> float:
    """Wall seconds of `body()`, the shortest of a few, with all that it started on `device`."""
    return min(_seconds(body, device) for _ in range(TRIALS))


def _seconds(body: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    body()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
