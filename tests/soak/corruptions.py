"""Any stored file or folder spoilt in any way; the next `all` mends it and says so, and the one after finds nothing to do."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from soak.project import PROFILE
from soak.reference import shape
from soak.same import differences
from soak.trial import Trial

ABSENT = [f"{PROFILE}/local/failed"]  # not there in a finished project, but what stands in its place may be in the way
NOTHING_TO_DO = ("0 made or measured", "0 drawn")


def trial(one: Trial) -> None:
    """One spoilt path, and `all` twice."""
    one.victim(None)
    kinds: dict[str, list[str]] = {}
    for path in targets(one.results):
        kinds.setdefault(shape(path.replace("/", " ")), []).append(path)
    name = one.rng.choice(kinds[one.rng.choice(sorted(kinds))])
    path, good = one.results / name, one.folder / "good"
    spoil = one.rng.choice(possible(path))
    one.begin(f"{re.sub('_', ' ', spoil.__name__)}: {name}")
    spoil(path, good, one.rng)
    spoilt = bool(differences(one.results, one.reference.contents))
    mended = one.completes("the next all")
    said = [line for line in mended.told if shape(line) not in one.reference.idle]
    if spoilt and mended.code == 0:
        one.expect(bool(said), "mended without a word")
    idle = one.completes("the all after next")
    for text in NOTHING_TO_DO:
        one.expect(text in idle.out, "the all after next does something again", " | ".join(idle.told[:3]))


def targets(results: Path) -> list[str]:
    """Every stored path, and those at which something would be in the way."""
    return sorted(path.relative_to(results).as_posix() for path in (results / PROFILE).rglob("*")) + ABSENT


Spoil = Callable[[Path, Path, Random], object]


def possible(path: Path) -> list[Spoil]:
    """What can be done to this path; `good` is where a good copy goes."""
    ways: list[Spoil] = [replaced_by_a_dangling_link]
    if not path.exists():
        return [*ways, replaced_by_a_file, replaced_by_an_empty_folder]
    ways += [deleted, replaced_by_a_link_to_a_copy, replaced_by_an_empty_folder]
    if path.is_dir():
        return [*ways, replaced_by_a_file]
    if path.match("snapshots/epoch-*"):  # what they hold is checked when they are read; test_measured_later has that
        return ways
    if path.stat().st_size:
        ways += [one_byte_flipped, truncated, emptied]
        if re.search(rb"\d", path.read_bytes()):
            ways.append(one_digit_changed)
    if path.suffix in (".json", ".ipynb"):
        ways += [replaced_by_other_json, a_key_removed]
    return ways


def one_byte_flipped(path: Path, good: Path, rng: Random) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def one_digit_changed(path: Path, good: Path, rng: Random) -> None:
    content = bytearray(path.read_bytes())
    place = rng.choice([match.start() for match in re.finditer(rb"\d", bytes(content))])
    content[place] = rng.choice([digit for digit in b"0123456789" if digit != content[place]])
    path.write_bytes(content)


def truncated(path: Path, good: Path, rng: Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def emptied(path: Path, good: Path, rng: Random) -> None:
    os.truncate(path, 0)


def deleted(path: Path, good: Path, rng: Random) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def replaced_by_an_empty_folder(path: Path, good: Path, rng: Random) -> None:
    _away(path, good)
    path.mkdir()


def replaced_by_a_file(path: Path, good: Path, rng: Random) -> None:
    _away(path, good)
    path.write_text("something else\n")


def replaced_by_a_dangling_link(path: Path, good: Path, rng: Random) -> None:
    _away(path, good)
    path.symlink_to("nowhere")


def replaced_by_a_link_to_a_copy(path: Path, good: Path, rng: Random) -> None:
    _away(path, good)
    path.symlink_to(good)


def replaced_by_other_json(path: Path, good: Path, rng: Random) -> None:
    path.write_text(rng.choice(["null\n", "[]\n", "{}\n", "3\n", '"text"\n', '{"files": 3}\n', '{"key": {}}\n']))


def a_key_removed(path: Path, good: Path, rng: Random) -> None:
    """Of some object in it, at any depth."""
    known = json.loads(path.read_text(encoding="utf-8"))
    objects = [known] if isinstance(known, dict) else []
    for value in objects if objects else [known]:
        objects += [one for one in (value.values() if isinstance(value, dict) else value) if isinstance(one, dict)]
    where = rng.choice([one for one in objects if one])
    where.pop(rng.choice(sorted(where)))
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def _away(path: Path, good: Path) -> None:
    if path.exists():
        os.rename(path, good)
