"""The estimator `store`: every iterate is kept, distances are reduced in float64 at the end. Exact; T·P numbers."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trajreg.errors import InputError
from trajreg.trajectory.distances import Distances, step_terms
from trajreg.trajectory.flat import Flat
from trajreg.trajectory.parameters import Weights
from trajreg.trajectory.way import Way, apart_sq, sampled_exponent

BLOCK_BYTES = 64 * 2**20
DEFAULT_MEMORY = 512 * 2**20  # a worker stays under 2 GiB: beyond this, iterates go to memory-mapped files


class Store:
    """Iterates as rows of blocks: in memory up to `memory` bytes, then in memory-mapped files under `directory`.

    Args:
        weights: what θ is; the tensors may live on any device, rows are kept on the host.
        num_steps: steps to come, so that the last block of rows is no larger than needed.
        memory: bytes of iterates kept in memory.
        directory: where memory-mapped files go (a temporary folder by default); they are deleted by `close`, or with the store.

    Raises:
        InputError: the disk is full; the message says how many bytes are needed and available.
    """

    def __init__(
        self,
        weights: Weights,
        num_steps: int | None = None,
        memory: int = DEFAULT_MEMORY,
        directory: str | Path | None = None,
    ):
        self._flat, self._sizes, self._size = Flat(weights.tensors), weights.sizes, weights.count
        self._dtype, self._device = weights.tensors[0].dtype, weights.tensors[0].device
        self._row_bytes = self._size * self._dtype.itemsize
        self._memory, self._directory = memory, directory
        self._folder: Path | None = None
        self._blocks: list[torch.Tensor] = []
        self._rows_per_block = max(1, BLOCK_BYTES // self._row_bytes)
        self._count = 0
        if num_steps is not None:
            self._rows_per_block = min(self._rows_per_block, num_steps + 1)

    def keep(self) -> None:
        """Keep the current iterate as the next row."""
        self._flat.into(self._next_row())

    def distances(self, num_steps: int) -> Distances:
        """‖θ_t − θ_T‖², ‖θ_t − θ_{t+1}‖² and their inner product with T = `num_steps`, in float64 on θ's device."""
        device, sizes = self._device, self._sizes
        end = self._row(num_steps).to(device, torch.float64, copy=True)
        groups = (len(sizes),) if len(sizes) > 1 else ()
        squares, updates, inner = (np.zeros((num_steps + more, *groups)) for more in (1, 0, 0))
        offset, following, update = torch.empty_like(end), torch.zeros_like(end), torch.empty_like(end)
        for t in range(num_steps - 1, -1, -1):
            # a difference of two float32 numbers is exact in float64 unless they are 2^29 apart
            torch.sub(self._row(t).to(device), end, out=offset)
            squares[t], updates[t], inner[t] = step_terms(offset, following, update, sizes).cpu().numpy()
            offset, following = following, offset
        return Distances(squares, updates, inner)

    @property
    def num_steps(self) -> int:
        """Between the iterates that are kept."""
        return self._count - 1

    def iterates(self, num_steps: int) -> torch.Tensor:
        """(T+1, P) the iterates up to θ_T with T = `num_steps`, until `close`."""
        return torch.stack([self._row(t) for t in range(num_steps + 1)])

    def way(self, first: int) -> Way:
        """What is known of the way by now."""
        update_sq = [apart_sq(self._row(t), self._row(t + 1), self._sizes) for t in range(first, self.num_steps)]
        exponent = sampled_exponent(lambda t: self._row(first + t), self.num_steps - first)
        return Way.of(update_sq, (self._row(0), self._row(self.num_steps)), self._sizes, exponent)

    def state(self) -> dict[str, Any]:
        """All iterates so far, as blocks of rows: t·P numbers, of which only the last block is copied."""
        full, rest = divmod(self._count, self._rows_per_block)
        return {"blocks": [*self._blocks[:full], *(self._blocks[full][:rest].clone() for _ in range(min(rest, 1)))]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue after the iterates of `state`; they are copied."""
        for block in state["blocks"]:
            for row in block:
                self._next_row().copy_(row)

    def close(self) -> None:
        """Free the memory and delete the memory-mapped files."""
        self._blocks.clear()
        if self._folder is not None:
            self._delete()

    def _next_row(self) -> torch.Tensor:
        block = self._count // self._rows_per_block
        if block == len(self._blocks):
            self._blocks.append(self._new_block())
        self._count += 1
        return self._row(self._count - 1)

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
            # also where a loop ends in an exception and nobody calls `close`
            self._delete = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        free = shutil.disk_usage(self._folder).free
        if num_bytes > free:
            raise InputError(
                f"estimator 'store': the next block of iterates needs {num_bytes:,} bytes, {free:,} are free in {self._folder}; "
                "train for fewer steps, a narrower net, give `directory` a larger disk, or use estimator 'epoch'"
            )
        path = str(self._folder / f"{len(self._blocks):06d}.bin")
        size = self._rows_per_block * self._size
        return torch.from_file(path, shared=True, size=size, dtype=self._dtype).view(shape)
