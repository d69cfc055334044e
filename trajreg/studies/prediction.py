"""Do early numbers foretell how long a training takes? Linear models, tested on techniques that they have not seen (ours)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from trajreg.studies.rank_correlation import LEAST, LEVELS, two_stage
from trajreg.studies.speed import DIFFERENCES

LOSS = ("early_loss", "early_loss_end")
MODELS = {
    "early loss": LOSS,
    "early loss and D": (*LOSS, "early_directedness"),
    "early loss and c⁺": (*LOSS, "early_forward_cosine"),
    "early loss, D and c⁺": (*LOSS, "early_directedness", "early_forward_cosine"),
}
BASE, MAIN = "early loss", "early loss and D"  # the question is decided by MAIN; the other models are exploratory
FOLDS = ("family", "figure")  # what is left out at a time
NUM_SHUFFLES = 499


def foreseeable(table: pd.DataFrame) -> pd.DataFrame:
    """One row a technique of `speed_table`: medians over its runs that have something to foretell (`ahead`), all relative to their figure.

    target: log10 of the steps, less the figure's median of it; losses and D likewise, the forward cosine as a difference. Techniques
    whose runs lack an early number, and figures with a single technique left, which say nothing of differences, are left out.
    """
    names = MODELS["early loss, D and c⁺"]
    known = table[table["ahead"] & table[list(names)].notna().all(axis=1)]
    units = known.groupby(["figure", "family", "technique"], sort=False)[["steps", *names]].median().reset_index()
    logs = [name for name in ("steps", *names) if name not in DIFFERENCES]
    units = units[(units[logs] > 0).all(axis=1)]
    units = units[units.groupby("figure")["steps"].transform("size") > 1].reset_index(drop=True)
    units[logs] = np.log10(units[logs])
    columns = ["steps", *names]
    units[columns] -= units.groupby("figure")[columns].transform("median")
    return units.rename(columns={"steps": "target"})


def prediction_table(units: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A row a model and a kind of what is left out, `left_out` (each family, or each figure, in turn).

    techniques, folds; error: mean absolute error of log10 steps, each technique once; r2: 1 is perfect, 0 no better than to say the
    figure's median, below 0 worse; gain: the error of early loss alone, less this one; low, high: 95 %, bootstrapped over figures and their
    techniques; p: how often the gain is as large where the model's further numbers are exchanged between the techniques of each figure.

    error, r2, gain and p are NaN where there are fewer than two folds, or too few techniques to fit.
    """
    return pd.DataFrame([_judged(units, left_out, name, seed) for left_out in FOLDS for name in MODELS])


def errors_by_fold(units: pd.DataFrame, left_out: str) -> pd.DataFrame:
    """Mean absolute error of each model for each family or figure that was left out: fold, techniques, and a column a model."""
    missed = units[[left_out]].rename(columns={left_out: "fold"})
    for name, features in MODELS.items():
        missed[name] = np.abs(_residuals(units, features, units[left_out].to_numpy()))
    groups = missed.groupby("fold", sort=False)
    return groups.mean().assign(techniques=groups.size()).reset_index()


def _judged(units: pd.DataFrame, left_out: str, name: str, seed: int) -> dict[str, object]:
    features, folds = MODELS[name], units[left_out].to_numpy()
    base, residuals = (_residuals(units, some, folds) for some in (LOSS, features))
    gains = np.abs(base) - np.abs(residuals)
    low, high = np.nan, np.nan
    if name != BASE and len(units) >= LEAST:
        drawn = two_stage(units["figure"].to_numpy(), seed)
        low, high = np.percentile(drawn @ gains / drawn.sum(axis=1), LEVELS)
    total = float((units["target"] ** 2).sum())
    return {
        "left_out": left_out,
        "model": name,
        "techniques": len(units),
        "folds": len(set(folds)),
        "error": _mean(np.abs(residuals)),
        "r2": 1 - float((residuals**2).sum()) / total if total > 0 else np.nan,
        "gain": _mean(gains),
        "low": float(low),
        "high": float(high),
        "p": np.nan if name == BASE else _by_chance(units, features, folds, base, _mean(gains), seed),
    }


def _residuals(units: pd.DataFrame, features: Sequence[str], folds: np.ndarray) -> np.ndarray:
    """(n,) target less what least squares, fitted to all other folds, says of it; NaN where there is too little to fit."""
    return _left_out(_inputs(units, features), units["target"].to_numpy(float), folds)


def _left_out(inputs: np.ndarray, target: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(…, n) residuals of each fold from least squares on all others, by the normal equations; `inputs` are (…, n, k)."""
    found = np.full(inputs.shape[:-1], np.nan)
    for fold in dict.fromkeys(folds):
        test = folds == fold
        known, unseen = inputs[..., ~test, :], inputs[..., test, :]
        if known.shape[-2] > known.shape[-1]:
            across = np.swapaxes(known, -1, -2)
            weights = np.linalg.pinv(across @ known, hermitian=True) @ (across @ target[~test])[..., None]
            found[..., test] = target[test] - (unseen @ weights)[..., 0]
    return found


def _by_chance(
    units: pd.DataFrame, features: Sequence[str], folds: np.ndarray, base: np.ndarray, gain: float, seed: int
) -> float:
    """(1 + number of exchanges with at least this gain) / (1 + NUM_SHUFFLES)."""
    if np.isnan(gain):
        return np.nan
    random, more = np.random.default_rng(seed), [name for name in features if name not in LOSS]
    dealt = np.tile(np.arange(len(units)), (NUM_SHUFFLES, 1))
    for figure in units["figure"].unique():
        (members,) = np.nonzero(units["figure"] == figure)
        dealt[:, members] = random.permuted(dealt[:, members], axis=1)
    inputs = np.broadcast_to(_inputs(units, LOSS), (NUM_SHUFFLES, len(units), 1 + len(LOSS)))
    exchanged = np.concatenate([inputs, units[more].to_numpy(float)[dealt]], axis=-1)
    residuals = _left_out(exchanged, units["target"].to_numpy(float), folds)
    gains = (np.abs(base) - np.abs(residuals)).mean(axis=1)
    return float((1 + (gains >= gain).sum()) / (1 + NUM_SHUFFLES))


def _inputs(units: pd.DataFrame, features: Sequence[str]) -> np.ndarray:
    """(n, 1 + k) a constant and the features."""
    return np.column_stack([np.ones(len(units)), units[list(features)].to_numpy(float)])


def _mean(values: np.ndarray) -> float:
    """NaN where there is nothing, or something is not known."""
    return float(np.mean(values)) if len(values) else np.nan
