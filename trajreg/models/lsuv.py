"""Layer-sequential unit variance: initial weights scaled on training inputs (Mishkin and Matas, 2016, arXiv 1511.06422)."""

from functools import partial

import torch
from torch import nn
from torch.func import functional_call

from trajreg.errors import InputError
from trajreg.models.layers import WEIGHT_LAYERS

NUM_INPUTS = 256


@torch.no_grad()
def unit_variance(model: nn.Module, inputs: torch.Tensor) -> None:
    """Scale the weights of each linear and convolutional layer, in place, so that its own output has variance 1 on training inputs.

    inputs: (N, …) of which 256, evenly spaced (some data are sorted by class), or all if there are fewer, go through the net in train
    mode, so by their own batch statistics, but without dropout; buffers and random streams stay as they are. The variance is over
    samples, channels and positions, before any norm or activation that follows, and is taken in the order in which layers are called;
    a layer called more than once is scaled at its first call. Biases have to be 0: an output is then linear in the weights and one
    scaling is exact, where the paper repeats until it is within 0.1 of 1, at most 10 times.

    Raises InputError, naming the layer, where an output is the same for all inputs, or has no finite deviation (inputs with NaN, say).
    """
    num = min(NUM_INPUTS, len(inputs))
    batch = inputs[torch.arange(num) * len(inputs) // num].cpu()
    named = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, WEIGHT_LAYERS)]
    scaled: set[nn.Module] = set()
    hooks = [layer.register_forward_hook(partial(_scale, name, scaled)) for name, layer in named]
    modes = [(module, module.training) for module in model.modules()]
    for module, _ in modes:
        module.training = not isinstance(module, nn.modules.dropout._DropoutNd)
    try:
        functional_call(model, {name: buffer.clone() for name, buffer in model.named_buffers()}, (batch,))
    finally:
        for hook in hooks:
            hook.remove()
        for module, was_training in modes:
            module.training = was_training


def _scale(
    name: str,
    scaled: set[nn.Module],
    layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d,
    inputs: tuple[torch.Tensor],
    output: torch.Tensor,
) -> torch.Tensor:
    """A forward hook: the layer's output as it is with the scaled weights."""
    if layer in scaled:
        return output
    scaled.add(layer)
    where, deviation = f"layer {name or '(top level)'} ({type(layer).__name__})", output.std(correction=0)
    if not deviation.isfinite():
        raise InputError(
            f"init = 'lsuv': the deviation of the output of {where} over {len(output)} training inputs is {deviation:g}; "
            "give inputs that are finite numbers of moderate size"
        )
    if deviation == 0 or (output == output[:1]).all():
        raise InputError(
            f"init = 'lsuv': the output of {where} is the same for all of {len(output)} "
            "training inputs, so it has no variance to scale; give inputs that differ, or use another init, activation or norm"
        )
    layer.weight /= deviation
    return output / deviation
