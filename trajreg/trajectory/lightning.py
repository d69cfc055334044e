"""γ of a training by Lightning: the extra `lightning` (`pytorch_lightning` does too). The rest of trajreg does not import this."""

import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from trajreg.errors import InputError, lists_options
from trajreg.trajectory.callback import CallbackRecording
from trajreg.trajectory.estimators import Options
from trajreg.trajectory.recorder import TrajectoryRecorder
from trajreg.trajectory.store import DEFAULT_MEMORY
from trajreg.trajectory.trajectory import Trajectory


def _callback_class() -> Any:
    """The `Callback` of the package that is in use: the one imported already, else the one that is installed."""
    packages = sorted(("lightning.pytorch", "pytorch_lightning"), key=lambda name: name not in sys.modules)
    for name in packages:
        try:
            return import_module(name).Callback
        except ModuleNotFoundError as error:
            if error.name not in (name, name.partition(".")[0]):
                raise
    raise InputError("RegularityCallback needs Lightning; install the extra: pip install 'trajreg[lightning]'")


Callback: Any = _callback_class()


class RegularityCallback(Callback):
    """Record a Lightning training: `callback = RegularityCallback(); Trainer(callbacks=[callback]).fit(...); callback.table`.

    θ and its groups are the optimiser's. A step is an optimiser's step; its loss is the one whose gradient it follows, the sum over the
    accumulated mini-batches of loss / accumulate_grad_batches. Checkpoints carry the recording (as large as `state_dict` says), so that
    a resumed training gives the table of an uninterrupted one.

    Args:
        estimator, steps_per_epoch, num_sketch, sketch_seed, memory, directory: as `TrajectoryRecorder`.
        num_steps: as there; by default the trainer's, where it knows.

    Attributes:
        recorder: the one that records now, for `so_far()`.
        trajectory: the `Trajectory` once the training ended, None before.
        table: its `regularity()`; of a training that diverged, the steps before, with a warning.

    Raises:
        InputError: at the start of training, several optimisers or devices; else as `TrajectoryRecorder`.
    """

    @lists_options
    def __init__(
        self,
        estimator: str = "store",
        *,
        num_steps: int | None = None,
        steps_per_epoch: int | None = None,
        num_sketch: int | None = None,
        sketch_seed: int = 0,
        memory: int = DEFAULT_MEMORY,
        directory: str | Path | None = None,
    ):
        super().__init__()
        self._recording = CallbackRecording(
            Options(estimator, num_steps, steps_per_epoch, memory, directory, num_sketch, sketch_seed)
        )
        self._resumed: dict[str, Any] = {}

    @property
    def recorder(self) -> TrajectoryRecorder:
        """The recorder of the training that runs."""
        return self._recording.recorder

    @property
    def trajectory(self) -> Trajectory | None:
        """Once the training ended."""
        return self._recording.trajectory

    @property
    def table(self) -> pd.DataFrame | None:
        """`trajectory.regularity()`."""
        return self._recording.table

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin the recording: only now are the weights on their device and the optimisers there."""
        if len(trainer.optimizers) != 1 or trainer.world_size != 1:
            raise InputError(
                f"RegularityCallback records one optimiser on one device, got {len(trainer.optimizers)} and {trainer.world_size}"
            )
        if trainer.global_step and not self._resumed:
            warnings.warn(
                f"the training goes on at step {trainer.global_step}, with no recording of those before: the table begins there, as step 0",
                stacklevel=2,
            )
        steps = trainer.estimated_stepping_batches
        self._recording.begin(trainer.optimizers[0], int(steps) if 0 < steps < float("inf") else None, self._resumed)
        self._resumed = {}

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: torch.Tensor) -> None:
        """Note the loss of a mini-batch, without the factor of a gradient scaler."""
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        self._recording.add_loss(loss.detach() / (scaler.get_scale() if scaler is not None else 1))

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: torch.optim.Optimizer) -> None:
        """Record the step that follows."""
        self._recording.log_step()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """End the recording and compute the table."""
        self._recording.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Free what was kept."""
        self._recording.drop()

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints: the recording so far; empty when there is none."""
        return self.recorder.state_dict() if self._recording.running else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From a checkpoint: kept until the training starts."""
        self._resumed = state_dict
