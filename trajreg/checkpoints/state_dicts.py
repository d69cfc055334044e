"""Which of a checkpoint's contents is θ: the one mapping that holds weights, plain names, buffers left out, tied weights once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch

from trajreg.errors import InputError, choices

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")  # of batch norm
COMPILED, PARALLEL = "_orig_mod.", "module."  # what torch.compile and DistributedDataParallel put before names
OPTIMISER = {"state", "param_groups"}  # the keys of an optimiser's state dict
NO_WEIGHTS = ("callbacks", "loops")  # what Lightning keeps beside them; names that begin with "optim" are none either
USUAL = ("state_dict", "model_state_dict", "model", "net", "module")  # where the weights of a net are put
MOST_NESTED = 4  # levels of mappings, as model → state_dict → …


@dataclass(frozen=True)
class Contents:
    """The tensors of a checkpoint by name: `weights`, which are θ, and the names of those `left_out`."""

    weights: dict[str, torch.Tensor]
    left_out: list[str]

    @classmethod
    def of(cls, content: object, label: str, leave_out: Sequence[str] = ()) -> "Contents":
        """θ in what a checkpoint holds: a state dict, or a mapping with one somewhere in it.

        Left out are tensors that are not floating point, running statistics of batch norm, and names like a pattern of `leave_out`
        (`fnmatch`). Of weights that are the same memory (tied) the first counts. Nothing is read that is mapped from a file.

        Raises:
            InputError: no mapping holds tensors, or several do; nothing floating point; complex, sparse, or no data.
        """
        tensors = _with_plain_names(_state_dict(content, label))
        left_out = [name for name, tensor in tensors.items() if _is_buffer(name, tensor) or _is_like(name, leave_out)]
        aside, places = set(left_out), set()
        weights: dict[str, torch.Tensor] = {}
        for name, tensor in tensors.items():
            if name in aside:
                continue
            _refuse_unreadable(name, tensor, label)
            place = (tensor.data_ptr(), tensor.shape, tensor.stride())
            if place not in places:
                weights[name] = tensor
            if tensor.numel():  # else it has no place
                places.add(place)
        if not weights:
            raise InputError(
                f"{label} holds no floating-point weights, but {choices('', tensors)}; left out are {left_out}"
            )
        return cls(weights, left_out)


def unused(leave_out: Sequence[str], names: Sequence[str]) -> list[str]:
    """The patterns that no name is like."""
    return [pattern for pattern in leave_out if not any(fnmatchcase(name, pattern) for name in names)]


def _is_buffer(name: str, tensor: torch.Tensor) -> bool:
    real = tensor.is_floating_point() or tensor.is_complex()
    return not real or name.rpartition(".")[2] in BUFFERS


def _is_like(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _refuse_unreadable(name: str, tensor: torch.Tensor, label: str) -> None:
    problem = None
    if tensor.is_complex():
        problem = f"complex ({tensor.dtype})"
    elif tensor.layout != torch.strided:
        problem = f"sparse ({tensor.layout})"
    elif tensor.device.type == "meta":
        problem = "on the device 'meta', which holds no numbers"
    if problem:
        raise InputError(f"{label}: {name} is {problem}, should be dense and real; leave_out leaves it out")


def _state_dict(content: object, label: str) -> dict[str, torch.Tensor]:
    """The one mapping that holds weights, or where there is none, tensors of any kind."""
    if not isinstance(content, Mapping):
        raise InputError(f"{label} holds a {type(content).__name__}, should be a mapping from names to tensors")
    for is_weight in (_is_array, _is_real, _is_tensor):
        found = {path: _tensors(mapping) for path, mapping in _holders(content, is_weight)}
        if found:
            return _the_usual(found, label)
    raise InputError(f"{label} holds no tensors under names, only {choices('', map(str, content)) or 'nothing'}")


def _the_usual(found: dict[tuple[str, ...], dict[str, torch.Tensor]], label: str) -> dict[str, torch.Tensor]:
    """The only one; or of several the only one with a usual name, unless another may be the same net: averaged weights, say."""
    usual = list(found) if len(found) == 1 else [path for path in found if path and path[-1] in USUAL]
    if len(usual) == 1:
        chosen = found.pop(usual[0])
        if not any(_may_be_same_net(chosen, other) for other in found.values()):
            return chosen
        found = {usual[0]: chosen, **found}
    raise InputError(
        f"{label} holds weights in several places, {' and '.join(map(_shown, found))}: which of them is θ it does not tell; save that one "
        "alone, torch.save(checkpoint[…], …)"
    )


def _may_be_same_net(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    names = set(_with_plain_names(one)) & set(_with_plain_names(other))
    shapes, others = (sorted(tuple(tensor.shape) for tensor in tensors.values()) for tensors in (one, other))
    return bool(names) or shapes == others


def _holders(
    mapping: Mapping[Any, Any], is_weight: Callable[[object], bool], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    """(its path, the mapping) for each that holds weights by itself; what an optimiser keeps is none."""
    if any(isinstance(name, str) and is_weight(one) for name, one in mapping.items()):
        yield path, mapping
    for name, one in mapping.items():
        nested = isinstance(one, Mapping) and len(path) < MOST_NESTED
        if nested and not (str(name).startswith("optim") or name in NO_WEIGHTS or set(one) >= OPTIMISER):
            yield from _holders(one, is_weight, (*path, str(name)))


def _tensors(mapping: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    return {str(name): one for name, one in mapping.items() if isinstance(one, torch.Tensor)}


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def _is_real(value: object) -> bool:
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())


def _is_array(value: object) -> bool:
    """Not a lone number: losses and metrics are kept as such."""
    return isinstance(value, torch.Tensor) and _is_real(value) and value.ndim > 0


def _shown(path: tuple[str, ...]) -> str:
    return "checkpoint" + "".join(f"[{name!r}]" for name in path)


def _with_plain_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without the prefixes of wrappers, which one checkpoint may have and another may not."""
    names = {name: name.replace(COMPILED, "") for name in tensors}
    of_weights = [names[name] for name, one in tensors.items() if one.is_floating_point()]
    prefix = ""
    while of_weights and all(name.startswith(prefix + PARALLEL) for name in of_weights):
        prefix += PARALLEL
    plain = {names[name].removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return plain if len(plain) == len(tensors) else tensors
