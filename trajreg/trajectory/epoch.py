"""The estimator `epoch`: one iterate an epoch, from which epoch means of γ follow exactly (Identity B)."""

from typing import Any

import torch

from trajreg.trajectory.distances import Distances, squared_lengths
from trajreg.trajectory.parameters import Weights
from trajreg.trajectory.recent import Recent


class Epoch:
    """Snapshots of θ at epoch boundaries, and the length of each step; a block of iterates beside the snapshots.

    Args:
        weights: what θ is.
        steps_per_epoch: how many steps make an epoch; the last one may be shorter.
    """

    def __init__(self, weights: Weights, steps_per_epoch: int):
        self._sizes, self._every, self._device = weights.sizes, steps_per_epoch, weights.tensors[0].device
        self._recent = Recent(weights.tensors, weights.tensors[0], self._measure)
        self._snapshots: list[torch.Tensor] = []
        self._update_sq: list[torch.Tensor] = []
        self._count = 0

    def keep(self) -> None:
        """Keep the current iterate until the next step's length is known, and as a snapshot where an epoch begins."""
        self._recent.keep()
        if self._count % self._every == 0:
            self._snapshots.append(self._recent.last.to("cpu", copy=True))
        self._count += 1

    def finish(self) -> Distances:
        """Keep θ_T and reduce the snapshots in float64; no per-step inner products."""
        self.keep()
        self._recent.flush()
        if (self._count - 1) % self._every:
            self._snapshots.append(self._recent.last.to("cpu", copy=True))
        end = self._snapshots[-1].double()
        squares = [squared_lengths(snapshot.double().sub_(end), self._sizes) for snapshot in self._snapshots]
        return Distances(torch.stack(squares).numpy(), torch.stack(self._update_sq).cpu().numpy(), None)

    def state(self) -> dict[str, Any]:
        """What was kept so far: the snapshots, the last iterate and the length of each step."""
        latest = self._recent.state()
        update_sq = torch.stack(self._update_sq).cpu() if self._update_sq else torch.zeros(0, dtype=torch.float64)
        return {
            "count": self._count,
            "snapshots": list(self._snapshots),
            "latest": latest,
            "update_sq": update_sq,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue after the iterates of `state`."""
        self._count, self._snapshots = state["count"], list(state["snapshots"])
        self._recent.load_state(state["latest"])
        self._update_sq = list(state["update_sq"].to(self._device))

    def close(self) -> None:
        """Free the snapshots."""
        self._snapshots.clear()

    def _measure(self, before: torch.Tensor, after: torch.Tensor) -> None:
        self._update_sq.append(squared_lengths(before.double().sub_(after), self._sizes))
