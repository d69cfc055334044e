"""Which snapshots a folder holds, told without reading them. Imports no torch."""

import json
from pathlib import Path

from trajreg.errors import InputError

MANIFEST = "manifest.json"


def names(number: int) -> tuple[str, str]:
    """The files of the snapshot after `number` epochs: tensors, and plain data with the log."""
    return f"epoch-{number:06d}.safetensors", f"epoch-{number:06d}.json"


def checksums(folder: Path) -> dict[str, str]:
    """File → SHA-256 of all that counts in a folder; InputError where that is unreadable."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text())["files"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} is unreadable; delete the folder to make them again") from None


def numbers(folder: Path) -> list[int]:
    """The snapshots there are, in order; one that was cut short does not count."""
    files = checksums(folder)
    found = {int(name.partition(".")[0].removeprefix("epoch-")) for name in files}
    return sorted(number for number in found if all(name in files for name in names(number)))


def kept_numbers(num_epochs: int, every: int) -> list[int]:
    """The snapshots of a training that keeps one after every so many epochs: the start and the end are among them."""
    return [*range(0, num_epochs, every), num_epochs]
