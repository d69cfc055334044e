"""The estimator `replay`: distances to a θ_T that is known, computed while an epoch is run once more; no iterates are kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import torch

from trajreg.metrics.partial import PartialTable
from trajreg.metrics.regularity import regularity
from trajreg.trajectory.distances import Distances, flatten_into, step_terms

BLOCK_BYTES = 16 * 2**20


class StepLog:
    """Takes the place of a recorder where only the loss and learning rate of each step are kept."""

    def __init__(self, loss: Sequence[float] = (), lr: Sequence[float] = ()):
        self._before = np.array(loss, dtype=np.float64)
        self._loss: list[torch.Tensor] = []
        self.lr: list[float] = list(lr)

    @contextmanager
    def step(self, loss: torch.Tensor, *, lr: float) -> Iterator[None]:
        """Wrap one update; no host synchronisation here."""
        self._loss.append(loss.detach().reshape(()).clone())
        self.lr.append(float(lr))
        yield

    def losses(self) -> np.ndarray:
        """(t,) the losses so far, float64; waits for the device."""
        now = torch.stack(self._loss).double().cpu().numpy() if self._loss else np.zeros(0)
        return np.concatenate([self._before, now])


class Reduction:
    """Distances towards a θ_T that is known, on θ's device: iterates are gathered in a block and reduced in float64 when it is full.

    A block is reduced in one go, while θ_T is in the processor's caches: between two steps of training it would have to come back
    into them each time, which costs two to three times as much.

    Args:
        end: (P,) θ_T.
        num_steps: the steps of an epoch, so that the block is no larger than needed; at most BLOCK_BYTES, or one iterate.
    """

    def __init__(self, end: torch.Tensor, num_steps: int):
        rows = max(1, min(num_steps + 1, BLOCK_BYTES // end.nbytes))
        self._block = torch.empty((rows, len(end)), dtype=end.dtype, device=end.device)
        self._end = end.double()
        self._offset, self._following, self._update = (torch.empty_like(self._end) for _ in range(3))
        self._gathered, self._started = 0, False
        self._terms: list[torch.Tensor] = []

    def add(self, parameters: Sequence[torch.Tensor]) -> None:
        """The next iterate."""
        if self._gathered == len(self._block):
            self._reduce()
        flatten_into(self._block[self._gathered], parameters)
        self._gathered += 1

    def finish(self) -> Distances:
        """‖θ_t − θ_T‖² (B+1,), ‖θ_t − θ_{t+1}‖² and ⟨θ_t − θ_T, θ_t − θ_{t+1}⟩ (B,) of the B + 1 iterates."""
        self._reduce()
        terms = torch.stack(self._terms).cpu().numpy()
        last = float(torch.dot(self._offset, self._offset))
        return Distances(np.append(terms[:, 0], last), terms[:, 1].copy(), terms[:, 2].copy())

    def restart(self) -> None:
        """Forget the iterates so far."""
        self._gathered, self._started, self._terms = 0, False, []

    def _reduce(self) -> None:
        for row in self._block[: self._gathered]:
            self._following.copy_(row).sub_(self._end)
            if self._started:
                self._terms.append(step_terms(self._offset, self._following, self._update, [len(self._end)]))
            self._offset, self._following, self._started = self._following, self._offset, True
        self._gathered = 0


class EpochReplay(StepLog):
    """Takes the place of a recorder while the steps of an epoch are run again.

    Args:
        parameters: the tensors that make up θ.
        reduction: what becomes of their values; it starts anew, also after an epoch that was broken off.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], reduction: Reduction):
        super().__init__()
        self._parameters, self._reduction = parameters, reduction
        reduction.restart()

    @contextmanager
    def step(self, loss: torch.Tensor, *, lr: float) -> Iterator[None]:
        """Wrap one update, as a recorder does."""
        self._reduction.add(self._parameters)
        with super().step(loss, lr=lr):
            yield

    def finish(self) -> Distances:
        """The distances of the steps that were run, and of the iterate after them."""
        self._reduction.add(self._parameters)
        return self._reduction.finish()


@dataclass(frozen=True)
class ReplayedEpoch:
    """One epoch that was run again: its distances (as in `Distances`, over its steps) and how well it landed.

    deviation: the largest absolute difference between the state in which the replay ended and the next snapshot, or between
    losses; 0 only when they are the same bits, and only then the epoch is exact. optimal_loss: (B,) the losses of its mini-batches
    at θ_T, where they were asked for.
    """

    epoch: int
    distances: Distances
    deviation: float
    optimal_loss: np.ndarray | None = None

    @property
    def exact(self) -> bool:
        """Whether the replay was the training, bit by bit."""
        return self.deviation == 0


@dataclass(frozen=True)
class ReplayTrajectory:
    """A trajectory known at the steps of the epochs that were replayed; loss and learning rate are known at all T steps.

    boundary_sq: (num_epochs + 1,) ‖θ_t − θ_T‖² where epochs begin, and at the end; None where all epochs are to be replayed.
    """

    loss: np.ndarray
    lr: np.ndarray
    steps_per_epoch: int
    boundary_sq: np.ndarray | None = None
    replays: tuple[ReplayedEpoch, ...] = ()
    iterates: None = None
    estimator: ClassVar[str] = "replay"

    def regularity(self, optimal_loss: float | np.ndarray = 0.0) -> pd.DataFrame:
        """γ and its companions, the columns of `trajreg.regularity`: one row a step of a replayed epoch, none for other steps."""
        optimal_loss = np.broadcast_to(optimal_loss, self.loss.shape)
        return pd.concat([self._epoch(replay, optimal_loss) for replay in self.replays], ignore_index=True)

    def known(self, optimal_loss: float | np.ndarray = 0.0) -> PartialTable:
        """The same rows, and what is known between them: distances where epochs begin, learning rates and gaps."""
        distance_sq = np.full(len(self.loss) + 1, np.nan)
        distance_sq[-1] = 0.0
        if self.boundary_sq is not None:
            distance_sq[:: self.steps_per_epoch] = self.boundary_sq
        for replay in self.replays:
            distance_sq[:-1][self.steps_of(replay.epoch)] = replay.distances.distance_sq[:-1]
        return PartialTable(self.regularity(optimal_loss), distance_sq, self.lr, self.loss - optimal_loss)

    def steps_of(self, epoch: int) -> slice:
        """The steps of this epoch (from 1 on)."""
        return slice((epoch - 1) * self.steps_per_epoch, epoch * self.steps_per_epoch)

    def _epoch(self, replay: ReplayedEpoch, optimal_loss: np.ndarray) -> pd.DataFrame:
        steps, known = self.steps_of(replay.epoch), replay.distances
        table = regularity(
            distance_sq=known.distance_sq,
            update_sq=known.update_sq,
            loss=self.loss[steps],
            lr=self.lr[steps],
            optimal_loss=optimal_loss[steps],
            inner=known.inner,
        )
        return table.assign(step=table["step"] + steps.start)
