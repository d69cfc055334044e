"""Random projections that the sketch could be made of: (P, k, seed) -> a map of a vector (P,) to (k,). Compared by `sketch.py`."""

import math
from collections.abc import Callable

import torch

from trajreg.trajectory.projection import Projection

Apply = Callable[[torch.Tensor], torch.Tensor]


def library(size: int, k: int, seed: int) -> Apply:
    """The library's: chunks dealt to rows in turn, each row turned by one random offset."""
    return Projection(size, k, torch.Generator().manual_seed(seed), torch.zeros(0))


def permuted(size: int, k: int, seed: int) -> Apply:
    """All weights permuted, equal loads: a gather over the whole vector."""
    stream, groups = torch.Generator().manual_seed(seed), -(-size // k)
    order = torch.randperm(groups * k, generator=stream)
    sign = torch.randint(0, 2, (groups, k), generator=stream) * 2.0 - 1
    sign.view(-1)[order >= size] = 0
    order, moved = order.clamp(max=size - 1).int(), torch.empty(groups, k)

    def project(vector):
        torch.index_select(vector, 0, order, out=moved.view(-1))
        return moved.mul_(sign).sum(dim=0)

    return project


def count_sketch(size: int, k: int, seed: int) -> Apply:
    """Independent buckets and signs, index_add."""
    stream = torch.Generator().manual_seed(seed)
    bucket = torch.randint(0, k, (size,), generator=stream)
    sign = torch.randint(0, 2, (size,), generator=stream) * 2.0 - 1
    return lambda vector: torch.zeros(k).index_add_(0, bucket, vector * sign)


def _rows(size: int, k: int, seed: int):
    """Random signs for ⌈P/k⌉ rows of k weights, zeros at the end, and a buffer of that shape."""
    stream, groups = torch.Generator().manual_seed(seed), -(-size // k)
    return torch.randint(0, 2, (groups, k), generator=stream) * 2.0 - 1, torch.zeros(groups, k), stream


def permuted_rows(size: int, k: int, seed: int) -> Apply:
    """Each k consecutive weights permuted among themselves: a gather that stays in the cache."""
    sign, padded, stream = _rows(size, k, seed)
    order = torch.stack([torch.randperm(k, generator=stream) for _ in sign])

    def project(vector):
        padded.view(-1)[:size] = vector
        return padded.gather(1, order).mul_(sign).sum(0)

    return project


def rolled_rows(size: int, k: int, seed: int) -> Apply:
    """Each k consecutive weights shifted by one random offset: no gather at all."""
    sign, padded, stream = _rows(size, k, seed)
    offsets = torch.randint(0, k, (len(sign),), generator=stream).tolist()

    def project(vector):
        padded.view(-1)[:size] = vector
        padded.mul_(sign)
        total = torch.zeros(2 * k)
        for row, offset in zip(padded, offsets, strict=True):
            total[offset : offset + k] += row
        return total[:k] + total[k:]

    return project


def srht(size: int, k: int, seed: int) -> Apply:
    """Subsampled randomised Hadamard transform: signs, a fast Walsh-Hadamard transform, k of its coordinates."""
    stream, padded = torch.Generator().manual_seed(seed), 1 << (size - 1).bit_length()
    sign = torch.randint(0, 2, (size,), generator=stream) * 2.0 - 1
    chosen = torch.randperm(padded, generator=stream)[:k]

    def project(vector):
        here, width = torch.zeros(padded), 1
        torch.mul(vector, sign, out=here[:size])
        while width < padded:
            one, other = here.view(-1, 2, width).unbind(1)
            here = torch.stack([one + other, one - other], dim=1)
            width *= 2
        return here.view(-1)[chosen] / math.sqrt(k)

    return project


def gaussian(size: int, k: int, seed: int, block: int = 4096) -> Apply:
    """Independent normals, drawn anew in blocks each time (k·P numbers would not fit); takes (..., P)."""

    def project(vector):
        stream = torch.Generator().manual_seed(seed)
        pieces = vector.split(block, dim=-1)
        return sum(piece @ torch.randn(piece.shape[-1], k, generator=stream) for piece in pieces) / math.sqrt(k)

    return project


CONSTRUCTIONS = {
    "dealt (library)": library,
    "permuted": permuted,
    "CountSketch, index_add": count_sketch,
    "permuted rows": permuted_rows,
    "rolled rows": rolled_rows,
    "SRHT": srht,
    "Gaussian blocks": gaussian,
}
