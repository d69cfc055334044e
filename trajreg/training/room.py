"""What a training takes: bytes of a snapshot on the disk, bytes of memory while it runs. Estimates, made without running it."""

import copy
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks

from trajreg.training.optimizers import make_optimizer
from trajreg.training.session import Session

STATE_BYTES = 16 * 2**10  # an upper bound of a snapshot's random streams, numbers, names, and the log of its steps


def snapshot_bytes(session: Session, every: int = 1) -> int:
    """An upper bound of one snapshot's bytes: weights, buffers, what the optimiser keeps for each weight, and the rest."""
    model = sum(value.nbytes for value in session.model.state_dict().values())
    entries = len(session.model.state_dict()) + 3 * len(session.weights)
    log = every * (64 * session.steps_per_epoch + 512)
    return model + _copies(session) * _weight_bytes(session) + 256 * entries + log + STATE_BYTES


def step_bytes(session: Session) -> int:
    """What a training step keeps at least, beside the data and the net: gradients, the optimiser's state, and what the backward pass needs.

    The last is counted in a forward pass on PyTorch's meta device, which computes nothing.
    """
    model = copy.deepcopy(session.model).to("meta").train()
    inputs = torch.empty((session.batch_size, *session.data.input_shape), device="meta")
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> Any:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        model(inputs)
    return (1 + _copies(session)) * _weight_bytes(session) + sum(one.nbytes() for one in kept.values())


def _weight_bytes(session: Session) -> int:
    return sum(weight.nbytes for weight in session.weights)


def _copies(session: Session) -> int:
    """How many numbers the optimiser keeps for each weight."""
    probe = torch.nn.Parameter(torch.zeros(2))
    probe.grad = torch.zeros(2)
    optimizer = make_optimizer(session.spec.optimizer, [probe])
    optimizer.step()  # PyTorch allocates an optimiser's state in its first step
    return sum(value.shape == probe.shape for value in optimizer.state[probe].values() if torch.is_tensor(value))
