"""From an OptimizerSpec to a torch.optim optimiser, and to what is done to its gradients beforehand."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch

from trajreg.training.spec import OptimizerSpec

OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def make_optimizer(spec: OptimizerSpec, parameters: Iterable[torch.Tensor]) -> torch.optim.Optimizer:
    """The optimiser of this spec on these parameters; options at their neutral value are left to PyTorch."""
    options = {"lr": spec.lr, "weight_decay": spec.weight_decay}
    if spec.momentum:
        options["momentum"] = spec.momentum
    if spec.nesterov:
        options["nesterov"] = True
    return OPTIMIZERS[spec.name](parameters, **options)


def make_clipping(spec: OptimizerSpec, parameters: Sequence[torch.Tensor]) -> Callable[[], object] | None:
    """What scales the gradients of these parameters down to a global norm of at most `clip_norm`, in place; None where nothing does.

    Gradients g become g · min(1, clip_norm / (‖g‖ + 10⁻⁶)): a clip_norm above all norms changes no bit.
    """
    return partial(torch.nn.utils.clip_grad_norm_, parameters, spec.clip_norm) if spec.clip_norm else None
