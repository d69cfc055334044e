"""Record the trajectory of anybody's PyTorch training loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, SupportsIndex

import numpy as np
import pandas as pd
import torch

from trajreg.errors import InputError, lists_options
from trajreg.trajectory.estimators import Options, estimate, make_estimator
from trajreg.trajectory.identity import digest, identity_of, refuse_another
from trajreg.trajectory.parameters import Parameters, Weights
from trajreg.trajectory.reduction import Reduction, Until
from trajreg.trajectory.step_input import Loss, Rates, float64, known_rates, loss_of, rates_of
from trajreg.trajectory.store import DEFAULT_MEMORY, Store
from trajreg.trajectory.trajectory import Trajectory
from trajreg.trajectory.way import SoFar


class TrajectoryRecorder:
    """Keeps what is needed of the iterates while a net trains; the loop stays the user's own.

    >>> import torch
    >>> import trajreg
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> inputs, targets = torch.eye(2), torch.ones(2, 1)
    >>> recorder = trajreg.TrajectoryRecorder(optimizer)
    >>> for _ in range(3):
    ...     loss = torch.nn.functional.mse_loss(model(inputs), targets)
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     with recorder.step(loss):
    ...         optimizer.step()
    >>> table = recorder.finish().regularity()
    >>> len(table), bool((table["gamma"] > 0).all())
    (3, True)

    An update is whatever the weights did from the beginning of one recorded step to the beginning of the next, so that momentum,
    weight decay or a rescaling after the step are all covered. Reading the weights changes neither them nor any random stream.

    - **Gradient accumulation**: wrap `optimizer.step()` once, not each backward; the loss is the mean over the accumulated mini-batches.
    - **A trainer whose step cannot be wrapped**: `recorder.log_step(loss)` before it.
    - **Parameter groups** are those of the optimiser; see `trajreg.regularity` for γ then.
    - **AMP**: `with recorder.step(loss): scaler.step(optimizer)`, with the loss before scaling. A step that the scaler skips is recorded:
      its mini-batch had a gap and the weights stayed, so γ_t = 0 and the cosine is NaN. `table[table["update_norm"] > 0]` drops such
      steps; sums over the rest telescope as before.
    - θ is what was trainable at construction: a parameter frozen later stays part of it, one unfrozen later does not become so.
      Tied weights count once. bfloat16 and float16 weights are kept as they are and reduced in float64.

    Args:
        parameters: an optimiser (its learning rates are known then), a module (parameters replaced in mid-run are noticed then),
            `model.parameters()`, `model.named_parameters()` or `optimizer.param_groups`; what needs no gradient is left out.
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

    @lists_options
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
        options = Options(estimator, num_steps, steps_per_epoch, memory, directory, num_sketch, sketch_seed)
        chosen = options.resolved(self._weights)
        self._estimator, self.estimator = make_estimator(chosen, self._weights), chosen.estimator
        self._identity = identity_of(chosen, self._weights)
        self._kinds, self._steps_per_epoch = self._weights.kinds(), chosen.steps_per_epoch
        self._optimizer = parameters if isinstance(parameters, torch.optim.Optimizer) else None
        self._earlier = np.zeros(0)  # losses of the training that this one resumes
        self._loss: list[torch.Tensor] = []
        self._lr: list[list[float]] = []
        self._so_far = SoFar(self._weights.sizes)
        self._finished = self._inside = self._at_end = False

    def __repr__(self) -> str:
        groups = len(self._weights.sizes)
        what = f"{len(self._lr)} steps of {self._weights.count:,} weights" + (
            f" in {groups} groups" if groups > 1 else ""
        )
        following = (
            "finished"
            if self._finished
            else "so_far() shows the way by now, finish().regularity() is the table of γ at the end"
        )
        return f"TrajectoryRecorder: {what}, estimator {self.estimator}\n{following}"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """InputError: of copy, deepcopy and pickle."""
        raise InputError(
            "a TrajectoryRecorder cannot be copied or pickled: the copy would go on measuring the weights of the original; "
            "make a new one of the copied model, and give it the recording by load_state_dict(recorder.state_dict())"
        )

    estimate = staticmethod(estimate)

    @contextmanager
    def step(self, loss: Loss, *, lr: Rates | None = None) -> Iterator[None]:
        """Wrap one update: `log_step`, and an error where another method is called before it is over."""
        self.log_step(loss, lr=lr)
        self._inside = True
        try:
            yield
        finally:
            self._inside = False

    def log_step(self, loss: Loss, *, lr: Rates | None = None) -> None:
        """Record the update that follows, before the optimiser makes it: for a trainer whose step one cannot wrap.

        An update is what the weights do until the next one is recorded, or until `finish`.

        Args:
            loss: the mini-batch loss at the weights as they are.
            lr: the learning rate that the update uses, or one a group; by default the optimiser's, where the recorder was given one.

        A loss that is not finite is refused by `finish`, which names the step: to look at it here would stall a GPU (an `lr` on it does).

        Raises InputError when the loss or an lr is no real number, lr is missing or fits no group, the recording was finished, a step is
        inside another, or a parameter changed its shape, type or device (given a module: was replaced), which is named.
        """
        self._refuse_if_closed("step")
        number, sizes = len(self._lr), self._weights.group_sizes
        value = loss_of(loss, number)
        rates = rates_of(known_rates(lr, self._optimizer, number), len(sizes), number)
        self._weights.refuse_changes(self._kinds, f"step {number}")
        self._estimator.keep()
        self._loss.append(value)
        self._lr.append([rate for rate, size in zip(rates, sizes, strict=True) if size])

    def so_far(self) -> pd.DataFrame:
        """The way by now, a row each time it is called: γ needs θ_T, and exists only after `finish`.

        A call passes once over what was kept since the last one, and waits for the device: make it once an epoch, say.

        Returns:
            - `step`: t, the updates made by then; that of the step recorded last is not over yet
            - `loss`: the mean over the steps since the last call; `lr`: the last one, over groups their mean by weights
            - `distance_from_start`: ‖θ_t − θ_0‖; `path_length`: Σ‖Δ_s‖ of all steps
            - `directedness`: ‖θ_t − θ_0‖² / Σ‖Δ_s‖², what D would be if the training ended here
            - `structure_exponent`: h of the steps since the last call (1 straight, ½ a random walk, 0 jitter around a point), from
              differences of a few of them; NaN for fewer than 8 steps, and with estimator "epoch"

        Raises InputError when the recording was finished, or a step is not over.
        """
        self._refuse_if_closed("so_far")
        if len(self._lr) - 1 > self._so_far.num_steps:
            way = self._estimator.way(self._so_far.num_steps)
            self._so_far.add(way, self.losses(), np.array(self._lr))
        return self._so_far.table()

    def finish(self, keep_iterates: bool = False, *, until: Until = None) -> Trajectory:
        """End the recording at the present weights, θ_T, and free what was kept.

        Args:
            keep_iterates: return all θ_t as well ("store" only).
            until: T, the number of steps to take, where a training went wrong later; θ_T is then the iterate after them. With "epoch"
                a multiple of steps_per_epoch; with "sketch" only lengths are exact unless it is. "finite": all up to where a loss
                or a weight is not finite.

        Raises InputError when nothing was recorded, `until` is no number of steps recorded, it was finished before, is called inside a
        step, a parameter was exchanged, or a loss or a weight is not finite: the message says up to which step all are. The recording
        stays then, for another `finish` or `close`.
        """
        self._refuse_if_closed("finish")
        if keep_iterates and self.estimator != "store":
            raise InputError(f"keep_iterates needs estimator 'store', this recording is made by {self.estimator!r}")
        if not self._lr:
            raise InputError("nothing was recorded: wrap optimizer.step() in `with recorder.step(loss, lr=...)`")
        self._weights.refuse_changes(self._kinds, f"finish() after step {len(self._lr) - 1}")
        if not self._at_end:
            self._estimator.keep()
            self._at_end = True
        loss, distances = Reduction(self._estimator, self.losses(), self._steps_per_epoch).upto(until)
        store = self._estimator if keep_iterates and isinstance(self._estimator, Store) else None
        iterates = store.iterates(len(loss)) if store else None
        self.close()
        lr, sizes = np.array(self._lr)[: len(loss)], self._weights.sizes
        lr, group_sizes = (lr, sizes) if len(sizes) > 1 else (lr[:, 0], None)
        return Trajectory(distances, loss, lr, self._steps_per_epoch, iterates, group_sizes, self.estimator)

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
        kept = {"iterates": self._estimator.state(), "so_far": self._so_far.state(), "weights": digest(self._weights)}
        return self._identity | {"loss": loss, "lr": lr} | kept

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue a recording: after the model and the optimiser were restored, before the first step; gives the same table bitwise.

        Raises InputError when this recorder has steps already, `state` is of another estimator or other parameters, which are named, or
        the weights are not those it was left at.
        """
        self._refuse_if_closed("load_state_dict")
        if self._lr:
            raise InputError(
                f"this recorder holds {len(self._lr)} steps already; load a state into a new one, before its first step"
            )
        refuse_another(state, self._identity, self._weights)
        self._earlier, self._lr = state["loss"].numpy().copy(), state["lr"].tolist()
        self._estimator.load_state(state["iterates"])
        self._so_far.load_state(state["so_far"])

    def close(self) -> None:
        """Drop the recording and delete its files; `finish` does so itself."""
        self._finished = True
        self._estimator.close()

    def _refuse_if_closed(self, what: str) -> None:
        if self._finished and what == "finish":
            raise InputError("this recording is finished already")
        if self._finished:
            raise InputError("this recording is finished; make a new TrajectoryRecorder for another trajectory")
        if self._at_end and what != "finish":
            raise InputError(
                f"this recording is at its end, after {len(self._lr)} steps: call finish(until=...) or close()"
            )
        if self._inside:
            raise InputError(f"{what}() was called inside step {len(self._lr) - 1}, which is still being recorded")
