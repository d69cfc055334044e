"""The training loop: deterministic, readable, one place."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from trajreg.data.dataset import Dataset
from trajreg.errors import InputError
from trajreg.models.build import build
from trajreg.training.evaluate import evaluate, loss_function, num_correct
from trajreg.training.optimizers import make_optimizer
from trajreg.training.spec import TrainSpec
from trajreg.training.streams import generator, global_stream
from trajreg.trajectory.recorder import Trajectory, TrajectoryRecorder


@dataclass(frozen=True)
class Training:
    """What a training leaves: its trajectory (None when it diverged) and, per epoch, losses and accuracies.

    `epochs` has a row an epoch: epoch (from 1), step (steps done at its end), train_loss and train_accuracy (means over the
    epoch's mini-batches as they were trained on), test_loss, test_accuracy, and test_mean_iou for segmentation.
    `losses` (T,) are the mini-batch losses, up to and including the first that is not finite.
    """

    spec: TrainSpec
    num_weights: int
    steps_per_epoch: int
    epochs: pd.DataFrame
    losses: np.ndarray
    trajectory: Trajectory | None

    @property
    def diverged(self) -> bool:
        """Whether a loss or a weight stopped being finite."""
        return self.trajectory is None


def train(
    spec: TrainSpec, data: Dataset, progress: Callable[[int, float], None] = lambda epoch, loss: None
) -> Training:
    """Train one net and record its trajectory. Same spec, same machine, same threads: same bytes.

    `progress(epoch, train_loss)` is called after each epoch. Raises InputError when the batch is larger than the data, the device
    is not there, the model does not fit the task, or the recording would not fit; before anything is trained.
    """
    _check(spec, data)
    data, batch_size = data.to(spec.device), spec.batch_size or len(data.train_inputs)
    steps_per_epoch = len(data.train_inputs) // batch_size
    with _deterministic(), global_stream(spec.seed, "init"):
        model = build(spec.model, data.input_shape, data.num_classes).to(spec.device)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = make_optimizer(spec.optimizer, weights)
    num_steps = spec.num_epochs * steps_per_epoch
    recorder = TrajectoryRecorder(weights, spec.record.estimator, num_steps=num_steps, steps_per_epoch=steps_per_epoch)
    order, epochs = generator(spec.seed, "order"), []
    try:
        with _deterministic(), global_stream(spec.seed, "dropout"):
            for epoch in range(1, spec.num_epochs + 1):
                batches = torch.randperm(len(data.train_inputs), generator=order)[: steps_per_epoch * batch_size]
                accuracy = _train_epoch(model, optimizer, recorder, data, batches.view(-1, batch_size).to(spec.device))
                losses = recorder.losses()[-steps_per_epoch:]
                row = {"epoch": epoch, "step": epoch * steps_per_epoch, "train_loss": losses.mean()}
                epochs.append(row | accuracy | evaluate(model, data))
                progress(epoch, row["train_loss"])
                if not np.isfinite(losses).all():
                    break
        losses = recorder.losses()
        finite = np.isfinite(losses).all() and all(bool(weight.isfinite().all()) for weight in weights)
        trajectory = recorder.finish(spec.record.keep_iterates) if finite else None
    finally:
        recorder.close()
    end = len(losses) if np.isfinite(losses).all() else int(np.argmin(np.isfinite(losses))) + 1
    num_weights = sum(weight.numel() for weight in weights)
    return Training(spec, num_weights, steps_per_epoch, pd.DataFrame(epochs), losses[:end], trajectory)


def _train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    recorder: TrajectoryRecorder,
    data: Dataset,
    batches: torch.Tensor,
) -> dict[str, float]:
    """One pass over `batches` (steps, batch) of indices; the train accuracy where there are classes."""
    loss_of, correct = loss_function(data.task), []
    model.train()
    for batch in batches:
        inputs, targets = data.train_inputs[batch], data.train_targets[batch]
        outputs = model(inputs)
        loss = loss_of(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        with recorder.step(loss, lr=optimizer.param_groups[0]["lr"]):
            optimizer.step()
        if data.task != "regression":
            correct.append(num_correct(outputs.detach(), targets))
    if not correct:
        return {}
    right, labels = torch.stack(correct).sum(dim=0).tolist()
    return {"train_accuracy": right / labels}


def _check(spec: TrainSpec, data: Dataset) -> None:
    if spec.batch_size is not None and spec.batch_size > len(data.train_inputs):
        raise InputError(
            f"batch_size = {spec.batch_size} is larger than the {len(data.train_inputs)} training samples of {spec.data.name}"
        )
    if spec.device == "cuda" and not torch.cuda.is_available():
        raise InputError("device = 'cuda', but PyTorch sees no GPU here; use device: cpu or another profile")
    if (data.task == "segmentation") != (spec.model.name == "unet"):
        raise InputError(
            f"model {spec.model.name} does not fit {spec.data.name}, whose task is {data.task}: unet is for segmentation"
        )


@contextmanager
def _deterministic() -> Iterator[None]:
    """Deterministic algorithms only, and float32 that means float32 on every GPU; the caller's settings come back."""
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS to be deterministic
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
