"""The results tree of one version: figures appear in it whole, or not at all."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from trajreg.errors import InputError
from trajreg.files import (
    Damaged,
    file_checksum,
    is_folder,
    is_taken,
    read_sealed,
    refuse_changes,
    remove,
    write_sealed,
    writing,
)
from trajreg.locks import Lock
from trajreg.runs.products import read_products
from trajreg.studies.product import Role
from trajreg.studies.question import FIGURE_ID, in_order

NOTEBOOK, PROVENANCE, MANIFEST = "notebook.ipynb", "provenance.json", "manifest.json"
PAGES, FAILED = "pages", "failed"
# of a provenance: what is read of it when figures are reported and compared, beside its outputs
KNOWN = (
    "title", "study", "status", "caption", "params", "notebook", "key", "seeds", "runs", "data_checksums", "num_diverged",
    "seconds",
)  # fmt: skip


class ResultsTree:
    """`results/<profile>/<version>/`: a folder a figure, with its products, its executed notebook and its provenance."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def lock(self, say: Callable[[str], None]) -> Lock:
        """Held by whoever writes into the tree, from the first figure to the report: a second process waits."""
        return Lock(self._locks / self.root.name, f"results/{self.root.parent.name}/{self.root.name}", say)

    def staging(self, figure: str) -> Path:
        """An empty folder beside the tree, where a notebook writes until it has succeeded: a new one, so that whatever a killed process
        still writes goes nowhere.
        """
        with writing(f"figure {figure}", self.root.parent):
            self.partial.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self.partial)) / figure
            folder.mkdir()
        return folder

    def promote(self, figure: str, staging: Path, provenance: dict[str, Any]) -> None:
        """Complete the staging folder by its provenance, and move it into the tree in place of what is there of the figure.

        What is there goes to a name of its own and is deleted last: killed in between, `runs.tidy` puts it back. InputError when a file
        of a product is missing.
        """
        products = read_products(staging)
        for name in (name for product in products for name in product.files if not (staging / name).is_file()):
            raise InputError(
                f"{figure}: {name} was saved as a product, but is not in its folder: do not move or delete it"
            )
        paths = sorted(path for path in staging.rglob("*") if path.is_file())
        known = {
            "products": [product.name for product in products],
            "outputs": {path.relative_to(staging).as_posix(): file_checksum(path) for path in paths},
        }
        write_sealed(staging / PROVENANCE, provenance | {"figure": figure} | known)
        with writing(f"figure {figure}", self.root), self.still(writes=True):
            self.root.mkdir(parents=True, exist_ok=True)
            self._take_away(figure)
            os.rename(staging, self.root / figure)
        self.forget(figure, staging)

    def fail(self, figure: str, staging: Path, failure: dict[str, Any]) -> Path:
        """Keep a failed notebook under `failed/`, and take the figure out of the tree; returns the kept notebook."""
        kept, executed = self.root / FAILED / f"{figure}.ipynb", staging / NOTEBOOK
        with writing(f"the failure of {figure}", self.root), self.still(writes=True):
            self._take_away(figure)
            kept.parent.mkdir(parents=True, exist_ok=True)
            if executed.exists():
                os.replace(executed, kept)
            outputs = {kept.name: file_checksum(kept)} if kept.exists() else {}
            write_sealed(kept.with_suffix(".json"), failure | {"notebook": kept.name, "outputs": outputs})
        self.forget(figure, staging)
        return kept

    def failures(self) -> dict[str, dict[str, Any]]:
        """What is known of each figure that failed."""
        return {path.stem: read_sealed(path) for path in sorted((self.root / FAILED).glob("*.json"))}

    def provenance(self, figure: str) -> dict[str, Any] | None:
        """What is known of a finished figure; None where there is none, or where a product is missing or was changed."""
        with self.still():
            known = self.recorded(figure)
            return known if known and not self.damage(figure) else None

    def recorded(self, figure: str) -> dict[str, Any] | None:
        """What was written when the figure was made, whatever has become of its products; None where that cannot be read or lacks a key."""
        known = self._read(figure)
        return None if known is None or _lacking(known) else known

    def _read(self, figure: str) -> dict[str, Any] | None:
        try:
            known = read_sealed(self.root / figure / PROVENANCE)
        except Damaged:
            return None
        # a folder that was copied to another name is none of that figure
        return known if known.get("figure") == figure and is_folder(self.root / figure) else None

    def damage(self, figure: str) -> list[str]:
        """What became of the figure's products since it was made, a line each; empty where all are as they were."""
        known = self._read(figure)
        if known is None:
            return [f"{figure}/{PROVENANCE} is missing, or not as it was written"]
        if lacking := _lacking(known):
            return [f"{figure}/{PROVENANCE} lacks {', '.join(lacking)}"]
        return [
            line for name, checksum in known["outputs"].items() for line in self._damage(f"{figure}/{name}", checksum)
        ]

    def _damage(self, name: str, checksum: str) -> list[str]:
        if not is_taken(self.root / name):
            return [f"{name} was deleted since the figure was made"]
        try:
            refuse_changes(self.root, {name: checksum})
        except (Damaged, OSError):
            return [f"{name} was changed since the figure was made"]
        return []

    def product(self, figure: str, role: Role) -> Path | None:
        """The table of the figure's product with this role; None where it has none."""
        products = read_products(self.root / figure)
        return next((self.root / figure / f"{one.name}.csv" for one in products if one.role == role), None)

    def made(self) -> list[str]:
        """The figures that were made, by word and number, whatever has become of their products."""
        names = [path.parent.name for path in self.root.glob(f"*/{PROVENANCE}")]
        return in_order(name for name in names if re.fullmatch(FIGURE_ID, name))

    def figures(self) -> list[str]:
        """The figures that are there, whole, in the same order."""
        return [name for name in self.made() if self.provenance(name)]

    def manifest(self) -> dict[str, Any] | None:
        """The tree's manifest, None while it is not finished, or where that is not as it was written."""
        try:
            return read_sealed(self.root / MANIFEST)
        except Damaged:
            return None

    @property
    def is_finished(self) -> bool:
        """Whether it has a manifest, whatever has become of that."""
        return is_taken(self.root / MANIFEST)

    def forget(self, figure: str, staging: Path) -> None:
        """Delete what was staged of a figure, and what was taken away."""
        remove(self._old(figure))
        remove(staging.parent)
        with suppress(OSError):  # other figures are still being staged there
            self.partial.rmdir()

    @property
    def partial(self) -> Path:
        """Where figures are staged, and what is taken away waits to be deleted."""
        return self.root.with_name(f"{self.root.name}.partial")

    @property
    def _locks(self) -> Path:
        return self.root.with_name(".locks")

    def _old(self, figure: str) -> Path:
        return self.partial / f"{figure}.old"

    @contextmanager
    def still(self, writes: bool = False) -> Iterator[None]:
        """No figure comes or goes meanwhile. Who only reads goes on where no lock can be had: in another user's tree, say."""
        path = self._locks / f"{self.root.name}.still"
        lock = FileLock(path, is_singleton=True)  # so that a process may take it again while it holds it
        try:
            self._locks.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError:
            if writes:
                raise
        try:
            yield
        finally:
            lock.release()

    def _take_away(self, figure: str) -> None:
        """Nothing of the figure counts any more; what is there goes in one step, for deleting takes many."""
        for path in (self.root / FAILED).glob(f"{figure}.*"):
            path.unlink()
        if (self.root / figure).exists():
            remove(self._old(figure))
            os.rename(self.root / figure, self._old(figure))


def _lacking(known: dict[str, Any]) -> list[str]:
    return [key for key in (*KNOWN, "outputs") if key not in known]


def is_reference(version: str) -> bool:
    """Whether a version is a committed reference: v1, v2 …"""
    return re.fullmatch(r"v\d+", version) is not None


def newest_reference(profile_folder: Path) -> ResultsTree | None:
    """The finished reference with the highest number, None if there is none; InputError where its manifest is not as it was written."""
    numbers = sorted(int(path.name[1:]) for path in profile_folder.glob("v*") if is_reference(path.name))
    trees = [ResultsTree(profile_folder / f"v{number}") for number in numbers]
    newest = next((tree for tree in reversed(trees) if tree.is_finished), None)
    if newest and newest.manifest() is None:
        raise InputError(
            f"{newest.root / MANIFEST} is not as it was written: nothing is compared with it; take it out of git anew"
        )
    return newest
