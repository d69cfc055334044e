"""Which data set, and its options. Imports no torch."""

from math import ceil, sqrt
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, Strict, model_validator

from trajreg.schema import NamedSpec, Spec, Titles, parse_as, specs_by_name

DIGIT_SIDE = 8  # of scikit-learn's embedded digits, in pixels

Count = Annotated[int, Field(ge=1)]
# YAML knows lists only; a tuple keeps the spec hashable
Eigenvalues = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...],
    Strict(False),
    Field(min_length=1),
    Titles(lambda values: "curvatures " + ", ".join(f"{value:g}" for value in values)),
]


def _crops(padding: int | None) -> str:
    return "no crops" if padding == 0 else "random crops" if padding is None else f"random crops (padding {padding})"


_FLIPS = {True: "random flips", False: "no flips"}


def _augmentation(options: dict[str, Any] | None) -> str:
    if options is None:
        return "no augmentation"
    return f"{_crops(options.get('padding'))}, {_FLIPS[options.get('flip', True)]}"


class AugmentSpec(Spec):
    """Each time a training image is used, it is cropped from a padded copy at random and flipped or not; a mask goes with its image.

    padding: pixels of zeros on each side, which in standardised images is the mean (in masks: no class); None is an eighth of the image's
    shorter side, 4 pixels of CIFAR's 32 (He et al. 2016, arXiv 1512.03385).
    flip: left to right, every other time on average.
    """

    padding: Annotated[Annotated[int, Field(ge=0)] | None, Titles(_crops)] = None
    flip: Annotated[bool, Titles(_FLIPS)] = True


class DatasetSpec(NamedSpec):
    """A data set. num_train: take so many training samples (of the made sets: make so many), None is all."""

    num_train: Count | None = None


class LabelledSpec(DatasetSpec):
    """A data set with labels or masks.

    num_test: as num_train, for the test samples.
    shuffle_targets: deal the training targets (labels, or whole masks) to the training inputs in a random order, so that they can only
    be memorised (random labels; Zhang et al. 2017, arXiv 1611.03530, in the form that keeps the number of samples of each class).
    Test samples stay as they are.
    deal: which of the random orders, each always the same; only with shuffle_targets.
    augment: random crops and flips of the training images; None is none. Another draw each epoch, from a random stream of its own.
    """

    num_test: Count | None = None
    shuffle_targets: Annotated[bool, Titles({False: "true labels", True: "random labels"})] = False
    deal: Annotated[int, Field(ge=0)] = 0
    augment: Annotated[AugmentSpec | None, Titles(_augmentation)] = None

    @model_validator(mode="after")
    def _there_are_deals(self) -> Self:
        if self.deal and not self.shuffle_targets:
            raise ValueError(f"deal = {self.deal} needs shuffle_targets: true")
        return self


class Digits10Spec(LabelledSpec):
    """The embedded digits as they are."""

    name: Literal["digits10"]


class Digits100Spec(LabelledSpec):
    """Pairs of embedded digits."""

    name: Literal["digits100"]
    num_train: Count = 2000
    num_test: Count = 500


class DigitsSegSpec(LabelledSpec):
    """Scenes of `digits_per_image` embedded digits on a `canvas` of so many pixels a side."""

    name: Literal["digits_seg"]
    num_train: Count = 512
    num_test: Count = 128
    canvas: Count = 16
    digits_per_image: Count = 2

    @model_validator(mode="after")
    def _digits_fit(self) -> Self:
        needed = DIGIT_SIDE * ceil(sqrt(self.digits_per_image))
        if self.canvas < needed:
            raise ValueError(
                f"canvas = {self.canvas} is too small for digits_per_image = {self.digits_per_image} "
                f"without overlap, {needed} is the least"
            )
        return self


class VisionSpec(LabelledSpec):
    """A set that torchvision downloads."""

    name: Literal["cifar10", "cifar100", "oxford_pets"]


class ArchiveSpec(LabelledSpec):
    """path: of the .npz file, from the working directory. ignore_index: the value in its masks that stands for "no class".
    scale: images and masks are reduced by this factor along each side: a block of scale × scale pixels becomes one, of their mean colour
    and of the class that most of them have.
    """

    name: Literal["archive"]
    path: Annotated[str, Field(min_length=1)]
    ignore_index: Annotated[int, Field(ge=0)] | None = None
    scale: Count = 1


class QuadraticSpec(DatasetSpec):
    """eigenvalues: of the Hessian."""

    shuffle_targets: ClassVar[bool] = False  # there are none: the targets are numbers
    augment: ClassVar[None] = None  # nor are there images

    name: Literal["quadratic"]
    eigenvalues: Eigenvalues

    @model_validator(mode="after")
    def _samples_suffice(self) -> Self:
        if self.num_train is not None and self.num_train < len(self.eigenvalues):
            raise ValueError(f"num_train = {self.num_train} is less than the {len(self.eigenvalues)} eigenvalues need")
        return self


DataSpec = Annotated[
    Digits10Spec | Digits100Spec | DigitsSegSpec | VisionSpec | ArchiveSpec | QuadraticSpec, Field(discriminator="name")
]
DATA_SPECS = specs_by_name(DataSpec)  # name → spec class


def parse_data(values: object, where: str) -> DataSpec:
    """The spec of the data set that `values["name"]` says; an option that it does not take is an error (`Spec.parse`)."""
    return parse_as(DataSpec, values, where)
