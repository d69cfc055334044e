"""Compare two results trees: what must agree is held against the reference, what was changed is shown, old beside new."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # Student's quantile; scipy.stats takes longer to import than all the rest

from trajreg.runs.changes import (
    Change,
    changed_variants,
    claims_table,
    differing_keys,
    measured_otherwise,
    same_claims,
    variants_table,
)
from trajreg.runs.tree import ResultsTree, is_reference
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.claims import COLUMNS as LEDGER
from trajreg.studies.product import Role
from trajreg.studies.question import in_order
from trajreg.studies.rule import FINDINGS

LEVEL = 0.999  # of the interval that a mean over seeds may move in when another processor takes another path
TEXTS = (
    "variant",
    "fingerprint",
    "measured",
    "claim",
    "where",
    "metric",
    "reaches",
    "treatment_variant",
    "control_variant",
)  # digits or not
NEEDED: dict[Role, list[str]] = {
    "values": ["variant", "fingerprint", "diverged"],
    "claims": LEDGER,
}


@dataclass
class Comparison:
    """What came out: `problems` make the comparison fail, `notes` do not; `num_compared` means were compared, `same_bytes` figures
    have the same numbers in every run, and `changes` is what was changed, a figure each.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_compared: int = 0
    same_bytes: int = 0
    changes: list[Change] = field(default_factory=list)

    @property
    def not_held(self) -> list[str]:
        """The figures of which nothing was held against the reference, as their settings are others."""
        return [change.figure for change in self.changes if change.keys and len(change.variants) and not change.held]


def compare(tree: ResultsTree, reference: ResultsTree, figures: list[str] | None = None) -> Comparison:
    """Compare `tree` (new) with `reference` (old), figure by figure: the figures asked for, or all that either has.

    A figure that only one of the two has, whole, is a problem. Runs are the same where variant and fingerprint are. Those that both
    trees have must agree, on the same hardware and versions in every number. Elsewhere the mean of each `compared` column over seeds
    must lie within a tolerance t · s · √(2/n) of the reference's (s the reference's standard deviation over n seeds, t Student's
    quantile at 99.9 %): training is chaotic, so that another processor's rounding acts like another seed; a verdict may then move to
    or from inconclusive or not comparable (noted), never from one finding to another. Verdicts are those taken alone.

    Variants with other runs, columns that are measured otherwise, and claims that ask something else or rest on such variants are no
    problem: they come back in `changes`, with the settings that differ. That nothing at all could be held against the reference is
    a problem, unless every changed figure has other settings of a kind that decides which runs there are.
    """
    result = Comparison()
    exact = _machine(tree) is not None and _machine(tree) == _machine(reference)
    for figure in figures or in_order({*tree.figures(), *reference.figures()}):
        lacking = [one for one in (tree, reference) if one.provenance(figure) is None]
        if lacking:
            result.problems += [f"{figure}: {_absence(one, figure)}" for one in lacking]
        else:
            _compare_figure(result, figure, tree, reference, exact)
    explained = bool(result.changes) and all(change.explained for change in result.changes)
    if not (result.problems or result.num_compared or result.same_bytes or explained):
        why = "; ".join(result.notes) or "no figure is there, or none has a metric with two seeds or more"
        result.problems.append(f"nothing was compared: {why}")
    return result


def _absence(tree: ResultsTree, figure: str) -> str:
    if figure in tree.made():
        return f"was changed in {tree.root.name} since it was made"
    if is_reference(tree.root.name):
        return f"is not in {tree.root.name}: make a new reference that has it, or name the others by FIGURES"
    return f"is not in {tree.root.name}"


def _compare_figure(result: Comparison, figure: str, tree: ResultsTree, reference: ResultsTree, exact: bool) -> None:
    old, new = (_read(one, "values", figure) for one in (reference, tree))
    old_claims, new_claims = (_read(one, "claims", figure) for one in (reference, tree))
    there, here = (one.provenance(figure) or {} for one in (reference, tree))
    keys = differing_keys(there.get("setting"), here.get("setting"))
    if not keys and new.equals(old) and new_claims.equals(old_claims) and len(old) and here["runs"] == there["runs"]:
        result.same_bytes += 1
        result.num_compared += _num_means(old)
        return
    remeasured = measured_otherwise(keys)
    held = _hold_runs(result, figure, old, new, exact, remeasured)
    same = same_claims(old_claims, new_claims, (old, new), remeasured)
    _hold_verdicts(result, figure, same, exact)
    variants = variants_table(old, new, remeasured)
    change = Change(figure, keys, variants, claims_table(old_claims, new_claims, same), held)
    if change:
        result.changes.append(change)
    _tell_unexplained(result, figure, (old, new), (there, here), change.explained)


