"""θ as one vector."""

from collections.abc import Sequence

import torch


class Flat:
    """The tensors of θ one after the other, copied into a vector at every step.

    Flat views of them are kept as long as no tensor's storage moves: making them anew takes longer than the copy of a small net.
    """

    def __init__(self, tensors: Sequence[torch.Tensor]):
        self._tensors = list(tensors)
        self._places: list[int] | None = None
        self._views: list[torch.Tensor] = []

    def into(self, row: torch.Tensor) -> None:
        """Write θ into the vector `row`, which may be on another device and of a wider type."""
        places = [tensor.data_ptr() for tensor in self._tensors]
        if places != self._places:
            self._views = [tensor.detach().flatten() for tensor in self._tensors]
            # what is not contiguous was copied, and has to be copied each time
            self._places = places if places == [view.data_ptr() for view in self._views] else None
        if self._views[0].device == row.device:
            torch.cat(self._views, out=row)
        else:
            row.copy_(torch.cat(self._views))
