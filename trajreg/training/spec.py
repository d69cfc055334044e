"""What one training is: everything that decides its numbers, and nothing else. Imports no torch."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

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


class RecordSpec(Spec):
    """What is kept of the trajectory: the estimator of distances, and whether every θ_t stays in the run's folder."""

    estimator: Literal["store", "epoch"] = "store"
    keep_iterates: bool = False

    @model_validator(mode="after")
    def _iterates_need_store(self) -> Self:
        if self.keep_iterates and self.estimator != "store":
            raise ValueError("keep_iterates needs estimator store")
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
