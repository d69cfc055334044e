"""Compare two results trees: verdicts, numbers within the spread over seeds, bytes where hardware and versions agree."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import t as student

from trajreg.runs.tree import ResultsTree

LEVEL = 0.999  # of the interval that a mean over seeds may move in when another processor takes another path
METRICS = ("final_train_loss", "final_test_accuracy", "gamma", "gamma_early", "gamma_excess", "cosine")
ROW = ["claim", "where"]


@dataclass
class Comparison:
    """What came out: `problems` make the comparison fail, `notes` do not; `num_compared` numbers were held against each other."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_compared: int = 0
    same_bytes: int = 0


def compare(tree: ResultsTree, reference: ResultsTree) -> Comparison:
    """Hold `tree` against `reference`, figure by figure.

    A figure whose runs are others (its params were changed) is noted and not compared. On the same hardware and versions the numbers of
    every run must be the same bytes. Elsewhere the mean of each metric over seeds must lie within a tolerance
    t · s · √(2/n) of the reference's (s the reference's standard deviation over n seeds, t Student's quantile at 99.9 %):
    training is chaotic, so that another processor's rounding acts like another seed; a verdict may then move to or from inconclusive
    (noted), never between replicated and not replicated.
    """
    result = Comparison()
    exact = _machine(tree) is not None and _machine(tree) == _machine(reference)
    for figure in tree.figures():
        here, there = tree.provenance(figure), reference.provenance(figure)
        if there is None:
            result.notes.append(f"{figure}: not in the reference")
        elif here["runs"] != there["runs"]:
            result.notes.append(
                f"{figure}: its runs differ from the reference's (changed params or numerics), not compared"
            )
        else:
            _compare_numbers(result, figure, *(_read(one, "values", figure) for one in (tree, reference)), exact)
            _compare_verdicts(result, figure, *(_read(one, "claims", figure) for one in (tree, reference)), exact)
    result.notes += [
        f"{figure}: only in the reference" for figure in reference.figures() if figure not in tree.figures()
    ]
    return result


def _compare_numbers(result: Comparison, figure: str, here: pd.DataFrame, there: pd.DataFrame, exact: bool) -> None:
    if here.equals(there):
        result.same_bytes += 1
    elif exact:
        moved = [name for name in there if not here.get(name, pd.Series(dtype=float)).equals(there[name])]
        result.problems.append(f"{figure}: same hardware and versions, but other numbers in {', '.join(moved)}")
    for variant, theirs in there.groupby("variant", sort=False):
        ours = here[here["variant"] == variant]
        if int(ours["diverged"].sum()) != int(theirs["diverged"].sum()):
            result.problems.append(
                f"{figure}, {variant}: {ours['diverged'].sum()} runs diverged, {theirs['diverged'].sum()} in the reference"
            )
            continue
        for metric in (name for name in METRICS if name in theirs and theirs[name].notna().sum() > 1):
            result.num_compared += 1
            moved, allowed = abs(ours[metric].mean() - theirs[metric].mean()), tolerance(theirs[metric])
            if not moved <= allowed:
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


def _machine(tree: ResultsTree) -> dict | None:
    return (tree.manifest() or {}).get("machine")
