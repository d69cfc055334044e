"""From a spec to the network."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from trajreg.errors import InputError, choices
from trajreg.models.alexnet import AlexNet
from trajreg.models.layers import activation_function, initialise
from trajreg.models.lsuv import unit_variance
from trajreg.models.mlp import MLP
from trajreg.models.resnet import ResNet
from trajreg.models.spec import ModelSpec
from trajreg.models.unet import UNet
from trajreg.models.vgg import VGG

Shape = tuple[int, ...]

# Each takes its spec, the shape of an input and the number of outputs.
MODELS: dict[str, Callable[[Any, Shape, int], nn.Module]] = {
    "mlp": MLP,
    "vgg11": VGG,
    "vgg13": VGG,
    "vgg16": VGG,
    "vgg19": VGG,
    "resnet18": ResNet,
    "resnet34": ResNet,
    "resnet50": ResNet,
    "unet": UNet,
    "alexnet": AlexNet,
}


def check(spec: ModelSpec) -> None:
    """InputError unless there are a class for this network and its activation function, with its options."""
    if spec.name not in MODELS:
        known = choices(spec.name, MODELS)
        raise InputError(f"model {spec.name!r} is unknown to trajreg.models.build, which has {known}")
    activation_function(spec.activation)


def build(spec: ModelSpec, input_shape: Shape, num_outputs: int, inputs: torch.Tensor | None = None) -> nn.Module:
    """The network for inputs of `input_shape`, (C, H, W) for all but the mlp, with its initial weights, on the CPU.

    inputs: (N, *input_shape) those it will be trained on, in the data's order; only `init: lsuv` looks at them, and needs them.
    Draws from torch's global random numbers: seed them for the same weights. Raises InputError when inputs do not fit, or lack.
    """
    if spec.init == "lsuv" and inputs is None:
        raise InputError("init = 'lsuv' scales weights by what training inputs become: build needs them as `inputs`")
    if spec.images_only and len(input_shape) != 3:
        raise InputError(f"{spec.name} takes images (channels, height, width), not shape {tuple(input_shape)}")
    check(spec)
    model = MODELS[spec.name](spec, input_shape, num_outputs)
    initialise(model, spec.init, spec.activation)
    if spec.init == "lsuv" and inputs is not None:
        unit_variance(model, inputs)
    return model
