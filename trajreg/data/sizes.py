"""How many samples a data set has, without loading it. Imports no torch."""

import zipfile

from trajreg.data.archive_keys import array_shapes, check_keys
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
        shapes = array_shapes(spec.path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"archive {spec.path}: its number of images cannot be read: {error}") from None
    check_keys(spec.path, shapes)
    num_train = (*shapes["train_images"], 0)[0]
    if "test_images" in shapes:
        return num_train, (*shapes["test_images"], 0)[0]
    held_out = spec.num_test or 0
    return num_train - held_out, held_out
