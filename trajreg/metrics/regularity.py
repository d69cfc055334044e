"""The regularity parameter γ of an optimisation trajectory, step by step, and Theorem 1's bound.

Source: Chen, Yang, Zhou, arXiv 2011.06702. The definition's exact form is reconstructed from its theorem; the walk and the excess are ours.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from trajreg.metrics.arrays import agreed, checked


def regularity(
    *,
    distance_sq: ArrayLike,
    update_sq: ArrayLike,
    loss: ArrayLike,
    lr: ArrayLike,
    optimal_loss: ArrayLike = 0.0,
    inner: ArrayLike | None = None,
    group_sizes: ArrayLike | None = None,
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
        group_sizes: (G,) weights in each parameter group, for the mean lr; by default every group counts the same.

    Returns:
        One row a step. NaN, never inf, where a gap is not positive (with ℓ* at the end point some are), a learning rate is 0 or a
        length vanishes.

        - `step`, `lr`, `loss`: the step's number, from 0 on, its learning rate η_t and its loss ℓ_t
        - `gap`: ℓ_t − ℓ*_t
        - `distance`: d_t = ‖θ_t − θ_T‖
        - `update_norm`: ‖U_t‖
        - `inner_product`: ⟨θ_t − θ_T, U_t⟩
        - `cosine`: inner_product / (d_t ‖U_t‖)
        - `gamma`: (inner_product − η_t ‖U_t‖²/2) / gap
        - `rate`: η_t · gamma
        - `gamma_walk`: (η_t ‖U_t‖²/2) / gap, which a random walk with the same step lengths would have
        - `gamma_excess`: gamma − gamma_walk
        - `forward_cosine` (ours): ⟨θ_{t+1} − θ_T, U_t⟩ / (‖θ_{t+1} − θ_T‖ ‖U_t‖), the cosine with the path that is still ahead: 0 expected
          of a random walk, 1 on a straight path, −½ for independent jitter around a point; NaN at the last step, after which nothing is
          ahead
        - `cosine_walk` (ours): ‖Δ_t‖ / √Σ_{s≥t} ‖Δ_s‖² with Δ_t = θ_t − θ_{t+1}, about 1 / √(T − t): the `cosine` of a random walk
          with the same step lengths, from its own distances; NaN where the arrays end before θ_T (their last distance is not 0)

    The path 2, 1, 0 comes nearer its end in each step, where γ_t = (d_t² − d_{t+1}²) / (2 η_t gap_t):

    >>> import trajreg
    >>> table = trajreg.regularity(distance_sq=[4, 1, 0], update_sq=[1, 1], loss=[2.0, 0.5], lr=0.5)
    >>> table[["step", "distance", "cosine", "gamma", "gamma_walk", "gamma_excess", "forward_cosine"]]
       step  distance  cosine  gamma  gamma_walk  gamma_excess  forward_cosine
    0     0       2.0     1.0    1.5         0.5           1.0             1.0
    1     1       1.0     1.0    2.0         2.0           0.0             NaN
    >>> table["cosine_walk"].round(3).tolist()  # 1 / √2, 1
    [0.707, 1.0]

    Groups with learning rates of their own (ours): distance_sq (T+1, G), update_sq, inner and lr (T, G). Group g's part of U_t is its
    part of θ_t − θ_{t+1} over its own η_g, and η‖U‖² becomes Σ_g η_g ‖U_g‖²: gamma = Σ_g (inner_g − update_sq_g/2) / η_g / gap.
    Then lr is the mean over weights, η̄ = Σ_g P_g η_g / Σ_g P_g: it does not change when a group is split, and under a schedule that
    keeps the groups' ratios it is proportional to it, which the weights of Identity B and Theorem 1 need. The inner product of
    forward_cosine is Σ_g ⟨b_g, U_g⟩, as that of cosine is, and cosine_walk = Σ_g η_g ‖U_g‖² / (√Σ_{s≥t} ‖Δ_s‖² ‖U‖). Two columns are
    added: distance_scaled = √Σ_g (η̄/η_g) d_g², the length in Theorem 1 (NaN where the groups' ratios vary: it says nothing then), and
    update_scaled = √Σ_g (η̄/η_g) ‖Δ_g‖², the length of a step in the same metric. With equal rates all is as without groups.

    Raises:
        ValueError: a wrong shape, or a value that no trajectory has; the message names the argument.
    """
    steps, groups = agreed(distance_sq, update_sq, lr, inner, loss, optimal_loss)
    loss = checked("loss", loss, steps)
    distance_sq = checked("distance_sq", distance_sq, steps + 1, at_least=0.0, groups=groups)
    update_sq = checked("update_sq", update_sq, steps, at_least=0.0, groups=groups)
    lr = checked("lr", lr, steps, at_least=0.0, broadcast=True, groups=groups)
    optimal_loss = checked("optimal_loss", optimal_loss, steps, broadcast=True)
    if inner is None:
        inner = (distance_sq[:-1] - distance_sq[1:] + update_sq) / 2
    inner = checked("inner", inner, steps, groups=groups)

    lr, share = mean_lr(lr, group_sizes), lr_shares(lr, group_sizes)
    lengths = _Lengths(
        distance=np.sqrt(_total(distance_sq)),
        update=np.sqrt(_total(share**2 * update_sq)),
        walk=_walk_distance(_total(update_sq), ends=not np.any(distance_sq[-1])),
    )
    inner, update_sq = _total(share * inner), _total(share * update_sq)
    table = pd.DataFrame(_columns(loss, loss - optimal_loss, lr, lengths, inner, update_sq))
    if not groups:
        return table
    scaled = np.sqrt(_total(share * distance_sq[:-1])) if constant_rows(share[lr > 0]) else np.nan
    return table.assign(distance_scaled=scaled, update_scaled=np.sqrt(update_sq))


