"""From a spec to the data."""

from collections.abc import Callable
from pathlib import Path

from trajreg.data.archive import archive
from trajreg.data.dataset import Dataset
from trajreg.data.digits import digits10, digits100, digits_seg
from trajreg.data.quadratic import quadratic
from trajreg.data.spec import DataSpec
from trajreg.data.vision import cifar10, cifar100, oxford_pets

# Each takes the folder that downloads go to, whether it downloads or not.
DATASETS: dict[str, Callable[[DataSpec, Path], Dataset]] = {
    "digits10": digits10,
    "digits100": digits100,
    "digits_seg": digits_seg,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "oxford_pets": oxford_pets,
    "archive": archive,
    "quadratic": quadratic,
}


def load(spec: DataSpec, folder: str | Path = "datasets") -> Dataset:
    """The data set of a spec, on the CPU; downloads go to `folder`. Raises InputError when it cannot be had."""
    return DATASETS[spec.name](spec, Path(folder))
