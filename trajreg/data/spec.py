"""Which data set, and its options. Imports no torch."""

from math import ceil, sqrt
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, Strict, model_validator

from trajreg.schema import NamedSpec

DIGIT_SIDE = 8  # of scikit-learn's embedded digits, in pixels

Count = Annotated[int, Field(ge=1)]
# YAML knows lists only; a tuple keeps the spec hashable
Eigenvalues = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Strict(False), Field(min_length=1)]

# data set → the options it takes, with their defaults; None is all samples, or no default
OPTIONS: dict[str, dict[str, Any]] = {
    "digits10": {"num_train": None, "num_test": None, "shuffle_targets": False},
    "digits100": {"num_train": 2000, "num_test": 500, "shuffle_targets": False},
    "digits_seg": {"num_train": 512, "num_test": 128, "canvas": 16, "digits_per_image": 2, "shuffle_targets": False},
    "cifar10": {"num_train": None, "num_test": None, "shuffle_targets": False},
    "cifar100": {"num_train": None, "num_test": None, "shuffle_targets": False},
    "oxford_pets": {"num_train": None, "num_test": None, "shuffle_targets": False},
    "archive": {"num_train": None, "num_test": None, "path": None, "ignore_index": None, "shuffle_targets": False},
    "quadratic": {"num_train": None, "eigenvalues": None},
}


class DataSpec(NamedSpec):
    """A data set and its options. An option the named set does not take is an error; one it takes gets its default.

    num_train, num_test: take so many samples (for the made sets: make so many), None is all.
    canvas, digits_per_image: digits_seg places so many digits on a canvas of so many pixels a side.
    eigenvalues: of the Hessian of quadratic. path: of the .npz file of archive, from the working directory.
    ignore_index: the value in the masks of archive that stands for "no class".
    shuffle_targets: deal the training targets (labels, or whole masks) to the training inputs in a random order, always the same, so
    that they can only be learnt by heart (random labels; Zhang et al. 2017, arXiv 1611.03530, in the form that keeps the number of
    samples of each class). Test samples stay as they are.
    """

    OPTIONS: ClassVar = OPTIONS

    name: Literal["digits10", "digits100", "digits_seg", "cifar10", "cifar100", "oxford_pets", "archive", "quadratic"]
    num_train: Count | None = None
    num_test: Count | None = None
    canvas: Count | None = None
    digits_per_image: Count | None = None
    eigenvalues: Eigenvalues | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    ignore_index: Annotated[int, Field(ge=0)] | None = None
    shuffle_targets: bool = False

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        for name, option in (("archive", "path"), ("quadratic", "eigenvalues")):
            if self.name == name and getattr(self, option) is None:
                raise ValueError(f"{name} needs {option}")
        if self.name == "digits_seg":
            self._digits_fit()
        if self.name == "quadratic" and self.num_train is not None and self.num_train < len(self.eigenvalues):
            raise ValueError(f"num_train = {self.num_train} is less than the {len(self.eigenvalues)} eigenvalues need")
        return self

    def _digits_fit(self) -> None:
        needed = DIGIT_SIDE * ceil(sqrt(self.digits_per_image))
        if self.canvas < needed:
            raise ValueError(
                f"canvas = {self.canvas} is too small for digits_per_image = {self.digits_per_image} "
                f"without overlap, {needed} is the least"
            )
