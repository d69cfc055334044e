"""γ and D over stretches of steps. Always ratios of sums: γ = Σ η γ_t gap_t / Σ η gap_t, never a mean of ratios (ours; Identity B)."""

import numpy as np
import pandas as pd

from trajreg.metrics.directedness import over_labels, path_ratio
from trajreg.metrics.regularity import resting_steps

EARLY_FRACTION = 0.2  # the early phase of a run: the first fifth of its steps

_SUMS = ("gamma", "gamma_walk", "gamma_excess")


def over_stretches(steps: pd.DataFrame, stretch: np.ndarray) -> pd.DataFrame:
    """γ, its walk and its excess and the directedness of each stretch of steps, with the distribution of the per-step values.

    Args:
        steps: the per-step table of `regularity`, or one whose rows stand for `num_steps` steps each (`trajreg.from_checkpoints`).
        stretch: (rows,) the label of each row's stretch, an epoch's number for instance.

    Returns:
        One row a label (the index): gamma, gamma_walk, gamma_excess (gap-weighted ratios of sums), rate (mean lr times gamma),
        gamma_median, gamma_low, gamma_high (5 % and 95 % quantiles over steps), gamma_positive (fraction of steps with γ_t > 0)
        obeys (1 where every step has γ_t > 0, so that the principle holds throughout, else 0: also where a step that is not at rest has
        no γ_t), directedness (D, see `trajreg.directedness`), forward_cosine and forward_cosine_mean (median and mean over steps), cosine
        (median of the raw cosine) and cosine_walk (median of that of a random walk with the same step lengths, which is positive because
        the end point contains the step itself). What is not defined in a stretch is NaN.

    γ = D · γ^walk where all gaps are positive, under any schedule of the learning rate: D knows neither gaps nor learning rates.

    Steps weigh lr·gap. A step whose gap is not positive has no γ and is left out of numerator and denominator: with ℓ* at the end
    point some mini-batches lose less than they do there, and then the ratio differs from that of Identity B, (d_a² − d_b²) / (2 Σ η gap)
    over all steps, which estimator `epoch` and `metrics.partial` give. Where all gaps are positive the two agree.
    Where groups have learning rates of their own, lr is their mean over weights, and the ratio of sums follows from the distances at
    the ends of the stretch (Identity B) as long as the groups' rates keep their ratios over it; else it is only a mean.
    A row of `trajreg.from_checkpoints` weighs as its `num_steps` steps do; quantiles, medians and fractions are of rows there.

    Over both steps of the path 2, 1, 0, γ is 2² / (2 · 0.5 · (2 + 0.5)):

    >>> import numpy as np, trajreg
    >>> from trajreg.metrics.aggregate import over_stretches
    >>> steps = trajreg.regularity(distance_sq=[4, 1, 0], update_sq=[1, 1], loss=[2.0, 0.5], lr=0.5)
    >>> over_stretches(steps, np.array([1, 1]))[["gamma", "directedness", "gamma_walk", "cosine"]]
       gamma  directedness  gamma_walk  cosine
    1    1.6           2.0         0.8     1.0
    """
    num_steps = steps.get("num_steps", 1)
    weight = (steps["lr"] * steps["gap"] * num_steps).where(steps["gamma"].notna())
    weighted = steps[list(_SUMS)].mul(weight, axis=0)
    groups = weighted.groupby(stretch)
    result = groups.sum(min_count=1).div(weight.groupby(stretch).sum(min_count=1), axis=0)
    by_step = steps.groupby(stretch)
    result["rate"] = _mean_lr(steps, stretch) * result["gamma"]
    result["gamma_median"] = by_step["gamma"].median()
    result["gamma_low"] = by_step["gamma"].quantile(0.05)
    result["gamma_high"] = by_step["gamma"].quantile(0.95)
    defined = by_step["gamma"].count()
    result["gamma_positive"] = (steps["gamma"] > 0).groupby(stretch).sum() / defined.where(defined > 0)
    result["obeys"] = _obeys(steps, stretch)
    result["directedness"] = over_labels(steps, stretch)
    result["forward_cosine_mean"] = by_step["forward_cosine"].mean()
    cosines = ["forward_cosine", "cosine", "cosine_walk"]
    result[cosines] = by_step[cosines].median()
    return result


