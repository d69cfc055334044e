"""What an estimator hands over at the end of a trajectory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

RUN = 128  # float32 adds so many squares at most


@dataclass(frozen=True)
class Distances:
    """Squared lengths along a trajectory, float64. Over several parameter groups every array has a last axis (…, G).

    distance_sq: ‖θ_t − θ_T‖² at every step and at the end (T+1,), or at epoch boundaries only (B+1,).
    update_sq: (T,) ‖θ_t − θ_{t+1}‖².
    inner: (T,) ⟨θ_t − θ_T, θ_t − θ_{t+1}⟩, or None where only epoch boundaries are known.
    inner_stderr, distance_sq_stderr: (T,) standard errors of `inner` and of `distance_sq[:T]`, for an estimator that is not exact;
        else None. inner_distance_cov (T,) is the covariance of their errors, inner_next_cov (T,) that of the errors of `inner` and of
        ‖θ_{t+1} − θ_T‖². `update_sq` is always exact.
    """

    distance_sq: np.ndarray
    update_sq: np.ndarray
    inner: np.ndarray | None
    inner_stderr: np.ndarray | None = None
    distance_sq_stderr: np.ndarray | None = None
    inner_distance_cov: np.ndarray | None = None
    inner_next_cov: np.ndarray | None = None


def squared_lengths(vector: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """‖vector‖² in float64 over each group of `sizes` neighbours: (G,), or a scalar where there is one group."""
    wide = vector.double()
    return group_dots(wide, wide, sizes)


def squared_length(vector: torch.Tensor) -> torch.Tensor:
    """‖vector‖² as a float64 scalar, from lengths of RUN neighbours in the vector's own type: right to some 1e-7 for float32."""
    whole = len(vector) - len(vector) % RUN
    lengths, rest = torch.linalg.vector_norm(vector[:whole].view(-1, RUN), dim=1).double(), vector[whole:].double()
    return torch.dot(lengths, lengths) + torch.dot(rest, rest)


def group_dots(one: torch.Tensor, other: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """⟨one, other⟩ over each group of `sizes` neighbours: (G,), or a scalar where there is one group."""
    sizes = list(sizes)
    dots = [torch.dot(*pair) for pair in zip(torch.split(one, sizes), torch.split(other, sizes), strict=True)]
    return torch.stack(dots) if len(dots) > 1 else dots[0]


def step_terms(
    offset: torch.Tensor, following: torch.Tensor, update: torch.Tensor, sizes: Sequence[int]
) -> torch.Tensor:
    """(3,) ‖θ_t − θ_T‖², ‖θ_t − θ_{t+1}‖² and their inner product, from `offset` = θ_t − θ_T and `following` = θ_{t+1} − θ_T.

    All (P,) float64; `update` is overwritten; (3, G) over several groups of `sizes`. `store` and `replay` share this arithmetic:
    their numbers are the same bits.
    """
    torch.sub(offset, following, out=update)
    pairs = ((offset, offset), (update, update), (offset, update))
    return torch.stack([group_dots(*pair, sizes) for pair in pairs])
