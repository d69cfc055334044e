"""CIFAR-10, CIFAR-100 and Oxford-IIIT Pet through torchvision, from their official files (`download`).

Sources: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; O. M. Parkhi et al., Cats and Dogs,
CVPR 2012.
"""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from trajreg.data.dataset import Dataset
from trajreg.data.download import OFFICIAL, obtain
from trajreg.data.images import Arrays, image_dataset
from trajreg.data.spec import VisionSpec
from trajreg.errors import InputError

PET_SIDE = 128
PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # how torchvision calls the training and the test part
    "cifar10": ({"train": True}, {"train": False}),
    "cifar100": ({"train": True}, {"train": False}),
    "oxford_pets": tuple({"split": split, "target_types": "segmentation"} for split in ("trainval", "test")),  # type: ignore[dict-item]
}
_SPOILT = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    SyntaxError,
    LookupError,
    UnpicklingError,
)  # what reading such files may raise


def cifar10(spec: VisionSpec, folder: Path) -> Dataset:
    """CIFAR-10: (N, 3, 32, 32), 10 classes, 50,000 to train on, 10,000 to test on. InputError when it cannot be had."""
    return image_dataset(spec, "classification", *official_arrays(spec.name, folder), 10)


def cifar100(spec: VisionSpec, folder: Path) -> Dataset:
    """CIFAR-100 with its 100 fine labels, otherwise as CIFAR-10. InputError when it cannot be had."""
    return image_dataset(spec, "classification", *official_arrays(spec.name, folder), 100)


def oxford_pets(spec: VisionSpec, folder: Path) -> Dataset:
    """Oxford-IIIT Pet, segmentation: (N, 3, 128, 128) with the trimap's classes 0 pet, 1 background, 2 border.

    The official trainval and test parts. Images of all sizes are scaled to 128 × 128 (bilinear), trimaps with them
    (nearest). Raises InputError when it cannot be had.
    """
    return image_dataset(spec, "segmentation", *official_arrays(spec.name, folder), 3)


def official_arrays(name: str, folder: Path) -> tuple[Arrays, Arrays]:
    """(images uint8 (N, C, H, W), labels (N,) or masks (N, H, W)) of the training part and of the test part.

    What was unpacked and spoilt since is unpacked again, once. Raises InputError when the set cannot be had (`download.obtain`).
    """
    try:
        from torchvision import datasets
    except ImportError:
        raise InputError(f"{name} needs torchvision, in the extra `vision`: pip install -e '.[vision]'") from None
    kind, arrays = getattr(datasets, OFFICIAL[name].kind), _pets if name == "oxford_pets" else _cifar
    reason = ""
    for anew in (False, True):
        obtain(name, folder, anew)
        try:
            train, test = (arrays(kind(folder, download=False, **part)) for part in PARTS[name])
            return train, test
        except _SPOILT as error:
            reason = " ".join(str(error).split()) or type(error).__name__
    raise InputError(f"{name}: what is unpacked in {folder / OFFICIAL[name].unpacked} cannot be read ({reason})")


def _cifar(part: Any) -> Arrays:
    return part.data.transpose(0, 3, 1, 2), np.array(part.targets)


def _pets(part: Any) -> Arrays:
    from PIL import Image  # comes with torchvision

    size = (PET_SIDE, PET_SIDE)
    images = np.empty((len(part), 3, *size), np.uint8)
    masks = np.empty((len(part), *size), np.uint8)
    for index in range(len(part)):
        image, trimap = part[index]
        images[index] = np.asarray(image.resize(size, Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        masks[index] = np.asarray(trimap.resize(size, Image.Resampling.NEAREST)) - 1  # 1, 2, 3 in the files
    return images, masks
