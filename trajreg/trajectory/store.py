"""The estimator `store`: every iterate is kept, distances are reduced in float64 at the end. Exact; T·P numbers."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
import torch

from trajreg.errors import InputError
from trajreg.trajectory.distances import Distances, flatten_into, step_terms

BLOCK_BYTES = 64 * 2**20
DEFAULT_MEMORY = 512 * 2**20  # a worker stays under 2 GiB: beyond this, iterates go to memory-mapped files


class Store:
    """Iterates as rows of blocks: in memory up to `memory` bytes, then in memory-mapped files under `directory`.

    Args:
        parameters: the tensors that make up θ; they may live on any device, rows are kept on the host.
        num_steps: steps to come, so that a recording that would not fit is refused before it starts.
        memory: bytes of iterates kept in memory.
        directory: where memory-mapped files go (a temporary folder by default); they are deleted by `close`.

    Raises:
        InputError: the iterates do not fit in memory and disk; the message says how many bytes are needed and available.
    """

    def __init__(
        self,
        parameters: Sequence[torch.Tensor],
        num_steps: int | None = None,
        memory: int = DEFAULT_MEMORY,
        directory: str | Path | None = None,
    ):
        self._parameters = parameters
        self._size = sum(parameter.numel() for parameter in parameters)
        self._dtype = parameters[0].dtype
        self._row_bytes = self._size * self._dtype.itemsize
        self._memory, self._directory = memory, directory
        self._folder: Path | None = None
        self._blocks: list[torch.Tensor] = []
        self._rows_per_block = max(1, BLOCK_BYTES // self._row_bytes)
        self._count = 0
        if num_steps is not None:
            self._rows_per_block = min(self._rows_per_block, num_steps + 1)
            self._check_room((num_steps + 1) * self._row_bytes)

    def keep(self) -> None:
        """Keep the current iterate as the next row."""
        block, row = divmod(self._count, self._rows_per_block)
        if block == len(self._blocks):
            self._blocks.append(self._new_block())
        flatten_into(self._blocks[block][row], self._parameters)
        self._count += 1

    def finish(self) -> Distances:
        """Keep θ_T and reduce: ‖θ_t − θ_T‖², ‖θ_t − θ_{t+1}‖² and their inner product, in float64 on θ's device."""
        self.keep()
        device = self._parameters[0].device
        end = self._row(self._count - 1).to(device, torch.float64, copy=True)
        squares, updates, inner = np.zeros(self._count), np.zeros(self._count - 1), np.zeros(self._count - 1)
        offset, following, update = torch.empty_like(end), torch.zeros_like(end), torch.empty_like(end)
        for t in range(self._count - 2, -1, -1):
            # a difference of two float32 numbers is exact in float64 unless they are 2^29 apart
            torch.sub(self._row(t).to(device), end, out=offset)
            squares[t], updates[t], inner[t] = torch.stack(step_terms(offset, following, update)).tolist()
            offset, following = following, offset
        return Distances(squares, updates, inner)

    def iterates(self) -> torch.Tensor:
        """(T+1, P) all iterates, after `finish`."""
        return torch.stack([self._row(t) for t in range(self._count)])

    def close(self) -> None:
        """Free the memory and delete the memory-mapped files."""
        self._blocks.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _row(self, t: int) -> torch.Tensor:
        block, row = divmod(t, self._rows_per_block)
        return self._blocks[block][row]

    def _new_block(self) -> torch.Tensor:
        shape = (self._rows_per_block, self._size)
        num_bytes = self._rows_per_block * self._row_bytes
        if (len(self._blocks) + 1) * num_bytes <= self._memory:
            return torch.empty(shape, dtype=self._dtype)
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="trajreg-", dir=self._directory))
        _refuse_unless(num_bytes, shutil.disk_usage(self._folder).free, "the next block of iterates", "of disk")
        path = str(self._folder / f"{len(self._blocks):06d}.bin")
        size = self._rows_per_block * self._size
        return torch.from_file(path, shared=True, size=size, dtype=self._dtype).view(shape)

    def _check_room(self, needed: int) -> None:
        where = self._directory or tempfile.gettempdir()
        self._memory = min(self._memory, psutil.virtual_memory().available // 2)
        room = self._memory if needed <= self._memory else self._memory + shutil.disk_usage(where).free
        what = f"{needed // self._row_bytes:,} iterates of {self._size:,} weights"
        _refuse_unless(needed, room, what, f"in memory and on disk ({where})")


def _refuse_unless(needed: int, available: int, what: str, where: str) -> None:
    if needed > available:
        raise InputError(
            f"estimator 'store': {what} need {needed:,} bytes, {available:,} are available {where}; "
            "train for fewer steps, a narrower net, give `directory` a larger disk, or use estimator 'epoch'"
        )
