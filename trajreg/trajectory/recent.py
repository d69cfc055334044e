"""The latest iterates, reduced a block at a time."""

from collections.abc import Callable, Sequence

import torch

from trajreg.trajectory.flat import Flat

BLOCK_BYTES = 16 * 2**20


class Recent:
    """The latest iterates as rows of one buffer, handed on in pairs of neighbours when it is full.

    Between two training steps an iterate is only copied. What an estimator computes of it is computed for a block of iterates at
    once: the arrays it needs are then read from memory once a block, not once a step, and on a GPU a step launches one kernel. The
    order of the pairs and what is done with each does not depend on the blocks.

    Args:
        parameters: the tensors that make up θ.
        like: a tensor of the type and device that the rows are to have.
        take: called with (θ_t, θ_{t+1}), two rows (P,), for every t in turn. It must keep no reference to them.
    """

    def __init__(
        self,
        parameters: Sequence[torch.Tensor],
        like: torch.Tensor,
        take: Callable[[torch.Tensor, torch.Tensor], None],
    ):
        size = sum(parameter.numel() for parameter in parameters)
        num_pairs = max(1, BLOCK_BYTES // (size * like.itemsize))
        self._flat, self._take = Flat(parameters), take
        self._rows = torch.empty(num_pairs + 1, size, dtype=like.dtype, device=like.device)
        self._filled = 0

    def keep(self) -> None:
        """Add the current iterate."""
        if self._filled == len(self._rows):
            self.flush()
        self._flat.into(self._rows[self._filled])
        self._filled += 1

    @property
    def last(self) -> torch.Tensor:
        """(P,) the latest iterate; valid until the next `keep`."""
        return self._rows[self._filled - 1]

    def flush(self) -> None:
        """Hand on every pair that was not handed on yet; the latest iterate stays, as the first of the next pair."""
        for row in range(self._filled - 1):
            self._take(self._rows[row], self._rows[row + 1])
        if self._filled > 1:
            self._rows[0].copy_(self.last)
            self._filled = 1

    def clear(self) -> None:
        """Forget all iterates, also those that were not handed on."""
        self._filled = 0

    def state(self) -> torch.Tensor:
        """The latest iterate as (1, P), or (0, P) before the first; everything before it is handed on."""
        self.flush()
        return self._rows[: self._filled].to("cpu", copy=True)

    def load_state(self, state: torch.Tensor) -> None:
        """Go on after `state`."""
        self._filled = len(state)
        self._rows[: self._filled].copy_(state)
