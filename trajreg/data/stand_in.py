"""Noise in the place of a data set that would have to be downloaded: what a step costs does not depend on what is in the images."""

from math import prod

import torch

from trajreg.data.dataset import Dataset, Side, Task
from trajreg.data.load import load
from trajreg.data.sizes import sizes
from trajreg.data.spec import DataSpec, VisionSpec

# shape of an input, number of classes, task
SHAPES: dict[str, tuple[tuple[int, ...], int, Task]] = {
    "cifar10": ((3, 32, 32), 10, "classification"),
    "cifar100": ((3, 32, 32), 100, "classification"),
    "oxford_pets": ((3, 128, 128), 3, "segmentation"),
}


def stand_in(spec: DataSpec) -> Dataset:
    """The data set of a spec where nothing has to be downloaded for it, or else noise of its shapes, classes and numbers of samples.

    The noisy inputs are windows of one row of normal random numbers: all differ, and thousands take no more memory than a few.
    """
    if not isinstance(spec, VisionSpec):
        return load(spec)
    shape, num_classes, task = SHAPES[spec.name]
    where = () if task == "classification" else shape[1:]  # a class a sample, or a class a pixel
    generator = torch.Generator().manual_seed(0)

    def noise(num: int) -> Side:
        inputs = _windows(torch.randn(num + prod(shape) - 1, generator=generator), shape)
        classes = torch.randint(num_classes, (num + prod(where) - 1,), generator=generator)
        return inputs, _windows(classes, where)

    train, test = map(noise, sizes(spec))
    return Dataset(spec.name, task, *train, *test, num_classes, checksum="")


def _windows(row: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """(N, *shape) the windows of a row of numbers, each begun one place after the other; a view."""
    return row.unfold(0, prod(shape), 1).unflatten(1, shape) if shape else row
