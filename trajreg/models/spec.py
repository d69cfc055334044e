"""Which network, and its options. Imports no torch."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, Strict, TypeAdapter

from trajreg.schema import NamedSpec, parse_as, specs_by_name

Positive = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
# YAML knows lists only; a tuple keeps the spec hashable
Hidden = Annotated[tuple[Count, ...], Strict(False)]

# of a block's parts. The second puts IC layers (norm, then dropout; Chen et al., 2019, arXiv 1905.05928) before the weights, the third is
# pre-activation (He et al., 2016, arXiv 1603.05027), which in a plain stack is the first in other words: it matters for skip connections
Order = Literal["weight-norm-act-drop", "norm-drop-weight-act", "norm-act-drop-weight"]


class ActivationSpec(NamedSpec):
    """An activation function and its options, whose defaults are PyTorch's."""


class PlainActivationSpec(ActivationSpec):
    """An activation function without options."""

    name: Literal["relu", "gelu", "silu", "tanh", "sigmoid", "identity"]


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


_AnyActivation = Annotated[PlainActivationSpec | LeakyReLUSpec | ELUSpec | SoftplusSpec, Field(discriminator="name")]
ACTIVATIONS = specs_by_name(_AnyActivation)  # name → spec class
_ACTIVATION: TypeAdapter[ActivationSpec] = TypeAdapter(_AnyActivation)


def _name_where_default(value: Any) -> str | ActivationSpec:
    """An activation's name where its options have their defaults, so that spelling them out changes nothing; else its spec."""
    spec = _ACTIVATION.validate_python(value if isinstance(value, dict | ActivationSpec) else {"name": value})
    return spec.name if spec.model_dump(exclude_defaults=True) == {"name": spec.name} else spec


# "elu", or {name: elu, alpha: 0.5}
Activation = Annotated[str | LeakyReLUSpec | ELUSpec | SoftplusSpec, BeforeValidator(_name_where_default)]


def name_and_options(activation: str | ActivationSpec) -> tuple[str, dict[str, Any]]:
    """The name of an activation, and its options that are not the default."""
    if isinstance(activation, str):
        return activation, {}
    return activation.name, activation.model_dump(exclude={"name"}, exclude_defaults=True)


class NetSpec(NamedSpec):
    """A network and what all networks take.

    activation: a name, or a mapping of its name and options. norm: `batch` or none. order: of norm, activation and dropout around each
    weight layer; nothing goes before the first one, nor after the last (`layers.block`). init: `default` is PyTorch's own, the others
    are in `layers.initialise`.
    """

    dense: ClassVar[bool] = False  # whether outputs are per pixel, for segmentation, or per sample
    images_only: ClassVar[bool] = True  # whether inputs have to be (C, H, W)

    activation: Activation = "relu"
    norm: Literal["none", "batch"] = "none"
    order: Order = "weight-norm-act-drop"
    init: Literal["default", "kaiming", "xavier"] = "default"

    @property
    def same_in_both_modes(self) -> bool:
        """Whether train and eval mode compute the same function: there is neither batch norm nor dropout."""
        return self.norm != "batch"


class MLPSpec(NetSpec):
    """hidden: units of each hidden layer, none make it linear. bias: of every layer. dropout: in each hidden layer, where `order` says."""

    images_only: ClassVar[bool] = False
    width: ClassVar[float] = 1.0  # `hidden` says it all; every spec has a width

    name: Literal["mlp"]
    hidden: Hidden = (128, 128)
    bias: bool = True
    dropout: Probability = 0.0

    @property
    def same_in_both_modes(self) -> bool:
        """See NetSpec."""
        return super().same_in_both_modes and not self.dropout


class ConvSpec(NetSpec):
    """What the convolutional nets share. width: scales the numbers of channels. block_dropout: in every block, where `order` says."""

    width: Positive = 1.0
    norm: Literal["none", "batch"] = "batch"
    block_dropout: Probability = 0.0

    @property
    def same_in_both_modes(self) -> bool:
        """See NetSpec."""
        return super().same_in_both_modes and not self.block_dropout


class VGGSpec(ConvSpec):
    """dropout: before the classifier."""

    name: Literal["vgg11", "vgg13", "vgg16"]
    dropout: Probability = 0.0

    @property
    def same_in_both_modes(self) -> bool:
        """See NetSpec."""
        return super().same_in_both_modes and not self.dropout


class ResNetSpec(ConvSpec):
    """skip: connections around each block."""

    name: Literal["resnet18", "resnet34"]
    skip: bool = True


class UNetSpec(ConvSpec):
    """skip: connections across the U. depth: how often the image is halved."""

    dense: ClassVar[bool] = True

    name: Literal["unet"]
    skip: bool = True
    depth: Count = 4


ModelSpec = Annotated[MLPSpec | VGGSpec | ResNetSpec | UNetSpec, Field(discriminator="name")]
MODEL_SPECS = specs_by_name(ModelSpec)  # name → spec class


def parse_model(values: object, where: str) -> ModelSpec:
    """The spec of the network that `values["name"]` says; an option that it does not take is an error (`Spec.parse`)."""
    return parse_as(ModelSpec, values, where)
