"""How much of a difference in γ is alignment, and how much distance, update length and loss (ours; exact).

At every step γ_t + γ_t^walk = cosine_t · d_t · ‖U_t‖ / gap_t. Over a stretch of steps γ₊ := γ + γ^walk is a ratio of sums, as γ is, and
splits into ratios of sums again, so that nothing is left over:

    γ₊ = Σ η⟨θ_t − θ_T, U_t⟩ / Σ η gap = alignment · distance · update / loss

    alignment = Σ η⟨θ_t − θ_T, U_t⟩ / Σ η d ‖U‖     the mean cosine, weighted by distance and step length
    distance  = Σ η d ‖U‖ / Σ η ‖U‖                 the mean distance still to go, weighted by step length
    update    = Σ η ‖U‖ / Σ η                       the mean length of an update
    loss      = Σ η gap / Σ η                       the mean loss

Only the alignment may be negative. Geometric means of the per-step factors would split exactly too, but they are not defined as soon as
one step points away from the end, and leaving such steps out would flatter the alignment.
"""

from typing import Any

import numpy as np
import pandas as pd

from trajreg.metrics.aggregate import phase_of

PHASES = ("early", "late", "whole")
PARTS = ("alignment", "distance", "update", "loss")


def factors(steps: pd.DataFrame) -> pd.DataFrame:
    """The factors of γ₊ in each phase of a trajectory.

    Args:
        steps: the per-step table of `trajreg.regularity`.

    Returns:
        A row for each of PHASES with the columns PARTS, gamma_plus = alignment · distance · update / loss, and
        walk_share = γ^walk / γ₊: near 0 for a straight path of many steps, ½ for a random walk, above ½ where γ has no excess,
        above 1 where γ is negative, NaN where γ₊ is not positive. Steps without a γ (a gap or a learning rate that is not positive)
        count nowhere; a phase without any step is NaN, and so is everything for a table that knows no updates (of the estimator `epoch`,
        or of a run that diverged).

    >>> import trajreg
    >>> from trajreg.metrics.factors import factors
    >>> steps = trajreg.regularity(distance_sq=[4, 1, 0], update_sq=[1, 1], loss=[2.0, 0.5], lr=0.5)
    >>> factors(steps)
           alignment  distance  update  loss  gamma_plus  walk_share
    early        1.0       2.0     2.0  2.00         2.0    0.250000
    late         1.0       1.0     2.0  0.50         4.0    0.500000
    whole        1.0       1.5     2.0  1.25         2.4    0.333333
    """
    if "gamma" not in steps or steps["update_norm"].isna().all():
        return pd.DataFrame(np.nan, index=list(PHASES), columns=[*PARTS, "gamma_plus", "walk_share"])
    phase = pd.Series(phase_of(steps), index=steps.index)
    lr = steps["lr"].where(steps["gamma"].notna())
    length = lr * steps["update_norm"]
    terms = pd.DataFrame(
        {
            "inner": lr * steps["inner_product"],
            "reach": length * steps["distance"],
            "length": length,
            "lr": lr,
            "gap": lr * steps["gap"],
            "walk": length**2 / 2,
        }
    )
    sums = terms.groupby(phase).sum(min_count=1).reindex(PHASES)
    sums.loc["whole"] = terms.sum(min_count=1)
    # 0 / 0 where the weights did not move: NaN
    return pd.DataFrame(
        {
            "alignment": sums["inner"] / sums["reach"],
            "distance": sums["reach"] / sums["length"],
            "update": sums["length"] / sums["lr"],
            "loss": sums["gap"] / sums["lr"],
            "gamma_plus": sums["inner"] / sums["gap"],
            "walk_share": sums["walk"] / sums["inner"].where(sums["inner"] > 0),
        }
    )


def log_ratio(treatment: pd.DataFrame, control: pd.DataFrame) -> pd.DataFrame:
    """log10 of γ₊ of the treatment over γ₊ of the control, and the four parts that add up to it.

    Args:
        treatment, control: tables of `factors`.

    Returns:
        A row a phase, with the columns total and PARTS: total = alignment + distance + update + loss, exactly. Each part is the factor by
        which γ₊ grows because of it: a smaller loss is a positive part. Where a variant's alignment is not positive its γ₊ has no
        logarithm: alignment and total are NaN, the other parts stay.

    The same path at a tenth of the loss has ten times the γ, and all of that is loss:

    >>> import trajreg
    >>> from trajreg.metrics.factors import factors, log_ratio
    >>> path = {"distance_sq": [4, 1, 0], "update_sq": [1, 1], "lr": 0.5}
    >>> control, treatment = (trajreg.regularity(**path, loss=loss) for loss in ([2.0, 0.5], [0.2, 0.05]))
    >>> log_ratio(factors(treatment), factors(control)).loc["whole"].round(6).tolist()  # total and its parts
    [1.0, 0.0, 0.0, 0.0, 1.0]
    """
    sign = pd.Series({"alignment": 1, "distance": 1, "update": 1, "loss": -1})
    parts = sign * (_log10(treatment[list(PARTS)]) - _log10(control[list(PARTS)]))
    parts.insert(0, "total", _log10(treatment["gamma_plus"]) - _log10(control["gamma_plus"]))
    return parts


def _log10(values: Any) -> Any:
    """Of a Series or a DataFrame; NaN where a value is not positive."""
    return np.log10(values.where(values > 0))
