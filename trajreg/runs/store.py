"""The run store: one folder a run, named by its fingerprint. Parquet, JSON and safetensors, never pickle."""

import json
import os
import shutil
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from safetensors.numpy import load_file, save_file

from trajreg.errors import InputError
from trajreg.files import file_checksum, write_json

MANIFEST = "manifest.json"


class CorruptRun(InputError):
    """A run folder that cannot be believed: a file is missing, changed or unreadable."""


@dataclass(frozen=True)
class StoredRun:
    """A run folder whose files agree with its manifest. Tables are read when asked for."""

    folder: Path
    manifest: dict[str, Any]

    def epochs(self) -> pd.DataFrame:
        """A row an epoch."""
        return pd.read_parquet(self.folder / "epochs.parquet")

    def steps(self) -> pd.DataFrame:
        """A row a step (an epoch, with estimator epoch): the columns of `trajreg.regularity`."""
        return pd.read_parquet(self.folder / "steps.parquet")

    def iterates(self) -> np.ndarray:
        """(T+1, P) all θ_t; InputError when the run did not keep them."""
        path = self.folder / "iterates.safetensors"
        if not path.exists():
            raise InputError(f"run {self.folder.name} kept no iterates: set record.keep_iterates: true in its params")
        return load_file(path)["theta"]


class RunStore:
    """Run folders under `root`. A folder appears whole, by one rename, with its manifest written last."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def load(self, fingerprint: str) -> StoredRun | None:
        """The run of this fingerprint, None if there is none; CorruptRun names the file that cannot be believed."""
        folder = self.root / fingerprint
        if not folder.is_dir():
            return None
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
            files = dict(manifest["files"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorruptRun(f"run {fingerprint}: {MANIFEST} is unreadable ({type(error).__name__})") from None
        for name, checksum in files.items():
            if not (folder / name).is_file() or file_checksum(folder / name) != checksum:
                raise CorruptRun(f"run {fingerprint}: {name} is missing or was changed since it was written")
        return StoredRun(folder, manifest)

    def load_or_set_aside(self, fingerprint: str, say=print) -> StoredRun | None:
        """As `load`; a corrupt folder is reported, moved to `corrupt/` (nothing is deleted) and counts as absent."""
        try:
            return self.load(fingerprint)
        except CorruptRun as error:
            aside = self._free_name(self.root / "corrupt" / fingerprint)
            aside.parent.mkdir(exist_ok=True)
            os.replace(self.root / fingerprint, aside)
            say(f"{error}; set aside as {aside.relative_to(self.root)}, it will be trained again")
            return None

    def save(
        self,
        fingerprint: str,
        tables: dict[str, pd.DataFrame],
        manifest: dict[str, Any],
        iterates: np.ndarray | None = None,
        snapshots: Path | None = None,
    ) -> None:
        """Write a run: all files into a hidden folder first, its manifest last, then one rename.

        The folder `snapshots` is moved in; of its files, which have a manifest of their own, only that manifest is checked here.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{fingerprint}-", dir=self.root))
        try:
            for name, table in tables.items():
                table.to_parquet(partial / f"{name}.parquet", index=False)
            if iterates is not None:
                save_file({"theta": iterates}, partial / "iterates.safetensors")
            files = {path.name: file_checksum(path) for path in sorted(partial.iterdir())}
            if snapshots is not None:
                os.replace(snapshots, partial / "snapshots")
                files[f"snapshots/{MANIFEST}"] = file_checksum(partial / "snapshots" / MANIFEST)
            write_json(partial / MANIFEST, manifest | {"files": files})
            partial.chmod(0o755)
            os.replace(partial, self.root / fingerprint)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def forget_partial(self, fingerprint: str) -> None:
        """Delete what a killed process left of this run; call it with the lock held."""
        for partial in self.root.glob(f".{fingerprint}-*"):
            shutil.rmtree(partial, ignore_errors=True)

    def snapshots(self, fingerprint: str) -> Path:
        """Where the epoch snapshots of a run go while it is trained and replayed."""
        return self.root / f".snapshots-{fingerprint}"

    def lock(self, fingerprint: str) -> AbstractContextManager:
        """Held while a run is trained, so that a second process wanting the same run waits and then finds it."""
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / fingerprint)

    def fingerprints(self) -> list[str]:
        """The runs there are."""
        return sorted(path.parent.name for path in self.root.glob(f"[0-9a-f]*/{MANIFEST}"))

    def _free_name(self, wanted: Path) -> Path:
        names = [wanted, *(wanted.with_name(f"{wanted.name}.{i}") for i in range(1, 1000))]
        return next(name for name in names if not name.exists())
