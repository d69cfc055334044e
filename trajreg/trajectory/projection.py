"""The random linear map of the estimator `sketch`."""

import torch


class Projection:
    """A random linear map S: R^P → R^k with E⟨Sa, Sb⟩ = ⟨a, b⟩: permute, flip signs, add up groups of m = ⌈P/k⌉.

    This is a CountSketch whose buckets hold equally many weights (zeros fill the last ones). Two weights share a bucket with
    probability c = (m − 1) / (mk − 1), and with independent signs

        Cov(⟨Sa, Sb⟩, ⟨Sp, Sq⟩) = c · ( ⟨a,p⟩⟨b,q⟩ + ⟨a,q⟩⟨b,p⟩ − 2 Σ_i a_i b_i p_i q_i )

    so Var⟨Sa, Sb⟩ ≤ c · (‖a‖²‖b‖² + ⟨a,b⟩²), a little under 1/k of it, and k = P is exact. The sum over i, unknown here and
    small unless few weights do all the moving, is left out: the standard errors are then a little too large.

    Args:
        size: P.
        num_sketch: k.
        generator: of permutation and signs, on the host; the map is the same on every device.
        like: a tensor of the type and device of the vectors to come.
    """

    def __init__(self, size: int, num_sketch: int, generator: torch.Generator, like: torch.Tensor):
        groups = -(-size // num_sketch)
        padded = groups * num_sketch
        self.collision = (groups - 1) / max(1, padded - 1)
        order = torch.randperm(padded, generator=generator)
        sign = torch.randint(0, 2, (padded,), generator=generator, dtype=torch.int8) * 2 - 1
        sign[order >= size] = 0
        order[order >= size] = 0
        self._order = order.to(like.device, torch.int32 if padded < 2**31 else torch.int64)
        self._sign = sign.to(like.device, like.dtype).view(groups, num_sketch)
        self._moved = torch.empty_like(self._sign)

    def __call__(self, vector: torch.Tensor) -> torch.Tensor:
        """(P,) → (k,); gathers and sums only, so the same bytes each time, also on a GPU."""
        torch.index_select(vector, 0, self._order, out=self._moved.view(-1))
        return self._moved.mul_(self._sign).sum(dim=0)
