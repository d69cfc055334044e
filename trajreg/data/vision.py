"""CIFAR-10, CIFAR-100 and Oxford-IIIT Pet through torchvision, which downloads them and checks their md5.

Sources: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; O. M. Parkhi et al., Cats and Dogs,
CVPR 2012.
"""

import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from trajreg.data.dataset import Dataset
from trajreg.data.images import Arrays, image_dataset
from trajreg.data.spec import VisionSpec
from trajreg.errors import InputError

PET_SIDE = 128


def cifar10(spec: VisionSpec, folder: Path) -> Dataset:
    """CIFAR-10: (N, 3, 32, 32), 10 classes, 50,000 to train on, 10,000 to test on. InputError when it cannot be had."""
    train, test = _cifar("CIFAR10", spec, folder)
    return image_dataset(spec, "classification", train, test, 10)


def cifar100(spec: VisionSpec, folder: Path) -> Dataset:
    """CIFAR-100 with its 100 fine labels, otherwise as CIFAR-10. InputError when it cannot be had."""
    train, test = _cifar("CIFAR100", spec, folder)
    return image_dataset(spec, "classification", train, test, 100)


def oxford_pets(spec: VisionSpec, folder: Path) -> Dataset:
    """Oxford-IIIT Pet, segmentation: (N, 3, 128, 128) with the trimap's classes 0 pet, 1 background, 2 border.

    The official trainval and test parts. Images of all sizes are scaled to 128 × 128 (bilinear), trimaps with them
    (nearest). Raises InputError when it cannot be had.
    """
    parts = (
        _downloaded("OxfordIIITPet", spec, folder, split=split, target_types="segmentation")
        for split in ("trainval", "test")
    )
    train, test = map(_pets, parts)
    return image_dataset(spec, "segmentation", train, test, 3)


def _cifar(kind: str, spec: VisionSpec, folder: Path) -> list[Arrays]:
    parts = (_downloaded(kind, spec, folder, train=train) for train in (True, False))
    return [(part.data.transpose(0, 3, 1, 2), np.array(part.targets)) for part in parts]


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


def _downloaded(kind: str, spec: VisionSpec, folder: Path, **part: Any) -> Any:
    """The torchvision data set `kind` in `folder`, downloaded unless it is there."""
    try:
        from torchvision import datasets
    except ImportError:
        raise InputError(f"{spec.name} needs torchvision, in the extra `vision`: pip install -e '.[vision]'") from None
    try:
        return getattr(datasets, kind)(folder, download=True, **part)
    except (OSError, RuntimeError, EOFError, tarfile.TarError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{spec.name} is not in the folder {folder} and could not be downloaded into it ({reason}); "
            f"allow the network, or copy what torchvision.datasets.{kind} downloads elsewhere into that folder"
        ) from error
