"""The estimator `sketch`: a random projection of every update, from which γ follows with its standard error.

With u_t = θ_t − θ_{t+1} and b_t = θ_{t+1} − θ_T = Σ_{r>t} u_r, the definition's inner product is

    ⟨θ_t − θ_T, u_t⟩ = ‖u_t‖² + ⟨b_t, u_t⟩

The first term is exact (one pass over θ), only the second, the alignment with the path still ahead, is read off the sketches.
Updates are projected, not weights: float32 rounds a difference of neighbours relative to the step's own length, while in the sketch of θ_t
it is relative to ‖θ_t‖. What is summed over many steps, S b_t = Σ_{r>t} S u_r, is summed in float64.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from trajreg.errors import InputError
from trajreg.trajectory.distances import Distances, flatten_into
from trajreg.trajectory.projection import Projection

BLOCK_BYTES = 64 * 2**20  # sketches leave the device in blocks, so that the host waits once a block, not once a step
STRETCH = 64  # steps reduced together where there are no epochs


class Sketch:
    """k numbers a step instead of P; inner products and distances come with their standard errors.

    A permuted CountSketch (`Projection`), chosen by measurement (`benchmarks/sketch.py`): at equal k as accurate as a CountSketch by
    index_add, an SRHT or Gaussian blocks, deterministic on every device, and on the digits ResNet faster than each of them
    (0.17 against 0.25, 2.8 and 15,000 ms a step).

    With `steps_per_epoch`, θ is also kept at epoch boundaries. There the distances are exact, and so are (Identity B) the sums over
    an epoch of ⟨θ_t − θ_T, u_t⟩ − ‖u_t‖²/2 = (d_a² − d_b²)/2. What the estimates miss of that sum is shared out over the epoch's steps in
    proportion to the covariance of a step's error with the error of the sum: the best linear correction. With the errors' covariance K
    (from the sketches' Gram matrices) it leaves K − K11ᵀK/(1ᵀK1), which is what the standard errors are then made of.
    An epoch of E steps costs 2 E² k operations and E² numbers at the end.

    Beside the sketches it holds two copies of θ, a permutation, signs and a buffer (5 P numbers) on the parameters' device.

    Args:
        parameters: the tensors that make up θ.
        num_sketch: k; the standard error of a step's ⟨b_t, u_t⟩ is about ‖b_t‖‖u_t‖/√k.
        seed: of the projection; no global random stream is touched.
        steps_per_epoch: how many steps make an epoch; the last one may be shorter.

    Raises:
        InputError: num_sketch is not between 2 and P, or steps_per_epoch is not positive.
    """

    def __init__(
        self,
        parameters: Sequence[torch.Tensor],
        num_sketch: int = 8192,
        seed: int = 0,
        steps_per_epoch: int | None = None,
    ):
        size, like = sum(parameter.numel() for parameter in parameters), parameters[0]
        if not 2 <= num_sketch <= size:
            raise InputError(f"num_sketch = {num_sketch}, must be between 2 and the number of weights P = {size}")
        if steps_per_epoch is not None and steps_per_epoch < 1:
            raise InputError(f"steps_per_epoch = {steps_per_epoch}, must be at least 1")
        self._parameters, self._every = parameters, steps_per_epoch
        # half-precision weights are subtracted and projected in float32
        self._before = torch.empty(size, dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)
        self._now = torch.empty_like(self._before)
        self._project = Projection(size, num_sketch, seed, self._before)
        self._rows_per_block = max(1, BLOCK_BYTES // (num_sketch * self._before.itemsize))
        self._fresh: list[torch.Tensor] = []
        self._rows: list[torch.Tensor] = []
        self._update_sq: list[torch.Tensor] = []
        self._snapshots: list[torch.Tensor] = []
        self._count = 0

    def keep(self) -> None:
        """Project the update that led here, and keep a snapshot where an epoch begins."""
        flatten_into(self._now, self._parameters)
        if self._count:
            update = torch.sub(self._before, self._now, out=self._before)
            self._fresh.append(self._project(update))
            self._update_sq.append(update.square().sum(dtype=torch.float64))
            if len(self._fresh) == self._rows_per_block:
                self._move_rows()
        if self._every and self._count % self._every == 0:
            self._snapshots.append(self._now.to("cpu", copy=True))
        self._before, self._now = self._now, self._before
        self._count += 1

    def finish(self) -> Distances:
        """Keep θ_T and reduce backwards from it, in float64: per-step lengths, inner products and their standard errors."""
        self.keep()
        self._move_rows()
        update_sq, width = torch.stack(self._update_sq).cpu(), self._every or STRETCH
        boundary_sq = self._boundaries() if self._every else None
        after, parts = torch.zeros(len(self._rows[0]), dtype=torch.float64), []
        for number in reversed(range(-(-len(self._rows) // width))):
            chosen = slice(number * width, (number + 1) * width)
            updates = torch.stack(self._rows[chosen]).double()
            products = _products(updates, after)
            if boundary_sq is None:
                parts.append(_free(*products, update_sq[chosen]))
            else:
                parts.append(_pinned(*products, update_sq[chosen], *boundary_sq[number : number + 2]))
            after += updates.sum(0)
        return _distances(torch.cat(parts[::-1], dim=1), update_sq, self._project.collision)

    def state(self) -> dict[str, Any]:
        """The sketches and snapshots so far, the last iterate, and the length of each step."""
        self._move_rows()
        return {
            "count": self._count,
            "rows": list(self._rows),
            "update_sq": [value.cpu() for value in self._update_sq],
            "snapshots": list(self._snapshots),
            "before": self._before.to("cpu", copy=True),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue after the steps of `state`; the projection is the same, it follows from its seed."""
        self._count, self._rows, self._snapshots = state["count"], list(state["rows"]), list(state["snapshots"])
        self._update_sq = [value.to(self._before.device) for value in state["update_sq"]]
        self._before.copy_(state["before"])

    def close(self) -> None:
        """Free the sketches and snapshots."""
        self._rows.clear()
        self._fresh.clear()
        self._snapshots.clear()

    def _move_rows(self) -> None:
        if self._fresh:
            self._rows.extend(torch.stack(self._fresh).cpu())
            self._fresh.clear()

    def _boundaries(self) -> torch.Tensor:
        """(B+1,) ‖θ_a − θ_T‖² at epoch boundaries a; `_before` is θ_T."""
        if (self._count - 1) % self._every:
            self._snapshots.append(self._before.to("cpu", copy=True))
        end = self._snapshots[-1].double()
        offset = torch.empty_like(end)
        return torch.stack([torch.dot(torch.sub(one, end, out=offset), offset) for one in self._snapshots])


def _products(updates: torch.Tensor, after: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All inner products of a stretch of steps t, r from S u_t (E, k) and S b of its last step (k,), each (E, E).

    Returns ⟨u_t,u_r⟩, ⟨b_t,u_r⟩ and ⟨b_t,b_r⟩; b_t = after + Σ_{s>t} u_s, so the last two are sums of the first.
    """
    gram, with_after = updates @ updates.T, updates @ after
    ahead_update = _later(gram) + with_after
    ahead_after = _later(with_after) + after.dot(after)
    return gram, ahead_update, _later(ahead_update.T).T + ahead_after[:, None]


def _later(values: torch.Tensor) -> torch.Tensor:
    """Σ_{s>t} values[s] along the first axis."""
    return values.flip(0).cumsum(0).flip(0) - values


def _free(gram: torch.Tensor, ahead_update: torch.Tensor, ahead: torch.Tensor, update_sq: torch.Tensor) -> torch.Tensor:
    """Estimates of a stretch from its sketches alone.

    Args: `_products` and ‖u_t‖² (E,). Returns (5, E): ⟨b_t,u_t⟩, d_t², and, without the factor c, the variances of
    both and their covariance.
    """
    own, cross, ahead_sq = gram.diagonal(), ahead_update.diagonal(), ahead.diagonal()
    distance_sq = ahead_sq + 2 * cross + own
    spread = ahead_sq * update_sq + cross.square()
    joint = 2 * (ahead_sq + cross) * (cross + own)
    return torch.stack([cross, distance_sq, spread, 2 * distance_sq.square(), joint])


def _pinned(
    gram: torch.Tensor,
    ahead_update: torch.Tensor,
    ahead: torch.Tensor,
    update_sq: torch.Tensor,
    first_sq: torch.Tensor,
    last_sq: torch.Tensor,
) -> torch.Tensor:
    """As `_free`, for an epoch whose distances d_a², d_b² at both ends are known."""
    cross = ahead_update.diagonal()
    spread = ahead * gram + ahead_update * ahead_update.T  # a covariance: Gaussian vectors have this one
    with_sum = spread.sum(1)
    of_sum = with_sum.sum()
    missing = (first_sq - last_sq - update_sq.sum()) / 2 - cross.sum()
    if of_sum > 0:
        cross = cross + missing * with_sum / of_sum
        spread = spread - torch.outer(with_sum, with_sum) / of_sum
    else:  # nothing is uncertain, the rest is rounding
        cross = cross + missing / len(cross)
    to_come = spread.flip(0).cumsum(0).flip(0)  # [t, r]: covariance of step r's error with the sum of those from t on
    # Identity A from the epoch's end: d_t² = d_b² + Σ_{t≤s<b} (2⟨b_s,u_s⟩ + ‖u_s‖²)
    distance_sq = last_sq + (2 * cross + update_sq).flip(0).cumsum(0).flip(0)
    distance_sq[0] = first_sq
    spread_sq = 4 * to_come.triu().sum(1)
    spread_sq[0] = 0
    return torch.stack([cross, distance_sq, spread.diagonal(), spread_sq, 2 * to_come.diagonal()])


def _distances(parts: torch.Tensor, update_sq: torch.Tensor, collision: float) -> Distances:
    """Variances to standard errors; that of the cosine by the delta method, d_t being estimated with the inner product."""
    (cross, distance_sq, *spreads), update_sq = parts.numpy(), update_sq.numpy()
    inner_var, distance_var, joint = collision * np.array(spreads)
    inner = cross + update_sq
    distance_sq = np.maximum(distance_sq, 0)  # an estimate may fall below 0, a square does not
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = inner / (2 * distance_sq)
        cosine_var = (inner_var - 2 * slope * joint + slope**2 * distance_var) / (distance_sq * update_sq)
    return Distances(
        distance_sq=np.append(distance_sq, 0.0),
        update_sq=update_sq,
        inner=inner,
        inner_stderr=np.sqrt(np.maximum(inner_var, 0)),
        distance_sq_stderr=np.sqrt(np.maximum(distance_var, 0)),
        cosine_stderr=np.sqrt(np.maximum(np.where(np.isfinite(cosine_var), cosine_var, np.nan), 0)),
    )
