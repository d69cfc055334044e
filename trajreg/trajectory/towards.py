"""The estimator `replay`: distances to a θ_T that is known, computed while epochs are run once more; exact, no iterates are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import torch

from trajreg.metrics.partial import PartialTable
from trajreg.metrics.regularity import regularity
from trajreg.trajectory.distances import Distances, step_terms
from trajreg.trajectory.recent import Recent


class Towards:
    """Distances towards a θ_T that is known, of the iterates of an epoch, reduced in float64 on θ's device.

    Args:
        parameters: the tensors that make up θ.
        end: (P,) θ_T.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], end: torch.Tensor):
        self._recent, self._end = Recent(parameters, end, self._take), end.double()
        self._offset, self._following, self._update = (torch.empty_like(self._end) for _ in range(3))
        self._terms: list[torch.Tensor] = []

    def here(self) -> float:
        """‖θ − θ_T‖² of the parameters as they are, where a sequence of iterates begins; what was added before is forgotten."""
        self._recent.clear()
        self._terms = []
        self._recent.keep()
        self._offset.copy_(self._recent.last).sub_(self._end)
        return float(torch.dot(self._offset, self._offset))

    def add(self) -> None:
        """The next iterate: the parameters as they are."""
        self._recent.keep()

    def finish(self) -> Distances:
        """‖θ_t − θ_T‖² (B+1,), ‖θ_t − θ_{t+1}‖² and ⟨θ_t − θ_T, θ_t − θ_{t+1}⟩ (B,) of the B + 1 iterates."""
        self._recent.flush()
        terms = torch.stack(self._terms).cpu().numpy()
        last = float(torch.dot(self._offset, self._offset))
        return Distances(np.append(terms[:, 0], last), terms[:, 1].copy(), terms[:, 2].copy())

    def _take(self, before: torch.Tensor, after: torch.Tensor) -> None:
        self._following.copy_(after).sub_(self._end)
        self._terms.append(step_terms(self._offset, self._following, self._update, [len(self._end)]))
        self._offset, self._following = self._following, self._offset


@dataclass(frozen=True)
class KnownEpoch:
    """What is known of one epoch: how far it begins from θ_T and, where its steps were watched, all their distances.

    start_sq: ‖θ_t − θ_T‖² at its first step. distances: as in `Distances`, over its steps. optimal_loss: (B,) the losses of its
    mini-batches at θ_T, where they were asked for.
    """

    epoch: int
    start_sq: float
    distances: Distances | None = None
    optimal_loss: np.ndarray | None = None


@dataclass(frozen=True)
class EpochwiseTrajectory:
    """A trajectory of which some epochs were watched step by step; loss and learning rate are known at all T steps.

    epochs: in their order. All of them where only some were watched; those that were not know where they begin.
    """

    loss: np.ndarray
    lr: np.ndarray
    steps_per_epoch: int
    epochs: tuple[KnownEpoch, ...]
    estimator: ClassVar[str] = "replay"

    def regularity(self, optimal_loss: float | np.ndarray = 0.0) -> pd.DataFrame:
        """γ and its companions, the columns of `trajreg.regularity`: one row a step of a watched epoch, none for other steps.

        cosine_walk, which needs the lengths of all steps to come, is NaN before an epoch that was not watched.
        """
        distance_sq, update_sq, inner = self._arrays()
        table = regularity(
            distance_sq=distance_sq,
            update_sq=update_sq,
            loss=self.loss,
            lr=self.lr,
            optimal_loss=np.broadcast_to(optimal_loss, self.loss.shape),
            inner=inner,
        )
        return table[~np.isnan(update_sq)].reset_index(drop=True)

    def known(self, optimal_loss: float | np.ndarray = 0.0) -> PartialTable:
        """The same rows, and what is known between them: distances where epochs begin, learning rates and gaps."""
        return PartialTable(self.regularity(optimal_loss), self._arrays()[0], self.lr, self.loss - optimal_loss)

    def steps_of(self, epoch: int) -> slice:
        """The steps of this epoch (from 1 on)."""
        return slice((epoch - 1) * self.steps_per_epoch, epoch * self.steps_per_epoch)

    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(T+1,) ‖θ_t − θ_T‖², (T,) ‖θ_t − θ_{t+1}‖² and (T,) their inner product; NaN where they were not watched."""
        distance_sq, update_sq, inner = (np.full(len(self.loss) + last, np.nan) for last in (1, 0, 0))
        distance_sq[-1] = 0.0
        for one in self.epochs:
            steps = self.steps_of(one.epoch)
            distance_sq[steps.start] = one.start_sq
            if one.distances and one.distances.inner is not None:
                distance_sq[:-1][steps] = one.distances.distance_sq[:-1]
                update_sq[steps], inner[steps] = one.distances.update_sq, one.distances.inner
        return distance_sq, update_sq, inner
