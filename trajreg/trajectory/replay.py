"""The estimator `replay`: distances to a θ_T that is known, computed while an epoch is run once more; no iterates are kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import torch

from trajreg.metrics.regularity import regularity
from trajreg.trajectory.distances import Distances, flatten_into, step_terms


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


class EpochReplay(StepLog):
    """Takes the place of a recorder while steps are run again: three float64 numbers a step, reduced on the weights' device.

    Args:
        parameters: the tensors that make up θ.
        end: (P,) θ_T, on their device.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], end: torch.Tensor):
        super().__init__()
        self._parameters, self._end = parameters, end.double()
        self._flat = torch.empty_like(end)
        self._offset, self._following = torch.empty_like(self._end), torch.empty_like(self._end)
        self._update = torch.empty_like(self._end)
        self._terms: list[torch.Tensor] = []
        self._started = False

    @contextmanager
    def step(self, loss: torch.Tensor, *, lr: float) -> Iterator[None]:
        """Wrap one update, as a recorder does."""
        self._look()
        with super().step(loss, lr=lr):
            yield

    def finish(self) -> Distances:
        """‖θ_t − θ_T‖² (B+1,), ‖θ_t − θ_{t+1}‖² and ⟨θ_t − θ_T, θ_t − θ_{t+1}⟩ (B,) of the B steps that were run."""
        self._look()
        terms = torch.stack(self._terms).cpu().numpy()
        last = float(torch.dot(self._offset, self._offset))
        return Distances(np.append(terms[:, 0], last), terms[:, 1].copy(), terms[:, 2].copy())

    def _look(self) -> None:
        flatten_into(self._flat, self._parameters)
        torch.sub(self._flat, self._end, out=self._following)
        if self._started:
            self._terms.append(step_terms(self._offset, self._following, self._update, [len(self._end)]))
        self._offset, self._following, self._started = self._following, self._offset, True


@dataclass(frozen=True)
class ReplayedEpoch:
    """One epoch that was run again: its distances (as in `Distances`, over its steps) and how well it landed.

    deviation: the largest absolute difference between the state in which the replay ended and the next snapshot, or between
    losses; 0 only when they are the same bits, and only then the epoch is exact. optimal_loss: (B,) ℓ*_t, or 0.
    """

    epoch: int
    distances: Distances
    deviation: float
    optimal_loss: np.ndarray | float = 0.0

    @property
    def exact(self) -> bool:
        """Whether the replay was the training, bit by bit."""
        return self.deviation == 0


@dataclass(frozen=True)
class ReplayTrajectory:
    """A trajectory known at the steps of the epochs that were replayed; loss and learning rate are known at all T steps."""

    loss: np.ndarray
    lr: np.ndarray
    steps_per_epoch: int
    replays: tuple[ReplayedEpoch, ...] = ()
    iterates: None = None
    estimator: ClassVar[str] = "replay"

    def regularity(self) -> pd.DataFrame:
        """γ and its companions, the columns of `trajreg.regularity`: one row a step of a replayed epoch, none for other steps."""
        return pd.concat([self._epoch(replay) for replay in self.replays], ignore_index=True)

    def _epoch(self, replay: ReplayedEpoch) -> pd.DataFrame:
        first = (replay.epoch - 1) * self.steps_per_epoch
        steps, known = slice(first, first + self.steps_per_epoch), replay.distances
        table = regularity(
            distance_sq=known.distance_sq,
            update_sq=known.update_sq,
            loss=self.loss[steps],
            lr=self.lr[steps],
            optimal_loss=replay.optimal_loss,
            inner=known.inner,
        )
        return table.assign(step=table["step"] + first)