@dataclass(frozen=True)
class _Lengths:
    """distance: (T+1,) d_t. update: (T,) η ‖U_t‖. walk: (T,) what d_t would be of a random walk."""

    distance: np.ndarray
    update: np.ndarray
    walk: np.ndarray


def _columns(
    loss: np.ndarray, gap: np.ndarray, lr: np.ndarray, lengths: _Lengths, inner: np.ndarray, update_sq: np.ndarray
) -> dict[str, np.ndarray]:
    """The table from (T,) arrays: `inner` is η ⟨θ_t − θ_T, U⟩ and `update_sq` is η Σ_g η_g ‖U_g‖²."""
    weight = np.where(gap > 0, lr * gap, np.nan)
    gamma = _ratio(inner - update_sq / 2, weight)
    here, ahead = lengths.distance[:-1], lengths.distance[1:]
    return {
        "step": np.arange(len(loss)),
        "lr": lr,
        "loss": loss,
        "gap": gap,
        "distance": here,
        "update_norm": _ratio(lengths.update, lr),
        "inner_product": _ratio(inner, lr),
        "cosine": _ratio(inner, here * lengths.update),
        "gamma": gamma,
        "rate": lr * gamma,
        "gamma_walk": _ratio(update_sq / 2, weight),
        "gamma_excess": _ratio(inner - update_sq, weight),
        "forward_cosine": _ratio(inner - update_sq, ahead * lengths.update),
        "cosine_walk": _ratio(update_sq, lengths.walk * lengths.update),
    }


def _walk_distance(update_sq: np.ndarray, ends: bool) -> np.ndarray:
    """(T,) √Σ_{s≥t} ‖Δ_s‖²; NaN before a step of unknown length, and everywhere unless the steps end at θ_T."""
    return np.sqrt(np.cumsum(update_sq[::-1])[::-1]) if ends else np.full(len(update_sq), np.nan)


def mean_lr(lr: np.ndarray, group_sizes: ArrayLike | None = None) -> np.ndarray:
    """(T,) the learning rate of each step: the mean over weights where `lr` is (T, G), with P_g = `group_sizes`."""
    weights = None if group_sizes is None else np.asarray(group_sizes)
    return lr if lr.ndim == 1 else np.average(lr, axis=1, weights=weights)


def lr_shares(lr: np.ndarray, group_sizes: ArrayLike | None = None) -> np.ndarray:
    """η̄/η_g, as `lr` is shaped; NaN for a group whose rate is 0, and all 1 where there are no groups."""
    if lr.ndim == 1:
        return np.ones(len(lr))
    mean = np.broadcast_to(mean_lr(lr, group_sizes)[:, None], lr.shape)
    return np.divide(mean, lr, out=np.full(lr.shape, np.nan), where=lr > 0)


