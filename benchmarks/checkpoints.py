"""γ from checkpoints against γ of a recorder that watched the same training: the difference, and what reading costs.

    .venv/bin/python benchmarks/checkpoints.py [--steps 300] [--width 128] [--layers 2] [--mib 200]

A small GPT learns to continue arithmetic sequences (modulo SYMBOLS) with AdamW under a warm-up and a cosine schedule. Seven checkpoints are
saved on its way, and `TrajectoryRecorder` (estimator `epoch`) watches. Prints γ of each stretch by both, the largest relative
difference and the size of a file; then for as many larger files the seconds and the peak memory of `trajreg.from_checkpoints` in a process
of its own, above what it had before.

Found on a shared two-core CPU, 400,512 weights: largest relative difference 2e-13 (rounding). Seven files of 200 MiB: 3 s, the peak of
resident memory grew by 145 MiB, pages of mapped files included; in the format of before PyTorch 1.6, which cannot be mapped, by two files.
"""

import argparse
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch
from torch import nn

import trajreg

SYMBOLS, LENGTH, BATCH, STRETCHES = 17, 12, 32, 6
LR = 3e-3


class Block(nn.Module):
    """Causal attention and a two-layer net, each after a layer norm and beside a residual connection."""

    def __init__(self, width: int):
        super().__init__()
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        normed = self.norms[0](hidden)
        hidden = hidden + self.attend(normed, normed, normed, attn_mask=mask, need_weights=False)[0]
        return hidden + self.feed(self.norms[1](hidden))


class GPT(nn.Module):
    """A decoder-only transformer whose output layer is tied to its embedding."""

    def __init__(self, width: int, num_layers: int):
        super().__init__()
        self.embedding, self.place = nn.Embedding(SYMBOLS, width), nn.Embedding(LENGTH, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(num_layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, SYMBOLS, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.head.weight = self.embedding.weight
        self.register_buffer("mask", torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        length = tokens.shape[1]
        hidden = self.embedding(tokens) + self.place.weight[:length]
        for block in self.blocks:
            hidden = block(hidden, self.mask[:length, :length])
        return self.head(self.norm(hidden))


def loss_of(model: GPT) -> torch.Tensor:
    """Cross-entropy of the next symbol of sequences of strides 1 to 3."""
    start, stride = torch.randint(0, SYMBOLS, (BATCH, 1)), torch.randint(1, 4, (BATCH, 1))
    tokens = (start + stride * torch.arange(LENGTH)) % SYMBOLS
    return nn.functional.cross_entropy(model(tokens[:, :-1]).reshape(-1, SYMBOLS), tokens[:, 1:].reshape(-1))


def train(folder: Path, num_steps: int, width: int, num_layers: int) -> tuple[list[Path], pd.DataFrame, pd.DataFrame]:
    """The checkpoints, the log (a row a step: loss, lr), and the recorder's table."""
    torch.manual_seed(0)
    model = GPT(width, num_layers)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
    every = num_steps // STRETCHES
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 20) * (0.55 + 0.45 * math.cos(math.pi * step / num_steps))
    )
    recorder = trajreg.TrajectoryRecorder(model, estimator="epoch", steps_per_epoch=every)
    paths, log = [], []
    for step in range(STRETCHES * every + 1):
        if step % every == 0:
            paths.append(folder / f"step_{step}.pt")
            torch.save(model.state_dict(), paths[-1])
        if step == STRETCHES * every:
            break
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        log.append((loss.item(), optimizer.param_groups[0]["lr"]))
        with recorder.step(loss, lr=log[-1][1]):
            optimizer.step()
        schedule.step()
    return paths, pd.DataFrame(log, columns=["loss", "lr"]), recorder.finish().regularity()


def from_checkpoints(paths: list[Path], log: pd.DataFrame) -> pd.DataFrame:
    """γ of each stretch, with the losses weighted by the learning rate."""
    every = len(log) // STRETCHES
    stretch = log.index // every
    lr = log["lr"].groupby(stretch)
    weighted = (log["lr"] * log["loss"]).groupby(stretch).sum() / lr.sum()
    return trajreg.from_checkpoints(paths, loss=weighted, lr=lr.mean(), num_steps=every)


def write_large(folder: Path, mib: int) -> list[Path]:
    """Checkpoints of so many MiB each, in tensors of 4 MiB."""
    weights = {f"layer{number}.weight": torch.randn(2**10, 2**10) for number in range(mib // 4)}
    paths = [folder / f"large_{number}.pt" for number in range(STRETCHES + 1)]
    for path in paths:
        torch.save(weights, path)
        for weight in weights.values():
            weight.mul_(0.9)
    return paths


def peak() -> int:
    """Peak resident bytes of this process, of this one alone."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def read_only(paths: list[str]) -> None:
    """Print the seconds and the growth of peak memory that reading takes; the first reading, of small ones, is what torch itself takes."""
    small = [{"weight": torch.full((2**22,), float(one))} for one in range(2)]
    trajreg.from_checkpoints(small, loss=1.0, lr=1.0, num_steps=1)
    del small
    before, started = peak(), time.perf_counter()
    trajreg.from_checkpoints(paths, loss=1.0, lr=1.0, num_steps=1)
    print(f"read in {time.perf_counter() - started:.2f} s, peak memory grew by {(peak() - before) / 2**20:.0f} MiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--mib", type=int, default=200, help="size of each of the larger files")
    parser.add_argument(
        "--read", nargs="+", metavar="FILE", help="only read these checkpoints, and print what it takes"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.read:
        read_only(options.read)
        sys.exit()
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        paths, log, recorded = train(Path(name), options.steps, options.width, options.layers)
        print(
            f"trained in {time.perf_counter() - started:.0f} s, loss {log['loss'].iloc[0]:.3f} → {log['loss'].iloc[-1]:.3f}"
        )
        table = from_checkpoints(paths, log)
        both = table[["step", "loss", "gamma"]].assign(recorded=recorded["gamma"])
        print(both.to_string(index=False))
        difference = (both["gamma"] / both["recorded"] - 1).abs().max()
        size = paths[0].stat().st_size
        print(f"largest relative difference {difference:.1e}; {table.attrs['weights']:,} weights")
        print(f"{len(paths)} files of {size / 2**20:.1f} MiB each")
        print(f"{len(paths)} files of {options.mib} MiB each: ", end="", flush=True)
        subprocess.run(
            [sys.executable, __file__, "--read", *map(str, write_large(Path(name), options.mib))], check=True
        )
