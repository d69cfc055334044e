"""Which network, and its options. Imports no torch."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, Strict

from trajreg.schema import NamedSpec

# YAML knows lists only; a tuple keeps the spec hashable
Hidden = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False)]

_VGG = {"width": 1.0, "norm": "batch", "dropout": 0.0}
_RESNET = {"width": 1.0, "norm": "batch", "skip": True}

# network → the options it takes besides activation and init, which all take, with their defaults
OPTIONS: dict[str, dict[str, Any]] = {
    "mlp": {"norm": "none", "hidden": (128, 128), "bias": True, "dropout": 0.0},
    "vgg11": _VGG,
    "vgg13": _VGG,
    "vgg16": _VGG,
    "resnet18": _RESNET,
    "resnet34": _RESNET,
    "unet": {"width": 1.0, "norm": "batch", "skip": True, "depth": 4},
}


class ModelSpec(NamedSpec):
    """A network and its options. An option the named network does not take is an error; one it takes gets its default.

    width: scales the numbers of channels of the convolutional nets. skip: connections around a block (ResNet) or across
    the U (U-Net). hidden: units of each hidden layer of the mlp; none make it linear. bias: of every layer of the mlp.
    depth: how often the U-Net halves the image. dropout: before the classifier (VGG) or after each hidden layer (mlp).
    init: `default` is PyTorch's own, the others are in `layers.initialise`.
    """

    OPTIONS: ClassVar = OPTIONS

    name: Literal["mlp", "vgg11", "vgg13", "vgg16", "resnet18", "resnet34", "unet"]
    width: Annotated[float, Field(gt=0)] = 1.0
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"] = "relu"
    norm: Literal["none", "batch"] | None = None
    skip: bool | None = None
    init: Literal["default", "kaiming", "xavier"] = "default"
    hidden: Hidden | None = None
    bias: bool | None = None
    depth: Annotated[int, Field(ge=1)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
