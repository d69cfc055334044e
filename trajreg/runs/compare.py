"""Compare two results trees: verdicts, numbers within the spread over seeds, bytes where hardware and versions agree."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from trajreg.runs.tree import ResultsTree
from trajreg.studies.catalogue import COLUMNS

LEVEL = 0.999  # of the interval that a mean over seeds may move in when another processor takes another path
ROW = ["claim", "where"]


@dataclass
class Comparison:
    """What came out: `problems` make the comparison fail, `notes` do not; `num_compared` numbers were compared."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_compared: int = 0
    same_bytes: int = 0


def compare(tree: ResultsTree, reference: ResultsTree, figures: list[str] | None = None) -> Comparison:
    """Compare `tree` with `reference`, figure by figure: the figures asked for, or all that either has.

    A figure that only one of the two has, whole, is a problem. One whose runs are others (its params were changed) is noted and not
    compared; where nothing at all was compared, that is a problem. On the same hardware and versions the numbers of every run must be
    the same bytes. Elsewhere the mean of each `compared` column over seeds must lie within a tolerance
    t · s · √(2/n) of the reference's (s the reference's standard deviation over n seeds, t Student's quantile at 99.9 %):
    training is chaotic, so that another processor's rounding acts like another seed; a verdict may then move to or from inconclusive
    (noted), never between replicated and not replicated.
    """
    result = Comparison()
    exact = _machine(tree) is not None and _machine(tree) == _machine(reference)
    for figure in figures or sorted({*tree.figures(), *reference.figures()}):
        here, there = tree.provenance(figure), reference.provenance(figure)
        if here is None or there is None:
            lacking = [one.root.name for one, known in ((tree, here), (reference, there)) if known is None]
            result.problems.append(f"{figure}: missing or changed since it was made in {' and in '.join(lacking)}")
        elif here["runs"] != there["runs"]:
            result.notes.append(
                f"{figure}: its runs differ from the reference's (changed params or numerics), not compared"
            )
        else:
            _compare_numbers(result, figure, _read(tree, "values", figure), _read(reference, "values", figure), exact)
            _compare_verdicts(result, figure, _read(tree, "claims", figure), _read(reference, "claims", figure), exact)
    if not (result.problems or result.num_compared or result.same_bytes):
        why = "; ".join(result.notes) or "no figure is there, or none has a metric with two seeds or more"
        result.problems.append(f"nothing was compared: {why}")
    return result


def _compare_numbers(result: Comparison, figure: str, here: pd.DataFrame, there: pd.DataFrame, exact: bool) -> None:
    if here.equals(there):
        result.same_bytes += 1
    elif exact:
        moved = [name for name in there if not here.get(name, pd.Series(dtype=float)).equals(there[name])]
        result.problems.append(f"{figure}: same hardware and versions, but other numbers in {', '.join(moved)}")
    for variant, theirs in there.groupby("variant", sort=False):
        ours = here[here["variant"] == variant].reindex(columns=theirs.columns)
        if int(ours["diverged"].sum()) != int(theirs["diverged"].sum()):
            result.problems.append(
                f"{figure}, {variant}: {ours['diverged'].sum()} runs diverged, {theirs['diverged'].sum()} in the reference"
            )
            continue
        for metric in (name for name in COLUMNS.compared if name in theirs and theirs[name].notna().sum() > 1):
            result.num_compared += 1
            off, allowed = abs(ours[metric].mean() - theirs[metric].mean()), tolerance(theirs[metric])
            if not off <= allowed:
                result.problems.append(
                    f"{figure}, {variant}: {metric} = {ours[metric].mean():.4g}, {theirs[metric].mean():.4g} in the reference, "
                    f"allowed is ± {allowed:.2g}"
                )


def tolerance(values: pd.Series) -> float:
    """How far the mean of these values, one a seed, may move: t · s · √(2/n), and never less than rounding."""
    values = values.dropna()
    n = len(values)
    spread = student.ppf((1 + LEVEL) / 2, n - 1) * values.std() * np.sqrt(2 / n)
    return float(spread + 1e-6 * abs(values.mean()) + 1e-12)


def _compare_verdicts(result: Comparison, figure: str, here: pd.DataFrame, there: pd.DataFrame, exact: bool) -> None:
    both = here.merge(there, on=ROW, how="outer", suffixes=("", "_reference"))
    for row in both[both["verdict"] != both["verdict_reference"]].itertuples():
        if pd.isna(row.verdict) or pd.isna(row.verdict_reference):
            result.notes.append(f"{figure}: claim {row.claim} {row.where} is in only one of the two")
            continue
        change = f"{figure}: claim {row.claim} ({row.where}): {row.verdict}, {row.verdict_reference} in the reference"
        serious = exact or "inconclusive" not in (row.verdict, row.verdict_reference)
        (result.problems if serious else result.notes).append(change)


def _read(tree: ResultsTree, folder: str, figure: str) -> pd.DataFrame:
    table = pd.read_csv(tree.root / folder / f"{figure}.csv", dtype={"where": str})
    return table.assign(where=table["where"].fillna("")) if "where" in table else table


def _machine(tree: ResultsTree) -> dict[str, Any] | None:
    return (tree.manifest() or {}).get("machine")
