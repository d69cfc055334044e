"""What watches a training: it is told what happens and changes nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from trajreg.training.session import Session


class Observer:
    """Watches a stretch of a training; the methods of this class do nothing, a measure's observer has those it needs.

    It may read everything of the session and run the net, but leaves weights, gradients, buffers, modes and random streams as it found
    them: the training goes on bit by bit as if nobody watched. Random numbers come from `Session.stream`.
    """

    def begin(self, session: Session) -> None:
        """Before the first step that is watched; `session.epochs_done` is 0 unless watching begins later."""

    def before_update(self, step: int, loss: torch.Tensor, lr: float) -> None:
        """Step `step` (from 0 on) is about to change the weights: `loss` is its mini-batch's.

        The gradients are there as the optimiser gets them, clipped where they are clipped.
        """

    def after_update(self, step: int) -> None:
        """The optimiser and what comes after it have changed the weights; the gradients are still those of `step`."""

    def end_epoch(self, epoch: int) -> None:
        """Epoch `epoch` (from 1 on) is over."""

    def finish(self) -> Any:
        """After the last step that is watched: what was seen, as something that can be sent to another process."""

    def close(self) -> None:
        """Nothing more will be asked; also called when the training ended in an error."""
