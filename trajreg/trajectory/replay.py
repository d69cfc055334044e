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
from trajreg.trajectory.distances import Distances, step_terms
from trajreg.trajectory.recent import Recent


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
    """Distances towards a θ_T that is known, of the iterates of an epoch, reduced in float64 on θ's device.

    Args:
        parameters: the tensors that make up θ.
        end: (P,) θ_T.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], end: torch.Tensor):
        self._recent, self._end = Recent(parameters, end, self._take), end.double()
        self._offset, self._following, self._update = (torch.empty_like(self._end) for _ in range(3))
        self._terms: list[torch.Tensor] = []

    def add(self) -> None:
        """The next iterate: the parameters as they are."""
        self._recent.keep()

    def finish(self) -> Distances:
        """‖θ_t − θ_T‖² (B+1,), ‖θ_t − θ_{t+1}‖² and ⟨θ_t − θ_T, θ_t − θ_{t+1}⟩ (B,) of the B + 1 iterates."""
        self._recent.flush()
        terms = torch.stack(self._terms).cpu().numpy()
        last = float(torch.dot(self._offset, self._offset))
        return Distances(np.append(terms[:, 0], last), terms[:, 1].copy(), terms[:, 2].copy())

    def restart(self) -> None:
        """Forget the iterates so far."""
        self._recent.clear()
        self._terms = []

    def _take(self, before: torch.Tensor, after: torch.Tensor) -> None:
        if not self._terms:
            self._offset.copy_(before).sub_(self._end)
        self._following.copy_(after).sub_(self._end)
        self._terms.append(step_terms(self._offset, self._following, self._update, [len(self._end)]))
        self._offset, self._following = self._following, self._offset


class EpochReplay(StepLog):
    """Takes the place of a recorder while the steps of an epoch are run again.

    Args:
        reduction: what becomes of the iterates; it starts anew, also after an epoch that was broken off.
    """

    def __init__(self, reduction: Reduction):
        super().__init__()
        self._reduction = reduction
        reduction.restart()

    @contextmanager
    def step(self, loss: torch.Tensor, *, lr: float) -> Iterator[None]:
        """Wrap one update, as a recorder does."""
        self._reduction.add()
        with super().step(loss, lr=lr):
            yield

    def finish(self) -> Distances:
        """The distances of the steps that were run, and of the iterate after them."""
        self._reduction.add()
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
