"""What the sketches of a trajectory tell: inner products and distances, with their standard errors.

With u_t = θ_t − θ_{t+1} and b_t = θ_{t+1} − θ_T = Σ_{r>t} u_r, the definition's inner product is

    ⟨θ_t − θ_T, u_t⟩ = ‖u_t‖² + ⟨b_t, u_t⟩

The first term is exact (one pass over θ), only the second, the alignment with the path still ahead, is read off the sketches.
Updates are projected, not weights: float32 rounds a difference of neighbours relative to the step's own length, while in the sketch of θ_t
it is relative to ‖θ_t‖. What is summed over many steps, S b_t = Σ_{r>t} S u_r, is summed in float64.

Where the distances at the epochs' ends are known, so is (Identity B) the sum over an epoch of ⟨b_t, u_t⟩ + ‖u_t‖²/2 = (d_a² − d_b²)/2. What
the estimates miss of it is shared out over the epoch's steps in proportion to the covariance of a step's error with the error of the
sum: the best linear correction. With the errors' covariance K (from the sketches' Gram matrices) it leaves K − K11ᵀK/(1ᵀK1), which
is what the standard errors are then made of (ours).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

STRETCH = 64  # steps reduced together where there are no epochs


@dataclass(frozen=True)
class Sketched:
    """Estimates of one parameter group, float64.

    distance_sq: (T+1,) ‖θ_t − θ_T‖², at least 0; distance_sq_var (T,) its variance.
    inner: (T,) ⟨θ_t − θ_T, u_t⟩; inner_var (T,) its variance, covariance (T,) that with distance_sq, covariance_next (T,) that with
        the following distance_sq.
    """

    distance_sq: np.ndarray
    inner: np.ndarray
    distance_sq_var: np.ndarray
    inner_var: np.ndarray
    covariance: np.ndarray
    covariance_next: np.ndarray


def estimate(
    rows: Sequence[torch.Tensor],
    update_sq: torch.Tensor,
    collision: float,
    boundary_sq: torch.Tensor | None = None,
    steps_per_epoch: int | None = None,
) -> Sketched:
    """Reduce sketches backwards from the end point, in float64.

    Args:
        rows: T sketches S u_t (k,).
        update_sq: (T,) ‖u_t‖².
        collision: c of the projection, the factor of all variances.
        boundary_sq, steps_per_epoch: (B+1,) ‖θ_a − θ_T‖² at the ends of epochs of so many steps; both are given, or none of them.
    """
    width = steps_per_epoch or STRETCH
    after, parts = torch.zeros(len(rows[0]), dtype=torch.float64), []
    for number in reversed(range(-(-len(rows) // width))):
        chosen = slice(number * width, (number + 1) * width)
        updates = torch.stack(list(rows[chosen])).double()
        products = _products(updates, after)
        if boundary_sq is None:
            parts.append(_free(*products, update_sq[chosen]))
        else:
            parts.append(_pinned(*products, update_sq[chosen], *boundary_sq[number : number + 2]))
        after += updates.sum(0)
    cross, distance_sq, *spreads = torch.cat(parts[::-1], dim=1).numpy()
    inner_var, distance_var, covariance, covariance_next = collision * np.array(spreads)
    return Sketched(
        distance_sq=np.append(np.maximum(distance_sq, 0), 0.0),  # an estimate may fall below 0, a square does not
        inner=cross + update_sq.numpy(),
        distance_sq_var=np.maximum(distance_var, 0),
        inner_var=np.maximum(inner_var, 0),
        covariance=covariance,
        covariance_next=covariance_next,
    )


def _products(updates: torch.Tensor, after: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All inner products of a stretch of steps t, r from S u_t (E, k) and S b of its last step (k,), each (E, E).

    Returns ⟨u_t,u_r⟩, ⟨b_t,u_r⟩ and ⟨b_t,b_r⟩; b_t = after + Σ_{s>t} u_s, so the last two are sums of the first.
    """
    gram, with_after = updates @ updates.T, updates @ after
    ahead_update = _later(gram) + with_after
    ahead_after = _later(with_after) + after.dot(after)
    return gram, ahead_update, _later(ahead_update.T).T + ahead_after[:, None]


def _later(values: torch.Tensor) -> torch.Tensor:
    """Σ_{s>t} values[s] along the first axis."""
    return values.flip(0).cumsum(0).flip(0) - values


def _free(gram: torch.Tensor, ahead_update: torch.Tensor, ahead: torch.Tensor, update_sq: torch.Tensor) -> torch.Tensor:
    """Estimates of a stretch from its sketches alone.

    Args: `_products` and ‖u_t‖² (E,). Returns (6, E): ⟨b_t,u_t⟩, d_t², and, without the factor c, the variances of
    both, their covariance, and that of ⟨b_t,u_t⟩ with d_{t+1}² = ‖b_t‖².
    """
    own, cross, ahead_sq = gram.diagonal(), ahead_update.diagonal(), ahead.diagonal()
    distance_sq = ahead_sq + 2 * cross + own
    spread = ahead_sq * update_sq + cross.square()
    joint = 2 * (ahead_sq + cross) * (cross + own)
    return torch.stack([cross, distance_sq, spread, 2 * distance_sq.square(), joint, 2 * ahead_sq * cross])


def _pinned(
    gram: torch.Tensor,
    ahead_update: torch.Tensor,
    ahead: torch.Tensor,
    update_sq: torch.Tensor,
    first_sq: torch.Tensor,
    last_sq: torch.Tensor,
) -> torch.Tensor:
    """As `_free`, for an epoch whose distances d_a², d_b² at both ends are known."""
    cross = ahead_update.diagonal()
    spread = ahead * gram + ahead_update * ahead_update.T  # a covariance: Gaussian vectors have this one
    with_sum = spread.sum(1)
    of_sum = with_sum.sum()
    missing = (first_sq - last_sq - update_sq.sum()) / 2 - cross.sum()
    if of_sum > 0:
        cross = cross + missing * with_sum / of_sum
        spread = spread - torch.outer(with_sum, with_sum) / of_sum
    else:  # nothing is uncertain, the rest is rounding
        cross = cross + missing / len(cross)
    to_come = spread.flip(0).cumsum(0).flip(0)  # [t, r]: covariance of step r's error with the sum of those from t on
    # Identity A from the epoch's end: d_t² = d_b² + Σ_{t≤s<b} (2⟨b_s,u_s⟩ + ‖u_s‖²)
    distance_sq = last_sq + (2 * cross + update_sq).flip(0).cumsum(0).flip(0)
    distance_sq[0] = first_sq
    spread_sq = 4 * to_come.triu().sum(1)
    spread_sq[0] = 0
    joint, own = 2 * to_come.diagonal(), 2 * spread.diagonal()
    return torch.stack([cross, distance_sq, spread.diagonal(), spread_sq, joint, joint - own])
