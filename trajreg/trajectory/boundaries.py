"""θ at the boundaries of epochs."""

from collections.abc import Sequence

import torch

from trajreg.trajectory.distances import squared_lengths


class Boundaries:
    """Copies of θ_0, θ_E, θ_2E … in host memory, for epochs of E = `steps_per_epoch` steps; of none where E is None.

    Args:
        sizes: weights in each parameter group.
        steps_per_epoch: E; the last epoch may be shorter.

    Attributes:
        count: iterates seen so far.
        snapshots: those kept, each (P,).
    """

    def __init__(self, sizes: Sequence[int], steps_per_epoch: int | None):
        self._sizes, self._every = sizes, steps_per_epoch
        self.count = 0
        self.snapshots: list[torch.Tensor] = []

    def keep(self, iterate: torch.Tensor) -> None:
        """Take the next iterate (P,), which is copied where an epoch begins."""
        if self._every and self.count % self._every == 0:
            self.snapshots.append(iterate.to("cpu", copy=True))
        self.count += 1

    def distances(self, end: torch.Tensor) -> torch.Tensor:
        """(B+1, G) ‖θ_a − θ_T‖² in float64, where `end` is θ_T, the last iterate that was taken. Only where there are epochs."""
        if self._every and (self.count - 1) % self._every:
            self.snapshots.append(end.to("cpu", copy=True))
        last = self.snapshots[-1].double()
        squares = [squared_lengths(one.double().sub_(last), self._sizes) for one in self.snapshots]
        return torch.stack(squares).view(len(squares), len(self._sizes))

    def load_state(self, count: int, snapshots: Sequence[torch.Tensor]) -> None:
        """Go on after `count` iterates."""
        self.count, self.snapshots = count, list(snapshots)
