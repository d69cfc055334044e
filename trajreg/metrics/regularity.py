"""The regularity parameter γ of an optimisation trajectory, step by step, and Theorem 1's bound.

Source: Chen, Yang, Zhou, arXiv 2011.06702. The definition's exact form is reconstructed from its theorem; the walk and the excess are ours.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def regularity(
    *,
    distance_sq: ArrayLike,
    update_sq: ArrayLike,
    loss: ArrayLike,
    lr: ArrayLike,
    optimal_loss: ArrayLike = 0.0,
    inner: ArrayLike | None = None,
) -> pd.DataFrame:
    """γ and its companions at each step t of a trajectory θ_0 … θ_T, with U_t = (θ_t − θ_{t+1}) / η_t.

    Args:
        distance_sq: (T+1,) ‖θ_t − θ_T‖², the last one being 0.
        update_sq: (T,) ‖θ_t − θ_{t+1}‖².
        loss: (T,) mini-batch loss ℓ_t(θ_t).
        lr: (T,) or scalar learning rate η_t.
        optimal_loss: (T,) or scalar infimum ℓ*_t of the mini-batch loss; 0 is the over-parameterised setting of the paper.
        inner: (T,) ⟨θ_t − θ_T, θ_t − θ_{t+1}⟩ where it was computed directly; by default (d_t² − d_{t+1}² + update_sq) / 2,
            which is the same number but loses digits when the steps are tiny beside the distance.

    Returns:
        One row a step: step, lr, loss, gap = ℓ_t − ℓ*_t, distance = d_t, update_norm = ‖U_t‖, inner_product = ⟨θ_t − θ_T, U_t⟩,
        cosine = inner_product / (d_t ‖U_t‖), gamma = (inner_product − η_t ‖U_t‖²/2) / gap, rate = η_t·gamma,
        gamma_walk = (η_t ‖U_t‖²/2) / gap (a random walk with the same step lengths), gamma_excess = gamma − gamma_walk.
        NaN, never inf, where a gap is not positive, a learning rate is 0 or a length vanishes.

    Raises:
        ValueError: a wrong shape, or a value that no trajectory has; the message names the argument.
    """
    loss = _vector("loss", loss, None)
    steps = len(loss)
    distance_sq = _vector("distance_sq", distance_sq, steps + 1, at_least=0.0)
    update_sq = _vector("update_sq", update_sq, steps, at_least=0.0)
    lr = _vector("lr", lr, steps, at_least=0.0, broadcast=True)
    optimal_loss = _vector("optimal_loss", optimal_loss, steps, broadcast=True)
    if inner is None:
        inner = (distance_sq[:-1] - distance_sq[1:] + update_sq) / 2
    inner = _vector("inner", inner, steps)

    gap = loss - optimal_loss
    distance, length = np.sqrt(distance_sq[:-1]), np.sqrt(update_sq)
    weight = np.where(gap > 0, lr * gap, np.nan)
    gamma, gamma_walk = _ratio(inner - update_sq / 2, weight), _ratio(update_sq / 2, weight)
    return pd.DataFrame(
        {
            "step": np.arange(steps),
            "lr": lr,
            "loss": loss,
            "gap": gap,
            "distance": distance,
            "update_norm": _ratio(length, lr),
            "inner_product": _ratio(inner, lr),
            "cosine": _ratio(inner, distance * length),
            "gamma": gamma,
            "rate": lr * gamma,
            "gamma_walk": gamma_walk,
            "gamma_excess": _ratio(inner - update_sq, weight),
        }
    )


@dataclass(frozen=True)
class TheoremBound:
    """Theorem 1 on one trajectory: where γ_t ≥ γ > 0 at every step, the average gap is at most d_0² / (2γ Σ_t η_t).

    `gamma_min` is the least γ_t; `bound` and `holds` are None when it is not positive: then the theorem says nothing.
    """

    gamma_min: float
    bound: float | None
    average_gap: float
    holds: bool | None

    @property
    def slack(self) -> float | None:
        """bound / average gap: how many times looser the theorem is than what happened."""
        return None if self.bound is None else self.bound / self.average_gap


def theorem_bound(table: pd.DataFrame) -> TheoremBound:
    """Check Theorem 1 (arXiv 2011.06702; its constant is derived: Σ_t η_t γ_t gap_t = d_0²/2) on a per-step table.

    The average gap is weighted by the learning rate, so that the bound also holds under a schedule; with a constant
    rate it is the plain mean and the bound the paper's d_0² / (2ηγT).
    """
    total_lr = table["lr"].sum()
    average_gap = float((table["lr"] * table["gap"]).sum() / total_lr)
    gamma_min = float(table["gamma"].min())
    if not gamma_min > 0:
        return TheoremBound(gamma_min, None, average_gap, None)
    bound = float(table["distance"].iloc[0] ** 2 / (2 * gamma_min * total_lr))
    # γ_min is itself rounded: on a trajectory whose γ is constant, bound and average gap are the same number
    return TheoremBound(gamma_min, bound, average_gap, average_gap <= bound * (1 + 1e-9))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Elementwise quotient, NaN where the denominator is not positive."""
    return np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)


def _vector(
    name: str, values: ArrayLike, length: int | None, at_least: float = -np.inf, broadcast: bool = False
) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if broadcast and array.ndim == 0:
        array = np.full(length, array)
    if array.ndim != 1 or len(array) != (len(array) if length is None else length):
        wanted = "(T,)" if length is None else f"({length},)" + (" or a scalar" if broadcast else "")
        raise ValueError(f"{name} has shape {array.shape}, should be {wanted}")
    if (array < at_least).any():
        raise ValueError(f"{name}[{int(np.argmax(array < at_least))}] = {array.min()} is below {at_least:g}")
    return array
