"""How many samples a data set has, without loading it. Imports no torch."""

import zipfile
from typing import Any

import numpy as np

from trajreg.data.spec import ArchiveSpec, DataSpec, QuadraticSpec
from trajreg.errors import InputError

# (training samples, test samples) of all there is; of the sets that are made, the spec says how many
SIZES = {
    "digits10": (1438, 359),
    "cifar10": (50_000, 10_000),
    "cifar100": (50_000, 10_000),
    "oxford_pets": (3680, 3669),
}


def sizes(spec: DataSpec) -> tuple[int, int]:
    """(training samples, test samples) as `load` gives them; of an archive only the headers of its arrays are read.

    Raises InputError where an archive cannot be read.
    """
    if isinstance(spec, QuadraticSpec):
        num = spec.num_train or max(4, 2 * len(spec.eigenvalues))
        return num, num
    there = _of_archive(spec) if isinstance(spec, ArchiveSpec) else SIZES.get(spec.name, (0, 0))
    return spec.num_train or there[0], spec.num_test or there[1]


def _of_archive(spec: ArchiveSpec) -> tuple[int, int]:
    try:
        with zipfile.ZipFile(spec.path) as file:
            train = _length(file, "train_images.npy")
            if "test_images.npy" in file.namelist():
                return train, _length(file, "test_images.npy")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"archive {spec.path}: its number of images cannot be read: {error}") from None
    held_out = spec.num_test or 0
    return train - held_out, held_out


def _length(file: zipfile.ZipFile, name: str) -> int:
    """The first entry of the shape that the .npy file `name` begins with."""
    with file.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return int(read(stream)[0][0])
