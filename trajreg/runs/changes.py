"""What was changed between two results trees, figure by figure: settings, variants and claims, old beside new."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from trajreg.measures.catalogue import MEASURES
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.question import FIGURE_ID

ABSENT = "absent"  # stands for the value of a key that one of two settings lacks
VARIANTS = ["variant", "metric", "old", "new", "ratio", "old_seeds", "new_seeds", "only_in"]
CLAIMS = [
    "claim", "where", "old_metric", "new_metric", "old_smallest", "new_smallest", "old", "new", "effect_kind", "change",
    "old_verdict", "new_verdict",
]  # fmt: skip
# of a row of the ledger: what the claim is
ASKED = ("metric", "reaches", "direction", "effect_kind", "smallest_effect", "treatment_variant", "control_variant")

# of a dotted key, which begins with the figure's id where it is of a figure that shows the runs of others
_DECIDES = re.compile(rf"(?:{FIGURE_ID}\.)?(?:base|vary|variants|seeds|random_label_seeds)(?:\.|$)")
_MEASURE = re.compile(rf"(?:{FIGURE_ID}\.)?(?:variants\..+?\.)?measures\.(\w+)")


@dataclass(frozen=True)
class Change:
    """What is other in one figure.

    keys: (dotted key, old value, new value) of each setting that differs, ABSENT where a side lacks it; empty also where a tree does
    not say what its settings were. held: whether some of its runs are in both trees and were held against each other.
    variants: VARIANTS, a row a variant and `compared` column whose numbers may be other: the mean over the old_seeds seeds with a
    number, the same of the new ones, and new / old, NaN unless both are positive; only_in is "old", "new" or "".
    claims: CLAIMS, a row a claim and `where` that asks something else, or of other runs, than before: the effects, their ratio or
    difference (`effect_kind`) and the verdicts; a side that lacks the row has NaN and ABSENT.
    """

    figure: str
    keys: list[tuple[str, Any, Any]]
    variants: pd.DataFrame
    claims: pd.DataFrame
    held: bool

    @property
    def explained(self) -> bool:
        """Whether one of the settings that differ decides which runs there are; thresholds and measures do not."""
        return any(_DECIDES.match(key) for key, _, _ in self.keys)

    def __bool__(self) -> bool:
        return bool(self.keys or len(self.variants) or len(self.claims))


def differing_keys(old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[tuple[str, Any, Any]]:
    """The flattened keys in which two settings differ, the old ones' order first; none where either is not known."""
    if old is None or new is None:
        return []
    one, other = dict(_leaves(old)), dict(_leaves(new))
    sides = [(key, one.get(key, ABSENT), other.get(key, ABSENT)) for key in dict.fromkeys([*one, *other])]
    return [side for side in sides if side[1] != side[2]]


def measured_otherwise(keys: Iterable[tuple[str, Any, Any]]) -> set[str]:
    """The columns of the measures whose options, and of the thresholds whose values are among these keys: other numbers of the same runs.

    Options that are varied (`vary.measures…`) are no such keys: a variant that is new or gone takes nothing from the others.
    """
    changed = [key for key, _, _ in keys]
    found = {match[1] for key in changed for match in [_MEASURE.match(key)] if match}
    reached = [key.removeprefix("thresholds.") for key in changed if key.startswith("thresholds.")]
    columns = reached + [column.name for name in found & MEASURES.keys() for column in MEASURES[name].COLUMNS.summary]
    ends = [f"{name}{end}" for name in columns for end in ("_low", "_high")]  # of what is known by bounds only
    return {*columns, *ends} | ({"measured"} if found else set())