def _tell_unexplained(
    result: Comparison,
    figure: str,
    values: tuple[pd.DataFrame, pd.DataFrame],
    provenances: tuple[dict[str, Any], dict[str, Any]],
    explained: bool,
) -> None:
    """Runs that went missing are a problem; other runs that no setting explains are noted, other labels of the same are a problem."""
    old_runs, new_runs = (set(known["runs"]) for known in provenances)
    old_rows, new_rows = (set(table["fingerprint"]) for table in values)
    if lost := old_runs & new_runs & (old_rows ^ new_rows):
        result.problems.append(f"{figure}: runs of both trees are in the values of only one: {', '.join(sorted(lost))}")
    elif not explained and (changed := changed_variants(*values)):
        if old_runs == new_runs:
            result.problems.append(f"{figure}: the same runs have other labels: {', '.join(map(repr, changed))}")
            return
        known = all(one.get("setting") is not None for one in provenances)
        why = "no setting explains it (other data or numerics)" if known else "a tree does not say its settings"
        result.notes.append(f"{figure}: its runs differ from the reference's, {why}")


def _hold_runs(
    result: Comparison, figure: str, old: pd.DataFrame, new: pd.DataFrame, exact: bool, remeasured: set[str]
) -> bool:
    """Hold the runs that both tables have against each other; whether there was anything to compare."""
    before = result.num_compared
    result.same_bytes += not old.empty and new.equals(old)
    shared = {variant: _shared(new, old, variant, remeasured) for variant in dict.fromkeys(old["variant"])}
    moved = dict.fromkeys(name for sides in shared.values() for name in _moved(*sides)) if exact else {}
    if moved:
        result.problems.append(f"{figure}: same hardware and versions, but other numbers in {', '.join(moved)}")
    for variant, (ours, theirs) in shared.items():
        _hold_means(result, f"{figure}, {variant}", ours, theirs)
    return result.num_compared > before or (exact and any(len(theirs) for _, theirs in shared.values()))


def _shared(
    new: pd.DataFrame, old: pd.DataFrame, variant: str, remeasured: set[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both tables of the runs that both have of a variant, in one order, without what is measured otherwise."""
    names = [name for name in dict.fromkeys([*old, *new]) if name not in remeasured]
    ours, theirs = (side[side["variant"] == variant] for side in (new, old))
    both = set(ours["fingerprint"]) & set(theirs["fingerprint"])
    sides = (side[side["fingerprint"].isin(both)].sort_values("fingerprint") for side in (ours, theirs))
    one, other = (side.reset_index(drop=True).reindex(columns=names) for side in sides)
    return one, other


def _moved(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """The columns with other values; a number may be missing in both."""
    differ = (ours != theirs) & ~(ours.isna() & theirs.isna())
    return [name for name in theirs if differ[name].any()]


def _num_means(values: pd.DataFrame) -> int:
    """How many means of a table `_hold_means` would compare."""
    known = values.groupby("variant")[[name for name in COLUMNS.compared if name in values]].count()
    return int((known > 1).sum().sum())


def _hold_means(result: Comparison, where: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    if int(ours["diverged"].sum()) != int(theirs["diverged"].sum()):
        result.problems.append(
            f"{where}: {ours['diverged'].sum()} runs diverged, {theirs['diverged'].sum()} in the reference"
        )
        return
    for metric in (name for name in COLUMNS.compared if name in theirs and theirs[name].notna().sum() > 1):
        result.num_compared += 1
        off, allowed = abs(ours[metric].mean() - theirs[metric].mean()), tolerance(theirs[metric])
        if not off <= allowed:
            result.problems.append(
                f"{where}: {metric} = {ours[metric].mean():.4g}, {theirs[metric].mean():.4g} in the reference, "
                f"allowed is ± {allowed:.2g}"
            )


def tolerance(values: pd.Series) -> float:
    """How far the mean of these values, one a seed, may move: t · s · √(2/n), and never less than rounding."""
    values = values.dropna()
    n = len(values)
    spread = stdtrit(n - 1, (1 + LEVEL) / 2) * values.std() * np.sqrt(2 / n)
    return float(spread + 1e-6 * abs(values.mean()) + 1e-12)


def _hold_verdicts(
    result: Comparison, figure: str, rows: list[tuple[dict[str, Any], dict[str, Any]]], exact: bool
) -> None:
    for old, new in rows:
        if old["verdict"] != new["verdict"]:
            change = f"claim {new['claim']} ({new['where']}): {new['verdict']}, {old['verdict']} in the reference"
            serious = exact or {new["verdict"], old["verdict"]} <= {*FINDINGS}
            (result.problems if serious else result.notes).append(f"{figure}: {change}")


def _read(tree: ResultsTree, role: Role, figure: str) -> pd.DataFrame:
    """The table of the figure's product with this role; one without rows where its notebook saved none."""
    path = tree.product(figure, role)
    if path is None:
        return pd.DataFrame(columns=NEEDED[role])
    table = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str))
    texts = [name for name in TEXTS if name in table]
    return table.fillna(dict.fromkeys(texts, ""))


def _machine(tree: ResultsTree) -> dict[str, Any] | None:
    return (tree.manifest() or {}).get("machine")
