"""What a report takes from the checkout around its tree."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trajreg.files import file_checksum
from trajreg.report.references import Reference, of_other_profiles, of_this_profile
from trajreg.runs.tree import MANIFEST, ResultsTree

CITATION = "CITATION.cff"


@dataclass(frozen=True)
class Checkout:
    """reading: the Markdown of the page that explains how a figure is read. citation: the text of CITATION.cff. links: file, from the top
    folder → its address from the tree, of those that are there. others: the newest references of the other profiles. versions: the
    references of this one, in order, where there are several.
    """

    reading: str
    citation: str = ""
    links: dict[str, str] = field(default_factory=dict)
    others: list[Reference] = field(default_factory=list)
    versions: list[Reference] = field(default_factory=list)

    @classmethod
    def of(cls, top: Path, tree: ResultsTree, profile: str, files: Iterable[str]) -> Checkout:
        """That of the folder `top`; `files` are those that the report would link to. Nothing outside of `top` is linked or read."""
        reading, citation = top / "docs" / "reading-a-figure.md", top / CITATION
        versions = of_this_profile(tree, profile)
        inside = tree.root.resolve().is_relative_to(top.resolve())
        links = {one: Path(os.path.relpath(top / one, tree.root)).as_posix() for one in files if (top / one).is_file()}
        return cls(
            reading=reading.read_text(encoding="utf-8"),
            citation=citation.read_text(encoding="utf-8") if citation.is_file() else "",
            links=links if inside else {},
            others=of_other_profiles(tree.root.parent.parent, profile) if inside else [],
            versions=versions if inside and len(versions) > 1 else [],
        )

    def content(self, tree: ResultsTree) -> list[Any]:
        """What changes when anything does that is read of it beside `tree` itself."""
        earlier = [one.tree.root for one in self.versions if one.tree.root != tree.root]
        manifests = [[root.name, file_checksum(root / MANIFEST)] for root in earlier]
        return [self.reading, self.citation, self.links, [one.content() for one in self.others], manifests]
