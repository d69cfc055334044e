"""The random linear map of the estimator `sketch`."""

from collections.abc import Callable

import torch

ADDS_ROW_BY_ROW = ("cpu",)  # devices on which a small addition is cheaper than a gather
MOST_CONSECUTIVE = 64  # weights of a chunk: enough for fast copies, and few beside a layer


class Projection:
    """A random linear map S: R^P → R^k with E⟨Sa, Sb⟩ = ⟨a, b⟩: deal into rows, flip signs, turn each row, add the rows up.

    Chunks of consecutive weights are dealt to m rows in turn, like cards, so that every layer is spread over all rows. Each row, at
    most k weights long, is laid around a circle of k places at an offset of its own, drawn uniformly. This is a CountSketch in which two
    weights of different rows share a place with probability 1/k, and two of the same row never do. With independent signs

        Cov(⟨Sa, Sb⟩, ⟨Sp, Sq⟩) = 1/k · Σ_{i,j in different rows} ( a_i p_i b_j q_j + a_i q_i b_j p_j )
                                ≈ c · ( ⟨a,p⟩⟨b,q⟩ + ⟨a,q⟩⟨b,p⟩ ),    c = (1 − 1/m) / k

    where all rows have like shares in the vectors, which is what dealing is for. In general c is too small by the factor 1 − 1/m at
    most, and too large where few weights do all the moving. k = P needs one row and is exact.

    Args:
        size: P.
        num_sketch: k.
        generator: of offsets and signs, on the host; the map is the same on every device.
        like: a tensor of the type and device of the vectors to come.
    """

    def __init__(self, size: int, num_sketch: int, generator: torch.Generator, like: torch.Tensor):
        self._chunk = max(1, min(MOST_CONSECUTIVE, num_sketch // 32)) if size > num_sketch else size
        self._length = num_sketch - num_sketch % self._chunk
        self._num_rows, self._places = -(-size // self._length), num_sketch
        self.collision = (1 - 1 / self._num_rows) / num_sketch
        shape = self._num_rows, self._length // self._chunk, self._chunk
        sign = torch.randint(0, 2, shape, generator=generator, dtype=torch.int8) * 2 - 1
        offsets = torch.randint(0, num_sketch, (self._num_rows,), generator=generator)
        # `vector` is read from here; zeros fill the last chunks
        self._padded = torch.zeros(sign.numel(), dtype=like.dtype, device=like.device)
        self.vector = self._padded[:size]
        prepare = self._rows if like.device.type in ADDS_ROW_BY_ROW else self._indices
        self._apply = prepare(sign, offsets)

    def __call__(self, vector: torch.Tensor) -> torch.Tensor:
        """(P,) → (k,), the same bytes each time, also on a GPU. A vector that was written into `self.vector` is not copied."""
        if vector is not self.vector:
            self.vector.copy_(vector)
        return self._apply()

    def _rows(self, sign: torch.Tensor, offsets: torch.Tensor) -> Callable[[], torch.Tensor]:
        """Row after row onto the circle: contiguous reads and writes only."""
        sign = sign.to(self._padded.dtype)
        dealt = self._padded.view(sign.shape[1], self._num_rows, self._chunk).transpose(0, 1)
        rows, twice = torch.empty_like(sign), torch.empty(2 * self._places, dtype=sign.dtype)
        pairs = [
            (twice[offset : offset + self._length], row)
            for offset, row in zip(offsets.tolist(), rows.view(self._num_rows, -1), strict=True)
        ]

        def apply() -> torch.Tensor:
            torch.mul(dealt, sign, out=rows)
            twice.zero_()
            for place, row in pairs:
                place += row
            return twice[: self._places] + twice[self._places :]

        return apply

    def _indices(self, sign: torch.Tensor, offsets: torch.Tensor) -> Callable[[], torch.Tensor]:
        """All rows at once, for a device where many small additions take longer than one gather."""
        along = (
            torch.arange(self._places) - offsets[:, None]
        ) % self._places  # [row, place]: the row's weight that lies there
        outside, along = along >= self._length, along.clamp(max=self._length - 1)
        row = torch.arange(self._num_rows)[:, None]
        source = (along // self._chunk * self._num_rows + row) * self._chunk + along % self._chunk
        sign = sign.view(self._num_rows, -1).gather(1, along).masked_fill_(outside, 0)
        source = source.to(self._padded.device, torch.int32 if len(self._padded) < 2**31 else torch.int64).view(-1)
        sign, moved = sign.to(self._padded), torch.empty(sign.shape, dtype=self._padded.dtype, device=source.device)

        def apply() -> torch.Tensor:
            torch.index_select(self._padded, 0, source, out=moved.view(-1))
            return moved.mul_(sign).sum(dim=0)

        return apply