def resting_steps(table: pd.DataFrame) -> np.ndarray:
    """(rows,) which steps of learning rate 0 left the distance to θ_T as it was; that of the last row is known to only at θ_T itself."""
    distance = table["distance"].to_numpy()
    stayed = np.isclose(distance[1:], distance[:-1], rtol=1e-6, atol=0)
    return (table["lr"].to_numpy() == 0) & np.append(stayed, distance[-1:] == 0)


def reaches_end(table: pd.DataFrame) -> bool:
    """Whether the last row is a step that arrives at θ_T, or rests there; not so for rows of epochs."""
    last = table.iloc[-1]
    # a step that moves has a forward cosine unless nothing is ahead of it
    return bool(last["distance"] == 0 or (last["update_norm"] > 0 and np.isnan(last["forward_cosine"])))


def constant_rows(rows: np.ndarray) -> bool:
    """Whether all rows are the same, up to the rounding of a schedule; never so with a NaN."""
    return np.allclose(rows, rows[:1], rtol=1e-6, atol=0)


@dataclass(frozen=True)
class TheoremBound:
    """Theorem 1 on one trajectory: where γ_t ≥ γ > 0 at every step, the average gap is at most d_0² / (2γ Σ_t η_t).

    `gamma_min` is the least γ_t of the rows that have one; `bound` and `holds` are None where the theorem says nothing: γ_min is not
    positive, a step has no γ_t (`theorem_bound` says when that counts), the learning rates of several groups did not keep their
    ratios, or the rows are not all the steps of a trajectory. Without any step of positive learning rate γ_min and the average gap are NaN.
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
    rate it is the plain mean and the bound the paper's d_0² / (2ηγT). Over several groups d_0 is `distance_scaled`.

    The theorem asks for γ_t ≥ γ at every step. A step whose gap is not positive has no γ_t, but moves the weights and so takes its part of
    d_0²: with one such step nothing is said, neither that the theorem holds nor that it does not. A step of learning rate 0 has no γ_t
    either, but no weight in any of the sums: as long as it left the distance to θ_T unchanged (the first step of a warm-up, the
    last one of a schedule that ends at 0) it is left out, and d_0 is that of the first step that counts.

    So all steps 0 … T − 1 are needed, up to θ_T, and each with its length: of rows of epochs, of a replay of some epochs, or of
    a slice of the table nothing is said, since a step without a row may have any γ_t.

    >>> import trajreg
    >>> table = trajreg.regularity(distance_sq=[4, 1, 0], update_sq=[1, 1], loss=[2.0, 0.5], lr=0.5)
    >>> bound = trajreg.theorem_bound(table)
    >>> round(bound.bound, 3), bound.average_gap, bound.holds
    (1.333, 1.25, True)
    """
    kept = table[table["lr"] != 0]
    if kept.empty:
        return TheoremBound(np.nan, None, np.nan, None)
    total_lr, gamma_min = kept["lr"].sum(), float(kept["gamma"].min())
    average_gap = float((kept["lr"] * kept["gap"]).sum() / total_lr)
    initial = kept.get("distance_scaled", kept["distance"]).iloc[0]
    stayed = resting_steps(table)[table["lr"] == 0].all()
    known = kept[["gamma", "update_norm"]].notna().all(axis=None) and _every_step(table)
    if not (gamma_min > 0 and known and stayed and np.isfinite(initial)):
        return TheoremBound(gamma_min, None, average_gap, None)
    bound = float(initial**2 / (2 * gamma_min * total_lr))
    # γ_min is itself rounded: on a trajectory whose γ is constant, bound and average gap are the same number
    return TheoremBound(gamma_min, bound, average_gap, average_gap <= bound * (1 + 1e-9))


def _every_step(table: pd.DataFrame) -> bool:
    """Whether the rows are the steps 0 … T − 1, one by one."""
    return np.array_equal(table["step"], np.arange(len(table))) and reaches_end(table)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Elementwise quotient, NaN where the denominator is not positive."""
    return np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)


def _total(values: np.ndarray) -> np.ndarray:
    """(T,) the sum over groups, where there are any."""
    return values if values.ndim == 1 else values.sum(axis=1)
