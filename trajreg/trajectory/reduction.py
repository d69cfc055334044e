"""How much of a recording is reduced: all of it, up to a step, or as far as it is finite."""

from numbers import Integral
from typing import Literal

import numpy as np

from trajreg.errors import InputError
from trajreg.trajectory.distances import Distances
from trajreg.trajectory.epoch import Epoch
from trajreg.trajectory.sketch import Sketch
from trajreg.trajectory.store import Store

Until = int | Literal["finite"] | None


class Reduction:
    """Losses (T,) of a recording, and the estimator that kept θ_0 … θ_T; `steps_per_epoch` counts with "epoch" alone."""

    def __init__(self, estimator: Store | Epoch | Sketch, losses: np.ndarray, steps_per_epoch: int | None):
        self._estimator, self._losses = estimator, losses
        self._every = steps_per_epoch if isinstance(estimator, Epoch) and steps_per_epoch else 1

    def upto(self, until: Until) -> tuple[np.ndarray, Distances]:
        """(T,) losses and the distances towards θ_T, T being `until`: see `TrajectoryRecorder.finish`, also for what is refused."""
        num_steps = self._chosen(until)
        losses = self._losses[:num_steps]
        if not np.isfinite(losses).all():
            raise InputError(
                f"the loss of step {_num_finite(losses)} is not finite: the training diverged; {self._advice()}"
            )
        distances = self._estimator.distances(num_steps)
        if not np.isfinite(distances.distance_sq).all():
            raise InputError(f"a weight is not finite: the training diverged; {self._advice()}")
        return losses, distances

    def _chosen(self, until: Until) -> int:
        recorded = len(self._losses)
        if until is None:
            return recorded
        if until == "finite":
            if num_steps := self._sound():
                return num_steps
            raise InputError(
                f"none of the {recorded} steps recorded can be measured: a loss or a weight is not finite from the start on"
            )
        if isinstance(until, bool) or not isinstance(until, Integral) or not 1 <= until <= recorded:
            raise InputError(
                f"until = {until!r}, should be a number of steps from 1 to {recorded}, those recorded, or 'finite'"
            )
        return int(until)

    def _sound(self) -> int:
        """The number of leading steps with finite losses that end at finite weights."""
        lengths = self._estimator.way(0).update_sq.sum(
            axis=1
        )  # of neighbours: distances to an end that is not finite tell nothing
        return self._whole(min(_num_finite(self._losses), _num_finite(lengths)))

    def _whole(self, num_steps: int) -> int:
        """No more steps than that after which θ is known; the last ones need not fill an epoch."""
        return num_steps if num_steps == len(self._losses) else num_steps - num_steps % self._every

    def _advice(self) -> str:
        if num_steps := self._sound():
            return (
                f"finish(until={num_steps}) has the {num_steps} steps before (until='finite' finds that number itself)"
            )
        return "no step before can be measured"


def _num_finite(values: np.ndarray) -> int:
    """How many leading values are finite."""
    finite = np.isfinite(values)
    return len(values) if finite.all() else int(np.argmin(finite))
