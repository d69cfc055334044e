"""The run store: a folder a run, named by its fingerprint, with one a measurement inside. Parquet, JSON, safetensors, never pickle."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from trajreg.columns import Value, as_plain, from_plain
from trajreg.errors import InputError
from trajreg.files import (
    Damaged,
    file_checksum,
    is_folder,
    is_taken,
    read_sealed,
    refuse_changes,
    remove,
    set_aside,
    write_sealed,
    writing,
)
from trajreg.locks import Lock
from trajreg.result import Result

MANIFEST = "manifest.json"


class CorruptRun(InputError):
    """A folder that cannot be believed: a file is missing, changed or unreadable."""


@dataclass(frozen=True)
class Stored:
    """A run or a measurement whose files agree with its manifest. Tables are read when asked for."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def read(cls, folder: Path, what: str, known: dict[str, str | None]) -> "Stored | None":
        """What is in this folder, None if there is none; CorruptRun names the file of `what` that cannot be believed.

        `known` is what its manifest has to say: a folder that was copied to another name is not believed.
        """
        if not is_taken(folder):
            return None
        if not is_folder(folder):
            raise CorruptRun(f"{what}: a file or a link stands in the place of its folder")
        try:
            manifest = read_sealed(folder / MANIFEST)
            for key, value in known.items():
                if manifest.get(key) != value:
                    raise Damaged(f"{MANIFEST} is of {key} {manifest.get(key)}")
            refuse_changes(folder, manifest["files"])
        except (Damaged, OSError) as error:
            raise CorruptRun(f"{what}: {error}") from None
        return cls(folder, manifest)

    @property
    def diverged(self) -> bool:
        """Whether it ended before its time."""
        return self.manifest["diverged"]

    @property
    def summary(self) -> dict[str, Value]:
        """Its numbers; NaN where one is undefined."""
        return {name: from_plain(value) for name, value in self.manifest["summary"].items()}

    def tables(self) -> list[str]:
        """The tables there are."""
        return [name.removesuffix(".parquet") for name in self.manifest["files"] if name.endswith(".parquet")]

    def table(self, name: str) -> pd.DataFrame:
        """One of its tables; InputError names those there are."""
        if name not in self.tables():
            raise InputError(f"{self.folder.name} has no table {name!r}, choose from {', '.join(self.tables())}")
        return pd.read_parquet(self.folder / f"{name}.parquet")

    def array(self, name: str) -> np.ndarray:
        """One of its arrays; InputError when it was not kept."""
        if f"{name}.safetensors" not in self.manifest["files"]:
            raise InputError(f"{self.folder.name} kept no {name}: set keep_{name}: true in its params")
        return load_file(self.folder / f"{name}.safetensors")[name]


