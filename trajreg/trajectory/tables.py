"""From a trajectory to what is kept of it: γ by epoch, γ by step, and the summary of the run."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from trajreg.metrics.aggregate import over_stretches, summarise
from trajreg.trajectory.towards import EpochwiseTrajectory
from trajreg.trajectory.trajectory import Trajectory


class Tables(NamedTuple):
    """`epochs`: a row an epoch, from 1 on, with the columns of `over_stretches`; `steps`: those of `trajreg.regularity`; `summary`.

    The summary is that of `summarise`, and obeys_epochs: the fraction of epochs whose γ is positive, NaN unless each has one.
    """

    epochs: pd.DataFrame
    steps: pd.DataFrame
    summary: dict[str, float]


def tables(
    trajectory: Trajectory | EpochwiseTrajectory, optimal_loss: np.ndarray | float, steps_per_epoch: int
) -> Tables:
    """All three of a trajectory whose epochs have `steps_per_epoch` steps; both tables have a column `estimator`.

    Of a trajectory known epoch by epoch the rows of epochs have `distance` (where the epoch begins). An epoch whose steps were not
    watched has its `gamma` and `rate` from the distances at its ends, exactly and if its gaps are known, which they are not with ℓ* at the
    end point; `estimator` says `epoch` there, and its other columns are NaN. So is the summary of a stretch that was not watched as a
    whole.
    """
    if isinstance(trajectory, EpochwiseTrajectory):
        return _epochwise(trajectory, optimal_loss)
    steps = trajectory.regularity(optimal_loss)
    epochs = over_stretches(steps, 1 + steps["step"].to_numpy() // steps_per_epoch)
    summary = summarise(steps, len(trajectory.loss))
    name = trajectory.estimator
    return _tables(epochs.assign(estimator=name), steps.assign(estimator=name), summary)


def _epochwise(trajectory: EpochwiseTrajectory, optimal_loss: np.ndarray | float) -> Tables:
    known, per_epoch = trajectory.known(optimal_loss), trajectory.steps_per_epoch
    epochs = known.over_stretches(1 + np.arange(len(trajectory.loss)) // per_epoch)
    watched = [one.epoch for one in trajectory.epochs if one.distances]
    epochs = epochs.assign(
        estimator=np.where(epochs.index.isin(watched), trajectory.estimator, "epoch"),
        distance=np.sqrt(known.distance_sq[:-1:per_epoch]),
    )
    return _tables(epochs, known.steps.assign(estimator=trajectory.estimator), known.summarise())


def _tables(epochs: pd.DataFrame, steps: pd.DataFrame, summary: dict[str, float]) -> Tables:
    """With the number of the epoch, the index so far, as the first column, and obeys_epochs."""
    gamma = epochs["gamma"]
    obeys = float((gamma > 0).mean()) if gamma.notna().all() else np.nan
    return Tables(epochs.rename_axis("epoch").reset_index(), steps, summary | {"obeys_epochs": obeys})
