"""γ of a training by Hugging Face's `Trainer`: the extra `transformers`. The rest of trajreg does not import this."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from trajreg.errors import InputError, lists_options
from trajreg.trajectory.callback import CallbackRecording
from trajreg.trajectory.estimators import Options
from trajreg.trajectory.store import DEFAULT_MEMORY
from trajreg.trajectory.trajectory import Trajectory

try:
    from transformers import TrainerCallback
except ModuleNotFoundError as error:
    raise InputError(
        f"RegularityCallback needs {error.name}; install the extra: pip install 'trajreg[transformers]'"
    ) from None

KEPT = "trajreg.pt"  # in a checkpoint's folder


class RegularityCallback(TrainerCallback):
    """Record a training by `transformers.Trainer`, or one derived from it.

        trainer = Trainer(model=model, args=args, train_dataset=data)
        callback = RegularityCallback(trainer)   # adds itself
        trainer.train()
        callback.table

    θ and its groups are the optimiser's. A step is an optimiser's step; its loss is the one whose gradient it follows, the sum of what
    `Trainer.training_step` returns for the accumulated mini-batches, which divides them already. With `load_best_model_at_end` θ_T is
    where the training ended, before the best checkpoint is loaded (add callbacks that stop it, as EarlyStoppingCallback, before this one).

    Args:
        trainer: to be recorded; its `training_step` is watched.
        estimator, steps_per_epoch, num_sketch, sketch_seed, memory, directory: as `TrajectoryRecorder`.
        num_steps: as there; by default the trainer's.
        in_checkpoints: whether each checkpoint carries the recording (as large as `TrajectoryRecorder.state_dict` says), without which a
            training resumed from it cannot be recorded.

    Attributes:
        recorder: the one that records now, for `so_far()`.
        trajectory: the `Trajectory` once the training ended, None before.
        table: its `regularity()`; of a training that diverged, the steps before, with a warning.

    Raises:
        InputError: at the start of training, several processes, DeepSpeed or FSDP, or one resumed from a checkpoint without its recording
            or with that of other weights; else as `TrajectoryRecorder`.
    """

    @lists_options
    def __init__(
        self,
        trainer: Any,
        estimator: str = "store",
        *,
        num_steps: int | None = None,
        steps_per_epoch: int | None = None,
        num_sketch: int | None = None,
        sketch_seed: int = 0,
        memory: int = DEFAULT_MEMORY,
        directory: str | Path | None = None,
        in_checkpoints: bool = False,
    ):
        super().__init__()
        if not (hasattr(trainer, "training_step") and hasattr(trainer, "add_callback")):
            raise InputError(
                f"RegularityCallback is given the trainer it records, not {type(trainer).__name__}: "
                "callback = RegularityCallback(trainer), which adds itself"
            )
        self._trainer, self._in_checkpoints = trainer, in_checkpoints
        self._recording = CallbackRecording(
            Options(estimator, num_steps, steps_per_epoch, memory, directory, num_sketch, sketch_seed)
        )
        self._resumed_from: Any = None
        trainer.training_step, trainer.train = self._watched(trainer.training_step), self._told(trainer.train)
        trainer.add_callback(self)

    @property
    def recorder(self) -> Any:
        """The `TrajectoryRecorder` of the training that runs."""
        return self._recording.recorder

    @property
    def trajectory(self) -> Trajectory | None:
        """Once the training ended."""
        return self._recording.trajectory

    @property
    def table(self) -> pd.DataFrame | None:
        """`trajectory.regularity()`."""
        return self._recording.table

    def on_train_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **others: Any) -> None:
        """Begin the recording: only now is there an optimiser."""
        if args.world_size != 1 or self._trainer.is_deepspeed_enabled or self._trainer.is_fsdp_enabled:
            raise InputError(
                f"RegularityCallback records one process that holds all weights, got {args.world_size} processes, DeepSpeed or FSDP"
            )
        self._recording.drop()  # of a training that was interrupted
        kept = self._kept(_checkpoint(args, state)) if state.global_step else None
        self._recording.begin(optimizer, state.max_steps, kept)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Record the step that follows; its gradients are clipped by now."""
        self._recording.log_step()

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """End the recording where this was the last step: afterwards the trainer may load the best checkpoint."""
        if control.should_training_stop and self._recording.running:
            self._recording.end()

    on_epoch_end = on_evaluate = on_step_end

    def on_save(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Put the recording into the checkpoint."""
        folder = _checkpoint(args, state)
        if self._in_checkpoints and self._recording.running and folder.is_dir():
            torch.save(self.recorder.state_dict(), folder / KEPT)

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """End the recording, unless its last step did."""
        if self._recording.running:
            self._recording.end(without_last=bool(args.load_best_model_at_end and state.best_model_checkpoint))

    def _watched(self, training_step: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def watched(*given: Any, **options: Any) -> torch.Tensor:
            loss = training_step(*given, **options)
            if self._recording.running:
                self._recording.add_loss(loss)
            return loss

        return watched

    def _told(self, train: Callable[..., Any]) -> Callable[..., Any]:
        """Callbacks are not told which checkpoint a training resumes from; who calls `train` says it."""

        def told(resume_from_checkpoint: Any = None, *given: Any, **options: Any) -> Any:
            self._resumed_from = resume_from_checkpoint
            return train(resume_from_checkpoint, *given, **options)

        return told

    def _kept(self, latest: Path) -> dict[str, Any]:
        folder = Path(self._resumed_from) if isinstance(self._resumed_from, str | Path) else latest
        path = folder / KEPT
        if not path.is_file():
            raise InputError(
                f"the training resumes from {folder}, but {path} is not there: RegularityCallback(trainer, "
                "in_checkpoints=True) leaves it there; what checkpoints alone tell, trajreg.from_checkpoints has"
            )
        kept: dict[str, Any] = torch.load(path, weights_only=True)
        return kept


def _checkpoint(args: Any, state: Any) -> Path:
    """The folder of the checkpoint at the present step."""
    return Path(args.output_dir) / f"checkpoint-{state.global_step}"
