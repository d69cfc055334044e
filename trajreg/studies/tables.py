"""Tidy tables of a figure's runs."""

import math

import pandas as pd

from trajreg.studies.run import Run

SHOWN = {
    "gamma": "γ, whole run",
    "gamma_early": "γ, early",
    "gamma_excess": "γ excess",
    "gamma_walk": "γ walk",
    "cosine": "cosine, median",
    "gamma_positive": "steps with γ > 0",
    "final_train_loss": "final train loss",
    "final_test_accuracy": "test accuracy",
    "final_test_mean_iou": "test mean IoU",
}


def epoch_table(runs: list[Run]) -> pd.DataFrame:
    """Long form: variant, seed, and the columns of a run's epochs; one row an epoch of a run."""
    return pd.concat([run.epochs.assign(variant=run.variant, seed=run.seed) for run in runs], ignore_index=True)


def run_table(runs: list[Run]) -> pd.DataFrame:
    """One row a run: variant, seed, fingerprint, diverged, measured (which estimator γ comes from), and every number of its summary."""
    names = ("variant", "seed", "fingerprint", "diverged", "measured")
    return pd.DataFrame([{name: getattr(run, name) for name in names} | run.summary for run in runs])


def summary_table(runs: list[Run]) -> pd.DataFrame:
    """One row a variant: runs, diverged, mean ± standard deviation over the seeds that did not diverge, and what γ was measured by."""
    table = run_table(runs)
    shown = {name: title for name, title in SHOWN.items() if name in table and table[name].notna().any()}
    rows = []
    for variant, group in table.groupby("variant", sort=False):
        kept = group[~group["diverged"]]
        cells = {title: _mean_sd(kept[name]) for name, title in shown.items()}
        counts = {"variant": variant, "runs": len(group), "diverged": int(group["diverged"].sum())}
        rows.append(counts | cells | {"γ measured by": "; ".join(kept["measured"].unique()) or "–"})
    return pd.DataFrame(rows).set_index("variant")


def _mean_sd(values: pd.Series) -> str:
    if values.notna().sum() == 0:
        return "–"
    spread = values.std()
    return f"{values.mean():.3g}" + ("" if math.isnan(spread) else f" ± {spread:.2g}")
