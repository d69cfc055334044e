"""What stands in the way of a results tree, and what a killed process left of one, is out of the way before anything is written."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from trajreg.files import (
    Damaged,
    is_folder,
    is_taken,
    read_sealed,
    refuse_changes,
    refuse_unless_file,
    remove,
    set_aside,
)
from trajreg.runs.tree import FAILED, PAGES, ResultsTree
from trajreg.studies.question import FIGURE_ID


def tidy(tree: ResultsTree, say: Callable[[str], None]) -> None:
    """With the tree's lock held: put back figures whose promotion was interrupted, delete what else a killed process left, and set aside
    what stands in the place of a figure, a page or a record and is none.
    """
    for old in tree.partial.glob("*.old"):
        if not is_taken(tree.root / old.stem):
            tree.root.mkdir(parents=True, exist_ok=True)
            os.rename(old, tree.root / old.stem)
    remove(tree.partial)
    for left in tree.root.glob(".*.partial"):
        remove(left)
    for path, reason in list(_strange(tree.root)):
        name = "-".join([tree.root.name, *path.relative_to(tree.root).parts])
        aside = set_aside(path, name, tree.root.with_name("corrupt"))
        say(f"{path.relative_to(tree.root.parent).as_posix()}: {reason}; set aside as corrupt/{aside.name}")


def _strange(root: Path) -> Iterator[tuple[Path, str]]:
    """What is not what its name says, and why."""
    if is_taken(root) and not root.is_dir():
        yield root, "not a folder"
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.name not in (PAGES, FAILED) and not re.fullmatch(FIGURE_ID, path.name):
            if path.suffix and (reason := _damage(refuse_unless_file, path)):
                yield path, reason
        elif not is_folder(path):
            yield path, "not a folder"
        else:
            yield from _strange_in(path)


def _strange_in(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.glob("[!.]*")):  # an editor's own folders are none of ours
        is_failure = folder.name == FAILED and path.suffix == ".json"
        if reason := _damage(_refuse_failure if is_failure else refuse_unless_file, path):
            yield path, reason


def _refuse_failure(path: Path) -> None:
    """Damaged unless the record of a failed figure, and the notebook that belongs to it, are as they were written."""
    refuse_changes(path.parent, read_sealed(path).get("outputs", {}))


def _damage(refuse: Callable[[Path], None], path: Path) -> str:
    try:
        refuse(path)
    except Damaged as error:
        return str(error)
    return ""
