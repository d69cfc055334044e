"""Which snapshots a folder holds, told without reading them. Imports no torch."""

from pathlib import Path

from trajreg.files import Damaged, is_file, is_folder, is_taken, read_sealed

MANIFEST = "manifest.json"


def names(number: int) -> tuple[str, str]:
    """The files of the snapshot after `number` epochs: tensors, and plain data with the log."""
    return f"epoch-{number:06d}.safetensors", f"epoch-{number:06d}.json"


def checksums(folder: Path) -> dict[str, str]:
    """File → SHA-256 of all that counts in a folder; Damaged where that cannot be believed."""
    if not is_taken(folder) or (is_folder(folder) and not is_taken(folder / MANIFEST)):
        return {}
    try:
        return dict(read_sealed(folder / MANIFEST)["files"])
    except Damaged as error:
        raise Damaged(f"snapshots in {folder}: {error}") from None


def numbers(folder: Path) -> list[int]:
    """The snapshots there are, in order; one that was cut short or deleted does not count. What they hold is checked when it is read."""
    files = {name for name in checksums(folder) if is_file(folder / name)}
    found = {int(name.partition(".")[0].removeprefix("epoch-")) for name in files}
    return sorted(number for number in found if all(name in files for name in names(number)))


def kept_numbers(num_epochs: int, every: int) -> list[int]:
    """The snapshots of a training that keeps one after every so many epochs: the start and the end are among them."""
    return [*range(0, num_epochs, every), num_epochs]
