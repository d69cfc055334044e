"""What callbacks of trainers share: a recording that begins with the training, and whose table is there when the training ends."""

import warnings
from dataclasses import asdict, replace
from typing import Any

import pandas as pd
import torch

from trajreg.errors import InputError
from trajreg.trajectory.estimators import Options
from trajreg.trajectory.recorder import TrajectoryRecorder
from trajreg.trajectory.trajectory import Trajectory


class CallbackRecording:
    """A `TrajectoryRecorder` between a trainer's hooks; a step's loss is the sum of what its mini-batches contribute.

    `trajectory` and `table`, its `regularity()`, are None until the training has ended; then they hold the steps up to where a loss or a
    weight was not finite, with a warning where there are more.
    """

    def __init__(self, options: Options):
        self._options = options
        self._recorder: TrajectoryRecorder | None = None
        self._losses: list[torch.Tensor] = []
        self.trajectory: Trajectory | None = None
        self.table: pd.DataFrame | None = None

    def begin(
        self, optimizer: torch.optim.Optimizer, num_steps: int | None, state: dict[str, Any] | None = None
    ) -> None:
        """Record `optimizer` from here on: `num_steps` where the options do not say how many; after `state` where there is one."""
        options = replace(self._options, num_steps=self._options.num_steps or num_steps)
        self._recorder = TrajectoryRecorder(optimizer, **asdict(options))
        if state:
            self._recorder.load_state_dict(state)
        self._losses, self.trajectory, self.table = [], None, None

    @property
    def recorder(self) -> TrajectoryRecorder:
        """The one that records now; InputError before the training has begun and after its end."""
        if self._recorder is None:
            raise InputError("there is no recording: it begins and ends with the training")
        return self._recorder

    @property
    def running(self) -> bool:
        """Whether a training is being recorded."""
        return self._recorder is not None

    def add_loss(self, loss: torch.Tensor) -> None:
        """A mini-batch's part of the step's loss."""
        self._losses.append(loss.detach())

    def log_step(self) -> None:
        """The optimiser is about to make its step."""
        if not self._losses:
            raise InputError("the optimiser makes a step, but no mini-batch of it had a loss that was seen")
        self.recorder.log_step(torch.stack(self._losses).sum())
        self._losses = []

    def end(self, without_last: bool = False) -> None:
        """The weights are θ_T, or with `without_last` no longer: then the last step is left out, which led to where nobody knows."""
        recorder, self._recorder = self.recorder, None
        recorded = len(recorder.losses())
        until = recorded - without_last
        if without_last and recorder.estimator == "epoch":
            until -= until % (self._options.steps_per_epoch or 1)  # θ is known there
        try:
            self.trajectory = recorder.finish(until=until if without_last else "finite")
        except InputError as error:  # of a training that is over: its trainer is to return all the same
            recorder.close()
            warnings.warn(str(error), stacklevel=2)
            return
        self.table = self.trajectory.regularity()
        if len(self.trajectory.loss) < recorded:
            why = "the weights it ended at are not there any more" if without_last else "the training diverged"
            warnings.warn(
                f"{why}: the table has the first {len(self.trajectory.loss)} of {recorded} steps", stacklevel=2
            )

    def drop(self) -> None:
        """Free what was kept."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
