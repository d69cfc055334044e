"""The arrays in an .npz file, from their headers alone, and what to say where one of them is missing. Imports no torch."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from trajreg.errors import InputError, shortened

Shapes = dict[str, tuple[int, ...]]

SHOWN = 6  # arrays that a message lists
NAME = 30  # characters of the name of one

# key → what others call it, in lower case
_ALSO = {
    "train_images": ("x_train", "train_x", "images_train", "train_data", "images", "x", "data", "arr_0"),
    "train_labels": (
        "y_train",
        "train_y",
        "labels_train",
        "train_targets",
        "labels",
        "y",
        "targets",
        "target",
        "arr_1",
    ),
    "train_masks": ("masks_train", "masks", "train_mask", "mask"),
    "test_images": ("x_test", "test_x", "images_test", "test_data"),
    "test_labels": ("y_test", "test_y", "labels_test", "test_targets"),
    "test_masks": ("masks_test", "test_mask"),
}


def array_shapes(path: str) -> Shapes:
    """Key → shape of each array in the file. Raises what zipfile and NumPy raise for a file that is damaged or no .npz."""
    with zipfile.ZipFile(path) as file:
        names = [name for name in file.namelist() if name.endswith(".npy")]
        return {name.removesuffix(".npy"): _shape(file, name) for name in names}


def check_keys(path: str, shapes: Shapes) -> None:
    """Refuse, in one line with what was found instead, an archive that lacks images or targets of a side."""
    missing = []
    for side in ["train", *(["test"] if any(key.startswith("test_") for key in shapes) else [])]:
        images, labels, masks = (f"{side}_{what}" for what in ("images", "labels", "masks"))
        missing += [images] * (images not in shapes)
        missing += [f"{labels} (or {masks})"] * (labels not in shapes and masks not in shapes)
    if missing:
        raise InputError(_told(path, missing, shapes))


def _told(path: str, missing: list[str], shapes: Shapes) -> str:
    found = [f"{shortened(name, NAME)} {shape}" for name, shape in list(shapes.items())[:SHOWN]]
    found += [f"{len(shapes) - SHOWN} more"] * (len(shapes) > SHOWN)
    text = f"archive {path} lacks the key{'s' * (len(missing) > 1)} {', '.join(missing)}; "
    text += f"it has {', '.join(found) or 'no arrays'}"
    renamed = _renamed(shapes)
    if any(name.split(" ")[0] in renamed for name in missing):
        target = str(Path(path).with_name(f"{Path(path).stem}-renamed.npz"))
        arrays = ", ".join(f"{new}=old[{name!r}]" for new, name in renamed.items())
        return f"{text}; this renames them: old = np.load({path!r}); np.savez({target!r}, {arrays})"
    return f"{text}; np.savez names arrays: np.savez({path!r}, train_images=…, train_labels=…)"


def _renamed(shapes: Shapes) -> dict[str, str]:
    """Key → the array that has it, or that is likely meant by it."""
    lower = {name.lower(): name for name in shapes}
    likely = {key: [key, *(lower[name] for name in names if name in lower)] for key, names in _ALSO.items()}
    return {key: name for key, names in likely.items() for name in [one for one in names if one in shapes][:1]}


def _shape(file: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    with file.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape: tuple[int, ...] = read(stream)[0]
        return shape
