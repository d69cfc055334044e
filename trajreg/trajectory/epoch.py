"""The estimator `epoch`: one iterate an epoch, from which epoch means of γ follow exactly (Identity B)."""

from typing import Any

import torch

from trajreg.trajectory.distances import Distances, flatten_into, group_sums
from trajreg.trajectory.parameters import Weights


class Epoch:
    """Snapshots of θ at epoch boundaries, and the length of each step; two copies of θ beside the snapshots.

    Args:
        weights: what θ is.
        steps_per_epoch: how many steps make an epoch; the last one may be shorter.
    """

    def __init__(self, weights: Weights, steps_per_epoch: int):
        self._parameters, self._sizes, self._every = weights.tensors, weights.sizes, steps_per_epoch
        like = weights.tensors[0]
        self._before = torch.empty(weights.count, dtype=like.dtype, device=like.device)
        self._now = torch.empty_like(self._before)
        self._snapshots: list[torch.Tensor] = []
        self._update_sq: list[torch.Tensor] = []
        self._count = 0

    def keep(self) -> None:
        """Note how long the step was that led here, and keep a snapshot where an epoch begins."""
        flatten_into(self._now, self._parameters)
        if self._count:
            self._update_sq.append(group_sums((self._before.double() - self._now).square(), self._sizes))
        if self._count % self._every == 0:
            self._snapshots.append(self._now.cpu().clone())
        self._before, self._now = self._now, self._before
        self._count += 1

    def finish(self) -> Distances:
        """Keep θ_T and reduce the snapshots in float64; no per-step inner products."""
        self.keep()
        if (self._count - 1) % self._every:
            self._snapshots.append(self._before.cpu().clone())
        end = self._snapshots[-1].double()
        squares = [group_sums((snapshot.double() - end).square(), self._sizes) for snapshot in self._snapshots]
        return Distances(torch.stack(squares).numpy(), torch.stack(self._update_sq).cpu().numpy(), None)

    def state(self) -> dict[str, Any]:
        """What was kept so far: the snapshots, the last iterate and the length of each step."""
        update_sq = torch.stack(self._update_sq).cpu() if self._update_sq else torch.zeros(0, dtype=torch.float64)
        return {
            "count": self._count,
            "snapshots": list(self._snapshots),
            "before": self._before.cpu().clone(),
            "update_sq": update_sq,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue after the iterates of `state`."""
        self._count, self._snapshots = state["count"], list(state["snapshots"])
        self._before.copy_(state["before"])
        self._update_sq = list(state["update_sq"].to(self._before.device))

    def close(self) -> None:
        """Free the snapshots."""
        self._snapshots.clear()
