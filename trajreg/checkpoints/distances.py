"""How far checkpoints are from the last one and from each other, read in blocks and summed in float64."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trajreg.checkpoints.file import is_mapped, load
from trajreg.checkpoints.state_dicts import Contents, unused
from trajreg.errors import InputError, choices, shown

BLOCK = 2**26  # bytes that are read of a mapped file before it is closed, which frees its pages
CHUNK = 2**20  # weights that are subtracted at once
Checkpoint = Mapping[str, Any] | str | Path


class Opened:
    """A checkpoint whose names and shapes are known; its tensors are asked for anew each time they are wanted.

    label: what errors call it. shapes, num_bytes: of the tensors of θ, by name. left_out: the names of others.
    is_mapped: whether opening it anew reads nothing. places: of a state dict in memory, the name of what begins at each place.
    """

    def __init__(self, source: Checkpoint, number: int, leave_out: Sequence[str]):
        self._source, self._leave_out = source, leave_out
        self.label = f"checkpoint {number} ({source if isinstance(source, str | Path) else 'a state dict'})"
        contents = self.contents()
        self.left_out = contents.left_out
        self.shapes = {name: tensor.shape for name, tensor in contents.weights.items()}
        self.num_bytes = {name: tensor.nbytes for name, tensor in contents.weights.items()}
        self.is_mapped = not isinstance(source, str | Path) or is_mapped(Path(source))
        held = {} if isinstance(source, str | Path) else contents.weights
        self.places = {(one.device, one.data_ptr()): name for name, one in held.items() if one.numel()}

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
                alike = has.shapes[name] in lacks.shapes.values()
                tied = f"; tied weights that one of them leaves out? leave_out=[{name!r}]" if alike else ""
                raise InputError(f"{has.label} has weights {name!r}, {lacks.label} has not{tied}")
            if here != there:
                raise InputError(f"{name} has shape {tuple(here)} in {self.label} and {tuple(there)} in {end.label}")


def open_all(checkpoints: Iterable[Checkpoint], leave_out: Iterable[str] = ()) -> list[Opened]:
    """All of them, held against the last one.

    Raises:
        InputError: fewer than two, one that cannot be read, other names or shapes than in the last one, state dicts that share memory, or a
            pattern of `leave_out` that nothing is like.
    """
    given, patterns = _listed("checkpoints", checkpoints), _listed("leave_out", leave_out)
    if len(given) < 2:
        found = f"{len(given)} checkpoint{'s' * (len(given) != 1)}"
        raise InputError(f"got {found}, should be at least two: a stretch of steps has two ends")
    opened = [Opened(one, number, patterns) for number, one in enumerate(given)]
    for one in opened[:-1]:
        one.refuse_differences(opened[-1])
    _refuse_shared_memory(opened)
    names = [*opened[-1].shapes, *opened[-1].left_out]
    for pattern in unused(patterns, names):
        raise InputError(f"leave_out: no tensor is called {pattern!r}, there are {choices(pattern, names)}")
    return opened


def _listed(name: str, given: Iterable[Any]) -> list[Any]:
    if isinstance(given, str | Path | Mapping) or not isinstance(given, Iterable):
        what = "state dicts or paths" if name == "checkpoints" else "patterns of names"
        raise InputError(f"{name} is {type(given).__name__} {shown(given)}, should be a list of {what}")
    return list(given)


def _refuse_shared_memory(opened: Sequence[Opened]) -> None:
    """What shares memory changes together, so that all of it is the weights of now."""
    seen: dict[tuple[torch.device, int], Opened] = {}
    for one in opened:
        for place, name in one.places.items():
            if place in seen:
                raise InputError(
                    f"{seen[place].label} and {one.label} share the memory of {name!r}, and so change together: a state dict is no copy; "
                    "keep copy.deepcopy(model.state_dict()) of each"
                )
        seen |= dict.fromkeys(one.places, one)


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
    offsets = (here.to("cpu", torch.float64, copy=True).sub_(there.cpu().double()) for here, there in pairs)
    return sum(float(torch.dot(offset, offset)) for offset in offsets)


def _alike(shapes: dict[str, torch.Size], by_tensor: Sequence[dict[str, float]]) -> list[tuple[str, str]]:
    ways: dict[Any, list[str]] = defaultdict(list)
    for name, shape in shapes.items():
        way = tuple(squares[name] for squares in by_tensor)
        if any(way):
            ways[shape, way].append(name)
    return [(names[0], other) for names in ways.values() for other in names[1:]]
