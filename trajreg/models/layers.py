"""What all networks share: blocks, activations, initialisation, width."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import get_args

import torch
from torch import nn

from trajreg.errors import InputError, choices
from trajreg.models.spec import FUNCTIONS, ActivationSpec, ConvSpec, Norm, name_and_options

ORDER = "weight-norm-act-drop"
PARTS = set(ORDER.split("-"))
NORMS: tuple[str, ...] = get_args(get_args(Norm)[0])

WEIGHT_LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def activation_function(spec: str | ActivationSpec) -> nn.Module:
    """The activation function of that name, or of that name and options. Raises InputError when there is none."""
    name, options = (spec, []) if isinstance(spec, str) else (spec.name, spec.model_dump(exclude={"name"}).values())
    known = choices(name, FUNCTIONS)
    if name not in FUNCTIONS:
        raise InputError(f"activation {name!r} is unknown to trajreg.models.spec, choose from {known}")
    dotted = FUNCTIONS[name].module
    folder, _, function = dotted.rpartition(".")
    try:
        return getattr(import_module(folder), function)(*options)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"activation {name!r} is {dotted} in trajreg.models.spec, which cannot be made ({error}); the activations are {known}"
        ) from None


def block(
    weight: nn.Module,
    before: int,
    after: int,
    *,
    norm: str,
    activation: str | ActivationSpec,
    dropout: float = 0.0,
    order: str = ORDER,
    dims: int = 2,
    first: bool = False,
    last: bool = False,
) -> list[nn.Module]:
    """The layers of a block in order: a weight layer from `before` to `after` channels, norm, activation and dropout.

    order: the parts there are, "-" between them: `weight`, `norm`, `act`, `drop`. norm: as in `norm_layers`. dropout: its probability, no
    layer for 0. dims: 2 for images, 1 for vectors. first: nothing goes before the weight, which sees the data themselves. last: nothing
    goes after the weight, which gives the outputs. Raises InputError for an order, norm or activation that there is not.
    """
    parts = order.split("-")
    if "weight" not in parts or len(set(parts)) < len(parts) or not set(parts) <= PARTS:
        raise InputError(
            f"order = {order!r} must be weight and some of norm, act and drop, each once, with '-' between them"
        )
    place = parts.index("weight")
    channels = before if "norm" in parts[:place] else after
    layers: dict[str, list[nn.Module]] = {
        "weight": [weight],
        "norm": norm_layers(norm, channels, dims),
        "act": [activation_function(activation)],
        "drop": [nn.Dropout(dropout)] if dropout else [],
    }
    kept = parts[place if first else 0 : place + 1 if last else None]
    return [layer for part in kept for layer in layers[part]]


def blocks(spec: ConvSpec) -> Callable[..., list[nn.Module]]:
    """`block` with the options of a convolutional net."""
    return partial(block, norm=spec.norm, activation=spec.activation, dropout=spec.block_dropout, order=spec.order)


def has_bias(norm: str, order: str = ORDER) -> bool:
    """Whether a convolution of a block gets a bias: not right before a norm, which has its own.

    Batch norm takes any constant of a channel out; layer and group norm only what a sample's group has in common, but there
    too convolutions customarily go without (Wu and He, 2018).
    """
    return norm == "none" or "weight-norm" not in order


def halved(sides: tuple[int, ...]) -> tuple[int, ...]:
    """The sides of a map after a pooling or a stride of 2, rounded up; as they are where one would fall below 2.

    For layers with 3 × 3 convolutions after them: on a map of 1 × 1, eight of a convolution's nine taps only ever meet padding.
    """
    half = tuple(-(-side // 2) for side in sides)
    return half if min(half) >= 2 else sides


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, rounded, at least 1."""
    return max(1, round(channels * width))


