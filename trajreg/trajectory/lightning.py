"""γ of a training by Lightning: the extra `lightning` (`pytorch_lightning` does too). The rest of trajreg does not import this."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from trajreg.errors import InputError
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
        trajectory: the `Trajectory` once the training ended, None before.
        table: its `regularity()`.

    Raises:
        InputError: at the start of training, several optimisers or devices; else as `TrajectoryRecorder`.
    """

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
        self._num_steps = num_steps
        self._options: dict[str, Any] = {
            "estimator": estimator,
            "steps_per_epoch": steps_per_epoch,
            "num_sketch": num_sketch,
            "sketch_seed": sketch_seed,
            "memory": memory,
            "directory": directory,
        }
        self._recorder: TrajectoryRecorder | None = None
        self._resumed: dict[str, Any] = {}
        self._losses: list[torch.Tensor] = []
        self.trajectory: Trajectory | None = None
        self.table: pd.DataFrame | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin the recording: only now are the weights on their device and the optimisers there."""
        if len(trainer.optimizers) != 1 or trainer.world_size != 1:
            raise InputError(
                f"RegularityCallback records one optimiser on one device, got {len(trainer.optimizers)} and {trainer.world_size}"
            )
        steps, num_steps = trainer.estimated_stepping_batches, self._num_steps
        if num_steps is None and 0 < steps < float("inf"):
            num_steps = int(steps)
        groups = trainer.optimizers[0].param_groups
        self._recorder = TrajectoryRecorder(groups, num_steps=num_steps, **self._options)
        if self._resumed:
            self._recorder.load_state_dict(self._resumed)
        self._resumed, self._losses = {}, []

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: torch.Tensor) -> None:
        """Note the loss of a mini-batch, without the factor of a gradient scaler."""
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        self._losses.append(loss.detach() / (scaler.get_scale() if scaler is not None else 1))

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: torch.optim.Optimizer) -> None:
        """Record the step that follows: an update lasts until the next one is recorded, so the `with` need not contain it."""
        with self._recording().step(
            torch.stack(self._losses).sum(), lr=[group["lr"] for group in optimizer.param_groups]
        ):
            self._losses = []

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """End the recording and compute the table."""
        self.trajectory = self._recording().finish()
        self._recorder, self.table = None, self.trajectory.regularity()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Free what was kept."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints: the recording so far; empty when there is none."""
        return self._recorder.state_dict() if self._recorder is not None else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From a checkpoint: kept until the training starts."""
        self._resumed = state_dict

    def _recording(self) -> TrajectoryRecorder:
        if self._recorder is None:
            raise InputError("RegularityCallback has no recording: it begins when Trainer.fit calls on_train_start")
        return self._recorder
