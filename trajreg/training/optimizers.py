"""From an OptimizerSpec to a torch.optim optimiser."""

from collections.abc import Iterable

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
