"""What one training is: everything that decides its numbers, and nothing else. Imports no torch."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, Strict, model_validator

from trajreg.columns import Columns
from trajreg.data.download import prepare
from trajreg.data.sources import source_checksum
from trajreg.data.spec import DataSpec, LabelledSpec
from trajreg.models.spec import ModelSpec
from trajreg.run_spec import RunSpec
from trajreg.schema import Spec, Titles
from trajreg.training.after_step import AnyAfterStep
from trajreg.training.columns import ACCURACIES, MEAN_IOU, TRAINING_COLUMNS
from trajreg.training.schedule import CONSTANT, TITLES, AnySchedule

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def _not_0(norm: Any) -> Any:
    if norm == 0:
        raise ValueError("nothing would be left of any gradient; null is no clipping")
    return norm


ClipNorm = Annotated[float, Field(gt=0), BeforeValidator(_not_0)]


# what readers call them, in the order of their colours
OPTIMIZERS = ("SGD", "SGD with momentum", "SGD with Nesterov momentum", "Adagrad", "RMSprop", "Adam", "AdamW")


class OptimizerSpec(Spec):
    """An optimiser of torch.optim; options that are not here have PyTorch's defaults.

    name: which one. lr: learning rate, the peak of the run's `schedule`. momentum: of sgd and rmsprop.
    nesterov: momentum of that kind, of sgd alone. weight_decay: as the optimiser of torch.optim takes it.
    clip_norm: a gradient whose Euclidean norm over all weights is larger is scaled down to it before the step (Pascanu et al. 2013, arXiv
    1211.5063); None is no clipping.
    """

    name: Annotated[
        Literal["sgd", "adagrad", "rmsprop", "adam", "adamw"],
        Titles({"sgd": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}),
    ] = "sgd"
    lr: Positive
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: Annotated[
        ClipNorm | None, Titles(lambda norm: "no clipping" if norm is None else f"gradients clipped at {norm}")
    ] = None

    @property
    def title(self) -> str:
        """One of OPTIMIZERS; what kind of momentum SGD has is part of it."""
        known = {one.lower(): one for one in OPTIMIZERS}
        kind = " with Nesterov momentum" if self.nesterov else " with momentum" if self.momentum else ""
        return known[self.name] + (kind if self.name == "sgd" else "")

    def place(self, called: str) -> int | None:
        """Its place among OPTIMIZERS, where it is called what it is."""
        return OPTIMIZERS.index(called) if called == self.title else None

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.momentum and self.name not in ("sgd", "rmsprop"):
            raise ValueError(f"momentum = {self.momentum} is an option of sgd and rmsprop, {self.name} takes none")
        if self.nesterov and self.name != "sgd":
            raise ValueError(f"nesterov = true is an option of sgd, {self.name} takes none")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs sgd with momentum above 0")
        return self


class TrainSpec(RunSpec):
    """One training: what decides its weights, and nothing of what is measured of it.

    data, model, optimizer: on what, which net, and by what. schedule: how the optimiser's learning rate goes from step to step.
    task: the loss and how samples are scored (`training.tasks`); None is the data's own: cross-entropy over samples or pixels, or half
    the mean squared error. after_step: what is done to the weights after each step of the optimiser, in this order.
    batch_size: None is the full batch. An epoch is a new permutation of the training data cut into full batches; the remainder, different
    samples each epoch, is left out so that every step has the same batch size. A full batch is taken as it is.
    replacement: each mini-batch is drawn from all training data instead, with replacement; an epoch has as many steps as without.
    num_epochs: how long. evaluate_every: the test set is evaluated after so many epochs, and after the last.
    seed: of initial weights, order of the mini-batches, augmentation and dropout; a figure counts it up by itself. device: where it runs.
    """

    KIND: ClassVar[str] = "training"
    EXECUTOR: ClassVar[str] = "trajreg.runs.training"
    COLUMNS: ClassVar[Columns] = TRAINING_COLUMNS
    MEASURABLE: ClassVar[bool] = True

    data: DataSpec
    model: ModelSpec
    optimizer: OptimizerSpec
    schedule: Annotated[AnySchedule, TITLES] = CONSTANT
    task: Literal["classification", "segmentation", "regression", "one_hot_mse"] | None = None
    after_step: Annotated[tuple[AnyAfterStep, ...], Strict(False)] = ()
    batch_size: Annotated[int, Field(ge=1)] | None = None
    replacement: Annotated[bool, Titles({False: "without replacement", True: "with replacement"})] = False
    num_epochs: Annotated[int, Field(ge=1)]
    evaluate_every: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0)] = 0
    device: Literal["cpu", "cuda"] = "cpu"

    @model_validator(mode="after")
    def _replacement_is_of_batches(self) -> Self:
        if self.replacement and self.batch_size is None:
            raise ValueError("replacement needs a batch_size: a full batch is taken as it is")
        return self

    @model_validator(mode="after")
    def _schedule_is_within_the_run(self) -> Self:
        self.schedule.check(self.num_epochs)
        return self

    def identity(self) -> dict[str, Any]:
        """What decides its numbers, as plain data: keys that have their default are left out, and so is the path of an archive."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"data": {"path"}})

    def sources(self) -> dict[str, str]:
        """The checksum of each source of its numbers outside the spec: its data's."""
        return {"data": source_checksum(self.data)}

    def prepare(self) -> None:
        """Its data is downloaded unless it is here. Raises as `data.download.obtain`."""
        prepare(self.data)

    @property
    def cost(self) -> float:
        """Roughly how long it takes, in no unit: the longest are started first."""
        return self.num_epochs * self.model.width

    @property
    def length(self) -> int:
        """Its epochs: the ticks of the progress display."""
        return self.num_epochs

    @property
    def same_in_both_modes(self) -> bool:
        """Whether a sample's loss in training is that in eval mode at the same weights: no batch norm, no dropout, no augmentation."""
        return self.model.same_in_both_modes and self.data.augment is None

    @property
    def columns(self) -> Columns:
        """Without accuracies where there are no labels, and without the mean IoU where not every pixel has one."""
        lacking = () if self.model.dense else MEAN_IOU
        return TRAINING_COLUMNS.without(lacking if isinstance(self.data, LabelledSpec) else (*lacking, *ACCURACIES))

    def on_random_labels(self, deal: int = 0) -> Self | None:
        """The same on random labels (`LabelledSpec.deal`); None where the data has none to shuffle, or has them shuffled already."""
        if not isinstance(self.data, LabelledSpec) or self.data.shuffle_targets:
            return None
        dealt = self.data.model_copy(update={"shuffle_targets": True, "deal": deal})
        return self.model_copy(update={"data": dealt})
