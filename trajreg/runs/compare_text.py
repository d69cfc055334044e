"""What a comparison of two results trees found, as lines for the console."""

import json
import math
from collections.abc import Iterator
from typing import Any

from trajreg.runs.changes import ABSENT, Change
from trajreg.runs.compare import Comparison

ANOTHER = "old_verdict != new_verdict or old_metric != new_metric or old_smallest != new_smallest"


def told(result: Comparison, most: int | None = None) -> Iterator[str]:
    """The changes, the notes and the problems; `most` as in `describe`."""
    for change in result.changes:
        yield from ("  " + line if line else "" for line in describe(change, most))
    for note in result.notes:
        yield f"  note: {note}"
    if left := result.not_held:
        are = f"{len(left)} figures have other settings than the reference and were"
        one = "1 figure has other settings than the reference and was"
        yield f"  not compared: {are if len(left) > 1 else one} not held against it: {', '.join(left)}"
    for problem in result.problems:
        yield f"  DIFFERS: {problem}"


def describe(change: Change, most: int | None = None) -> list[str]:
    """The differing keys, then a table of the variants, then one of the claims.

    With `most`, at most so many rows of each of the three, and only the claims that ask something else or have another verdict.
    """
    what = "other settings" if change.keys else "other runs" if len(change.variants) else "other claims"
    keys = [f"  {key}: {_plain(old)} → {_plain(new)}" for key, old, new in change.keys]
    lines = [f"{change.figure}: {what} (old → new)", *_first(keys, most)]
    variants = [_variant_cells(row) for row in change.variants.to_dict("records")]
    lines += _table(["variant", "metric", "old", "new", "ratio", "seeds"], variants, most)
    told = change.claims if most is None else change.claims.query(ANOTHER)
    claims = [_claim_cells(row) for row in told.to_dict("records")]
    lines += _table(["claim", "metric", "old", "new", "change", "verdict"], claims, most)
    if len(told) < len(change.claims):
        lines += ["", f"  claims as before, with the same verdict: {len(change.claims) - len(told)}"]
    return lines


def _variant_cells(row: dict[str, Any]) -> list[str]:
    old = ABSENT if row["only_in"] == "new" else _number(row["old"])
    new = ABSENT if row["only_in"] == "old" else _number(row["new"])
    seeds = _turn(row["old_seeds"], row["new_seeds"])
    return [row["variant"] or "base", row["metric"], old, new, _number(row["ratio"]), seeds]


def _claim_cells(row: dict[str, Any]) -> list[str]:
    where = f" ({row['where']})" if row["where"] else ""
    known = [row[side] for side in ("old_metric", "new_metric") if row[side] != ABSENT]
    metric = _turn(known[0], known[-1])
    if len(known) == 2 and row["old_smallest"] != row["new_smallest"]:
        metric += f", counts from {row['old_smallest']:g} → {row['new_smallest']:g}"
    sign = {"ratio": "×", "difference": "+" if row["change"] >= 0 else "−"}.get(row["effect_kind"], "")
    change = _number(row["change"]) if math.isnan(row["change"]) else f"{sign} {_number(abs(row['change']))}"
    verdict = _turn(row["old_verdict"], row["new_verdict"])
    return [row["claim"] + where, metric, _number(row["old"]), _number(row["new"]), change, verdict]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _turn(old: Any, new: Any) -> str:
    return f"{old}" if old == new else f"{old} → {new}"


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"


def _table(head: list[str], rows: list[list[str]], most: int | None) -> list[str]:
    """Aligned under their heads, below an empty line; nothing where there is no row."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows)]
    return ["", lines[0], *_first(lines[1:], most)] if rows else []


def _first(lines: list[str], most: int | None) -> list[str]:
    more = 0 if most is None else len(lines) - most
    return lines if more <= 0 else [*lines[:most], f"  … and {more} more"]
