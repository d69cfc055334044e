"""The embedded sets: 1,797 real handwritten digits of 8 × 8 pixels that scikit-learn carries, and what is made of them.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (its test part).
All random choices are fixed.
"""

import hashlib
from functools import cache
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from trajreg.data.dataset import Dataset
from trajreg.data.images import Arrays, draws, image_dataset, permutation
from trajreg.data.sources import DIGITS
from trajreg.data.spec import DIGIT_SIDE, Digits10Spec, Digits100Spec, DigitsSegSpec
from trajreg.errors import InputError

TEST_FRACTION = 0.2
INK = 4  # of 16: a pixel with more belongs to its digit, one with as much or less to the background
SPLIT, LABELS, SOURCE, CELL, SHIFT = range(5)  # streams of fixed random numbers


def digits10(spec: Digits10Spec, folder: Path) -> Dataset:
    """The digits as they are, (N, 1, 8, 8), 10 classes; all 1,438 or fewer to train on, all 359 or fewer to test on.

    Raises InputError when more are asked for, or scikit-learn carries other digits.
    """
    images, labels = _digits()
    train, test = ((images[side[:, 0], None], labels[side[:, 0]]) for side in source_digits(spec))
    return image_dataset(spec, "classification", train, test, 10)


def digits100(spec: Digits100Spec, folder: Path) -> Dataset:
    """Two digits side by side, (N, 1, 8, 16), 100 balanced classes: label 10 · left + right.

    Raises InputError when scikit-learn carries other digits.
    """
    images, labels = _digits()
    train, test = (
        (np.concatenate([*images[side.T]], axis=2)[:, None], labels[side] @ [10, 1]) for side in source_digits(spec)
    )
    return image_dataset(spec, "classification", train, test, 100)


def digits_seg(spec: DigitsSegSpec, folder: Path) -> Dataset:
    """Digits on an empty canvas, (N, 1, canvas, canvas), and a class a pixel: 0 background, digit + 1 where ink is.

    The canvas is cut into the fewest equal squares that suffice; each digit is somewhere in a square of its own, so
    that none overlap. Raises InputError when scikit-learn carries other digits.
    """
    train, test = (_scenes(sources, spec.canvas, number) for number, sources in enumerate(source_digits(spec)))
    return image_dataset(spec, "segmentation", train, test, 11)


def digit_split() -> Arrays:
    """Indices of the digits to train on (1438,) and to test on (359,), a fifth of each class, in fixed random order."""
    _, labels = _digits()
    order = permutation(len(labels), SPLIT)
    rank = np.empty(len(labels), int)  # of a digit within its class, in this order
    for digit in range(10):
        members = order[labels[order] == digit]
        rank[members] = np.arange(len(members))
    num_test = np.round(TEST_FRACTION * np.bincount(labels)).astype(int)
    is_test = (rank < num_test[labels])[order]
    return order[~is_test], order[is_test]


def source_digits(spec: Digits10Spec | Digits100Spec | DigitsSegSpec) -> Arrays:
    """Indices (N, digits in an image) of the digits that training and test images are made of: no digit is in both.

    For digits10 these are all there are, of which `num_train` and `num_test` are chosen later.
    """
    train, test = digit_split()
    if isinstance(spec, Digits10Spec):
        return train[:, None], test[:, None]
    classes = [_classes(spec, num, side) for side, num in enumerate((spec.num_train, spec.num_test))]
    return _pick(train, classes[0], 0), _pick(test, classes[1], 1)


def _classes(spec: Digits100Spec | DigitsSegSpec, num: int, side: int) -> np.ndarray:
    """(num, digits in an image): the digit wanted in each place."""
    if isinstance(spec, Digits100Spec):
        pairs = permutation(num, LABELS, side) % 100  # each class num / 100 times
        return np.stack([pairs // 10, pairs % 10], axis=1)
    return (draws(num * spec.digits_per_image, LABELS, side) % 10).astype(int).reshape(num, -1)


def _pick(pool: np.ndarray, classes: np.ndarray, side: int) -> np.ndarray:
    """An index from `pool` for each of `classes`: a random digit of that class."""
    _, labels = _digits()
    members = [pool[labels[pool] == digit] for digit in range(10)]
    numbers = draws(classes.size, SOURCE, side)
    picked = [members[digit][number % len(members[digit])] for digit, number in zip(classes.flat, numbers, strict=True)]
    return np.array(picked).reshape(classes.shape)


def _scenes(sources: np.ndarray, canvas: int, side: int) -> Arrays:
    """Images (N, 1, canvas, canvas) of the `sources` (N, k), and their masks (N, canvas, canvas)."""
    digits, labels = _digits()
    num_images, per_image = sources.shape
    num_cells = ceil(sqrt(per_image))  # along a side
    cell = canvas // num_cells
    shifts = draws(sources.size * 2, SHIFT, side).reshape(num_images, per_image, 2) % (cell - DIGIT_SIDE + 1)
    images = np.zeros((num_images, 1, canvas, canvas), np.uint8)
    masks = np.zeros((num_images, canvas, canvas), np.uint8)
    for image, members in enumerate(sources):
        cells = permutation(num_cells**2, CELL, side, image)[:per_image]
        corners = np.stack(np.divmod(cells, num_cells), axis=1) * cell + shifts[image].astype(int)
        for source, (top, left) in zip(members, corners, strict=True):
            area = np.s_[top : top + DIGIT_SIDE, left : left + DIGIT_SIDE]
            images[image, 0][area] = digits[source]
            masks[image][area] = np.where(digits[source] > INK, labels[source] + 1, 0)
    return images, masks


@cache
def _digits() -> Arrays:
    """Images (1797, 8, 8) uint8 of 0 … 16 and labels (1797,), with the checksum that fingerprints rest on."""
    bunch = load_digits()
    images, labels = bunch.images.astype(np.uint8), bunch.target
    found = f"sha256:{hashlib.sha256(images.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()}"
    if found != DIGITS:
        raise InputError(
            f"the digits of the installed scikit-learn have {found}, not {DIGITS}; "
            "install a scikit-learn with the original 1,797 digits, such as 1.5 to 1.9"
        )
    return images, labels
