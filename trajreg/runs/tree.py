"""The results tree of one version: figures appear in it whole, or not at all."""

import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from trajreg.files import file_checksum, write_json

FOLDERS = ("figures", "tables", "values", "claims", "decomposition", "nulls", "notebooks")


class ResultsTree:
    """`results/<profile>/<version>/`: each figure's products in FOLDERS, and `provenance/<figure>.json`, written last."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def staging(self, figure: str) -> Path:
        """An empty folder beside the tree, where a notebook writes until it has succeeded."""
        folder = self.root.with_name(f"{self.root.name}.partial") / figure
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def promote(self, figure: str, staging: Path, provenance: dict[str, Any]) -> None:
        """Move a figure's products into the tree, then write its provenance: from then on it counts."""
        self._forget(figure)
        outputs = {}
        for path in sorted(path for path in staging.rglob("*") if path.is_file()):
            name = path.relative_to(staging).as_posix()
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, self.root / name)
            outputs[name] = file_checksum(self.root / name)
        _remove(staging)
        write_json(self._provenance(figure), provenance | {"outputs": outputs})

    def fail(self, figure: str, staging: Path, failure: dict[str, Any]) -> Path:
        """Keep a failed notebook under `failed/`, and take the figure out of the tree; returns the kept notebook."""
        self._forget(figure)
        kept = self.root / "failed" / f"{figure}.ipynb"
        kept.parent.mkdir(parents=True, exist_ok=True)
        executed = staging / "notebooks" / f"{figure}.ipynb"
        if executed.exists():
            os.replace(executed, kept)
        _remove(staging)
        write_json(kept.with_suffix(".json"), failure | {"notebook": kept.name})
        return kept

    def provenance(self, figure: str) -> dict[str, Any] | None:
        """What is known of a finished figure; None where there is none, or where a product is missing or was changed."""
        known = self.recorded(figure)
        return known if known and not self.damage(figure) else None

    def recorded(self, figure: str) -> dict[str, Any] | None:
        """What was written when the figure was made, whatever has become of its products; None where that cannot be read."""
        try:
            known = json.loads(self._provenance(figure).read_text(encoding="utf-8"))
            return known if isinstance(known["outputs"], dict) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def damage(self, figure: str) -> list[str]:
        """What became of the figure's products since it was made, a line each; empty where all are as they were."""
        known = self.recorded(figure)
        if known is None:
            return [f"provenance/{figure}.json is missing or cannot be read"]
        return [line for name, checksum in known["outputs"].items() for line in self._damage(name, checksum)]

    def _damage(self, name: str, checksum: str) -> list[str]:
        try:
            return (
                [] if file_checksum(self.root / name) == checksum else [f"{name} was changed since the figure was made"]
            )
        except OSError:
            return [f"{name} was deleted since the figure was made"]

    def figures(self) -> list[str]:
        """The figures that are there, whole, in order."""
        names = sorted(path.stem for path in (self.root / "provenance").glob("fig*.json"))
        return [name for name in names if self.provenance(name)]

    def manifest(self) -> dict[str, Any] | None:
        """The tree's manifest, None while it is not finished."""
        try:
            return json.loads((self.root / "manifest.json").read_text())
        except (OSError, ValueError):
            return None

    def _provenance(self, figure: str) -> Path:
        return self.root / "provenance" / f"{figure}.json"

    def _forget(self, figure: str) -> None:
        self._provenance(figure).unlink(missing_ok=True)
        for folder in (*FOLDERS, "failed"):
            for path in (self.root / folder).glob(f"{figure}[._]*"):
                path.unlink()


def _remove(staging: Path) -> None:
    shutil.rmtree(staging)
    with suppress(OSError):  # other figures are still being staged beside it
        staging.parent.rmdir()


def is_reference(version: str) -> bool:
    """Whether a version is a committed reference: v1, v2 …"""
    return re.fullmatch(r"v\d+", version) is not None


def newest_reference(profile_folder: Path) -> ResultsTree | None:
    """The finished reference with the highest number, None if there is none."""
    numbers = sorted(int(path.name[1:]) for path in profile_folder.glob("v*") if is_reference(path.name))
    trees = [ResultsTree(profile_folder / f"v{number}") for number in numbers]
    return next((tree for tree in reversed(trees) if tree.manifest()), None)
