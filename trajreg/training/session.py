"""A training while it runs: one epoch at a time, from its start or from a snapshot, always by the same code."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from trajreg.data.augment import Augmentation
from trajreg.data.dataset import Dataset
from trajreg.errors import InputError
from trajreg.models.build import build
from trajreg.training.observer import Observer
from trajreg.training.optimizers import make_clipping, make_optimizer
from trajreg.training.snapshots import State, capture, restore, restore_streams
from trajreg.training.spec import TrainSpec
from trajreg.training.streams import generator, global_stream
from trajreg.training.tasks import TASKS, Batches


@dataclass(frozen=True)
class Epoch:
    """One epoch that was run: (steps,) losses and learning rates, float64, and the train accuracy where there are classes."""

    losses: np.ndarray
    lr: np.ndarray
    accuracy: float | None


class Session:
    """The net, optimiser, data and random streams of one training, at its start; `run_epoch` moves it on by one.

    Attributes:
        model, weights, optimizer, data, task: what is trained, on what, for what; `weights` are those that need a gradient.
        batch_size, steps_per_epoch, epochs_done: where the training is.

    Raises:
        InputError: the batch is larger than the data, the device is not there, the task fits data or net not, or the padding of the
            augmentation is as large as the images.
    """

    def __init__(self, spec: TrainSpec, data: Dataset):
        _check(spec, data)
        self.spec, self.data = spec, data.to(spec.device)
        self.task = TASKS[spec.task or data.task]
        self.augmentation = Augmentation(spec.data.augment, self.data) if spec.data.augment else None
        self.batch_size = spec.batch_size or len(data.train_inputs)
        self.steps_per_epoch = len(data.train_inputs) // self.batch_size
        with deterministic(), global_stream(spec.seed, "init"):
            self.model = build(spec.model, data.input_shape, data.num_classes, data.train_inputs).to(spec.device)
        self.weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimizer = make_optimizer(spec.optimizer, self.weights)
        self.clip = make_clipping(spec.optimizer, self.weights)
        self.after_step = [technique.on(self.model) for technique in spec.after_step]
        self.order = generator(spec.seed, "order")
        self.epochs_done = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Deterministic algorithms, and the dropout stream at its start, while epochs are run."""
        with deterministic(), global_stream(self.spec.seed, "dropout"):
            yield

    def stream(self, name: str, step: int) -> torch.Generator:
        """A generator for the observer `name` at a step, on the CPU: the same whatever was drawn before, by whomever.

        `augment`, whose steps are epochs, is the training's own.
        """
        return generator(self.spec.seed, f"{name}/{step}")

    def state(self) -> State:
        """A copy of everything that decides how this training goes on."""
        return capture(self.model, self.optimizer, self.order)

    def restore(self, state: State, epochs_done: int) -> None:
        """Go on from the state after so many epochs; only while `running`, which decides where the dropout stream is."""
        restore(state, self.model, self.optimizer, self.order)
        self.epochs_done = epochs_done

    def finite(self) -> bool:
        """Whether all weights are finite."""
        return all(bool(weight.isfinite().all()) for weight in self.weights)

    def run_epoch(self, observers: Sequence[Observer] = ()) -> Epoch:
        """One pass over the next mini-batches of the data's order; `observers` are told of every step and of the end."""
        losses, rates, tallies = [], [], []
        first, optimizer, task = self.epochs_done * self.steps_per_epoch, self.optimizer, self.task
        clip, scheduled = self.clip, not self.spec.schedule.is_constant
        self.model.train()
        for step, (inputs, targets) in enumerate(self.batches(self.epochs_done + 1), first):
            if scheduled:
                self._set_lr(step)
            outputs = self.model(inputs)
            loss = task.loss(outputs, targets)
            optimizer.zero_grad()
            loss.backward()
            if clip:
                clip()
            lr = optimizer.param_groups[0]["lr"]
            for observer in observers:
                observer.before_update(step, loss, lr)
            optimizer.step()
            for apply in self.after_step:
                apply(step)
            for observer in observers:
                observer.after_update(step)
            losses.append(loss.detach())  # the host waits once an epoch, not once a step
            rates.append(float(lr))
            tallies.append(task.tally(outputs.detach(), targets))
        self.epochs_done += 1
        for observer in observers:
            observer.end_epoch(self.epochs_done)
        return Epoch(torch.stack(losses).double().cpu().numpy(), np.array(rates), _accuracy(tallies))

    def _set_lr(self, step: int) -> None:
        """η_t from the step alone, whatever a snapshot says: a schedule has no state."""
        spec = self.spec
        lr = spec.schedule.rate(spec.optimizer.lr, step, self.steps_per_epoch, spec.num_epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    @torch.no_grad()
    def losses_here(self, epoch: int) -> np.ndarray:
        """(steps_per_epoch,) the losses of the next mini-batches, augmented as in `epoch`, all at the present weights, float64.

        The forward passes are those of training: batch norm by the statistics of each mini-batch, dropout by the masks that the
        dropout stream gives. Weights, optimiser and buffers stay as they are; the two streams move on as in an epoch of training.
        """
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        self.model.train()
        losses = [self.task.loss(self.model(inputs), targets) for inputs, targets in self.batches(epoch)]
        for buffer, before in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(before)
        return torch.stack(losses).double().cpu().numpy()

    def losses_at(self, theta: torch.Tensor, start: State, epoch: int) -> np.ndarray:
        """As `losses_here` at the weights `theta` (P,), of `epoch`, whose streams begin as in `start`; the training stays where it is."""
        here = self.state()
        with torch.no_grad():
            for weight, values in zip(self.weights, theta.split([w.numel() for w in self.weights]), strict=True):
                weight.copy_(values.view_as(weight))
        restore_streams(start, self.order)
        losses = self.losses_here(epoch)
        self.restore(here, self.epochs_done)
        return losses

    def indices(self) -> torch.Tensor | None:
        """(steps_per_epoch, batch_size) the training samples in the mini-batches of the next epoch; None: all of them, as they are."""
        if self.spec.batch_size is None:
            return None
        count, shape = len(self.data.train_inputs), (self.steps_per_epoch, self.batch_size)
        if self.spec.replacement:
            return torch.randint(count, shape, generator=self.order)
        return torch.randperm(count, generator=self.order)[: shape[0] * shape[1]].view(shape)

    def batches(self, epoch: int) -> Batches:
        """(inputs, targets) of each step: the order's next mini-batches, augmented as those of `epoch` (from 1 on) always are."""
        order = self.indices()
        batches = self.task.batches(self.data, None if order is None else order.to(self.spec.device))
        if self.augmentation is None:
            return batches
        return self.augmentation.of(batches, (self.steps_per_epoch, self.batch_size), self.stream("augment", epoch))


def _accuracy(tallies: list[torch.Tensor | None]) -> float | None:
    counted = [tally for tally in tallies if tally is not None]
    if not counted:
        return None
    right, labels = torch.stack(counted).sum(dim=0).tolist()
    return right / labels if labels else float("nan")


def _check(spec: TrainSpec, data: Dataset) -> None:
    if spec.batch_size is not None and spec.batch_size > len(data.train_inputs):
        raise InputError(
            f"batch_size = {spec.batch_size} is larger than the {len(data.train_inputs)} training samples of {spec.data.name}"
        )
    if spec.device == "cuda" and not torch.cuda.is_available():
        raise InputError("device = 'cuda', but PyTorch sees no GPU here; use device: cpu or another profile")
    task = TASKS[spec.task or data.task]
    if data.task not in task.takes:
        fitting = ", ".join(name for name, one in TASKS.items() if data.task in one.takes)
        raise InputError(
            f"task = {spec.task!r} does not fit {spec.data.name}, which is for {data.task}; choose from {fitting}"
        )
    if task.dense != spec.model.dense:
        raise InputError(
            f"model {spec.model.name} does not fit {spec.data.name}, whose task is {data.task}: unet is for segmentation"
        )


@contextmanager
def deterministic() -> Iterator[None]:
    """Deterministic algorithms only, and float32 that means float32 everywhere; the caller's settings come back."""
    enabled, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    cudnn, matmul = torch.backends.cudnn, torch.get_float32_matmul_precision()
    memory: Any = torch.utils.deterministic
    tf32, fill = cudnn.allow_tf32, memory.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS to be deterministic
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("highest")
    cudnn.allow_tf32 = False
    # filling memory that is about to be written changes no number, and costs a small net some 5 % of a step
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        torch.set_float32_matmul_precision(matmul)
        cudnn.allow_tf32 = tf32
        memory.fill_uninitialized_memory = fill
