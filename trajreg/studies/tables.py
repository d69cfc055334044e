"""Tidy tables of a figure's runs."""

import math
from typing import Any

import pandas as pd

from trajreg.columns import Bound, Columns, Value
from trajreg.errors import InputError
from trajreg.studies.effects import steps_to
from trajreg.studies.figure import Figure
from trajreg.studies.run import Run


def columns_of(runs: list[Run]) -> Columns:
    """The columns of these runs, those of the first before what only others have."""
    return sum((run.columns for run in runs), Columns())


def epoch_table(runs: list[Run]) -> pd.DataFrame:
    """Long form: variant, seed, and the columns of a run's epochs; one row an epoch of a run."""
    return pd.concat([run.epochs.assign(variant=run.variant, seed=run.seed) for run in runs], ignore_index=True)


def run_table(runs: list[Run], figure: Figure | None = None) -> pd.DataFrame:
    """One row a run: variant, seed, fingerprint, diverged, lr (the mean learning rate, NaN where the run has none), measured (which
    estimator γ comes from), of a figure with thresholds the steps to each (NaN where the run diverged), and every value of its summary.

    A value of which only bounds are known is NaN, and its known ends stand in the columns <name>_low and <name>_high, which are
    there where any run has such a value.
    """
    return pd.DataFrame(
        [
            {name: getattr(run, name) for name in ("variant", "seed", "fingerprint", "diverged")}
            | {"lr": _learning_rate(run), "measured": run.measured}
            | _cells(run, _steps_to(figure, run) | run.summary)
            for run in runs
        ]
    )


def summary_table(runs: list[Run]) -> pd.DataFrame:
    """One row a variant: runs, diverged, learning rate (where runs have one), mean ± standard deviation over the seeds that did not
    diverge, and what γ was measured by.

    Values of which only bounds are known are left out of the mean and counted as censored.
    """
    table = run_table(runs)
    known = {name for name in table if table[name].notna().any()} | {
        name for run in runs for name in _bounds(run.summary)
    }
    shown = {name: column.title for name, column in columns_of(runs).shown.items() if name in known}
    rows = []
    for variant, group in table.groupby("variant", sort=False):
        kept = group[~group["diverged"]]
        censored = [
            name for run in runs if run.variant == variant and not run.diverged for name in _bounds(run.summary)
        ]
        cells = {title: _mean_sd(kept[name], censored.count(name)) for name, title in shown.items()}
        counts = {"variant": variant, "runs": len(group), "diverged": int(group["diverged"].sum())}
        if "lr" in known:
            counts["learning rate"] = f"{group['lr'].mean():.3g}"
        rows.append(counts | cells | {"γ measured by": "; ".join(kept["measured"].unique()) or "–"})
    return pd.DataFrame(rows).set_index("variant")


def _learning_rate(run: Run) -> float:
    """The mean over the steps; NaN where the run has no table of steps with learning rates."""
    try:
        steps = run.own_table("steps")
    except InputError:
        return math.nan
    return float(steps["lr"].mean()) if "lr" in steps else math.nan


def _steps_to(figure: Figure | None, run: Run) -> dict[str, Value]:
    """The steps to each threshold of the figure."""
    if figure is None or figure.setting is None:
        return {}
    found: dict[str, Value] = {}
    for name, threshold in figure.setting.thresholds.items():
        low, high = (math.nan,) * 2 if run.diverged else steps_to(run, threshold, f"{figure.id}: thresholds.{name}")
        found[name] = Bound(low, high) if low < high else low
    return found


def _bounds(values: dict[str, Value]) -> dict[str, Bound]:
    return {name: value for name, value in values.items() if isinstance(value, Bound)}


def _cells(run: Run, values: dict[str, Value]) -> dict[str, Any]:
    cells: dict[str, Any] = dict(values)
    for name, bound in _bounds(values).items():
        ends = {f"{name}_low": bound.low, f"{name}_high": bound.high}
        if taken := ends.keys() & values.keys():
            raise ValueError(f"{run}: the bound of {name} needs the column {min(taken)}, which is a metric already")
        cells |= {name: math.nan} | {end: value if math.isfinite(value) else math.nan for end, value in ends.items()}
    return cells


def _mean_sd(values: pd.Series, num_censored: int) -> str:
    censored = f"{num_censored} censored" if num_censored else ""
    if values.notna().sum() == 0:
        return censored or "–"
    spread = values.std()
    shown = f"{values.mean():.3g}" + ("" if math.isnan(spread) else f" ± {spread:.2g}")
    return f"{shown} ({censored})" if censored else shown
