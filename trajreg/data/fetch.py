"""An official set as an archive, which `data: {name: archive, path: …}` reads."""

import hashlib
import io
from pathlib import Path

import numpy as np

from trajreg.data.vision import official_arrays
from trajreg.errors import InputError
from trajreg.files import file_checksum, is_taken, write_bytes


def fetch(name: str, folder: Path, target: Path) -> str:
    """Write a set of `download.OFFICIAL` to the .npz file `target`, downloaded into `folder` unless it is there; says what came of it.

    The keys are those of `archive`: train_images uint8 (N, H, W, C), train_labels or train_masks uint8, the same with test_; the same
    set gives the same bytes. It is written in one piece. Raises InputError when the set cannot be had, and where `target` holds
    something else; CannotWrite where the disk takes it not.
    """
    if target.suffix != ".npz":
        raise InputError(f"{target}: the name of an archive ends in .npz")
    content = _archive(*official_arrays(name, folder))
    if is_taken(target):
        if not target.is_file() or file_checksum(target) != hashlib.sha256(content).hexdigest():
            raise InputError(
                f"{target} is there with other content and is not overwritten: move it away, or give another --to"
            )
        return f"{target} is there already, as it would be made"
    write_bytes(target, content)
    return f"{target}: {len(content):,} bytes"


def _archive(*sides: tuple[np.ndarray, np.ndarray]) -> bytes:
    """The bytes of an .npz file; NumPy gives all that is in it the date of 1980."""
    arrays = {}
    for side, (images, targets) in zip(("train", "test"), sides, strict=True):
        arrays[f"{side}_images"] = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        arrays[f"{side}_{'labels' if targets.ndim == 1 else 'masks'}"] = targets.astype(np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
