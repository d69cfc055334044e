"""What a loop gives at each step, the loss and the learning rates: taken as they usually come, refused by name where they are a slip."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch

from trajreg.errors import InputError, shown

Loss = torch.Tensor | np.ndarray | float
Rates = torch.Tensor | np.ndarray | float | Sequence[torch.Tensor | np.ndarray | float]


def loss_of(loss: Any, step: int) -> torch.Tensor:
    """The loss of a step, 0-d, in memory of its own: a compiled or captured loop may use the loss's again. Does not wait for a GPU.

    Raises InputError unless it is one real number; a tensor of integers is refused as well, for no mean over a mini-batch is one.
    """
    if isinstance(loss, torch.Tensor):
        if loss.numel() == 1 and loss.is_floating_point() and loss.layout is torch.strided and not loss.is_meta:
            own = loss.detach().clone()
            return own.reshape(()) if own.ndim else own
    elif _is_number(loss) or (isinstance(loss, np.ndarray) and loss.ndim == 0 and loss.dtype.kind == "f"):
        return torch.tensor(_number(loss), dtype=torch.float64)
    raise InputError(f"step {step}: loss {_why_no_loss(loss)}")


def float64(losses: Sequence[torch.Tensor]) -> np.ndarray:
    """The values of losses of whatever types and devices; waits for each device once."""
    values = np.empty(len(losses))
    for device in {loss.device for loss in losses}:
        here = [number for number, loss in enumerate(losses) if loss.device == device]
        values[here] = torch.stack([losses[number] for number in here]).cpu().double().numpy()
    return values


def known_rates(lr: Rates | None, optimizer: torch.optim.Optimizer | None, step: int) -> Rates:
    """`lr`, or else the optimiser's: read at each step, for `load_state_dict` puts other groups into it.

    Raises InputError where there is neither.
    """
    if lr is not None:
        return lr
    if optimizer is None:
        raise InputError(
            f"step {step}: lr is missing; give lr=optimizer.param_groups[0]['lr'], "
            "or make the recorder of the optimiser: TrajectoryRecorder(optimizer)"
        )
    return [group["lr"] for group in optimizer.param_groups]


def rates_of(lr: Any, num_groups: int, step: int) -> list[float]:
    """One learning rate a group. Raises InputError for what is no number and no list of one a group."""
    value = _plain(lr)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        rates = [_plain(rate) for rate in value]
    elif _is_number(value):
        rates = [value] * num_groups
    else:
        raise InputError(f"step {step}: lr {_why_no_rate(lr)}")
    if len(rates) != num_groups:
        raise InputError(
            f"lr has {len(rates)} values, the parameters {num_groups} groups; give one a group, or a number"
        )
    for group, rate in enumerate(rates):
        if not _is_number(rate):
            raise InputError(f"step {step}: lr of group {group} {_why_no_rate(rate)}")
        rates[group] = _number(rate)
        if not 0 <= rates[group] < math.inf:
            raise InputError(f"step {step}: lr of group {group} is {rates[group]}, should be finite and at least 0")
    return rates


def _plain(value: Any) -> Any:
    """Of a tensor or an array of real numbers, the only one or the list of them; everything else as it is."""
    if isinstance(value, torch.Tensor) and value.layout is torch.strided and not (value.is_meta or value.is_complex()):
        value = value.detach().cpu()
    elif not isinstance(value, np.ndarray):
        return value
    values = value.tolist()
    return values[0] if value.shape == (1,) else values


def _is_number(value: Any) -> bool:
    return type(value) is float or (isinstance(value, Real) and not isinstance(value, bool))


def _number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf


def _why_no_loss(loss: Any) -> str:
    """What it is, and what would be right."""
    right = "give the mean over the mini-batch, a scalar tensor of a real floating type or a number"
    if isinstance(loss, torch.Tensor | np.ndarray):
        if math.prod(loss.shape) != 1:
            return f"must be a scalar, got shape {tuple(loss.shape)}; give the mean over the mini-batch"
        return f"is {_kind(loss)}; {right}"
    if isinstance(loss, tuple | list):
        right = "give the loss alone, its first element perhaps"
    elif isinstance(loss, Mapping) or hasattr(loss, "loss"):
        right = "give its .loss" if hasattr(loss, "loss") else "give the loss alone, its ['loss'] perhaps"
    return f"is {_kind(loss)}; {right}"


def _why_no_rate(lr: Any) -> str:
    right = "give a number, or one a group, as [group['lr'] for group in optimizer.param_groups]"
    return f"is {_kind(lr)}; {'give its get_last_lr()' if hasattr(lr, 'get_last_lr') else right}"


def _kind(value: Any) -> str:
    """A value and its type; of a tensor or an array type, shape and place."""
    if isinstance(value, torch.Tensor):
        layout = "" if value.layout is torch.strided else f" {value.layout}"
        return f"a tensor {tuple(value.shape)} {value.dtype}{layout} on {value.device}"
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} {value.dtype}"
    return "None" if value is None else f"{shown(value)}, of type {type(value).__name__}"
