"""What γ and the cosine would be if the order of the updates meant nothing (ours). The walk is in `regularity`, random labels are data.

The updates θ_t − θ_{t+1} of a trajectory are put into random order: the same start, the same end, the same step lengths. Loss and learning
rate stay at their place t, since nobody knows the loss along the other path. Then

- γ over the whole run is the same for every order: d_0² / (2 Σ η gap) knows start and end only (Identity B);
- what the order decides is when progress is made, and the cosines.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from trajreg.metrics.regularity import regularity


def shuffled_updates(
    iterates: ArrayLike, *, loss: ArrayLike, lr: ArrayLike, optimal_loss: ArrayLike = 0.0, seed: int = 0
) -> pd.DataFrame:
    """γ and its companions along the path that makes the same updates in a random order.

    Args:
        iterates: (T+1, P) θ_0 … θ_T, of any float type; one row at a time becomes float64.
        loss, lr, optimal_loss: as for `trajreg.regularity`.
        seed: of the order.

    Returns:
        The columns of `trajreg.regularity`.

    Raises:
        ValueError: iterates is not (T+1, P) with a loss for each step; other errors as `trajreg.regularity`.

    >>> import numpy as np
    >>> from trajreg.metrics.shuffled import shuffled_updates
    >>> straight = np.array([[2.0], [1.0], [0.0]])  # two equal updates: their order changes nothing
    >>> shuffled_updates(straight, loss=[2.0, 0.5], lr=0.5)["gamma"].tolist()
    [1.5, 2.0]
    """
    iterates, num_steps = np.asarray(iterates), len(np.asarray(loss))
    if iterates.ndim != 2 or len(iterates) != num_steps + 1:
        raise ValueError(
            f"iterates has shape {iterates.shape}, should be ({num_steps + 1}, P): θ_0 … θ_T of {num_steps} losses"
        )
    order = np.random.default_rng(seed).permutation(num_steps)
    ahead = np.zeros(iterates.shape[1])  # θ_t − θ_T: the sum of the updates still to come
    distance_sq, update_sq, inner = np.zeros(num_steps + 1), np.zeros(num_steps), np.zeros(num_steps)
    for t in range(num_steps - 1, -1, -1):
        update = iterates[order[t]].astype(np.float64) - iterates[order[t] + 1]
        ahead += update
        distance_sq[t], update_sq[t], inner[t] = ahead @ ahead, update @ update, ahead @ update
    return regularity(
        distance_sq=distance_sq, update_sq=update_sq, loss=loss, lr=lr, optimal_loss=optimal_loss, inner=inner
    )


def shuffled_gamma(steps: pd.DataFrame) -> pd.Series:
    """(T,) the mean over all orders of γ_t along the shuffled path, without the iterates.

    With m the mean of ‖θ_t − θ_{t+1}‖², two different updates have on average the inner product c = (d_0² − T m) / (T (T − 1)), so that
    with T − 1 − t updates still to come after this one

        E⟨θ_t − θ_T, θ_t − θ_{t+1}⟩ = m + (T − 1 − t) c        and        E γ_t = (m / 2 + (T − 1 − t) c) / (η_t gap_t).

    A random walk has c = 0; a straight path of equal steps has c = m.

    Args:
        steps: the per-step table of `trajreg.regularity`, from its first step to its last.

    >>> import trajreg
    >>> from trajreg.metrics.shuffled import shuffled_gamma
    >>> steps = trajreg.regularity(distance_sq=[9, 1, 0], update_sq=[4, 1], loss=[1.0, 1.0], lr=1.0)  # 3, 1, 0
    >>> steps["gamma"].tolist(), shuffled_gamma(steps).tolist()  # 3, 2, 0 is the other order
    ([4.0, 0.5], [3.25, 1.25])
    """
    update_sq = (steps["lr"] * steps["update_norm"]) ** 2
    num_steps, mean = len(steps), update_sq.mean()
    cross = (steps["distance"].iloc[0] ** 2 - update_sq.sum()) / (num_steps * max(1, num_steps - 1))
    still = np.arange(num_steps - 1, -1, -1)
    weight = steps["lr"] * steps["gap"]
    return ((mean / 2 + still * cross) / weight.where(weight > 0)).rename("gamma_shuffled")


def shuffled_over_stretches(steps: pd.DataFrame, stretch: np.ndarray, num_steps: int | None = None) -> pd.Series:
    """The γ of `shuffled_gamma` over each stretch of steps, a ratio of sums as in `over_stretches`.

        E γ over a stretch = Σ (m / 2 + (T − 1 − t) c) / Σ η_t gap_t

    Over the whole run that is the measured γ (with d_0² / 2 = T m / 2 + c T (T − 1) / 2). Progress is spread evenly over the run while
    each step keeps its loss, so that a stretch differs from what was measured by when the progress was made.

    Args:
        steps: the per-step table of `trajreg.regularity`.
        stretch: (rows,) the label of each row's stretch.
        num_steps: T; by default the last row's step is taken for the last of the trajectory.

    Returns:
        One value a label (the index). All NaN unless there is a row for each of the T steps, with the length of its update: estimator
        `epoch`, replays of some epochs only, and diverged runs do not tell.
    """
    labels = pd.Series(stretch, index=steps.index)
    if not _knows_every_update(steps, num_steps):
        return pd.Series(np.nan, index=pd.Index(np.unique(stretch)), name="gamma_shuffled")
    shuffled = shuffled_gamma(steps)
    weight = (steps["lr"] * steps["gap"]).where(shuffled.notna())
    sums = [one.groupby(labels).sum(min_count=1) for one in (weight * shuffled, weight)]
    return (sums[0] / sums[1]).rename("gamma_shuffled")


def _knows_every_update(steps: pd.DataFrame, num_steps: int | None) -> bool:
    if "update_norm" not in steps or steps["update_norm"].isna().any():
        return False
    count = len(steps) if num_steps is None else num_steps
    return len(steps) == count and bool((steps["step"] == np.arange(count)).all())
