"""What everything that keeps files shares: writing in one piece, and checksums."""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 in one piece, the folder made: a reader sees the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def write_json(path: Path, values: Any) -> Path:
    """Write plain data as JSON, in one piece."""
    return write_text(path, json.dumps(values, indent=1) + "\n")


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
