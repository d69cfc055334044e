"""What the image sets share: a fixed choice of samples, exact standardisation."""

import numpy as np
import torch

from trajreg.data.dataset import Dataset, Task
from trajreg.data.spec import LabelledSpec
from trajreg.errors import InputError

COUNTED = 1000  # images at once, since NumPy takes eight bytes a pixel to count them

Arrays = tuple[np.ndarray, np.ndarray]


def draws(num: int, *seed: int) -> np.ndarray:
    """`num` uniform 64-bit integers (num,), the same for the same `seed` always and everywhere."""
    # NumPy promises that a bit generator's raw stream stays as it is; it does not for Generator.permutation
    return np.random.PCG64(seed).random_raw(num)


def permutation(num: int, *seed: int) -> np.ndarray:
    """A permutation (num,) of 0 … num − 1, the same for the same `seed` always and everywhere."""
    return np.argsort(draws(num, *seed), kind="stable")


def image_dataset(spec: LabelledSpec, task: Task, train: Arrays, test: Arrays, num_classes: int) -> Dataset:
    """A data set of (images, targets) arrays: images (N, C, H, W) uint8, targets integers (N,) or (N, H, W).

    Each channel is standardised by mean and standard deviation of all training images; then `num_train` and `num_test`
    samples are chosen by a fixed permutation. Raises InputError when there are not so many.
    """
    table = _standardised_values(train[0])
    sides = (("num_train", train, spec.num_train), ("num_test", test, spec.num_test))
    chosen = [_chosen(f"{option} of {spec.name}", arrays, num) for option, arrays, num in sides]
    train_side, test_side = (_tensors(table, *arrays) for arrays in chosen)
    return Dataset.of(spec.name, task, train_side, test_side, num_classes)


def _standardised_values(images: np.ndarray) -> np.ndarray:
    """Float32 (C, 256): what each of the 256 values becomes in each channel."""
    # statistics from counts of integers are exact: no order of summation, the same bytes on every machine
    counts = np.zeros((images.shape[1], 256), np.int64)
    for start in range(0, len(images), COUNTED):
        part = images[start : start + COUNTED]
        counts += np.stack([np.bincount(part[:, c].ravel(), minlength=256) for c in range(images.shape[1])])
    values = np.arange(256)
    total = counts.sum(axis=1, keepdims=True)
    mean = (counts * values).sum(axis=1, keepdims=True) / total
    variance = (counts * values**2).sum(axis=1, keepdims=True) / total - mean**2
    deviation = np.sqrt(np.where(variance > 0, variance, 1))  # a channel that is constant becomes 0
    return ((values - mean) / deviation).astype(np.float32)


def _chosen(what: str, arrays: Arrays, num: int | None) -> Arrays:
    images, targets = arrays
    if num is None or num == len(images):
        return arrays
    if num > len(images):
        raise InputError(f"{what} is {num}, but there are only {len(images)} samples")
    kept = permutation(len(images), 0)[:num]
    return images[kept], targets[kept]


def _tensors(table: np.ndarray, images: np.ndarray, targets: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = np.empty(images.shape, np.float32)
    for channel, values in enumerate(table):
        inputs[:, channel] = values[images[:, channel]]
    return torch.from_numpy(inputs), torch.from_numpy(targets.astype(np.int64))
