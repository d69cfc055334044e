"""What θ is: the trainable tensors of a net or an optimiser, by group and name, and whether they are still the same ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from trajreg.errors import InputError, shown

Parameters = (
    nn.Module
    | torch.optim.Optimizer
    | Iterable[torch.Tensor]
    | Iterable[tuple[str, torch.Tensor]]
    | Iterable[dict[str, Any]]
)


@dataclass(frozen=True)
class Weights:
    """θ, fixed when it was collected.

    tensors: the trainable parameters, each once, group after group; `names` is what errors call them.
    group_sizes: weights in each group that was given; 0 for one in which nothing is trainable.
    owners: for each tensor the module that holds it and under which name, where a module was given.
    """

    tensors: list[torch.Tensor]
    names: list[str]
    group_sizes: tuple[int, ...]
    owners: list[tuple[nn.Module, str]]

    @classmethod
    def of(cls, parameters: Parameters) -> "Weights":
        """Collect what is trainable now; a tensor that occurs twice (tied weights) counts once.

        Args:
            parameters: a module, an optimiser, `model.parameters()`, `model.named_parameters()`, or an optimiser's `param_groups`.

        Raises:
            InputError: nothing trainable, not tensors, or several types or devices; one parameter of each is named.
        """
        owners = _owners(parameters) if isinstance(parameters, nn.Module) else {}
        tensors: dict[int, torch.Tensor] = {}
        names, sizes = [], []
        for group in _groups(parameters):
            new = [pair for pair in {id(pair[1]): pair for pair in group}.values() if id(pair[1]) not in tensors]
            new = [(name, tensor) for name, tensor in new if tensor.requires_grad]
            tensors |= {id(tensor): tensor for _, tensor in new}
            names += [name for name, _ in new]
            sizes.append(sum(tensor.numel() for _, tensor in new))
        weights = cls(list(tensors.values()), names, tuple(sizes), [owners[one] for one in tensors if owners])
        weights._refuse_mixtures()
        return weights

    @property
    def sizes(self) -> tuple[int, ...]:
        """Weights in each group that has any: the G of every table."""
        return tuple(size for size in self.group_sizes if size)

    @property
    def count(self) -> int:
        """P, the weights in θ."""
        return sum(self.group_sizes)

    def kinds(self) -> list[tuple[torch.Size, torch.dtype, torch.device]]:
        """Shape, type and device of each tensor, to be handed to `refuse_changes` later."""
        return [(tensor.shape, tensor.dtype, tensor.device) for tensor in self.tensors]

    def describe(self) -> list[str]:
        """Name, shape and type of each tensor, by which a resumed recording is recognised; not its device."""
        pairs = zip(self.names, self.tensors, strict=True)
        return [f"{name} {tuple(tensor.shape)} {tensor.dtype}" for name, tensor in pairs]

    def refuse_changes(self, before: list[tuple[torch.Size, torch.dtype, torch.device]], when: str) -> None:
        """InputError that names the first tensor whose shape, type or device is another than `before`, or that its module lost.

        Values written into the tensor, also by assigning `.data` of the same kind, are updates like any other.
        """
        for index, (tensor, kind) in enumerate(zip(self.tensors, before, strict=True)):
            if (tensor.shape, tensor.dtype, tensor.device) != kind:
                now = f"{_kind(tensor)}, it was {tuple(kind[0])} {kind[1]} on {kind[2]} when recording began"
                raise InputError(f"{when}: parameter {self.names[index]} is {now}; build or move the net before it")
        for index, (owner, name) in enumerate(self.owners):
            if owner._parameters.get(name) is not self.tensors[index]:
                raise InputError(
                    f"{when}: parameter {self.names[index]} was replaced by another tensor; write into it instead "
                    "(`with torch.no_grad(): parameter.copy_(...)`), and build or move the net before recording begins"
                )

    def _refuse_mixtures(self) -> None:
        if not self.tensors:
            raise InputError("parameters must be trainable tensors, got none that requires a gradient")
        first = self.tensors[0]
        for name, tensor in zip(self.names, self.tensors, strict=True):
            if not tensor.is_floating_point():
                raise InputError(f"parameter {name} is {_kind(tensor)}; only real floating-point weights are recorded")
            if (tensor.dtype, tensor.device) != (first.dtype, first.device):
                raise InputError(
                    f"parameters must be of one type and device: {self.names[0]} is {_kind(first)}, {name} is {_kind(tensor)}"
                )


def _kind(tensor: torch.Tensor) -> str:
    return f"{tuple(tensor.shape)} {tensor.dtype} on {tensor.device}"


def _owners(model: nn.Module) -> dict[int, tuple[nn.Module, str]]:
    return {
        id(tensor): (module, name)
        for module in model.modules()
        for name, tensor in module.named_parameters(recurse=False)
    }


def _groups(parameters: Parameters) -> list[list[tuple[str, torch.Tensor]]]:
    """(name, tensor) of everything that was given, a list a group."""
    if isinstance(parameters, torch.Tensor):
        raise InputError("parameters is one tensor; give a list of tensors, a module or an optimiser")
    entries: list[Any] = list(_entries(parameters))
    if not any(isinstance(entry, dict) for entry in entries):
        return [_named(entries, "")]
    if not all(isinstance(entry, dict) and "params" in entry for entry in entries):
        raise InputError("parameter groups must all be dicts with the key 'params', as in optimizer.param_groups")
    return [
        _named(
            zip(group["param_names"], group["params"], strict=True) if "param_names" in group else group["params"],
            f"group {g} ",
        )
        for g, group in enumerate(entries)
    ]


def _entries(parameters: Any) -> Iterable[Any]:
    if isinstance(parameters, nn.Module):
        return parameters.named_parameters()
    if isinstance(parameters, torch.optim.Optimizer):
        return parameters.param_groups
    if not isinstance(parameters, Iterable):
        raise InputError(f"parameters is {shown(parameters)}; give a module, an optimiser or a list of tensors")
    return parameters


def _named(entries: Iterable[Any], prefix: str) -> list[tuple[str, torch.Tensor]]:
    pairs = []
    for index, entry in enumerate([entries] if isinstance(entries, torch.Tensor) else entries):
        name, tensor = (f"'{entry[0]}'", entry[1]) if isinstance(entry, tuple) else (f"{prefix}[{index}]", entry)
        if not isinstance(tensor, torch.Tensor):
            raise InputError(f"parameter {name} is a {type(tensor).__name__}, not a tensor")
        pairs.append((name, tensor))
    return pairs
