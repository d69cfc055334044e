"""What γ of a trajectory is made of: two splits into factors (ours; exact).

Over a stretch of steps γ is a ratio of sums, and splits into ratios of sums, so that nothing is left over. With Δ_t = θ_t − θ_{t+1} = η U_t
and d_t = ‖θ_t − θ_T‖, the first split takes apart what knows directions and what does not:

    γ = Σ η gap γ_t / Σ η gap = directedness · energy / loss = D · γ^walk

    directedness D = Σ (2 ⟨θ_t − θ_T, Δ_t⟩ − ‖Δ_t‖²) / Σ ‖Δ_t‖² = (d_a² − d_b²) / Σ ‖Δ_t‖² over steps that all have a γ
                                                       squared displacement over the sum of squared steps: 1 is expected of a random walk
    energy         = Σ ‖Δ_t‖² / (2 Σ η)                step energy
    loss           = Σ η gap / Σ η                     the mean loss

The second is one of γ₊ := γ + γ^walk = (D + 1) γ^walk:

    γ₊ = Σ η ⟨θ_t − θ_T, U_t⟩ / Σ η gap = alignment · distance · update / loss

    alignment = Σ η ⟨θ_t − θ_T, U_t⟩ / Σ η d ‖U‖       the mean cosine, weighted by distance and step length
    distance  = Σ η d ‖U‖ / Σ η ‖U‖                    the mean distance still to go, weighted by step length
    update    = Σ η ‖U‖ / Σ η                          the mean length of an update

Only D and the alignment may be negative. The alignment is at most 1, so that of a ratio of γ₊ it explains at most a factor of one over the
control's. Geometric means of per-step factors would split exactly as well, but they are not defined as soon as one step points away from
the end, and leaving such steps out would flatter the direction.
"""

from typing import Any

import numpy as np
import pandas as pd

from trajreg.metrics.aggregate import phase_of
from trajreg.metrics.regularity import reaches_end

PHASES = ("early", "late", "whole")
SPLITS = {
    "directedness": ("directedness", "energy", "loss"),
    "alignment": ("alignment", "distance", "update", "loss"),
}
"""The factors of each split; the loss divides, the others multiply."""
TOTALS = {"directedness": "gamma", "alignment": "gamma_plus"}
"""What each split is a split of."""
COLUMNS = list(dict.fromkeys(name for split, parts in SPLITS.items() for name in (TOTALS[split], *parts)))


def factors(steps: pd.DataFrame) -> pd.DataFrame:
    """The factors of γ and of γ₊ in each phase of a trajectory.

    Args:
        steps: the per-step table of `trajreg.regularity`, up to θ_T.

    Returns:
        A row for each of PHASES with gamma = directedness · energy / loss and gamma_plus = alignment · distance · update / loss, and these
        six factors. Steps without a γ (a gap or a learning rate that is not positive) count nowhere; a phase without any step is
        NaN, and so is everything for a table that knows no updates (of the estimator `epoch`, or of a run that diverged). So is a
        phase of which a step has no row (a replay of some epochs), and every phase where the rows end before θ_T. Where groups of
        parameters have learning rates of their own, squares and products are summed over groups with η̄/η_g, as in `regularity`.

    The path 2, 1, 0 is straight, with two equal steps: D = 2² / (1² + 1²).

    >>> import trajreg
    >>> from trajreg.metrics.factors import factors
    >>> steps = trajreg.regularity(distance_sq=[4, 1, 0], update_sq=[1, 1], loss=[2.0, 0.5], lr=0.5)
    >>> factors(steps)[["gamma", "directedness", "energy", "loss"]]
           gamma  directedness  energy  loss
    early    1.5           3.0     1.0  2.00
    late     2.0           1.0     1.0  0.50
    whole    1.6           2.0     1.0  1.25
    >>> factors(steps)[["gamma_plus", "alignment", "distance", "update", "loss"]]
           gamma_plus  alignment  distance  update  loss
    early         2.0        1.0       2.0     2.0  2.00
    late          4.0        1.0       1.0     2.0  0.50
    whole         2.4        1.0       1.5     2.0  1.25
    """
    if "gamma" not in steps or steps["update_norm"].isna().all() or not reaches_end(steps):
        return pd.DataFrame(np.nan, index=list(PHASES), columns=COLUMNS)
    phase = pd.Series(phase_of(steps), index=steps.index)
    lr = steps["lr"].where(steps["gamma"].notna())
    gap, length = lr * steps["gap"], lr * steps["update_norm"]
    terms = {
        "progress": gap * steps["gamma"],
        "walk": gap * steps["gamma_walk"],
        "inner": lr * steps["inner_product"],
        "reach": length * steps["distance"],
        "length": length,
        "lr": lr,
        "gap": gap,
    }
    sums = pd.DataFrame(terms).groupby(phase).sum(min_count=1).reindex(PHASES)
    sums.loc["whole"] = pd.DataFrame(terms).sum(min_count=1)
    return _ratios(sums).where(_complete(steps), axis=0)


