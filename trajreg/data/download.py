"""The official files of the sets that torchvision knows: downloaded once, believed only by their md5. Imports no torch by itself.

They lie where torchvision looks for them. A download gets its name when its md5 is right, and what is unpacked is believed when a stamp
says that all of it was: whatever a killed process left is made again.
"""

import hashlib
import os
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from trajreg.data.sources import FOLDER, SOURCES
from trajreg.data.spec import DataSpec, VisionSpec
from trajreg.errors import InputError
from trajreg.files import write_text, writing
from trajreg.locks import Lock

OFFLINE = "TRAJREG_OFFLINE"  # in the environment, for workers and notebooks too: not empty and not 0, the network is left alone
STAMP = ".unpacked"  # in the folder that was unpacked: the md5 of what it came from


@dataclass(frozen=True)
class Official:
    """A set's official files.

    kind: its class in torchvision.datasets. place: the folder in which the files lie, and are unpacked, below that of all downloads.
    unpacked: the folder that comes of it. urls: of the files.
    """

    kind: str
    place: str
    unpacked: str
    urls: tuple[str, ...]


_CIFAR, _PETS = "https://www.cs.toronto.edu/~kriz", "https://www.robots.ox.ac.uk/~vgg/data/pets/data"
OFFICIAL = {
    "cifar10": Official("CIFAR10", "", "cifar-10-batches-py", (f"{_CIFAR}/cifar-10-python.tar.gz",)),
    "cifar100": Official("CIFAR100", "", "cifar-100-python", (f"{_CIFAR}/cifar-100-python.tar.gz",)),
    "oxford_pets": Official(
        "OxfordIIITPet", "oxford-iiit-pet", "oxford-iiit-pet", (f"{_PETS}/images.tar.gz", f"{_PETS}/annotations.tar.gz")
    ),
}


def is_offline() -> bool:
    """Whether the network is to be left alone."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def prepare(spec: DataSpec, folder: Path = FOLDER) -> None:
    """Have the files of a set ready, before processes need them; nothing to do for a set that is not downloaded. Raises as `obtain`."""
    if isinstance(spec, VisionSpec):
        obtain(spec.name, folder)


def obtain(name: str, folder: Path, anew: bool = False) -> None:
    """Have the official files of a set in `folder`, unpacked; `anew`: unpack them again, whatever is there.

    Two processes at once wait for each other. Raises InputError, naming the file, where it was looked for and how to get it: when it is
    missing and cannot be downloaded, or is not what it should be.
    """
    official = OFFICIAL[name]
    stamp, md5s = folder / official.unpacked / STAMP, SOURCES[name].removeprefix("md5:").split("+")
    if not anew and _is_unpacked(stamp, md5s):
        return
    files = {folder / official.place / url.rpartition("/")[2]: url for url in official.urls}
    if is_offline():
        _refuse_missing(name, files)  # before anything is written
    with Lock(folder / f".{name}.lock", f"the download of {name}", print):
        if not anew and _is_unpacked(stamp, md5s):
            return
        for (path, url), md5 in zip(files.items(), md5s, strict=True):
            if path.exists():
                _refuse_corrupt(name, path, md5)
            else:
                _download(name, path, url, md5)
        _unpack(name, list(files), folder / official.place, stamp)
        write_text(stamp, "\n".join(md5s))


def _is_unpacked(stamp: Path, md5s: list[str]) -> bool:
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == "\n".join(md5s)


def _refuse_missing(name: str, files: dict[Path, str]) -> None:
    if missing := [path for path in files if not path.exists()]:
        names, urls = ", ".join(map(str, missing)), ", ".join(files[path] for path in missing)
        raise InputError(
            f"{name}: missing: {names}, and --offline ({OFFLINE}) allows no download; "
            f"without it the same command downloads what is missing, or copy it there from {urls}"
        )


def _refuse_corrupt(name: str, path: Path, md5: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != md5:
        raise InputError(
            f"{name}: {path} is corrupt: its md5 is {found}, it should be {md5}; delete it and run the same command again"
        )


def _download(name: str, path: Path, url: str, md5: str) -> None:
    from torchvision.datasets.utils import download_url

    if is_offline():  # it was there a moment ago
        _refuse_missing(name, {path: url})
    partial = path.with_name(f".{path.name}.partial")
    try:
        with writing(path.name, path.parent):
            download_url(url, path.parent, partial.name, md5)
            os.replace(partial, path)
    except (OSError, RuntimeError, EOFError, HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{name}: {path} is missing and could not be downloaded ({reason}); allow the network, or copy it there from {url}"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def _unpack(name: str, files: list[Path], place: Path, stamp: Path) -> None:
    from torchvision.datasets.utils import extract_archive

    stamp.unlink(missing_ok=True)  # first: what is half replaced is not believed
    with writing(f"what is unpacked of {name}", place):
        for path in files:
            extract_archive(path, place)
