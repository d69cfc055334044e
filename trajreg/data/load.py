"""From a spec to the data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from trajreg.data.archive import archive
from trajreg.data.dataset import Dataset
from trajreg.data.digits import digits10, digits100, digits_seg
from trajreg.data.images import permutation
from trajreg.data.quadratic import quadratic
from trajreg.data.sources import FOLDER
from trajreg.data.spec import DataSpec, LabelledSpec
from trajreg.data.vision import cifar10, cifar100, oxford_pets

DEAL = 1611_03530  # stream of fixed random numbers: the order in which targets are dealt

# Each takes its spec and the folder that downloads go to, whether it downloads or not.
DATASETS: dict[str, Callable[[Any, Path], Dataset]] = {
    "digits10": digits10,
    "digits100": digits100,
    "digits_seg": digits_seg,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "oxford_pets": oxford_pets,
    "archive": archive,
    "quadratic": quadratic,
}


def load(spec: DataSpec, folder: str | Path = FOLDER) -> Dataset:
    """The data set of a spec, on the CPU; downloads go to `folder`. Raises InputError when it cannot be had."""
    data = DATASETS[spec.name](spec, Path(folder))
    return _dealt(data, spec.deal) if isinstance(spec, LabelledSpec) and spec.shuffle_targets else data


def _dealt(data: Dataset, deal: int) -> Dataset:
    """The same samples, with the targets of the training ones in the random order number `deal` (arXiv 1611.03530).

    A target may come back to its own input, or to another one of its class: in the mean as many as classes are frequent.
    """
    order = torch.from_numpy(permutation(len(data.train_targets), DEAL, deal))
    train, test = (data.train_inputs, data.train_targets[order]), (data.test_inputs, data.test_targets)
    return Dataset.of(data.name, data.task, train, test, data.num_classes)