def changed_variants(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """The labels that do not stand for the same runs in both tables of values, or are only in one, in order."""
    return [label for label in _labels(old, new) if _runs(old, label) != _runs(new, label)]


def variants_table(old: pd.DataFrame, new: pd.DataFrame, remeasured: set[str]) -> pd.DataFrame:
    """VARIANTS, from two tables of values: all `compared` columns of changed variants, of the others those in `remeasured`."""
    changed = changed_variants(old, new)
    rows = [
        row
        for label in _labels(old, new)
        for row in _means(old[old["variant"] == label], new[new["variant"] == label], label)
        if label in changed or row["metric"] in remeasured
    ]
    return pd.DataFrame(rows, columns=VARIANTS)


def same_claims(
    old: pd.DataFrame, new: pd.DataFrame, values: tuple[pd.DataFrame, pd.DataFrame], remeasured: set[str]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(old row, new row) of the ledgers wherever both ask the same of the same runs: their verdicts must agree."""
    changed = set(changed_variants(*values))
    return [
        (one, other)
        for one, other in _pairs(old, new)
        if one
        and other
        and all(one.get(name, "") == other.get(name, "") for name in ASKED)  # older trees lack `reaches`
        and one["metric"].split(" ≤ ")[0] not in remeasured
        and not changed & {other["treatment_variant"], other["control_variant"]}
    ]


def claims_table(
    old: pd.DataFrame, new: pd.DataFrame, same: list[tuple[dict[str, Any], dict[str, Any]]]
) -> pd.DataFrame:
    """CLAIMS, from two ledgers: every row but the `same_claims`."""
    kept = {(row["claim"], row["where"]) for row, _ in same}
    pairs = [(one, other) for one, other in _pairs(old, new) if _row_of(one, other) not in kept]
    return pd.DataFrame([_claim(one, other) for one, other in pairs], columns=CLAIMS)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and (value or not key):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name)
    else:
        yield key, value


def _labels(*tables: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(label for table in tables for label in table["variant"]))


def _runs(table: pd.DataFrame, label: str) -> set[str]:
    return set(table.loc[table["variant"] == label, "fingerprint"])


def _means(old: pd.DataFrame, new: pd.DataFrame, label: str) -> Iterator[dict[str, Any]]:
    """A row a column; diverged runs are left out of the means, and counted in a row of their own where there are any."""
    only_in = "new" if old.empty else "old" if new.empty else ""
    start = {"variant": label, "only_in": only_in}
    kept = [side[~side["diverged"].astype(bool)] for side in (old, new)]
    for metric in (name for name in COLUMNS.compared if name in old or name in new):
        one, other = (side[metric].dropna() if metric in side else pd.Series(dtype=float) for side in kept)
        if len(one) or len(other):
            means = {"old": one.mean(), "new": other.mean(), "ratio": _ratio(one.mean(), other.mean())}
            yield start | {"metric": metric, "old_seeds": len(one), "new_seeds": len(other)} | means
    counts = [int(side["diverged"].sum()) for side in (old, new)]
    if any(counts):
        diverged = dict(zip(("old", "new", "old_seeds", "new_seeds"), (*counts, len(old), len(new)), strict=True))
        yield start | {"metric": "runs diverged", "ratio": _ratio(*counts)} | diverged


def _ratio(old: float, new: float) -> float:
    return new / old if old > 0 and new > 0 and math.isfinite(old) else math.nan


def _pairs(old: pd.DataFrame, new: pd.DataFrame) -> list[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
    """The rows of two ledgers by claim and where; None where a side has no such row."""
    one, other = ({(row["claim"], row["where"]): row for row in side.to_dict("records")} for side in (old, new))
    return [(one.get(key), other.get(key)) for key in dict.fromkeys([*one, *other])]


def _row_of(old: dict[str, Any] | None, new: dict[str, Any] | None) -> tuple[str, str]:
    row = old or new or {}
    return row["claim"], row["where"]


def _claim(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    claim, where = _row_of(old, new)
    kinds = {side["effect_kind"] for side in (old, new) if side}
    kind = kinds.pop() if len(kinds) == 1 else "–"
    one, other = (side["effect"] if side else math.nan for side in (old, new))
    change = {"ratio": _ratio(one, other), "difference": other - one}.get(kind, math.nan)
    row = {"claim": claim, "where": where, "effect_kind": kind, "old": one, "new": other, "change": change}
    for age, side in (("old", old), ("new", new)):
        row[f"{age}_metric"] = side["metric"] if side else ABSENT
        row[f"{age}_smallest"] = side["smallest_effect"] if side else math.nan
        row[f"{age}_verdict"] = side["verdict"] if side else ABSENT
    return row
