"""What "the same bytes" means: a results folder by content, without what differs from one time to the next."""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

# when, how long and from which checkout; what papermill notes of time, and the random name of the cell it adds
TIMES = {
    "seconds",
    "source",
    "finished",
    "papermill",
    "execution",
    "checksum",
}  # the last is the seal, over all of them
SHOWN_TIMES = (
    rb"<dd>\d{4}-\d\d-\d\dT[\d:]+Z</dd>",
    rb"<dt>Executed in</dt><dd>.*?</dd>",
    rb'injected-parameters" id="cell-id=[0-9a-f]+"',
)
# locks, what was set aside, where failures stand: there may be such things, but nothing in them is a result
NO_RESULTS = {".locks", "corrupt"}


def contents(results: Path) -> dict[str, str]:
    """Path → what is there: the digest of a file, or the kind of something else. Links are followed."""
    found = {}
    for folder, folders, files in os.walk(results, followlinks=True):
        folders[:] = [name for name in folders if name not in NO_RESULTS]
        for name in sorted({*folders, *files} - NO_RESULTS):
            path = Path(folder) / name
            found[path.relative_to(results).as_posix()] = _content(path)
    return found


def differences(results: Path, reference: dict[str, str]) -> list[str]:
    """How a results folder differs from the reference, a line each; empty folders for failures are no difference."""
    here = {name: what for name, what in contents(results).items() if not _is_empty_failed(results / name)}
    lines = []
    for name in sorted(here.keys() | reference.keys()):
        if name not in here:
            lines.append(f"{name} is missing")
        elif name not in reference:
            lines.append(f"{name} is left over")
        elif here[name] != reference[name]:
            lines.append(f"{name} differs")
    return lines


def _is_empty_failed(path: Path) -> bool:
    return path.name == "failed" and path.is_dir() and not any(path.iterdir())


def _content(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    try:
        content = path.read_bytes()
    except OSError as error:
        return f"cannot be read: {type(error).__name__}"
    if path.suffix in (".json", ".ipynb"):
        content = _lasting_json(content)
    elif path.suffix == ".html":
        for pattern in SHOWN_TIMES:
            content = re.sub(pattern, b"", content)
    return hashlib.sha256(content).hexdigest()


def _lasting_json(content: bytes) -> bytes:
    """JSON without times, in its order and layout; as it is where it is none."""
    try:
        known = json.loads(content)
    except ValueError:
        return content
    if isinstance(known, dict) and "pages" in known:  # the tree's manifest: its key is of the figures' times as well
        known.pop("key", None)
        known["pages"] = {name: "" if name.endswith(".html") else one for name, one in known["pages"].items()}
    return json.dumps(_lasting(known)).encode()


def _lasting(value: Any) -> Any:
    if isinstance(value, list):
        return [_lasting(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _lasting(one) for key, one in value.items() if key not in TIMES}
    if "injected-parameters" in str(value.get("metadata")):
        kept.pop("id", None)
    outputs = kept.get("outputs")
    if isinstance(outputs, dict):  # of a figure, by checksum: that of the notebook is of its times as well
        kept["outputs"] = {name: one for name, one in outputs.items() if name != "notebook.ipynb"}
    return kept
