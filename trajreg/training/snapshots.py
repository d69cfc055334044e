"""Epoch snapshots: everything that decides how a training goes on, on disk. Safetensors and JSON with checksums, never pickle."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import nn

from trajreg.errors import InputError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class State:
    """A training between two steps: `tensors` on the CPU, and what is plain data.

    tensors: `model.*` (weights and buffers), `optimizer.<parameter>.*`, and the states of the random streams: `random.torch` and,
    for a net on a GPU, `random.cuda` (dropout), `random.order` (order of the data).
    plain: `optimizer` (parameter groups, and state that is no tensor).
    """

    tensors: dict[str, torch.Tensor]
    plain: dict[str, Any]

    def deviation(self, other: "State") -> float:
        """The largest absolute difference of any weight, buffer or number of the optimiser; 0 only for bitwise equal states.

        Infinite where numbers cannot tell the difference: other tensors, another random stream or setting, NaN.
        """
        if self.plain != other.plain or self.tensors.keys() != other.tensors.keys():
            return float("inf")
        pairs = [(name, tensor, other.tensors[name]) for name, tensor in self.tensors.items()]
        return max((_deviation(name, *pair) for name, *pair in pairs), default=0.0)


def _deviation(name: str, one: torch.Tensor, other: torch.Tensor) -> float:
    if one.shape != other.shape or one.dtype != other.dtype:
        return float("inf")
    if one.contiguous().numpy().tobytes() == other.contiguous().numpy().tobytes():
        return 0.0
    # bytes differ: an equal value (−0 and 0), a NaN or a random stream has no distance that would mean anything
    largest = float((one.double() - other.double()).abs().max())
    return largest if largest > 0 and not name.startswith("random.") else float("inf")


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
    """Snapshots of one training in `folder`: number e is the state after e epochs, with whatever `log` belongs to that epoch.

    `epoch-000003.safetensors` (tensors) and `epoch-000003.json` (plain data and log); the checksums of all files are in
    `manifest.json`, which is replaced after each snapshot: a snapshot that was cut short is not in it and does not count.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def write(self, number: int, state: State, log: dict[str, Any] | None = None) -> None:
        """Keep this state as snapshot `number`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors, plain = _names(number)
        contents = {tensors: save(state.tensors), plain: json.dumps({"plain": state.plain, "log": log or {}}).encode()}
        for name, content in contents.items():
            (self.folder / name).write_bytes(content)
        files = self._files() | {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        partial = self.folder / f".{MANIFEST}"
        partial.write_text(json.dumps({"files": files}, indent=1))
        os.replace(partial, self.folder / MANIFEST)

    def read(self, number: int) -> State:
        """Snapshot `number`; InputError names the file that is missing or was changed by as little as one byte."""
        tensors, plain = (self._content(name, number) for name in _names(number))
        return State(load(tensors), json.loads(plain)["plain"])

    def log(self, number: int) -> dict[str, Any]:
        """The log that was written with snapshot `number`; raises as `read`."""
        return json.loads(self._content(_names(number)[1], number))["log"]

    def count(self) -> int:
        """How many snapshots there are from number 0 on without a gap: where a training that was killed can go on."""
        files, count = self._files(), 0
        while all(name in files for name in _names(count)):
            count += 1
        return count

    def delete(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def reserve(self, count: int, num_bytes: int, say: Callable[[str], None]) -> None:
        """Announce `count` snapshots of `num_bytes` each, in words, to `say`; InputError when the disk has no room for them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        needed, free = count * num_bytes, shutil.disk_usage(self.folder).free
        what = f"estimator 'replay': {count:,} epoch snapshots need {needed:,} bytes, {free:,} are available in {self.folder}"
        if needed > free:
            raise InputError(f"{what}; train for fewer epochs, a narrower net, or use estimator 'epoch'")
        say(what)

    def _files(self) -> dict[str, str]:
        path = self.folder / MANIFEST
        if not path.exists():
            return {}
        try:
            return dict(json.loads(path.read_text())["files"])
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path} is unreadable; delete the folder to train again") from None

    def _content(self, name: str, number: int) -> bytes:
        path, files = self.folder / name, self._files()
        if name not in files or not path.is_file():
            raise InputError(f"replay without snapshots: the one after epoch {number} is missing ({path})")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != files[name]:
            raise InputError(f"snapshot {path} was changed since it was written; delete {self.folder} to train again")
        return content


def _names(number: int) -> tuple[str, str]:
    return f"epoch-{number:06d}.safetensors", f"epoch-{number:06d}.json"
