"""What everything that keeps files shares: writing in one piece, seals and checksums, and what to say where a disk takes nothing."""

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from trajreg.errors import InputError

SEAL = "checksum"  # the last key of a sealed JSON file
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)


class CannotWrite(InputError):
    """A disk that is full or may not be written to: the message says what was to be written where, and what to do."""


class Damaged(InputError):
    """A file that cannot be believed: it is missing, changed, unreadable, or something else stands in its place."""


@contextmanager
def writing(what: str, folder: Path, num_bytes: int = 0) -> Iterator[None]:
    """While `what`, of about so many bytes, is written into `folder`: CannotWrite where the disk takes it not."""
    try:
        yield
    except CannotWrite as error:  # of a part of it
        raise CannotWrite(f"{what}: {error}") from None
    except OSError as error:
        if error.errno not in _FULL + _CLOSED:
            raise
        raise CannotWrite(f"{what} cannot be written: {_reason(error, folder, num_bytes)}") from error


def _reason(error: OSError, folder: Path, num_bytes: int) -> str:
    if isinstance(error.filename, str):
        folder = Path(error.filename)
    said = os.strerror(error.errno or 0)
    there = next((one for one in (folder, *folder.parents) if one.is_dir()), Path())
    if error.errno in _CLOSED:
        return f"{there} does not allow it ({said}); work in a checkout that you may write to"
    if error.errno == errno.EFBIG:
        return f"{said} in {there}; raise the limit of file sizes (ulimit -f), then the same command goes on from there"
    free = shutil.disk_usage(there).free
    needed = f"{num_bytes:,} bytes are needed, {free:,} are free" if num_bytes else f"{free:,} bytes are free"
    missing = f", {num_bytes - free:,} are missing" if num_bytes > free else ""
    return f"{said} in {there} ({needed}{missing}); make room, then the same command goes on from there"


def write_bytes(path: Path, content: bytes) -> Path:
    """Write in one piece, the folder made: a reader sees the old file or the new one, never half of it; CannotWrite as `writing`."""
    with writing(path.name, path.parent, len(content)):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            partial.write_bytes(content)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8, as `write_bytes`."""
    return write_bytes(path, text.encode())


def write_json(path: Path, values: Any) -> Path:
    """Write plain data as JSON, in one piece."""
    return write_text(path, json.dumps(values, indent=1) + "\n")


def write_sealed(path: Path, values: dict[str, Any]) -> Path:
    """Write plain data as JSON whose last key is a checksum of all the text before it, which `read_sealed` holds it against."""
    text = json.dumps(values, indent=1).removesuffix("\n}")
    return write_text(path, text + _seal(text))


def read_sealed(path: Path) -> dict[str, Any]:
    """What `write_sealed` wrote; Damaged, with the file's name, unless it is just that."""
    refuse_unless_file(path)
    try:
        content = path.read_text(encoding="utf-8")
        text = content[: -len(_seal(""))]
        values = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(f"{path.name} is unreadable ({type(error).__name__})") from None
    if content != text + _seal(text):
        raise Damaged(f"{path.name} was changed since it was written")
    del values[SEAL]
    return values


def _seal(text: str) -> str:
    return f',\n "{SEAL}": "{hashlib.sha256(text.encode()).hexdigest()}"\n}}\n'


def refuse_unless_file(path: Path) -> None:
    """Damaged unless a file is there: a folder, a link or nothing is none."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        raise Damaged(f"{path.name} is missing") from None
    if not stat.S_ISREG(mode):
        raise Damaged(f"{path.name} is {'a link' if stat.S_ISLNK(mode) else 'a folder'}, not a file")


def refuse_changes(folder: Path, checksums: dict[str, str]) -> None:
    """Damaged, with the file's name, unless every one of these files of `folder` has its checksum."""
    for name, checksum in checksums.items():
        refuse_unless_file(folder / name)
        if file_checksum(folder / name) != checksum:
            raise Damaged(f"{name} was changed since it was written")


def is_folder(path: Path) -> bool:
    """Whether a folder is there, and not a link to one."""
    return path.is_dir() and not path.is_symlink()


def is_file(path: Path) -> bool:
    """Whether a file is there, and not a link to one."""
    return path.is_file() and not path.is_symlink()


def is_taken(path: Path) -> bool:
    """Whether anything is there, be it a link that leads nowhere."""
    return os.path.lexists(path)


def remove(path: Path) -> None:
    """Delete whatever is there: a folder with all that is in it, a file, a link."""
    if is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def set_aside(path: Path, name: str, corrupt: Path) -> Path:
    """Move a file, folder or link to a free name, `name` or one like it, in the folder `corrupt`; nothing is deleted."""
    with writing(name, corrupt):
        corrupt.mkdir(parents=True, exist_ok=True)
        aside = next(one for one in _names(corrupt / name) if not is_taken(one))
        os.rename(path, aside)
    return aside


def _names(wanted: Path) -> Iterator[Path]:
    yield wanted
    yield from (wanted.with_name(f"{wanted.name}.{number}") for number in range(1, 1_000_000))


def file_checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises OSError where it cannot be read.

    A process reads a file once, and again when its time stamps, size or place on the disk changed: a figure asks for the same files
    several times.
    """
    status = path.stat()
    return _file_checksum(path.resolve(), status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


@lru_cache(maxsize=4096)
def _file_checksum(path: Path, *version: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
