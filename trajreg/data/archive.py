"""Anybody's images: an .npz file with images and labels, or images and masks.

Keys: train_images uint8 (N, H, W) or (N, H, W, C), channels last; integers train_labels (N,) or train_masks (N, H, W); the same with
test_; optionally ignore_index, the value in masks that stands for "no class".
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from trajreg.data.archive_checks import check_side
from trajreg.data.archive_keys import array_shapes, check_keys
from trajreg.data.dataset import Dataset
from trajreg.data.images import Arrays, image_dataset, permutation
from trajreg.data.sources import missing_archive
from trajreg.data.spec import ArchiveSpec
from trajreg.errors import InputError

NO_CLASS = -100  # what torch's cross-entropy leaves out


def archive(spec: ArchiveSpec, folder: Path) -> Dataset:
    """The data set in the file `spec.path`: (N, C, H, W), classes 0 … the largest label or mask value.

    Without test_ keys the last `num_test` of a fixed permutation are held out. Pixels whose mask is ignore_index (the
    option, or else the file's key) get target −100. Raises InputError, naming the file, for a file that is missing,
    corrupt or no .npz, and for keys that are missing or do not fit, with the NumPy that mends them.
    With `scale`, images and masks are `reduced` first.
    """
    arrays = _read(spec.path)
    kind = _kind(spec, arrays)
    train = _side(spec, arrays, "train", kind)
    if any(key.startswith("test_") for key in arrays):
        test = _side(spec, arrays, "test", kind)
    else:
        train, test = _held_out(spec, *train)
    if train[0].shape[1:] != test[0].shape[1:]:
        raise InputError(f"archive {spec.path}: train_images and test_images differ in size or channels")
    train, test = (_without_void(spec, arrays, side) for side in (train, test))
    num_classes = 1 + max(int(train[1].max()), int(test[1].max()))
    return image_dataset(spec, "segmentation" if kind == "masks" else "classification", train, test, num_classes)


def _read(path: str) -> dict[str, np.ndarray]:
    """The arrays of the file that this module knows; those that it needs are there."""
    known = [f"{side}_{kind}" for side in ("train", "test") for kind in ("images", "labels", "masks")]
    try:
        # opened here, because np.load leaves a corrupt file open
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {key: file[key] for key in (*known, "ignore_index") if key in file}
            shapes = array_shapes(path)
    except FileNotFoundError:
        raise missing_archive(path) from None
    except (OSError, ValueError, TypeError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        # a lone array (.npy) has no context manager, hence TypeError or AttributeError
        raise InputError(f"archive {path} is corrupt, not an .npz file, or holds Python objects: {error}") from None
    check_keys(path, shapes)
    return arrays


def _kind(spec: ArchiveSpec, arrays: dict[str, np.ndarray]) -> str:
    """Whether the targets are labels or masks."""
    if "train_labels" in arrays and "train_masks" in arrays:
        raise InputError(f"archive {spec.path} has both train_labels and train_masks: leave one of them out")
    kind = "labels" if "train_labels" in arrays else "masks"
    if kind == "labels" and spec.ignore_index is not None:
        raise InputError(f"ignore_index = {spec.ignore_index} is for masks, archive {spec.path} has labels")
    return kind


def _side(spec: ArchiveSpec, arrays: dict[str, np.ndarray], side: str, kind: str) -> Arrays:
    """Images (N, C, H, W) and targets of one side, checked and reduced."""
    if f"{side}_{kind}" not in arrays:
        raise InputError(f"archive {spec.path} has train_{kind}, and no {side}_{kind}")
    images, targets = arrays[f"{side}_images"], arrays[f"{side}_{kind}"]
    check_side(spec.path, side, kind, images, targets)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    height, width = images.shape[2:]
    if height % spec.scale or width % spec.scale:
        raise InputError(
            f"archive {spec.path}: scale = {spec.scale} does not divide the images' {height} × {width} pixels"
        )
    return reduced(images, targets, spec.scale)


def reduced(images: np.ndarray, targets: np.ndarray, scale: int) -> Arrays:
    """Images (N, C, H, W) uint8 and labels (N,) or masks (N, H, W) in blocks of scale × scale pixels; targets as int64.

    A block's value is the mean of its pixels, rounded (halves up), in each channel. Its class is the one that most of its pixels have,
    the smallest of those that are equally frequent; "no class" counts as a class.
    """
    if scale > 1:
        parts = _pixels(images, scale)
        total = np.zeros(parts[0].shape, np.int64)
        for part in parts:
            total += part
        images = ((2 * total + len(parts)) // (2 * len(parts))).astype(np.uint8)
        targets = _majority(_pixels(targets, scale)) if targets.ndim == 3 else targets
    return images, targets.astype(np.int64)


def _pixels(images: np.ndarray, scale: int) -> list[np.ndarray]:
    """(…, H / scale, W / scale) for each place in a block: the pixel that every block has there."""
    return [images[..., row::scale, column::scale] for row in range(scale) for column in range(scale)]


def _majority(parts: list[np.ndarray]) -> np.ndarray:
    most, winner = np.zeros(parts[0].shape, np.int64), np.zeros_like(parts[0])
    for value in np.unique(np.stack(parts)):  # ascending: a tie leaves the smaller one
        count = np.zeros_like(most)
        for part in parts:
            count += part == value
        winner[count > most] = value
        np.maximum(most, count, out=most)
    return winner


def _held_out(spec: ArchiveSpec, images: np.ndarray, targets: np.ndarray) -> tuple[Arrays, Arrays]:
    if spec.num_test is None:
        raise InputError(f"archive {spec.path} has no test_images; num_test says how many to hold out")
    if spec.num_test >= len(images):
        raise InputError(
            f"num_test = {spec.num_test} leaves nothing of archive {spec.path} to train on: {len(images)} images"
        )
    order = permutation(len(images), 0)
    train, test = order[: -spec.num_test], order[-spec.num_test :]
    return (images[train], targets[train]), (images[test], targets[test])


def _without_void(spec: ArchiveSpec, arrays: dict[str, np.ndarray], side: Arrays) -> Arrays:
    images, targets = side
    ignored = arrays.get("ignore_index") if spec.ignore_index is None else np.array(spec.ignore_index)
    if ignored is None or targets.ndim == 1:
        return side
    if ignored.shape != () or ignored.dtype.kind not in "ui":
        raise InputError(
            f"archive {spec.path}: ignore_index has to be an integer, found {ignored.dtype} {ignored.shape}"
        )
    targets = np.where(targets == ignored, NO_CLASS, targets)
    if targets.max() < 0:
        raise InputError(f"archive {spec.path}: every pixel is ignore_index = {ignored}")
    return images, targets
