"""Whether the arrays of an archive are what it takes, and if not, the line of NumPy that would make them so."""

import math

import numpy as np

from trajreg.errors import InputError

FEW_CHANNELS = 4  # grey, colours, colours with opacity: no image is so low or so narrow


def check_side(path: str, side: str, kind: str, images: np.ndarray, targets: np.ndarray) -> None:
    """Raise InputError unless images are uint8 (N, H, W) or (N, H, W, C), and `kind` "labels" integers (N,) or "masks" (N, H, W), from 0.

    Images whose channels come first, (N, C, H, W), have a shape that could be of rows, columns and channels, and are refused as well.
    """
    names = (f"{side}_images", f"{side}_{kind}")
    shapes = f"found {names[0]} {images.dtype} {images.shape}, {names[1]} {targets.dtype} {targets.shape}"
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.size == 0:
        right = _right_images(names[0], images)
        raise InputError(f"archive {path}: images have to be uint8 (N, H, W) or (N, H, W, C), {shapes}{right}")
    if _are_channels_first(images.shape, targets.shape if kind == "masks" else None):
        raise InputError(
            f"archive {path}: channels come last, (N, H, W, C), but here they seem to come first, {shapes}; "
            f"this would be right: {names[0]}.transpose(0, 2, 3, 1)"
        )
    wanted = images.shape[: 3 if kind == "masks" else 1]
    if targets.shape != wanted:
        right = _right_shape(names[1], targets, wanted)
        raise InputError(f"archive {path}: images and {kind} do not fit each other, {shapes}{right}")
    if targets.dtype.kind not in "ui" or targets.min() < 0:
        right = _right_numbers(names[1], targets)
        raise InputError(f"archive {path}: {kind} have to be integers from 0, {shapes}{right}")


def _are_channels_first(images: tuple[int, ...], masks: tuple[int, ...] | None) -> bool:
    """Of (N, C, H, W), never of a shape with few in its last axis; masks tell it for certain."""
    if len(images) == 3:
        return False
    num, first, middle, last = images
    if masks is not None:
        return masks == (num, middle, last) and masks != images[:3]
    return last > FEW_CHANNELS and (first <= FEW_CHANNELS or (middle == last and first < last))


def _right_images(name: str, images: np.ndarray) -> str:
    """What would make them uint8 of the right number of axes."""
    if images.size == 0:
        return ": there are none"
    if images.ndim == 2 and math.isqrt(images.shape[1]) ** 2 == images.shape[1] > 1:
        side = math.isqrt(images.shape[1])
        return f"; if they are squares, this would be right: {name}.reshape(-1, {side}, {side})"
    if images.dtype == np.uint8 or images.ndim not in (3, 4):
        return ""
    if images.dtype.kind not in "buif":
        return "; they are no numbers"
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 255):  # NaN too
        return f": from {low:g} to {high:g}; bring them to 0 … 255, and then .round().astype('uint8')"
    values = f"(255 * {name})" if images.dtype.kind in "bf" and high <= 1 else name
    rounded = ".round()" if images.dtype.kind == "f" else ""
    return f"; this would be right: {values}{rounded}.astype('uint8')"


def _right_shape(name: str, targets: np.ndarray, wanted: tuple[int, ...]) -> str:
    """What would give them the shape that is wanted, where it is plain."""
    if [num for num in targets.shape if num != 1] == [num for num in wanted if num != 1]:
        return f"; this would be right: {name}.reshape({wanted})"
    if targets.shape[:-1] == wanted and targets.dtype.kind in "buif" and _is_one_hot(targets):
        return f"; they are one-hot, this would be right: {name}.argmax(axis=-1)"
    return ""


def _is_one_hot(targets: np.ndarray) -> bool:
    return bool(np.all((targets == 0) | (targets == 1)) and np.all(targets.sum(axis=-1) == 1))


def _right_numbers(name: str, targets: np.ndarray) -> str:
    """What would make them integers from 0, where it is plain."""
    if targets.dtype.kind in "SU":
        of_both = name.replace("test", "train")
        return f"; they are names, this would be right: np.searchsorted(np.unique({of_both}), {name})"
    if targets.dtype.kind not in "buif":
        return ""
    if targets.min() >= 0 and np.all(targets == np.floor(targets)):
        return f"; this would be right: {name}.astype('int64')"
    return f", minimum {targets.min():g}"
