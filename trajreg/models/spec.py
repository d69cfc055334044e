"""Which network, and its options. Imports no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, Strict, TypeAdapter

from trajreg.schema import NamedSpec, Titles, parse_as, specs_by_name

Positive = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
# YAML knows lists only; a tuple keeps the spec hashable
Hidden = Annotated[tuple[Count, ...], Strict(False)]

# of a block's parts. The second puts IC layers (norm, then dropout; Chen et al., 2019, arXiv 1905.05928) before the weights, the third is
# pre-activation (He et al., 2016, arXiv 1603.05027), which in a plain stack is the first in other words: it matters for skip connections
Order = Literal["weight-norm-act-drop", "norm-drop-weight-act", "norm-act-drop-weight"]
_ORDERS = Titles(
    {
        "weight-norm-act-drop": "norm after the weights",
        "norm-drop-weight-act": "IC layers before the weights",
        "norm-act-drop-weight": "pre-activation",
    }
)
Norm = Annotated[
    Literal["none", "batch", "layer", "group"],
    Titles({"batch": "batch norm", "none": "no batch norm", "layer": "layer norm", "group": "group norm"}),
]
# of all nets in one place, as the order of the spec classes below is not that of the colours: a new net comes last here
_NETS = Titles(
    {
        "mlp": "MLP",
        "vgg11": "VGG-11",
        "vgg13": "VGG-13",
        "vgg16": "VGG-16",
        "resnet18": "ResNet-18",
        "resnet34": "ResNet-34",
        "unet": "U-Net",
        "alexnet": "AlexNet",
        "vgg19": "VGG-19",
        "resnet50": "ResNet-50",
    }
)
Skip = Annotated[bool, Titles({True: "skip connections", False: "no skip connections"})]
Init = Annotated[
    Literal["default", "kaiming", "xavier", "lsuv"],
    Titles({"default": "PyTorch init", "kaiming": "Kaiming init", "xavier": "Xavier init", "lsuv": "LSUV init"}),
]


@dataclass(frozen=True)
class Function:
    """module: the class in PyTorch, or elsewhere, as a dotted name; it takes the values of the spec's options, in their order.

    title: what a reader sees. gain: what nn.init.calculate_gain calls it; it knows no smooth rectifiers, which get that of ReLU as they do
    as ReLU does away from 0.
    """

    module: str
    title: str
    gain: Literal["relu", "leaky_relu", "tanh", "sigmoid", "linear"] = "relu"


# in the order of their colours; a line adds one, and one with options has a spec class below as well
FUNCTIONS = {
    "relu": Function("torch.nn.ReLU", "ReLU"),
    "leaky_relu": Function("torch.nn.LeakyReLU", "leaky ReLU", gain="leaky_relu"),
    "elu": Function("torch.nn.ELU", "ELU"),
    "tanh": Function("torch.nn.Tanh", "tanh", gain="tanh"),
    "sigmoid": Function("torch.nn.Sigmoid", "sigmoid", gain="sigmoid"),
    "identity": Function("torch.nn.Identity", "none (identity)", gain="linear"),
    "gelu": Function("torch.nn.GELU", "GELU"),
    "silu": Function("torch.nn.SiLU", "SiLU"),
    "softplus": Function("torch.nn.Softplus", "softplus"),
}


class ActivationSpec(NamedSpec):
    """An activation function and its options, whose defaults are PyTorch's."""


class LeakyReLUSpec(ActivationSpec):
    """slope: of the negative side."""

    name: Literal["leaky_relu"]
    slope: Annotated[float, Field(ge=0)] = 0.01


class ELUSpec(ActivationSpec):
    """alpha: the negative side goes to −alpha."""

    name: Literal["elu"]
    alpha: Positive = 1.0


class SoftplusSpec(ActivationSpec):
    """beta: the larger, the closer to ReLU."""

    name: Literal["softplus"]
    beta: Positive = 1.0


_WithOptions = LeakyReLUSpec | ELUSpec | SoftplusSpec
_PLAIN = FUNCTIONS.keys() - {name for one in get_args(_WithOptions) for name in one.names()}


class PlainActivationSpec(ActivationSpec):
    """An activation function without options: those of FUNCTIONS that have no spec class of their own."""

    if not TYPE_CHECKING:
        name: Literal[tuple(name for name in FUNCTIONS if name in _PLAIN)]


