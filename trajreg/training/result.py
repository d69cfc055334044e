"""What a training leaves."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec
from trajreg.trajectory.recorder import Trajectory
from trajreg.trajectory.replay import ReplayTrajectory


@dataclass(frozen=True)
class Training:
    """What a training leaves: its trajectory (None when it diverged) and, per epoch, losses and accuracies.

    `epochs` has a row an epoch: epoch (from 1), step (steps done at its end), train_loss and train_accuracy (means over the
    epoch's mini-batches as they were trained on), test_loss, test_accuracy, and test_mean_iou for segmentation.
    `losses` (T,) are the mini-batch losses, up to and including the first that is not finite.
    `optimal_loss` is ℓ*: 0, or (T,) where it is taken at the end point; NaN at steps where it was not (estimator `replay`).
    """

    spec: TrainSpec
    num_weights: int
    steps_per_epoch: int
    epochs: pd.DataFrame
    losses: np.ndarray
    trajectory: Trajectory | ReplayTrajectory | None
    optimal_loss: np.ndarray | float = 0.0

    @property
    def diverged(self) -> bool:
        """Whether a loss or a weight stopped being finite."""
        return self.trajectory is None

    @property
    def estimator(self) -> str:
        """What the numbers of the trajectory come from: the spec's estimator, or the one that `auto` chose."""
        return self.spec.record.estimator if self.trajectory is None else self.trajectory.estimator

    @property
    def optimum(self) -> str:
        """What ℓ* is, in words for tables: the spec's `optimum`, and whether it is only an approximation."""
        return self.spec.record.optimum + ("" if self.spec.optimum_is_exact else " (approximate)")

    def regularity(self) -> pd.DataFrame:
        """γ and its companions, see the trajectory's `regularity`, with the spec's ℓ*."""
        return self.trajectory.regularity(self.optimal_loss)


def describe(session: Session, epochs: pd.DataFrame, losses: np.ndarray, trajectory, optimal_loss=0.0) -> Training:
    """The Training that this session was; `losses` may go on after the first that is not finite."""
    end = len(losses) if np.isfinite(losses).all() else int(np.argmin(np.isfinite(losses))) + 1
    num_weights = sum(weight.numel() for weight in session.weights)
    steps = session.steps_per_epoch
    return Training(session.spec, num_weights, steps, epochs, losses[:end], trajectory, optimal_loss)
