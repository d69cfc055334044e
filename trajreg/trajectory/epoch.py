"""The estimator `epoch`: one iterate an epoch, from which epoch means of γ follow exactly (Identity B)."""

import math
from typing import Any

import torch

from trajreg.errors import InputError
from trajreg.trajectory.boundaries import Boundaries
from trajreg.trajectory.distances import Distances, squared_lengths
from trajreg.trajectory.parameters import Weights
from trajreg.trajectory.recent import Recent
from trajreg.trajectory.way import Way


def epoch_length(steps_per_epoch: int | None) -> int:
    """`steps_per_epoch`, which the estimator `epoch` cannot do without: InputError where it is missing or not positive."""
    if steps_per_epoch is None or steps_per_epoch < 1:
        raise InputError(
            f"estimator 'epoch' needs steps_per_epoch, the number of steps after which a snapshot is kept; got {steps_per_epoch}"
        )
    return steps_per_epoch


class Epoch:
    """Snapshots of θ at epoch boundaries, and the length of each step; a block of iterates beside the snapshots.

    Args:
        weights: what θ is.
        steps_per_epoch: how many steps make an epoch; the last one may be shorter.
    """

    def __init__(self, weights: Weights, steps_per_epoch: int):
        self._sizes, self._device, self._every = weights.sizes, weights.tensors[0].device, steps_per_epoch
        self._recent = Recent(weights.tensors, weights.tensors[0], self._measure)
        self._boundaries = Boundaries(weights.sizes, steps_per_epoch)
        self._update_sq: list[torch.Tensor] = []

    def keep(self) -> None:
        """Keep the current iterate until the next step's length is known, and as a snapshot where an epoch begins."""
        self._recent.keep()
        self._boundaries.keep(self._recent.last)

    def distances(self, num_steps: int) -> Distances:
        """Reduce the snapshots towards θ_T with T = `num_steps`, in float64; no per-step inner products.

        Raises InputError where T is neither the last step nor a multiple of an epoch's.
        """
        if not self._boundaries.tells(num_steps):
            raise InputError(
                f"estimator 'epoch' keeps θ after every {self._every} steps: until = {num_steps} should be a multiple of that"
            )
        self._recent.flush()
        distance_sq = self._boundaries.distances(num_steps, self._recent.last)
        distance_sq = distance_sq if len(self._sizes) > 1 else distance_sq[:, 0]
        return Distances(distance_sq.numpy(), torch.stack(self._update_sq[:num_steps]).cpu().numpy(), None)

    def way(self, first: int) -> Way:
        """What is known of the way by now; no structure, for which single iterates are needed."""
        self._recent.flush()
        ends = self._boundaries.snapshots[0], self._recent.last
        return Way.of(self._update_sq[first:], ends, self._sizes, math.nan)

    def state(self) -> dict[str, Any]:
        """What was kept so far: the snapshots, the last iterate and the length of each step."""
        latest = self._recent.state()
        update_sq = torch.stack(self._update_sq).cpu() if self._update_sq else torch.zeros(0, dtype=torch.float64)
        return {
            "count": self._boundaries.count,
            "snapshots": list(self._boundaries.snapshots),
            "latest": latest,
            "update_sq": update_sq,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue after the iterates of `state`."""
        self._boundaries.load_state(state["count"], state["snapshots"])
        self._recent.load_state(state["latest"])
        self._update_sq = list(state["update_sq"].to(self._device))

    def close(self) -> None:
        """Free the snapshots."""
        self._boundaries.snapshots.clear()

    def _measure(self, before: torch.Tensor, after: torch.Tensor) -> None:
        self._update_sq.append(squared_lengths(before.double().sub_(after), self._sizes))
