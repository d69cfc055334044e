"""A training while it runs: one epoch at a time, from its start or from a snapshot, always by the same code."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import torch

from trajreg.data.dataset import Dataset
from trajreg.errors import InputError
from trajreg.models.build import build
from trajreg.training.evaluate import evaluate, loss_function, num_correct
from trajreg.training.optimizers import make_optimizer
from trajreg.training.snapshots import State, capture, restore
from trajreg.training.spec import TrainSpec
from trajreg.training.streams import generator, global_stream
from trajreg.trajectory.recorder import TrajectoryRecorder
from trajreg.trajectory.replay import StepLog

Progress = Callable[[int, float], None]


class Session:
    """The net, optimiser, data and random streams of one training, at its start; `epoch` moves it on by one.

    Raises InputError when the batch is larger than the data, the device is not there or the model does not fit the task.
    """

    def __init__(self, spec: TrainSpec, data: Dataset):
        _check(spec, data)
        self.spec, self.data = spec, data.to(spec.device)
        self.batch_size = spec.batch_size or len(data.train_inputs)
        self.steps_per_epoch = len(data.train_inputs) // self.batch_size
        with deterministic(), global_stream(spec.seed, "init"):
            self.model = build(spec.model, data.input_shape, data.num_classes).to(spec.device)
        self.weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimizer = make_optimizer(spec.optimizer, self.weights)
        self.order = generator(spec.seed, "order")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Deterministic algorithms, and the dropout stream at its start, while epochs are run."""
        with deterministic(), global_stream(self.spec.seed, "dropout"):
            yield

    def state(self) -> State:
        """A copy of everything that decides how this training goes on."""
        return capture(self.model, self.optimizer, self.order)

    def restore(self, state: State) -> None:
        """Go on from there."""
        restore(state, self.model, self.optimizer, self.order)

    def theta(self, state: State) -> torch.Tensor:
        """(P,) the weights of this state one after the other, on this training's device."""
        names = [f"model.{name}" for name, weight in self.model.named_parameters() if weight.requires_grad]
        return torch.cat([state.tensors[name].reshape(-1) for name in names]).to(self.spec.device)

    def fit(
        self, recorder: TrajectoryRecorder | StepLog, progress: Progress, rows: list[dict[str, Any]], after: Callable
    ) -> pd.DataFrame:
        """Train the epochs that are still to come; the rows of all epochs, `rows` being those that were done before.

        `after(epoch, row)` is called after each epoch whose losses are all finite; one whose are not is the last.
        """
        rows = list(rows)
        for epoch in range(len(rows) + 1, self.spec.num_epochs + 1):
            accuracy = self.epoch(recorder)
            losses = recorder.losses()[-self.steps_per_epoch :]
            row = {"epoch": epoch, "step": epoch * self.steps_per_epoch, "train_loss": float(losses.mean())}
            rows.append(row | accuracy | evaluate(self.model, self.data))
            progress(epoch, row["train_loss"])
            if not np.isfinite(losses).all():
                break
            after(epoch, rows[-1])
        return pd.DataFrame(rows)

    def finite(self) -> bool:
        """Whether all weights are finite."""
        return all(bool(weight.isfinite().all()) for weight in self.weights)

    def epoch(self, recorder: TrajectoryRecorder | StepLog) -> dict[str, float]:
        """One pass over the next mini-batches of the data's order; the train accuracy where there are classes."""
        loss_of, correct, optimizer = loss_function(self.data.task), [], self.optimizer
        self.model.train()
        for inputs, targets in self._batches():
            outputs = self.model(inputs)
            loss = loss_of(outputs, targets)
            optimizer.zero_grad()
            loss.backward()
            with recorder.step(loss, lr=optimizer.param_groups[0]["lr"]):
                optimizer.step()
            if self.data.task != "regression":
                correct.append(num_correct(outputs.detach(), targets))
        if not correct:
            return {}
        right, labels = torch.stack(correct).sum(dim=0).tolist()
        return {"train_accuracy": right / labels}

    @torch.no_grad()
    def losses_here(self) -> np.ndarray:
        """(steps_per_epoch,) the losses of the next mini-batches, all at the present weights, float64.

        The forward passes are those of training: batch norm by the statistics of each mini-batch, dropout by the masks that the
        dropout stream gives. Weights, optimiser and buffers stay as they are; the two streams move on as in an epoch of training.
        """
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        loss_of = loss_function(self.data.task)
        self.model.train()
        losses = [loss_of(self.model(inputs), targets) for inputs, targets in self._batches()]
        for buffer, before in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(before)
        return torch.stack(losses).double().cpu().numpy()

    def indices(self) -> torch.Tensor:
        """(steps_per_epoch, batch_size) the training samples in the mini-batches of the next epoch of the data's order."""
        order = torch.randperm(len(self.data.train_inputs), generator=self.order)
        return order[: self.steps_per_epoch * self.batch_size].view(-1, self.batch_size)

    def _batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for batch in self.indices().to(self.spec.device):
            yield self.data.train_inputs[batch], self.data.train_targets[batch]


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
def deterministic() -> Iterator[None]:
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
