"""Record the trajectory of anybody's PyTorch training loop."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from trajreg.errors import InputError
from trajreg.metrics.regularity import regularity
from trajreg.trajectory.distances import Distances
from trajreg.trajectory.epoch import Epoch
from trajreg.trajectory.sketch import Sketch
from trajreg.trajectory.store import DEFAULT_MEMORY, Store

ESTIMATORS = ("store", "epoch", "sketch")


@dataclass(frozen=True)
class Trajectory:
    """A finished recording: what an estimator knows of θ_0 … θ_T, with the loss and learning rate of each step.

    `iterates` (T+1, P) is None unless it was asked for.
    """

    distances: Distances
    loss: np.ndarray
    lr: np.ndarray
    steps_per_epoch: int | None = None
    iterates: torch.Tensor | None = None

    def regularity(self, optimal_loss: float | np.ndarray = 0.0) -> pd.DataFrame:
        """γ and its companions, the columns of `trajreg.regularity`: one row a step with `store`, one row an epoch with `epoch`.

        A row of an epoch carries its first step, the gap-weighted γ, walk and excess (exact, Identity B), the distance at its
        start and means of loss, gap and inner_product weighted by lr; update_norm and cosine are NaN: snapshots do not tell them.
        With `sketch`, one row a step and two more columns: gamma_stderr (of gamma and of gamma_excess) and cosine_stderr.
        """
        known = self.distances
        if known.inner is None:
            return self._by_epoch(optimal_loss)
        table = regularity(
            distance_sq=known.distance_sq,
            update_sq=known.update_sq,
            loss=self.loss,
            lr=self.lr,
            optimal_loss=optimal_loss,
            inner=known.inner,
        )
        if known.inner_stderr is None:
            return table
        weight = table["lr"] * table["gap"]
        gamma_stderr = known.inner_stderr / weight.where(weight > 0)  # ‖U_t‖ is exact
        return table.assign(gamma_stderr=gamma_stderr, cosine_stderr=known.cosine_stderr)

    def _by_epoch(self, optimal_loss: float | np.ndarray) -> pd.DataFrame:
        starts = np.arange(0, len(self.loss), self.steps_per_epoch)
        lr = np.add.reduceat(self.lr, starts)
        optimal_loss = np.broadcast_to(optimal_loss, self.loss.shape)
        # an epoch as one long step of `regularity`: Σ‖θ_t − θ_{t+1}‖² makes the walk, d_a² − d_b² the rest
        table = regularity(
            distance_sq=self.distances.distance_sq,
            update_sq=np.add.reduceat(self.distances.update_sq, starts),
            loss=np.add.reduceat(self.lr * self.loss, starts) / lr,
            lr=lr,
            optimal_loss=np.add.reduceat(self.lr * optimal_loss, starts) / lr,
        )
        mean_lr = lr / np.diff([*starts, len(self.loss)])
        return table.assign(step=starts, lr=mean_lr, rate=mean_lr * table["gamma"], update_norm=np.nan, cosine=np.nan)


class TrajectoryRecorder:
    """Keeps what is needed of the iterates while a net trains; the loop stays the user's own.

        recorder = TrajectoryRecorder(model.parameters())
        for inputs, targets in batches:
            loss = ...; optimizer.zero_grad(); loss.backward()
            with recorder.step(loss, lr=optimizer.param_groups[0]["lr"]):
                optimizer.step()
        table = recorder.finish().regularity()

    An update is whatever the weights did from the beginning of one recorded step to the beginning of the next, so that momentum,
    weight decay or a rescaling after the step are all covered. Reading the weights changes neither them nor any random stream.

    Args:
        parameters: the trainable tensors; those that need no gradient are left out.
        estimator: "store" (exact, every iterate), "epoch" (exact epoch means only) or "sketch" (random projections, with standard errors).
        num_steps: steps to come; with it, a recording that does not fit is refused before training.
        steps_per_epoch: needed by "epoch"; with it, the epoch sums of "sketch" are exact.
        num_sketch: numbers "sketch" keeps of a step.
        memory: bytes of iterates that "store" keeps in memory before it goes to memory-mapped files in `directory`.

    Raises:
        InputError: unknown estimator, no trainable parameter, parameters of different types or devices, no room.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        estimator: str = "store",
        *,
        num_steps: int | None = None,
        steps_per_epoch: int | None = None,
        memory: int = DEFAULT_MEMORY,
        directory: str | Path | None = None,
        num_sketch: int = 8192,
    ):
        weights = [parameter for parameter in parameters if parameter.requires_grad]
        kinds = {(weight.dtype, weight.device) for weight in weights}
        if len(kinds) != 1:
            raise InputError(
                f"parameters must be trainable and of one type and device, got {sorted(map(str, kinds)) or 'none'}"
            )
        if estimator not in ESTIMATORS:
            raise InputError(f"estimator {estimator!r} is unknown, choose from {', '.join(ESTIMATORS)}")
        if estimator == "store":
            self._estimator = Store(weights, num_steps, memory, directory)
        elif estimator == "sketch":
            self._estimator = Sketch(weights, num_sketch, steps_per_epoch=steps_per_epoch)
        else:
            self._estimator = Epoch(weights, steps_per_epoch)
        self._steps_per_epoch = steps_per_epoch
        self._loss: list[torch.Tensor] = []
        self._lr: list[float] = []
        self._finished = False

    @contextmanager
    def step(self, loss: torch.Tensor | float, *, lr: float) -> Iterator[None]:
        """Wrap one update. `loss` is the mini-batch loss at the weights before it, `lr` the learning rate it uses.

        Raises InputError when the loss is not a scalar or the recording was finished.
        """
        if self._finished:
            raise InputError("this recording is finished; make a new TrajectoryRecorder for another trajectory")
        value = torch.as_tensor(loss).detach()
        if value.numel() != 1:
            raise InputError(
                f"loss must be a scalar, got shape {tuple(value.shape)}; give the mean over the mini-batch"
            )
        self._estimator.keep()
        # a clone, because a compiled or captured loop may reuse the loss's memory; no host synchronisation here
        self._loss.append(value.reshape(()).clone())
        self._lr.append(float(lr))
        yield

    def finish(self, keep_iterates: bool = False) -> Trajectory:
        """End the recording at the present weights, θ_T, and free what was kept.

        `keep_iterates` ("store" only) returns all θ_t as well.

        Raises InputError when nothing was recorded, it was finished before, or a loss or weight is not finite.
        """
        if self._finished:
            raise InputError("this recording is finished already")
        if not self._loss:
            raise InputError("nothing was recorded: wrap optimizer.step() in `with recorder.step(loss, lr=...)`")
        loss = torch.stack(self._loss).double().cpu().numpy()
        if not np.isfinite(loss).all():
            raise InputError(
                f"the loss of step {int(np.argmin(np.isfinite(loss)))} is not finite: the training diverged"
            )
        distances = self._estimator.finish()
        if not np.isfinite(distances.distance_sq).all():
            raise InputError("a weight is not finite: the training diverged")
        iterates = self._estimator.iterates() if keep_iterates else None
        self.close()
        return Trajectory(distances, loss, np.array(self._lr), self._steps_per_epoch, iterates)

    def losses(self) -> np.ndarray:
        """(t,) the losses recorded so far, float64; waits for the device."""
        return torch.stack(self._loss).double().cpu().numpy() if self._loss else np.zeros(0)

    def close(self) -> None:
        """Drop the recording and delete its files; `finish` does so itself."""
        self._finished = True
        self._estimator.close()
