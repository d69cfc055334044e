"""The run store: a folder a run, named by its fingerprint, with one a measurement inside. Parquet, JSON, safetensors, never pickle."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from safetensors.numpy import load_file, save_file

from trajreg.columns import Value, as_plain, from_plain
from trajreg.errors import InputError
from trajreg.files import file_checksum, write_json
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
    def read(cls, folder: Path, what: str) -> "Stored | None":
        """What is in this folder, None if there is none; CorruptRun names the file of `what` that cannot be believed."""
        if not folder.is_dir():
            return None
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
            files = dict(manifest["files"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorruptRun(f"{what}: {MANIFEST} is unreadable ({type(error).__name__})") from None
        for name, checksum in files.items():
            if not (folder / name).is_file() or file_checksum(folder / name) != checksum:
                raise CorruptRun(f"{what}: {name} is missing or was changed since it was written")
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
        path = self.folder / f"{name}.safetensors"
        if not path.exists():
            raise InputError(f"{self.folder.name} kept no {name}: set keep_{name}: true in its params")
        return load_file(path)[name]


class RunStore:
    """Folders under `root`: `<fingerprint>/` of a run, `<fingerprint>/<measure>-<key>/` of a measurement of it.

    A folder appears whole, by one rename, with its manifest written last.
    """

    def __init__(self, root: Path):
        self.root = Path(root)

    def load(self, fingerprint: str, measurement: str | None = None) -> Stored | None:
        """A run, or a measurement of it; None if there is none; CorruptRun names the file that cannot be believed."""
        what = f"run {fingerprint}" + (f", {measurement}" if measurement else "")
        return Stored.read(self.root / fingerprint / (measurement or ""), what)

    def load_or_set_aside(
        self, fingerprint: str, measurement: str | None = None, say: Callable[[str], None] = print
    ) -> Stored | None:
        """As `load`; a corrupt folder is reported, moved to `corrupt/` (nothing is deleted) and counts as absent."""
        try:
            return self.load(fingerprint, measurement)
        except CorruptRun as error:
            aside = self.set_aside(fingerprint, measurement)
            say(f"{error}; set aside as {aside.relative_to(self.root)}, it will be made again")
            return None

    def set_aside(self, fingerprint: str, measurement: str | None = None) -> Path:
        """Move a run, or a measurement of it, to a free name under `corrupt/`; the run that is made in its place starts from its start."""
        wanted = self.root / "corrupt" / (f"{fingerprint}-{measurement}" if measurement else fingerprint)
        names = [wanted, *(wanted.with_name(f"{wanted.name}.{i}") for i in range(1, 1000))]
        aside = next(name for name in names if not name.exists())
        aside.parent.mkdir(exist_ok=True)
        os.replace(self.root / fingerprint / (measurement or ""), aside)
        if measurement is None:  # what a replay of it left is none of the new run's
            shutil.rmtree(self.passing_snapshots(fingerprint), ignore_errors=True)
        return aside

    def save(self, fingerprint: str, result: Result, facts: dict[str, Any], measurement: str | None = None) -> None:
        """Write a run, or a measurement of a stored run: all files into a hidden folder first, the manifest last, then one rename.

        A measurement that is there gives way to the new one.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{fingerprint}-", dir=self.root))
        try:
            for name, table in result.tables.items():
                table.to_parquet(partial / f"{name}.parquet", index=False)
            for name, array in result.arrays.items():
                save_file({name: array}, partial / f"{name}.safetensors")
            files = {path.name: file_checksum(path) for path in sorted(partial.iterdir())}
            summary = {name: as_plain(value) for name, value in result.summary.items()}
            manifest = facts | result.facts | {"how": result.how, "diverged": result.diverged, "summary": summary}
            write_json(partial / MANIFEST, manifest | {"files": files})
            partial.chmod(0o755)
            if measurement and (self.root / fingerprint / measurement).is_dir():  # a rename needs the place to be free
                os.replace(self.root / fingerprint / measurement, partial.with_name(f"{partial.name}-old"))
            os.replace(partial, self.root / fingerprint / (measurement or ""))
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

    def lock(self, fingerprint: str) -> AbstractContextManager[Any]:
        """Held while a run is made, so that a second process wanting the same run waits and then finds it."""
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / fingerprint)

    def fingerprints(self) -> list[str]:
        """The runs there are."""
        return sorted(path.parent.name for path in self.root.glob(f"[0-9a-f]*/{MANIFEST}"))
