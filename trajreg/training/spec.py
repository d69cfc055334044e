"""What one training is: everything that decides its numbers, and nothing else. Imports no torch."""

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from trajreg.data.spec import DataSpec
from trajreg.models.spec import ModelSpec
from trajreg.schema import Spec

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class OptimizerSpec(Spec):
    """An optimiser of torch.optim: its name, learning rate and the options it takes; the rest are PyTorch's defaults."""

    name: Literal["sgd", "adagrad", "rmsprop", "adam", "adamw"] = "sgd"
    lr: Positive
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.momentum and self.name not in ("sgd", "rmsprop"):
            raise ValueError(f"momentum = {self.momentum} is an option of sgd and rmsprop, {self.name} takes none")
        if self.nesterov and not (self.name == "sgd" and self.momentum):
            raise ValueError("nesterov needs sgd with momentum above 0")
        return self


class Every(Spec):
    """Epochs 1, 1 + every, 1 + 2·every, …"""

    every: Annotated[int, Field(ge=1)]


class RecordSpec(Spec):
    """What is kept of the trajectory and how γ is computed from it.

    estimator: of the distances; auto is store where all iterates fit in memory, else sketch.
    keep_iterates (`store`): every θ_t stays in the run's folder.
    optimum: ℓ*_t is zero (the over-parameterised setting), or the mini-batch's loss at the endpoint, ℓ_{ξ_t}(θ_T): exact for a
        forward pass a step (endpoint), or from one pass over the data in eval mode (endpoint_eval), which is the same without batch
        norm and dropout and an approximation with them. Tables and manifest say `endpoint_eval (approximate)` then. A gap
        ℓ_t − ℓ*_t that is not positive, which ℓ* at the endpoint makes possible, leaves γ_t NaN and that step out of ratios of sums;
        estimator `epoch` and epochs that are not replayed count it.
    num_sketch (`sketch`, `auto`): numbers kept of a step, None is the recorder's default.
    epochs (`replay`): which to run again, "all", {every: k} or a list of numbers from 1 on.
    keep_snapshots (`replay`): they stay in the run's folder.
    """

    estimator: Literal["store", "epoch", "sketch", "auto", "replay"] = "store"
    keep_iterates: bool = False
    optimum: Literal["zero", "endpoint", "endpoint_eval"] = "zero"
    num_sketch: Annotated[int, Field(ge=2)] | None = None
    epochs: Literal["all"] | Every | tuple[int, ...] = "all"
    keep_snapshots: bool = False

    @field_validator("epochs", mode="before")
    @classmethod
    def _one_of_three_forms(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            numbers = all(type(epoch) is int for epoch in value)
            if value and numbers and value[0] >= 1 and all(a < b for a, b in pairwise(value)):
                return tuple(value)
        elif value == "all" or isinstance(value, Every):
            return value
        elif (
            isinstance(value, dict)
            and value.keys() == {"every"}
            and type(value["every"]) is int
            and value["every"] >= 1
        ):
            return Every(**value)
        raise ValueError('must be "all", {every: k} with k from 1 on, or a list of rising epoch numbers from 1 on')

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.keep_iterates and self.estimator != "store":
            raise ValueError("keep_iterates needs estimator store")
        if self.num_sketch is not None and self.estimator not in ("sketch", "auto"):
            raise ValueError("num_sketch needs estimator sketch or auto")
        if (self.epochs != "all" or self.keep_snapshots) and self.estimator != "replay":
            raise ValueError("epochs and keep_snapshots need estimator replay")
        return self


class TrainSpec(Spec):
    """One training run. The loss follows from the data: cross-entropy (classes, pixels) or half the mean squared error.

    batch_size None is the full batch. An epoch is a new permutation of the training data cut into full batches; the
    remainder, different samples each epoch, is left out so that every step has the same batch size.
    """

    data: DataSpec
    model: ModelSpec
    optimizer: OptimizerSpec
    batch_size: Annotated[int, Field(ge=1)] | None = None
    num_epochs: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)] = 0
    device: Literal["cpu", "cuda"] = "cpu"
    record: RecordSpec = RecordSpec()

    @model_validator(mode="after")
    def _epochs_are_in_the_run(self) -> Self:
        epochs = self.record.epochs
        largest = 1 if epochs == "all" else epochs.every if isinstance(epochs, Every) else epochs[-1]
        if largest > self.num_epochs:
            raise ValueError(f"record.epochs asks for {largest}, but this run has {self.num_epochs} epochs")
        return self

    @property
    def optimum_is_exact(self) -> bool:
        """Whether ℓ* is what it is called, up to rounding: not where eval mode stands for batch norm or dropout in train mode."""
        return self.record.optimum != "endpoint_eval" or self.model.same_in_both_modes

    def replayed_epochs(self) -> tuple[int, ...]:
        """The numbers, from 1 on, of the epochs that estimator `replay` runs again; none with other estimators."""
        if self.record.estimator != "replay":
            return ()
        if isinstance(self.record.epochs, tuple):
            return self.record.epochs
        step = self.record.epochs.every if isinstance(self.record.epochs, Every) else 1
        return tuple(range(1, self.num_epochs + 1, step))