def _complete(steps: pd.DataFrame) -> pd.Series:
    """Of each of PHASES, whether all its steps have a row; the last row is the last step."""
    every = pd.DataFrame({"step": np.arange(steps["step"].iloc[-1] + 1)})
    watched = every["step"].isin(steps["step"])
    by_phase = watched.groupby(phase_of(every)).all()
    by_phase["whole"] = watched.all()
    return by_phase.reindex(PHASES, fill_value=True)  # a single step has no late phase


def _ratios(sums: pd.DataFrame) -> pd.DataFrame:
    """The factors from the sums over a phase; NaN (0 / 0) where the weights did not move."""
    return pd.DataFrame(
        {
            "gamma": sums["progress"] / sums["gap"],
            "directedness": sums["progress"] / sums["walk"],
            "energy": sums["walk"] / sums["lr"],
            "loss": sums["gap"] / sums["lr"],
            "gamma_plus": sums["inner"] / sums["gap"],
            "alignment": sums["inner"] / sums["reach"],
            "distance": sums["reach"] / sums["length"],
            "update": sums["length"] / sums["lr"],
        }
    )


def log_ratio(treatment: pd.DataFrame, control: pd.DataFrame, split: str) -> pd.DataFrame:
    """log10 of γ of the treatment over γ of the control, and the parts that add up to it.

    Args:
        treatment, control: tables of `factors`, or rows of such tables under the same index.
        split: "directedness" takes γ apart, "alignment" γ₊ (SPLITS).

    Returns:
        A row for each of theirs, with the columns total and the split's parts: total is their sum, exactly. Each part is the factor
        by which γ grows because of it: a smaller loss is a positive part. What is not positive has no logarithm: where γ of either
        is not, D and total are NaN (for γ₊, alignment and total), and the other parts stay.

    The same path at a tenth of the loss has ten times the γ, and all of that is loss:

    >>> import trajreg
    >>> from trajreg.metrics.factors import factors, log_ratio
    >>> path = {"distance_sq": [4, 1, 0], "update_sq": [1, 1], "lr": 0.5}
    >>> control, treatment = (trajreg.regularity(**path, loss=loss) for loss in ([2.0, 0.5], [0.2, 0.05]))
    >>> log_ratio(factors(treatment), factors(control), "directedness").loc["whole"].round(6).tolist()  # total and its parts
    [1.0, 0.0, 0.0, 1.0]
    """
    names = {TOTALS[split]: "total"} | {part: part for part in SPLITS[split]}
    sign = pd.Series({name: -1 if name == "loss" else 1 for name in names})
    return (sign * (log10(treatment[list(names)]) - log10(control[list(names)]))).rename(columns=names)


def log10(values: Any) -> Any:
    """Of a Series or a DataFrame; NaN where a value is not positive."""
    return np.log10(values.where(values > 0))
