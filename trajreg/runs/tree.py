"""The results tree of one version: figures appear in it whole, or not at all."""

import json
import os
import re
import shutil
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from trajreg.errors import InputError
from trajreg.files import file_checksum, write_json
from trajreg.runs.products import read_products
from trajreg.studies.product import Role
from trajreg.studies.question import FIGURE_ID, in_order

NOTEBOOK, PROVENANCE = "notebook.ipynb", "provenance.json"
# of a provenance: what is read of it when figures are reported and compared, beside its outputs
KNOWN = (
    "title", "study", "status", "caption", "params", "notebook", "key", "seeds", "runs", "data_checksums", "num_diverged",
    "seconds",
)  # fmt: skip


class ResultsTree:
    """`results/<profile>/<version>/`: a folder a figure, with its products, its executed notebook and its provenance."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def lock(self, figure: str) -> AbstractContextManager[Any]:
        """Held from staging to promotion, so that a second process drawing the same figure waits."""
        locks = self.root.with_name(".locks")
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / f"{self.root.name}-{figure}")

    def staging(self, figure: str) -> Path:
        """An empty folder beside the tree, where a notebook writes until it has succeeded; call it with the lock held.

        A figure whose promotion was interrupted after it had been taken away is put back first.
        """
        folder, old = self._partial / figure, self._old(figure)
        if old.exists() and not (self.root / figure).exists():
            self.root.mkdir(parents=True, exist_ok=True)
            os.rename(old, self.root / figure)
        shutil.rmtree(folder, ignore_errors=True)
        while not folder.exists():
            with suppress(FileNotFoundError):  # the parent is taken away by whoever finds it empty
                folder.mkdir(parents=True)
        return folder

    def promote(self, figure: str, staging: Path, provenance: dict[str, Any]) -> None:
        """Complete the staging folder by its provenance, and move it into the tree in place of what is there of the figure.

        What is there goes to a name of its own and is deleted last: killed in between, `staging` puts it back. InputError when a file
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
        write_json(staging / PROVENANCE, provenance | known)
        self.root.mkdir(parents=True, exist_ok=True)
        self._take_away(figure)
        os.rename(staging, self.root / figure)
        self._forget(figure)

    def fail(self, figure: str, staging: Path, failure: dict[str, Any]) -> Path:
        """Keep a failed notebook under `failed/`, and take the figure out of the tree; returns the kept notebook."""
        self._take_away(figure)
        kept = self.root / "failed" / f"{figure}.ipynb"
        kept.parent.mkdir(parents=True, exist_ok=True)
        executed = staging / NOTEBOOK
        if executed.exists():
            os.replace(executed, kept)
        shutil.rmtree(staging)
        self._forget(figure)
        write_json(kept.with_suffix(".json"), failure | {"notebook": kept.name})
        return kept

    def provenance(self, figure: str) -> dict[str, Any] | None:
        """What is known of a finished figure; None where there is none, or where a product is missing or was changed."""
        known = self.recorded(figure)
        return known if known and not self.damage(figure) else None

    def recorded(self, figure: str) -> dict[str, Any] | None:
        """What was written when the figure was made, whatever has become of its products; None where that cannot be read or lacks a key."""
        known = self._read(figure)
        return None if known is None or _lacking(known) else known

    def _read(self, figure: str) -> dict[str, Any] | None:
        try:
            known = json.loads((self.root / figure / PROVENANCE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return known if isinstance(known, dict) and isinstance(known.get("outputs", {}), dict) else None

    def damage(self, figure: str) -> list[str]:
        """What became of the figure's products since it was made, a line each; empty where all are as they were."""
        known = self._read(figure)
        if known is None:
            return [f"{figure}/{PROVENANCE} is missing or cannot be read"]
        if lacking := _lacking(known):
            return [f"{figure}/{PROVENANCE} lacks {', '.join(lacking)}"]
        return [
            line for name, checksum in known["outputs"].items() for line in self._damage(f"{figure}/{name}", checksum)
        ]

    def _damage(self, name: str, checksum: str) -> list[str]:
        try:
            return (
                [] if file_checksum(self.root / name) == checksum else [f"{name} was changed since the figure was made"]
            )
        except OSError:
            return [f"{name} was deleted since the figure was made"]

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
        """The tree's manifest, None while it is not finished."""
        try:
            return json.loads((self.root / "manifest.json").read_text())
        except (OSError, ValueError):
            return None

    @property
    def _partial(self) -> Path:
        return self.root.with_name(f"{self.root.name}.partial")

    def _old(self, figure: str) -> Path:
        return self._partial / f"{figure}.old"

    def _take_away(self, figure: str) -> None:
        """Nothing of the figure counts any more; what is there goes in one step, for deleting takes many."""
        for path in (self.root / "failed").glob(f"{figure}.*"):
            path.unlink()
        if (self.root / figure).exists():
            shutil.rmtree(self._old(figure), ignore_errors=True)
            os.rename(self.root / figure, self._old(figure))

    def _forget(self, figure: str) -> None:
        """Delete what was taken away."""
        shutil.rmtree(self._old(figure), ignore_errors=True)
        with suppress(OSError):  # other figures are still being staged there
            self._partial.rmdir()


def _lacking(known: dict[str, Any]) -> list[str]:
    return [key for key in (*KNOWN, "outputs") if key not in known]


def is_reference(version: str) -> bool:
    """Whether a version is a committed reference: v1, v2 …"""
    return re.fullmatch(r"v\d+", version) is not None


def newest_reference(profile_folder: Path) -> ResultsTree | None:
    """The finished reference with the highest number, None if there is none."""
    numbers = sorted(int(path.name[1:]) for path in profile_folder.glob("v*") if is_reference(path.name))
    trees = [ResultsTree(profile_folder / f"v{number}") for number in numbers]
    return next((tree for tree in reversed(trees) if tree.manifest()), None)