def _mean_lr(steps: pd.DataFrame, stretch: np.ndarray) -> pd.Series:
    """The mean over the steps of each stretch, of which a row may stand for several."""
    if "num_steps" not in steps:
        return steps["lr"].groupby(stretch).mean()
    return (steps["lr"] * steps["num_steps"]).groupby(stretch).sum() / steps["num_steps"].groupby(stretch).sum()


def _obeys(steps: pd.DataFrame, stretch: np.ndarray) -> pd.Series:
    """1 or 0 for each stretch; NaN where rows are epochs, which do not tell γ_t."""
    holds = (steps["gamma"] > 0) | resting_steps(steps)
    of_epochs = steps["gamma"].notna() & steps["update_norm"].isna()
    return holds.groupby(stretch).all().astype(float).mask(of_epochs.groupby(stretch).any())


def phase_of(steps: pd.DataFrame, num_steps: int | None = None) -> np.ndarray:
    """For each row "early", within the first fifth of the T steps (EARLY_FRACTION, at least one step), or "late".

    `num_steps` is T; by default the last row's step is taken for the last of the trajectory, or its `num_steps` steps for the last ones.
    """
    num_steps = num_steps or int((steps["step"] + steps.get("num_steps", 1)).iloc[-1])
    return np.where(steps["step"] < max(1, int(num_steps * EARLY_FRACTION)), "early", "late")


def summarise(steps: pd.DataFrame, num_steps: int | None = None) -> dict[str, float]:
    """The numbers of a whole trajectory: the columns of `over_stretches` for the whole run, and with the suffixes
    `_early` (the first fifth of the steps, at least one) and `_late` (the rest); plus `gamma_min`, `initial_distance` = d_0 and
    `path_ratio` = Σ‖Δ_t‖ / d_0, the length of the path over the displacement.

    The distribution of γ_t over the steps is gamma_min, gamma_low (5 %), gamma_median, gamma_high (95 %) and gamma_positive (fraction
    above 0): every step counts once, steps without a γ not at all. gamma itself is gap-weighted; over the whole run it is
    d_0² / (2 Σ η gap), where all gaps are positive, and knows nothing of that distribution.

    `num_steps` is T where a row of `steps` is an epoch; rows of `trajreg.from_checkpoints` tell it. Where only some steps have a row,
    `metrics.partial` has the numbers.

    >>> import trajreg
    >>> from trajreg.metrics.aggregate import summarise
    >>> steps = trajreg.regularity(distance_sq=[4, 1, 0], update_sq=[1, 1], loss=[2.0, 0.5], lr=0.5)
    >>> summary = summarise(steps)
    >>> summary["gamma"], summary["gamma_early"], summary["gamma_late"], summary["gamma_min"]
    (1.6, 1.5, 2.0, 1.5)
    """
    whole = over_stretches(steps, np.zeros(len(steps), dtype=int))
    phases = over_stretches(steps, phase_of(steps, num_steps))
    initial_distance = steps["distance"].where(steps["step"] == 0).iloc[0]
    return summary_of(whole, phases, initial_distance, steps)


def summary_of(
    whole: pd.DataFrame, phases: pd.DataFrame, initial_distance: float, steps: pd.DataFrame | None
) -> dict[str, float]:
    """`summarise` from its parts: the one row of the whole trajectory, a row a phase (NaN without steps), d_0, and all steps if known."""
    result, phases = whole.iloc[0].to_dict(), phases.reindex(["early", "late"])
    for phase in phases.index:
        result |= {f"{name}_{phase}": phases.loc[phase, name] for name in phases.columns}
    of_run = {
        "gamma_min": np.nan if steps is None else steps["gamma"].min(),
        "initial_distance": initial_distance,
        "path_ratio": np.nan if steps is None else path_ratio(steps),
    }
    return {name: float(value) for name, value in (result | of_run).items()}
