"""Named random streams from one seed: initialisation, data order, augmentation, dropout. Drawing from one never moves another."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream_seed(seed: int, name: str) -> int:
    """A 63-bit seed for the stream `name` of the run with this seed (SHA-256, so that neighbouring seeds are unrelated)."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, name: str) -> torch.Generator:
    """A generator of its own, on the CPU: the data order is the same on every device."""
    return torch.Generator().manual_seed(stream_seed(seed, name))


@contextmanager
def global_stream(seed: int, name: str) -> Iterator[None]:
    """Seed PyTorch's global generators for code that takes no generator, and put them back afterwards."""
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(stream_seed(seed, name))
        yield
