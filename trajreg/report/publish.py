"""The report of a results tree with its manifest, made anew when anything that is shown changed."""

import time
from pathlib import Path
from typing import Any

from trajreg.files import Damaged, file_checksum, refuse_changes, write_sealed
from trajreg.report.checkout import Checkout
from trajreg.report.render import render
from trajreg.runs.keys import digest, library_files
from trajreg.runs.provenance import machine, num_cores, source
from trajreg.runs.tree import MANIFEST, ResultsTree


def publish(tree: ResultsTree, top: Path, profile: str, version: str) -> list[str]:
    """Render the report and write the manifest; the files written, none where all are there and would come out the same.

    `top` is the checkout. Raises InputError where the tree holds no figure.
    """
    figures = {name: known for name in tree.figures() for known in [tree.provenance(name)] if known}
    checkout = Checkout.of(top, tree, profile, _files(figures))
    key = _key(tree, figures, top, checkout)
    known = tree.manifest()
    if known and known["key"] == key and _is_whole(tree.root, known["pages"]):
        return []
    (tree.root / MANIFEST).unlink(missing_ok=True)
    manifest = {"profile": profile, "version": version, "key": key} | _manifest(top, figures)
    written = render(tree.root, profile=profile, version=version, checkout=checkout, provenance=_flat(manifest))
    pages = {path.relative_to(tree.root).as_posix(): file_checksum(path) for path in written}
    write_sealed(tree.root / MANIFEST, manifest | {"pages": pages})
    return list(pages)


def _is_whole(root: Path, pages: dict[str, str]) -> bool:
    try:
        refuse_changes(root, pages)
    except Damaged:
        return False
    return True


def _files(figures: dict[str, dict[str, Any]]) -> list[str]:
    """The files that the figures were made from, each once."""
    return list(dict.fromkeys(path for known in figures.values() for path in (*known["params"], known["notebook"])))


def _key(tree: ResultsTree, figures: dict[str, dict[str, Any]], top: Path, checkout: Checkout) -> str:
    """What the report depends on, by content: figures, what became of them, failures, templates, this code, and what is around the tree."""
    damage = {figure: tree.damage(figure) for figure in tree.made()}
    paths = sorted((top / "trajreg" / "report").iterdir())
    templates = [path.read_text() for path in paths if path.suffix in (".html", ".css", ".js")]
    library = library_files(f"import {__name__}", top)
    return digest([figures, tree.failures(), damage, library, templates, checkout.content(tree)])


def _manifest(top: Path, figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "source": source(top),
        "machine": machine(),
        "cores": num_cores(),
        "figures": {figure: known["key"] for figure, known in figures.items()},
        "seeds": {figure: known["seeds"] for figure, known in figures.items()},
        "num_runs": len({run for known in figures.values() for run in known["runs"]}),
        "data_checksums": sorted({checksum for known in figures.values() for checksum in known["data_checksums"]}),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _flat(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the report shows of a manifest: one level, nothing internal."""
    flat = {name: manifest[name] for name in ("profile", "version", "finished", "num_runs", "cores")}
    flat |= manifest["source"] | manifest["machine"]
    flat["seeds"] = ", ".join(f"{figure}: {count}" for figure, count in manifest["seeds"].items())
    flat["data checksums"] = ", ".join(checksum[:16] for checksum in manifest["data_checksums"])
    return flat