@torch.no_grad()
def initialise(model: nn.Module, init: str, activation: str | ActivationSpec) -> None:
    """Draw the weights of all linear and convolutional layers anew, in place, and set their biases to 0; norms stay.

    default: nothing is touched. kaiming (He et al., 2015): normal, variance gain² / fan-out, where the gain is that of
    the activation in nn.init.calculate_gain (leaky_relu: with its slope), and ReLU's √2 for elu, gelu, silu and softplus.
    xavier (Glorot and Bengio, 2010): uniform, variance 2 / (fan-in + fan-out), whatever the activation.
    Both fans count all taps of a convolution, whether or not they meet padding at a border. On a map of 2 × 2 four of nine taps
    see data at each position: what keeps its variance inside a large map gets 4/9 of it there, in each layer.
    lsuv: orthogonal (Saxe et al., 2014): (outputs, inputs · taps), rows or columns orthonormal; `lsuv.unit_variance` then scales it.

    Raises InputError, unless `init` is default, for a net with weights in a layer of another type, and leaves it as it is.
    """
    if init == "default":
        return
    layers = _initialised_layers(model, init)
    name, options = name_and_options(activation)
    for layer in layers:
        # nn.init takes dimension 0 for the outputs; a transposed convolution has its inputs there
        weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
        if init == "kaiming":
            slope, gain = options.get("slope", 0.01), FUNCTIONS[name].gain
            nn.init.kaiming_normal_(weight, a=slope, mode="fan_out", nonlinearity=gain)
        elif init == "lsuv":
            weight.copy_(nn.init.orthogonal_(torch.empty(weight.shape)))  # it takes no transposed view
        else:
            nn.init.xavier_uniform_(weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _initialised_layers(model: nn.Module, init: str) -> list[nn.Linear | nn.Conv2d | nn.ConvTranspose2d]:
    found = []
    for name, layer in model.named_modules():
        if isinstance(layer, WEIGHT_LAYERS):
            found.append(layer)
        elif not isinstance(layer, _NORMS) and next(layer.parameters(recurse=False), None) is not None:
            raise InputError(
                f"init = {init!r} knows Linear, Conv2d, ConvTranspose2d and norms, but layer {name or '(top level)'} "
                f"is {type(layer).__name__}; use init = 'default', or teach trajreg.models.layers.initialise this type"
            )
    return found


def norm_layers(name: str, channels: int, dims: int) -> list[nn.Module]:
    """The norm of that name for `channels` channels of images (dims = 2) or units of vectors (dims = 1); no layer for `none`.

    All have a weight and a bias for each channel. batch (Ioffe and Szegedy, 2015): over samples and positions, for each channel. layer
    (Ba et al., 2016): for each sample, over all channels and positions, so for images group norm with one group and not LayerNorm over
    (C, H, W), which has a weight for each pixel; for vectors LayerNorm. group (Wu and He, 2018): for each sample and group of channels.
    As many groups as divide the channels, but at most 32, as there, and at least 2 channels of images or 4 units of vectors in each, as
    all that is left of two units is which is larger; else one group (`num_groups`).

    Raises InputError for a norm that there is not, and for layer or group norm of a single unit, which would be 0 whatever comes in.
    """
    if name not in NORMS:
        raise InputError(f"norm = {name!r} is unknown, choose from {choices(name, NORMS)}")
    if name == "none":
        return []
    if name == "batch":
        return [nn.BatchNorm2d(channels) if dims == 2 else nn.BatchNorm1d(channels)]
    if dims == 1 and channels == 1:
        raise InputError(f"norm = {name!r} makes 0 of a layer of one unit: give it more units, or take another norm")
    if name == "layer" and dims == 1:
        return [nn.LayerNorm(channels)]
    return [nn.GroupNorm(1 if name == "layer" else num_groups(channels, smallest=2 if dims == 2 else 4), channels)]


def num_groups(channels: int, smallest: int) -> int:
    """The largest number up to 32 that divides the channels and leaves at least `smallest` of them in each group; else 1."""
    numbers = [number for number in range(1, 33) if channels % number == 0 and channels >= number * smallest]
    return max(numbers, default=1)
