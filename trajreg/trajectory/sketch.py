"""The estimator `sketch`: a random projection of every update, from which γ follows with its standard error."""

from typing import Any

import numpy as np
import torch

from trajreg.errors import InputError
from trajreg.trajectory.boundaries import Boundaries
from trajreg.trajectory.distances import Distances, squared_length
from trajreg.trajectory.parameters import Weights
from trajreg.trajectory.projection import Projection
from trajreg.trajectory.recent import Recent
from trajreg.trajectory.sketched import Sketched, estimate
from trajreg.trajectory.way import Way, summed_exponent

BLOCK_BYTES = 64 * 2**20  # sketches leave the device in blocks, so that the host waits once a block, not once a step


class Sketch:
    """k numbers a step instead of P; inner products and distances come with their standard errors (`sketched`).

    A CountSketch of rows that are turned (`Projection`), chosen by measurement (`benchmarks/sketch.py`): at equal k as accurate as a
    CountSketch by index_add, an SRHT or Gaussian blocks, deterministic on every device, and faster than each of them.

    With `steps_per_epoch`, θ is also kept at epoch boundaries. There the distances are exact, and so are (Identity B) the sums over
    an epoch of ⟨θ_t − θ_T, u_t⟩ − ‖u_t‖²/2 = (d_a² − d_b²)/2; an epoch of E steps costs 2 E² k operations and E² numbers at the end.

    Parameter groups are sketched each for itself, by projections that are independent of each other.

    Beside the sketches it holds a block of iterates (at least two), an update, signs and a buffer on the parameters' device: 5 P
    numbers, or 3 P and 16 MiB where that is more; and θ_0 in host memory.

    Args:
        weights: what θ is.
        num_sketch: k of each group, or its number of weights where that is less, and the sketch exact; the standard error of a
            step's ⟨b_t, u_t⟩ is about ‖b_t‖‖u_t‖/√k. The standard errors are themselves estimates: below k of about 30 they come out
            too small (with k = 16 and 83 weights the truth was within two of them in 91 % of the steps).
        seed: of the projections; no global random stream is touched.
        steps_per_epoch: how many steps make an epoch; the last one may be shorter.

    Raises:
        InputError: num_sketch is not between 2 and P, or steps_per_epoch is not positive.
    """

    def __init__(self, weights: Weights, num_sketch: int = 8192, seed: int = 0, steps_per_epoch: int | None = None):
        like = weights.tensors[0]
        if not 2 <= num_sketch <= weights.count:
            raise InputError(
                f"num_sketch = {num_sketch}, must be between 2 and the number of weights P = {weights.count}"
            )
        if steps_per_epoch is not None and steps_per_epoch < 1:
            raise InputError(f"steps_per_epoch = {steps_per_epoch}, must be at least 1")
        self._sizes, self._every, self._device = list(weights.sizes), steps_per_epoch, like.device
        # half-precision weights are subtracted and projected in float32
        dtype = torch.promote_types(like.dtype, torch.float32)
        like = torch.empty(0, dtype=dtype, device=like.device)
        self._recent = Recent(weights.tensors, like, self._project)
        self._widths, generator = sketch_widths(weights, num_sketch), torch.Generator().manual_seed(seed)
        self._projections = [
            Projection(size, width, generator, like) for size, width in zip(self._sizes, self._widths, strict=True)
        ]
        self._rows_per_block = max(1, BLOCK_BYTES // (sum(self._widths) * like.itemsize))
        self._fresh: list[torch.Tensor] = []
        self._rows: list[torch.Tensor] = []
        self._update_sq: list[torch.Tensor] = []
        self._boundaries, self._start = Boundaries(weights.sizes, steps_per_epoch), torch.empty(0)

    def keep(self) -> None:
        """Keep the current iterate until its update is projected, and as a snapshot where an epoch begins; θ_0 in host memory."""
        self._recent.keep()
        self._boundaries.keep(self._recent.last)
        if not len(self._start):
            self._start = self._recent.last.to("cpu", copy=True)

    def distances(self, num_steps: int) -> Distances:
        """Reduce backwards from θ_T with T = `num_steps`, in float64: per-step lengths, inner products and their standard errors.

        Where T is neither the last step nor a multiple of an epoch's, θ_T is not known, and nothing is exact but the lengths.
        """
        self._recent.flush()
        self._move_rows()
        update_sq = torch.stack(self._update_sq[:num_steps]).cpu()
        every, boundary_sq = None, None
        if self._boundaries.tells(num_steps):
            every, boundary_sq = self._every, self._boundaries.distances(num_steps, self._recent.last)
        groups, start = [], 0
        for group, (width, projection) in enumerate(zip(self._widths, self._projections, strict=True)):
            rows = [row[start : start + width] for row in self._rows[:num_steps]]
            edges = None if boundary_sq is None else boundary_sq[:, group]
            groups.append(estimate(rows, update_sq[:, group], projection.collision, edges, every))
            start += width
        return _together(groups, update_sq.numpy())

    def way(self, first: int) -> Way:
        """What is known of the way by now; the structure from sketches, whose squared lengths are right on average."""
        self._recent.flush()
        self._move_rows()
        ends = self._start, self._recent.last
        return Way.of(self._update_sq[first:], ends, self._sizes, summed_exponent(self._rows[first:]))

    def sketches(self) -> tuple[np.ndarray, float]:
        """(T, k) the sketches of all updates between the iterates kept, and the projection's factor c; of one parameter group."""
        self._recent.flush()
        self._move_rows()
        (projection,) = self._projections
        return torch.stack(self._rows).numpy(), projection.collision

    def state(self) -> dict[str, Any]:
        """The sketches and snapshots so far, the last iterate, and the length of each step."""
        latest = self._recent.state()
        self._move_rows()
        return {
            "count": self._boundaries.count,
            "rows": list(self._rows),
            "update_sq": [value.cpu() for value in self._update_sq],
            "snapshots": list(self._boundaries.snapshots),
            "latest": latest,
            "start": self._start,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue after the steps of `state`; the projections are the same, they follow from their seed."""
        self._boundaries.load_state(state["count"], state["snapshots"])
        self._rows = list(state["rows"])
        self._update_sq = [value.to(self._device) for value in state["update_sq"]]
        self._recent.load_state(state["latest"])
        self._start = state["start"]

    def close(self) -> None:
        """Free the sketches and snapshots."""
        self._rows.clear()
        self._fresh.clear()
        self._boundaries.snapshots.clear()

    def _project(self, before: torch.Tensor, after: torch.Tensor) -> None:
        sketches, squares = [], []
        pieces = zip(self._projections, torch.split(before, self._sizes), torch.split(after, self._sizes), strict=True)
        for project, old, new in pieces:
            update = torch.sub(old, new, out=project.vector)
            squares.append(squared_length(update))
            sketches.append(project(update))
        self._update_sq.append(torch.stack(squares))
        self._fresh.append(torch.cat(sketches) if len(sketches) > 1 else sketches[0])
        if len(self._fresh) == self._rows_per_block:
            self._move_rows()

    def _move_rows(self) -> None:
        if self._fresh:
            self._rows.extend(torch.stack(self._fresh).cpu())
            self._fresh.clear()


def sketch_widths(weights: Weights, num_sketch: int) -> list[int]:
    """The numbers kept of a step, of each parameter group: k, or its weights where it has fewer."""
    return [min(num_sketch, size) for size in weights.sizes]


def _together(groups: list[Sketched], update_sq: np.ndarray) -> Distances:
    """What is known of each group as the last axis of one, or without that axis where there is one group."""
    inner, inner_var, distance_sq, distance_var, joint, joint_next = (
        np.stack([getattr(group, name) for group in groups], axis=-1)
        for name in ("inner", "inner_var", "distance_sq", "distance_sq_var", "covariance", "covariance_next")
    )
    arrays = (distance_sq, update_sq, inner, np.sqrt(inner_var), np.sqrt(distance_var), joint, joint_next)
    return Distances(*(array[..., 0] if len(groups) == 1 else array for array in arrays))
