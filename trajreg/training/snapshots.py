"""Epoch snapshots: everything that decides how a training goes on, on disk. Safetensors and JSON with checksums, never pickle."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import nn

from trajreg.data.dataset import checksum
from trajreg.errors import InputError
from trajreg.files import Damaged, is_file, is_taken, remove, write_sealed, writing
from trajreg.training import snapshot_index as index


@dataclass(frozen=True)
class State:
    """A training between two steps: `tensors` on the CPU, and what is plain data.

    tensors: `model.*` (weights and buffers), `optimizer.<parameter>.*`, and the states of the random streams: `random.torch` and,
    for a net on a GPU, `random.cuda` (dropout), `random.order` (order of the data).
    plain: `optimizer` (parameter groups, and state that is no tensor).
    """

    tensors: dict[str, torch.Tensor]
    plain: dict[str, Any]


def landing(model: nn.Module) -> str:
    """SHA-256 (hexadecimal) of weights and buffers in their order: where a training is, and what a replay has to arrive at."""
    return checksum(*model.state_dict().values())


def capture(model: nn.Module, optimizer: torch.optim.Optimizer, order: torch.Generator) -> State:
    """The state of a training now, copied; `order` draws the data's order, dropout draws from torch's global streams."""
    known = optimizer.state_dict()
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    numbers: dict[str, dict[str, Any]] = {}
    for parameter, values in known["state"].items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer.{parameter}.{name}"] = value
            else:
                numbers.setdefault(str(parameter), {})[name] = value
    tensors |= {"random.torch": torch.get_rng_state(), "random.order": order.get_state()}
    if next(model.parameters()).is_cuda:
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    plain = {"optimizer": {"groups": known["param_groups"], "numbers": numbers}}
    copied = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
    return State(copied, json.loads(json.dumps(plain)))  # as it will be when it is read


def restore(state: State, model: nn.Module, optimizer: torch.optim.Optimizer, order: torch.Generator) -> None:
    """Put a training of the same spec into this state: it goes on bit by bit as the one that was captured."""
    model.load_state_dict(_under(state.tensors, "model."))
    values: dict[int, dict[str, Any]] = {
        int(key): dict(held) for key, held in state.plain["optimizer"]["numbers"].items()
    }
    for key, value in _under(state.tensors, "optimizer.").items():
        parameter, name = key.split(".", 1)
        values.setdefault(int(parameter), {})[name] = value.clone()
    optimizer.load_state_dict({"state": values, "param_groups": state.plain["optimizer"]["groups"]})
    restore_streams(state, order)


def restore_streams(state: State, order: torch.Generator) -> None:
    """Put only the random streams (dropout, order of the data) where they were in this state."""
    torch.set_rng_state(state.tensors["random.torch"])
    order.set_state(state.tensors["random.order"])
    if "random.cuda" in state.tensors:
        torch.cuda.set_rng_state(state.tensors["random.cuda"])


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


class Snapshots:
    """Snapshots of one training in `folder`: number e is the state after e epochs, with whatever `log` leads up to it.

    `epoch-000003.safetensors` (tensors) and `epoch-000003.json` (plain data and log); the checksums of all files are in
    `manifest.json`, which is replaced after each snapshot: a snapshot that was cut short is not in it and does not count.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def write(self, number: int, state: State, log: dict[str, Any] | None = None) -> None:
        """Keep this state as snapshot `number`; it counts when this returns. CannotWrite where the disk is full."""
        tensors, plain = index.names(number)
        contents = {tensors: save(state.tensors), plain: json.dumps({"plain": state.plain, "log": log or {}}).encode()}
        with writing(f"snapshot {number}", self.folder, sum(map(len, contents.values()))):
            self.folder.mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                (self.folder / name).write_bytes(content)
        files = index.checksums(self.folder) | {
            name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
        }
        write_sealed(self.folder / index.MANIFEST, {"files": files})

    def read(self, number: int) -> State:
        """Snapshot `number`; Damaged names the file that is missing or was changed by as little as one byte."""
        tensors, plain = (self._content(name, number) for name in index.names(number))
        return State(load(tensors), json.loads(plain)["plain"])

    def log(self, number: int) -> dict[str, Any]:
        """The log that was written with snapshot `number`; raises as `read`."""
        return json.loads(self._content(index.names(number)[1], number))["log"]

    def numbers(self) -> list[int]:
        """The snapshots there are, in order."""
        return index.numbers(self.folder)

    def keep_only(self, numbers: Collection[int]) -> None:
        """Delete all other snapshots."""
        files = index.checksums(self.folder)
        gone = [name for number in self.numbers() if number not in numbers for name in index.names(number)]
        write_sealed(self.folder / index.MANIFEST, {"files": {name: files[name] for name in files if name not in gone}})
        for name in gone:
            (self.folder / name).unlink(missing_ok=True)

    def drop_logs(self) -> None:
        """Leave states only: then they are the same, whether the training left them or a replay of it."""
        for number in self.numbers():
            self.write(number, self.read(number))

    def move(self, folder: Path) -> None:
        """To another place on the same disk, in one piece, in the place of those that are there."""
        remove(folder)
        os.replace(self.folder, folder)
        self.folder = folder

    def delete(self) -> None:
        """Delete the folder, or whatever stands in its place."""
        remove(self.folder)

    def _content(self, name: str, number: int) -> bytes:
        path, files = self.folder / name, index.checksums(self.folder)
        if name not in files or not is_taken(path):
            raise Damaged(f"the snapshot after epoch {number} is missing ({path})")
        content = path.read_bytes() if is_file(path) else b""
        if hashlib.sha256(content).hexdigest() != files[name]:
            raise Damaged(f"snapshot {path} was changed since it was written")
        return content


def reserve(folder: Path, count: int, num_bytes: int, say: Callable[[str], None]) -> None:
    """Announce `count` snapshots of `num_bytes` each, in words, to `say`; InputError when the disk has no room for them."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    needed, free = count * num_bytes, shutil.disk_usage(folder.parent).free
    what = f"{count:,} snapshots need up to {needed:,} bytes, {free:,} are available in {folder.parent}"
    if needed > free:
        raise InputError(
            f"{what}; keep fewer (`keep_snapshots`), or use estimator 'sketch' or 'epoch' in place of 'replay'"
        )
    say(what)