class RunStore:
    """Folders under `root`: `<fingerprint>/` of a run, `<fingerprint>/<measure>-<key>/` of a measurement of it.

    A folder appears whole, by one rename, with its manifest written last.
    """

    def __init__(self, root: Path):
        self.root = Path(root)

    def make_way(self, say: Callable[[str], None]) -> None:
        """Set aside what stands in the place of the store's folder and is none."""
        if is_taken(self.root) and not self.root.is_dir():
            aside = set_aside(self.root, self.root.name, self.root.with_name("corrupt"))
            say(f"{self.root.name} is no folder; set aside as {aside.relative_to(self.root.parent)}")

    def load(self, fingerprint: str, measurement: str | None = None) -> Stored | None:
        """A run, or a measurement of it; None if there is none; CorruptRun names the file that cannot be believed."""
        what = f"run {fingerprint}" + (f", {measurement}" if measurement else "")
        known = {"fingerprint": fingerprint, "measurement": measurement}
        return Stored.read(self._folder(fingerprint, measurement), what, known)

    def believed(self, fingerprint: str, measurement: str | None = None) -> Stored | None:
        """As `load`; what cannot be believed counts as absent, and stays where it is."""
        try:
            return self.load(fingerprint, measurement)
        except CorruptRun:
            return None

    def load_or_set_aside(self, fingerprint: str, measurement: str | None, say: Callable[[str], None]) -> Stored | None:
        """As `believed`, with the run's lock held: what cannot be believed is told and moved to `corrupt/`."""
        try:
            return self.load(fingerprint, measurement)
        except CorruptRun as error:
            aside = self.set_aside(fingerprint, measurement)
            say(f"{error}; set aside as {aside.relative_to(self.root)}, it will be made again")
            return None

    def set_aside(self, fingerprint: str, measurement: str | None = None) -> Path:
        """Move a run, or a measurement of it, to a free name under `corrupt/`; the run that is made in its place starts from its start."""
        name = f"{fingerprint}-{measurement}" if measurement else fingerprint
        aside = set_aside(self._folder(fingerprint, measurement), name, self.root / "corrupt")
        if measurement is None:  # what a replay of it left is none of the new run's
            remove(self.passing_snapshots(fingerprint))
        return aside

    def set_snapshots_aside(self, fingerprint: str) -> Path:
        """Move all snapshots of a run, those that stay with it and those that pass, to a free name under `corrupt/`."""
        found = [self.passing_snapshots(fingerprint), self.kept_snapshots(fingerprint)]
        moved = [set_aside(one, f"{fingerprint}-snapshots", self.root / "corrupt") for one in found if is_taken(one)]
        return moved[-1] if moved else self.root / "corrupt"

    def save(self, fingerprint: str, result: Result, facts: dict[str, Any], measurement: str | None = None) -> None:
        """Write a run, or a measurement of a stored run: all files into a hidden folder first, the manifest last, then one rename.

        What is there of it gives way. CannotWrite where the disk is full.
        """
        folder = self._folder(fingerprint, measurement)
        what = f"run {fingerprint}" + (f", {measurement}," if measurement else "")
        with writing(what, self.root, _num_bytes(result)), self._partial(fingerprint) as partial:
            for name, table in result.tables.items():
                table.to_parquet(partial / f"{name}.parquet", index=False)
            for name, array in result.arrays.items():
                _save_array(name, array, partial / f"{name}.safetensors")
            for path in partial.iterdir():
                path.chmod(0o644)  # as all other files: some libraries write for the owner's eyes only
            files = {path.name: file_checksum(path) for path in sorted(partial.iterdir())}
            summary = {name: as_plain(value) for name, value in result.summary.items()}
            known: dict[str, Any] = {"fingerprint": fingerprint, "measurement": measurement, "how": result.how}
            known |= {"diverged": result.diverged, "summary": summary, "files": files}
            write_sealed(partial / MANIFEST, facts | result.facts | known)
            partial.chmod(0o755)
            _put(partial, folder)

    @contextmanager
    def _partial(self, fingerprint: str) -> Iterator[Path]:
        """A hidden folder, of which nothing is left in the end."""
        self.root.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{fingerprint}-", dir=self.root))
        try:
            yield partial
        finally:
            for left in (partial, partial.with_name(f"{partial.name}-old")):
                shutil.rmtree(left, ignore_errors=True)

    def get(self, fingerprint: str, measurement: str | None = None) -> Stored:
        """As `load`, of what has to be there; InputError when it is not."""
        stored = self.load(fingerprint, measurement)
        if stored is None:
            what = f"{measurement} of run" if measurement else "run"
            raise InputError(f"{what} {fingerprint} is not in {self.root}: `make runs` makes it")
        return stored

    def forget_partial(self, fingerprint: str) -> None:
        """Delete what a killed process left of this run; call it with the lock held."""
        for partial in self.root.glob(f".{fingerprint}-*"):
            shutil.rmtree(partial, ignore_errors=True)

    def passing_snapshots(self, fingerprint: str) -> Path:
        """Where the snapshots of a run go while it is made."""
        return self.root / f".snapshots-{fingerprint}"

    def kept_snapshots(self, fingerprint: str) -> Path:
        """Where the snapshots are that stay with a run; they have a manifest of their own."""
        return self.root / fingerprint / "snapshots"

    def lock(self, fingerprint: str, say: Callable[[str], None], stopped: Callable[[], bool] = lambda: False) -> Lock:
        """Held while a run is made, so that a second process wanting the same run waits and then finds it."""
        return Lock(self.root / ".locks" / fingerprint, f"run {fingerprint}", say, stopped)

    def fingerprints(self) -> list[str]:
        """The runs there are."""
        return sorted(path.parent.name for path in self.root.glob(f"[0-9a-f]*/{MANIFEST}"))

    def _folder(self, fingerprint: str, measurement: str | None) -> Path:
        return self.root / fingerprint / (measurement or "")


def _put(partial: Path, folder: Path) -> None:
    """In the place of what is there: a rename needs the place to be free. Where it fails, that comes back."""
    old = partial.with_name(f"{partial.name}-old")
    if is_taken(folder):
        os.replace(folder, old)
    try:
        os.replace(partial, folder)
    except OSError:
        if is_taken(old):
            os.replace(old, folder)
        raise


def _num_bytes(result: Result) -> int:
    """About what it takes on the disk."""
    tables = sum(int(table.memory_usage(index=False).sum()) for table in result.tables.values())
    return tables + sum(array.nbytes for array in result.arrays.values())


def _save_array(name: str, array: np.ndarray, path: Path) -> None:
    try:
        save_file({name: array}, path)
    except SafetensorError as error:  # it tells of the disk in words only
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]), str(error)) if number else error from None
