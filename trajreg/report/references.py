"""The newest committed references of the other profiles, and the earlier ones of this: what a report compares its verdicts with."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trajreg.errors import InputError
from trajreg.files import Damaged, file_checksum, refuse_changes
from trajreg.report.ledger import Claim
from trajreg.runs.tree import MANIFEST, ResultsTree, is_reference, newest_reference

LEDGER = "claims.csv"  # of a whole tree, with the verdicts over the family
# of the product `firmness`: a row a claim and measure, with counts of the choices under which it holds, is reversed, or undecided
FIRMNESS = "firmness.csv"
SAID = ("holds", "reversed", "undecided")  # of choices under which both sides train
MEASURED_TWICE = "gamma_endpoint"  # a second measure of the claim about γ


@dataclass(frozen=True)
class Share:
    """Under how many of so many choices a claim holds. figure: whose table says so."""

    holds: int
    choices: int
    figure: str = ""


@dataclass(frozen=True)
class Reference:
    """A finished reference: its profile and its tree."""

    profile: str
    tree: ResultsTree

    @property
    def version(self) -> str:
        """v1, v2 …"""
        return self.tree.root.name

    @property
    def damage(self) -> str:
        """Why its ledger is not believed; empty where it is as it was written."""
        known = self.tree.manifest()
        if known is None:
            return f"{MANIFEST} is not as it was written"
        try:
            refuse_changes(self.tree.root, {LEDGER: known["pages"][LEDGER]})
        except Damaged as error:
            return str(error)
        return ""

    def claims(self) -> list[Claim]:
        """Its ledger; none where that is not believed."""
        if self.damage:
            return []
        with (self.tree.root / LEDGER).open(encoding="utf-8", newline="") as file:
            return [Claim.from_row(row) for row in csv.DictReader(file)]

    def shares(self) -> dict[tuple[str, str], Share]:
        """(figure, claim) → under how many of the choices it holds, from the tables of that name; none where the profile has no such."""
        found = {}
        for path in self._tables():
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    if row["measure"] != MEASURED_TWICE:
                        counts = [int(row[f"alone_{one}"]) + int(row[f"sampled_{one}"]) for one in SAID]
                        found[row["figure"], row["claim"]] = Share(counts[0], sum(counts), path.parent.name)
        return found

    def content(self) -> list[Any]:
        """What changes when anything does that is read of it."""
        files = [self.tree.root / LEDGER, *self._tables()]
        return [self.profile, self.version, self.damage, *(file_checksum(path) for path in files if path.is_file())]

    def _tables(self) -> list[Path]:
        """The tables of figures that are whole."""
        found = sorted(self.tree.root.glob(f"*/{FIRMNESS}"))
        return [path for path in found if self.tree.provenance(path.parent.name)]


def of_other_profiles(results: Path, profile: str) -> list[Reference]:
    """The newest finished reference of every other profile that has one, by name."""
    folders = [path for path in sorted(results.iterdir()) if path.is_dir() and path.name != profile]
    found = [(folder.name, _newest(folder)) for folder in folders]
    return [Reference(name, tree) for name, tree in found if tree]


def of_this_profile(tree: ResultsTree, profile: str) -> list[Reference]:
    """The finished references of a tree's profile in order: up to the tree itself, finished or not, where it is one."""
    folders = [path for path in tree.root.parent.glob("v*") if is_reference(path.name)]
    trees = [ResultsTree(path) for path in sorted(folders, key=_number)]
    if not is_reference(tree.root.name):
        return [Reference(profile, one) for one in trees if one.is_finished]
    earlier = [one for one in trees if _number(one.root) < _number(tree.root) and one.is_finished]
    return [Reference(profile, one) for one in [*earlier, tree]]


def _number(path: Path) -> int:
    return int(path.name[1:])


def _newest(folder: Path) -> ResultsTree | None:
    """As `newest_reference`; one whose manifest is damaged is told of by `Reference.damage`."""
    try:
        return newest_reference(folder)
    except InputError:
        folders = [path for path in folder.glob("v*") if is_reference(path.name) and ResultsTree(path).is_finished]
        return ResultsTree(max(folders, key=_number))
