"""From a spec to the network."""

from collections.abc import Callable
from math import prod

from torch import nn

from trajreg.errors import InputError
from trajreg.models.layers import initialise
from trajreg.models.mlp import MLP
from trajreg.models.resnet import ResNet
from trajreg.models.spec import ModelSpec
from trajreg.models.unet import UNet
from trajreg.models.vgg import VGG

Shape = tuple[int, ...]


def build(spec: ModelSpec, input_shape: Shape, num_outputs: int) -> nn.Module:
    """The network for inputs of `input_shape`, (C, H, W) for all but the mlp, with its initial weights, on the CPU.

    Draws from torch's global random numbers: seed them for the same weights. Raises InputError when inputs do not fit.
    """
    if spec.name != "mlp" and len(input_shape) != 3:
        raise InputError(f"{spec.name} takes images (channels, height, width), not shape {tuple(input_shape)}")
    model = MODELS[spec.name](spec, input_shape, num_outputs)
    initialise(model, spec.init, spec.activation)
    return model


def _mlp(spec: ModelSpec, input_shape: Shape, num_outputs: int) -> MLP:
    options = {"hidden": spec.hidden, "bias": spec.bias, "dropout": spec.dropout}
    return MLP(prod(input_shape), num_outputs, activation=spec.activation, norm=spec.norm, **options)


def _vgg(spec: ModelSpec, input_shape: Shape, num_outputs: int) -> VGG:
    return VGG(spec.name, input_shape[0], num_outputs, spec.width, spec.activation, spec.norm, spec.dropout)


def _resnet(spec: ModelSpec, input_shape: Shape, num_outputs: int) -> ResNet:
    return ResNet(spec.name, input_shape[0], num_outputs, spec.width, spec.activation, spec.norm, spec.skip)


def _unet(spec: ModelSpec, input_shape: Shape, num_outputs: int) -> UNet:
    for side in input_shape[1:]:
        if side % 2**spec.depth:
            raise InputError(
                f"unet with depth = {spec.depth} takes images whose sides are divisible by {2**spec.depth}, "
                f"not {side}; choose another depth or image size"
            )
    return UNet(input_shape[0], num_outputs, spec.width, spec.activation, spec.norm, spec.skip, spec.depth)


MODELS: dict[str, Callable[[ModelSpec, Shape, int], nn.Module]] = {
    "mlp": _mlp,
    "vgg11": _vgg,
    "vgg13": _vgg,
    "vgg16": _vgg,
    "resnet18": _resnet,
    "resnet34": _resnet,
    "unet": _unet,
}
