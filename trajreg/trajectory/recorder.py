"""Record the trajectory of anybody's PyTorch training loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, SupportsIndex

import numpy as np
import torch

from trajreg.errors import InputError
from trajreg.trajectory.distances import Distances
from trajreg.trajectory.estimate import Estimate
from trajreg.trajectory.estimators import Options, make_estimator, room_for, seconds_per_step
from trajreg.trajectory.parameters import Parameters, Weights
from trajreg.trajectory.step_input import Loss, Rates, float64, loss_of, rates_of
from trajreg.trajectory.store import DEFAULT_MEMORY, Store
from trajreg.trajectory.trajectory import Trajectory


class TrajectoryRecorder:
    """Keeps what is needed of the iterates while a net trains; the loop stays the user's own.

    >>> import torch
    >>> import trajreg
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> inputs, targets = torch.eye(2), torch.ones(2, 1)
    >>> recorder = trajreg.TrajectoryRecorder(model)
    >>> for _ in range(3):
    ...     loss = torch.nn.functional.mse_loss(model(inputs), targets)
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     with recorder.step(loss, lr=optimizer.param_groups[0]["lr"]):
    ...         optimizer.step()
    >>> table = recorder.finish().regularity()
    >>> len(table), bool((table["gamma"] > 0).all())
    (3, True)

    An update is whatever the weights did from the beginning of one recorded step to the beginning of the next, so that momentum,
    weight decay or a rescaling after the step are all covered. Reading the weights changes neither them nor any random stream.

    - **Gradient accumulation**: wrap `optimizer.step()` once, not each backward; the loss is the mean over the accumulated mini-batches.
    - **Parameter groups**: give `optimizer.param_groups`, and one `lr` a group at each step; see `trajreg.regularity` for γ then.
    - **AMP**: `with recorder.step(loss, lr=...): scaler.step(optimizer)`, with the loss before scaling. A step that the scaler skips is
      recorded: its mini-batch had a gap and the weights stayed, so γ_t = 0 and the cosine is NaN. `table[table["update_norm"] > 0]`
      drops such steps; sums over the rest telescope as before.
    - θ is what was trainable at construction: a parameter frozen later stays part of it, one unfrozen later does not become so.
      Tied weights count once. bfloat16 and float16 weights are kept as they are and reduced in float64.

    Args:
        parameters: a module (parameters replaced in mid-run are noticed then), `model.parameters()`, `model.named_parameters()` or
            `optimizer.param_groups`; what needs no gradient is left out.
        estimator: "store" (exact, every iterate), "epoch" (exact epoch means only), "sketch" (random projections, with standard errors)
            or "auto": "store" where all iterates fit in `memory`, else "sketch". `recorder.estimator` says which.
        num_steps: steps to come; with it, a recording that does not fit is refused before training.
        steps_per_epoch: needed by "epoch"; with it, the epoch sums of "sketch" are exact.
        num_sketch: numbers "sketch" keeps of a step and parameter group, 8192 by default (P, and exact, where there are fewer weights).
        sketch_seed: of the projections; another one gives estimates with independent errors.
        memory: bytes of iterates that "store" keeps in memory before it goes to memory-mapped files.
        directory: where those go, a temporary folder by default. They are deleted by `finish`, by `close`, and with the recorder.

    Raises:
        InputError: unknown estimator, no trainable parameter, parameters of different types or devices, no room.
    """

    def __init__(
        self,
        parameters: Parameters,
        estimator: str = "store",
        *,
        num_steps: int | None = None,
        steps_per_epoch: int | None = None,
        num_sketch: int | None = None,
        sketch_seed: int = 0,
        memory: int = DEFAULT_MEMORY,
        directory: str | Path | None = None,
    ):
        self._weights = Weights.of(parameters)
        chosen = Options(estimator, num_steps, steps_per_epoch, memory, directory, num_sketch, sketch_seed).resolved(
            self._weights
        )
        self._estimator, self.estimator = make_estimator(chosen, self._weights), chosen.estimator
        self._identity: dict[str, Any] = {
            "estimator": chosen.estimator,
            "steps_per_epoch": chosen.steps_per_epoch,
            "num_sketch": chosen.sketch_size(self._weights) if chosen.estimator == "sketch" else None,
            "sketch_seed": chosen.sketch_seed if chosen.estimator == "sketch" else None,
            "group_sizes": list(self._weights.group_sizes),
            "parameters": self._weights.describe(),
        }
        self._kinds, self._steps_per_epoch = self._weights.kinds(), chosen.steps_per_epoch
        self._earlier = np.zeros(0)  # losses of the training that this one resumes
        self._loss: list[torch.Tensor] = []
        self._lr: list[list[float]] = []
        self._finished = self._inside = False

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """InputError: of copy, deepcopy and pickle."""
        raise InputError(
            "a TrajectoryRecorder cannot be copied or pickled: the copy would go on measuring the weights of the original; "
            "make a new one of the copied model, and give it the recording by load_state_dict(recorder.state_dict())"
        )

    @staticmethod
    def estimate(
        parameters: Parameters,
        num_steps: int,
        estimator: str = "store",
        *,
        steps_per_epoch: int | None = None,
        num_sketch: int | None = None,
        sketch_seed: int = 0,
        memory: int = DEFAULT_MEMORY,
        directory: str | Path | None = None,
    ) -> Estimate:
        """What a recording of `num_steps` steps would cost; records a few steps to measure it. Raises InputError as the constructor."""
        weights = Weights.of(parameters)
        chosen = Options(estimator, num_steps, steps_per_epoch, memory, directory, num_sketch, sketch_seed).resolved(
            weights
        )
        return Estimate(*room_for(chosen, weights, num_steps), seconds_per_step(chosen, weights))

    @contextmanager
    def step(self, loss: Loss, *, lr: Rates) -> Iterator[None]:
        """Wrap one update. `loss` is the mini-batch loss at the weights before it, `lr` the learning rate it uses, or one a group.

        A loss that is not finite is refused by `finish`, which names the step: to look at it here would stall a GPU (an `lr` on it does).

        Raises InputError when the loss or an lr is no real number, lr fits no group, the recording was finished, a step is inside
        another, or a parameter changed its shape, type or device (given a module: was replaced), which is named.
        """
        self._refuse_if_closed("step")
        number, sizes = len(self._lr), self._weights.group_sizes
        value, rates = loss_of(loss, number), rates_of(lr, len(sizes), number)
        self._weights.refuse_changes(self._kinds, f"step {number}")
        self._estimator.keep()
        self._loss.append(value)
        self._lr.append([rate for rate, size in zip(rates, sizes, strict=True) if size])
        self._inside = True
        try:
            yield
        finally:
            self._inside = False

    def finish(self, keep_iterates: bool = False) -> Trajectory:
        """End the recording at the present weights, θ_T, and free what was kept.

        `keep_iterates` ("store" only) returns all θ_t as well.

        Raises InputError when nothing was recorded, it was finished before, is called inside a step, or a parameter was exchanged; the
        recording stays as it is then. Where a loss or a weight is not finite, or the reduction itself fails, it ends all the same.
        """
        self._refuse_if_closed("finish")
        if keep_iterates and self.estimator != "store":
            raise InputError(f"keep_iterates needs estimator 'store', this recording is made by {self.estimator!r}")
        if not self._lr:
            raise InputError("nothing was recorded: wrap optimizer.step() in `with recorder.step(loss, lr=...)`")
        self._weights.refuse_changes(self._kinds, f"finish() after step {len(self._lr) - 1}")
        try:
            loss, distances, iterates = self._reduce(keep_iterates)
        finally:
            self.close()
        sizes, lr = self._weights.sizes, np.array(self._lr)
        several = len(sizes) > 1
        return Trajectory(
            distances,
            loss,
            lr if several else lr[:, 0],
            self._steps_per_epoch,
            iterates,
            sizes if several else None,
            self.estimator,
        )

    def _reduce(self, keep_iterates: bool) -> tuple[np.ndarray, Distances, torch.Tensor | None]:
        """The losses, what the estimator knows, and the iterates if asked for."""
        loss = self.losses()
        if not np.isfinite(loss).all():
            raise InputError(
                f"the loss of step {int(np.argmin(np.isfinite(loss)))} is not finite: the training diverged"
            )
        distances = self._estimator.finish()
        if not np.isfinite(distances.distance_sq).all():
            raise InputError("a weight is not finite: the training diverged")
        store = self._estimator if keep_iterates and isinstance(self._estimator, Store) else None
        return loss, distances, store.iterates() if store else None

    def losses(self) -> np.ndarray:
        """(t,) the losses recorded so far, float64; waits for the device."""
        return np.concatenate([self._earlier, float64(self._loss)])

    def state_dict(self) -> dict[str, Any]:
        """All that was recorded, between two steps, to be stored beside the state of the model and the optimiser.

        Tensors and plain numbers: `torch.load(..., weights_only=True)` reads it. With "store" it holds every iterate, as many bytes as
        steps times θ; with "epoch" an iterate an epoch and the last one. Nothing is copied that need not be: save it before going on.
        """
        self._refuse_if_closed("state_dict")
        loss, lr = torch.from_numpy(self.losses()), torch.tensor(self._lr, dtype=torch.float64)
        return self._identity | {"loss": loss, "lr": lr, "iterates": self._estimator.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue a recording: after the model and the optimiser were restored, before the first step; gives the same table bitwise.

        Raises InputError when this recorder has steps already, or `state` is of another estimator or other parameters, which are named.
        """
        self._refuse_if_closed("load_state_dict")
        if self._lr:
            raise InputError(
                f"this recorder holds {len(self._lr)} steps already; load a state into a new one, before its first step"
            )
        if missing := sorted({*self._identity, "loss", "lr", "iterates"} - set(state)):
            raise InputError(f"the state is not one of a TrajectoryRecorder: it lacks {', '.join(missing)}")
        for key, here in self._identity.items():
            if state[key] != here:
                pair = (f"{len(state[key])} parameters", f"{len(here)}") if key == "parameters" else (state[key], here)
                if key == "parameters" and len(state[key]) == len(here):
                    pair = next((old, new) for old, new in zip(state[key], here, strict=True) if old != new)
                raise InputError(f"the state is of another recording: its {key} has {pair[0]}, this recorder {pair[1]}")
        self._earlier, self._lr = state["loss"].numpy().copy(), state["lr"].tolist()
        self._estimator.load_state(state["iterates"])

    def close(self) -> None:
        """Drop the recording and delete its files; `finish` does so itself."""
        self._finished = True
        self._estimator.close()

    def _refuse_if_closed(self, what: str) -> None:
        if self._finished and what == "finish":
            raise InputError("this recording is finished already")
        if self._finished:
            raise InputError("this recording is finished; make a new TrajectoryRecorder for another trajectory")
        if self._inside:
            raise InputError(f"{what}() was called inside step {len(self._lr) - 1}, which is still being recorded")