_AnyActivation = Annotated[PlainActivationSpec | _WithOptions, Field(discriminator="name")]
ACTIVATIONS = specs_by_name(_AnyActivation)  # name → spec class
_ACTIVATION: TypeAdapter[ActivationSpec] = TypeAdapter(_AnyActivation)


def _name_where_default(value: Any) -> str | ActivationSpec:
    """An activation's name where its options have their defaults, so that spelling them out changes nothing; else its spec."""
    spec = _ACTIVATION.validate_python(value if isinstance(value, dict | ActivationSpec) else {"name": value})
    return spec.name if spec.model_dump(exclude_defaults=True) == {"name": spec.name} else spec


# "elu", or {name: elu, alpha: 0.5}
Activation = Annotated[
    str | _WithOptions,
    BeforeValidator(_name_where_default),
    Titles({name: function.title for name, function in FUNCTIONS.items()}),
]


def name_and_options(activation: str | ActivationSpec) -> tuple[str, dict[str, Any]]:
    """The name of an activation, and its options that are not the default."""
    if isinstance(activation, str):
        return activation, {}
    return activation.name, activation.model_dump(exclude={"name"}, exclude_defaults=True)


class NetSpec(NamedSpec):
    """A network and what all networks take.

    activation: a name, or a mapping of its name and options. norm: `batch`, `layer`, `group` or none (`layers.norm_layers`). order: of
    norm, activation and dropout around each weight layer; nothing goes before the first one, nor after the last (`layers.block`). init:
    `default` is PyTorch's own; `kaiming` and `xavier` are in `layers.initialise`; `lsuv` scales orthogonal weights so that each layer's
    output has variance 1 on 256 training inputs.
    """

    dense: ClassVar[bool] = False  # whether outputs are per pixel, for segmentation, or per sample
    images_only: ClassVar[bool] = True  # whether inputs have to be (C, H, W)

    activation: Activation = "relu"
    norm: Norm = "none"
    order: Annotated[Order, _ORDERS] = "weight-norm-act-drop"
    init: Init = "default"

    @property
    def same_in_both_modes(self) -> bool:
        """Whether train and eval mode compute the same function: there is neither dropout nor batch norm; other norms have one mode."""
        dropouts = (option for option in type(self).model_fields if option.endswith("dropout"))
        return self.norm != "batch" and not any(getattr(self, option) for option in dropouts)


class MLPSpec(NetSpec):
    """hidden: units of each hidden layer, none make it linear. bias: of every layer. dropout: in each hidden layer, where `order` says."""

    images_only: ClassVar[bool] = False
    width: ClassVar[float] = 1.0  # `hidden` says it all; every spec has a width

    name: Annotated[Literal["mlp"], _NETS]
    hidden: Hidden = (128, 128)
    bias: bool = True
    dropout: Probability = 0.0


class ConvSpec(NetSpec):
    """What the convolutional nets share. width: scales the numbers of channels. block_dropout: in every block, where `order` says."""

    width: Positive = 1.0
    norm: Norm = "batch"
    block_dropout: Probability = 0.0


class VGGSpec(ConvSpec):
    """dropout: before the classifier."""

    name: Annotated[Literal["vgg11", "vgg13", "vgg16", "vgg19"], _NETS]
    dropout: Probability = 0.0


class ResNetSpec(ConvSpec):
    """skip: connections around each block."""

    name: Annotated[Literal["resnet18", "resnet34", "resnet50"], _NETS]
    skip: Skip = True


class UNetSpec(ConvSpec):
    """skip: connections across the U. depth: how often the image is halved."""

    dense: ClassVar[bool] = True

    name: Annotated[Literal["unet"], _NETS]
    skip: Skip = True
    depth: Count = 4


class AlexNetSpec(ConvSpec):
    """norm: none, as in the paper. dropout: of both hidden linear layers, where `order` says; 0.5 in the paper. block_dropout: in the
    block of every convolution.
    """

    name: Annotated[Literal["alexnet"], _NETS]
    norm: Norm = "none"
    dropout: Probability = 0.0


ModelSpec = Annotated[
    MLPSpec | VGGSpec | ResNetSpec | UNetSpec | AlexNetSpec,
    Field(discriminator="name"),
]
MODEL_SPECS = specs_by_name(ModelSpec)  # name → spec class


def parse_model(values: object, where: str) -> ModelSpec:
    """The spec of the network that `values["name"]` says; an option that it does not take is an error (`Spec.parse`)."""
    return parse_as(ModelSpec, values, where)
