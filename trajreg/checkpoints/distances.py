"""How far checkpoints are from the last one and from each other, read in blocks and summed in float64."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trajreg.checkpoints.file import is_mapped, load
from trajreg.checkpoints.state_dicts import Contents, unused
from trajreg.errors import InputError, choices

BLOCK = 2**26  # bytes that are read of a mapped file before it is closed, which frees its pages
CHUNK = 2**20  # weights that are subtracted at once
Checkpoint = Mapping[str, Any] | str | Path


class Opened:
    """A checkpoint whose names and shapes are known; its tensors are asked for anew each time they are wanted.

    label: what errors call it. shapes, num_bytes: of the tensors of θ, by name. left_out: the names of others.
    in_memory: whether it was given as a state dict. is_mapped: whether opening it anew reads nothing.
    """

    def __init__(self, source: Checkpoint, number: int, leave_out: Sequence[str]):
        self._source, self._leave_out = source, leave_out
        self.label = f"checkpoint {number} ({source if isinstance(source, str | Path) else 'a state dict'})"
        contents = self.contents()
        self.left_out = contents.left_out
        self.shapes = {name: tensor.shape for name, tensor in contents.weights.items()}
        self.num_bytes = {name: tensor.nbytes for name, tensor in contents.weights.items()}
        self.in_memory = not isinstance(source, str | Path)
        self.is_mapped = not isinstance(source, str | Path) or is_mapped(Path(source))

    def contents(self) -> Contents:
        """Its tensors, which are mapped from a file where its format allows."""
        given = self._source
        content = load(Path(given), self.label) if isinstance(given, str | Path) else given
        return Contents.of(content, self.label, self._leave_out)

    def refuse_differences(self, end: "Opened") -> None:
        """InputError that names the first tensor that only one of the two has, or that has another shape there."""
        for name in [*end.shapes, *self.shapes]:
            here, there = self.shapes.get(name), end.shapes.get(name)
            if here is None or there is None:
                has, lacks = (self, end) if there is None else (end, self)
                raise InputError(
                    f"{has.label} has weights {name!r}, {lacks.label} has not; tied weights, or others that do not count: leave them out "
                    "(leave_out, --leave-out)"
                )
            if here != there:
                raise InputError(f"{name} has shape {tuple(here)} in {self.label} and {tuple(there)} in {end.label}")


def open_all(checkpoints: Sequence[Checkpoint], leave_out: Sequence[str] = ()) -> list[Opened]:
    """All of them, held against the last one.

    Raises:
        InputError: fewer than two, one that cannot be read, other names or shapes than in the last one, or a pattern of `leave_out` that
            nothing is like.
    """
    if isinstance(checkpoints, str | Path | Mapping) or isinstance(leave_out, str):
        raise InputError("checkpoints and leave_out are lists: of state dicts or paths, and of patterns")
    if len(checkpoints) < 2:
        given = f"{len(checkpoints)} checkpoint{'s' * (len(checkpoints) != 1)}"
        raise InputError(f"got {given}, should be at least two: a stretch of steps has two ends")
    opened = [Opened(one, number, leave_out) for number, one in enumerate(checkpoints)]
    for one in opened[:-1]:
        one.refuse_differences(opened[-1])
    _refuse_shared_memory(opened)
    names = [*opened[-1].shapes, *opened[-1].left_out]
    for pattern in unused(leave_out, names):
        raise InputError(f"leave_out: no tensor is called {pattern!r}, there are {choices(pattern, names)}")
    return opened


def _refuse_shared_memory(opened: Sequence[Opened]) -> None:
    """InputError where two state dicts hold the very same tensors: those of a model that went on training are all its last weights."""
    seen: dict[tuple[int, ...], Opened] = {}
    for one in opened:
        if one.in_memory:
            places = tuple(tensor.data_ptr() for tensor in one.contents().weights.values())
            earlier = seen.setdefault(places, one)
            if earlier is not one:
                raise InputError(
                    f"{earlier.label} and {one.label} are the same tensors: a state dict changes with its model, "
                    "keep copies: copy.deepcopy(model.state_dict())"
                )


@dataclass(frozen=True)
class Snapshots:
    """What checkpoints tell of a path.

    distance_sq: (m+1,) ‖θ − θ_T‖². displacement_sq: (m,) ‖θ_a − θ_b‖² from each to the next.
    num_weights: P. left_out: the names of tensors that are no weights.
    alike: tensors that move the same way to the last bit, two and two: tied weights, if they were copied one by one.
    """

    distance_sq: np.ndarray
    displacement_sq: np.ndarray
    num_weights: int
    left_out: list[str]
    alike: list[tuple[str, str]]

    @classmethod
    def of(cls, opened: Sequence[Opened], tick: Callable[[], object] = lambda: None) -> "Snapshots":
        """Compare each with the last one and with the next; `tick` is called after each of `num_comparisons`."""
        end, by_tensor, displacement_sq = opened[-1], [], []
        for one in opened[:-1]:
            by_tensor.append(_squares(one, end))
            tick()
        for one, following in pairwise(opened[:-1]):
            displacement_sq.append(sum(_squares(one, following).values()))
            tick()
        distance_sq = [sum(squares.values()) for squares in by_tensor]
        return cls(
            np.array([*distance_sq, 0.0]),
            np.array([*displacement_sq, distance_sq[-1]]),
            sum(shape.numel() for shape in end.shapes.values()),
            end.left_out,
            _alike(end.shapes, by_tensor),
        )


def num_comparisons(num_checkpoints: int) -> int:
    """All but the last with the last, all but the last two with the next."""
    return 2 * num_checkpoints - 3


def _blocks(one: Opened, other: Opened) -> Iterator[list[str]]:
    """The names of θ in turn, so many at a time that they have about BLOCK bytes; all at once where opening anew is reading anew."""
    limit = BLOCK if one.is_mapped and other.is_mapped else math.inf
    block, size = [], 0
    for name, num_bytes in one.num_bytes.items():
        block.append(name)
        size += num_bytes
        if size >= limit:
            yield block
            block, size = [], 0
    yield block


def _squares(one: Opened, other: Opened) -> dict[str, float]:
    """‖θ − θ'‖² of each tensor."""
    found = {}
    for block in _blocks(one, other):
        here, there = one.contents().weights, other.contents().weights
        for name in block:
            found[name] = _squared_distance(here[name], there[name])
            if not np.isfinite(found[name]):
                worse = one if not torch.isfinite(here[name].double()).all() else other
                raise InputError(f"{worse.label}: {name} has values that are not finite")
    return found


def _squared_distance(one: torch.Tensor, other: torch.Tensor) -> float:
    pairs = zip(one.detach().flatten().split(CHUNK), other.detach().flatten().split(CHUNK), strict=True)
    offsets = (here.cpu().double().sub_(there.cpu().double()) for here, there in pairs)
    return sum(float(torch.dot(offset, offset)) for offset in offsets)


def _alike(shapes: dict[str, torch.Size], by_tensor: Sequence[dict[str, float]]) -> list[tuple[str, str]]:
    ways: dict[Any, list[str]] = defaultdict(list)
    for name, shape in shapes.items():
        way = tuple(squares[name] for squares in by_tensor)
        if any(way):
            ways[shape, way].append(name)
    return [(names[0], other) for names in ways.values() for other in names[1:]]
