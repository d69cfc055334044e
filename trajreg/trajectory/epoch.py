"""The estimator `epoch`: one iterate an epoch, from which epoch means of γ follow exactly (Identity B)."""

from collections.abc import Sequence

import numpy as np
import torch

from trajreg.errors import InputError
from trajreg.trajectory.distances import Distances, flatten_into


class Epoch:
    """Snapshots of θ at epoch boundaries, and the length of each step; two copies of θ beside the snapshots.

    Args:
        parameters: the tensors that make up θ.
        steps_per_epoch: how many steps make an epoch; the last one may be shorter.

    Raises:
        InputError: steps_per_epoch is missing.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], steps_per_epoch: int | None):
        if steps_per_epoch is None:
            raise InputError(
                "estimator 'epoch' needs steps_per_epoch, the number of steps after which a snapshot is kept"
            )
        self._parameters, self._every = parameters, steps_per_epoch
        size, like = sum(parameter.numel() for parameter in parameters), parameters[0]
        self._before = torch.empty(size, dtype=like.dtype, device=like.device)
        self._now = torch.empty_like(self._before)
        self._snapshots: list[torch.Tensor] = []
        self._update_sq: list[torch.Tensor] = []
        self._count = 0

    def keep(self) -> None:
        """Note how long the step was that led here, and keep a snapshot where an epoch begins."""
        flatten_into(self._now, self._parameters)
        if self._count:
            self._update_sq.append((self._before.double() - self._now).square().sum())
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
        distance_sq = np.array([float((snapshot.double() - end).square().sum()) for snapshot in self._snapshots])
        return Distances(distance_sq, torch.stack(self._update_sq).cpu().numpy(), None)

    def close(self) -> None:
        """Free the snapshots."""
        self._snapshots.clear()
