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

    def tells(self, num_steps: int) -> bool:
        """Whether θ is known after `num_steps` steps: where epochs begin, and at the last iterate."""
        return self._every is not None and (num_steps == self.count - 1 or num_steps % self._every == 0)

    def distances(self, num_steps: int, latest: torch.Tensor) -> torch.Tensor:
        """(B+1, G) ‖θ_a − θ_T‖² in float64 with T = `num_steps`, which this `tells`; `latest` is the last iterate that was taken."""
        every = self._every or num_steps
        taken = self.snapshots[: num_steps // every + 1]
        kept = [*taken, latest.cpu()] if num_steps % every else taken
        last = kept[-1].double()
        squares = [squared_lengths(one.double() - last, self._sizes) for one in kept]
        return torch.stack(squares).view(len(squares), len(self._sizes))

    def load_state(self, count: int, snapshots: Sequence[torch.Tensor]) -> None:
        """Go on after `count` iterates."""
        self.count, self.snapshots = count, list(snapshots)
