"""What all networks share: activations, normalisation, initialisation, width."""

import torch
from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "identity": nn.Identity,
}

# What calculate_gain calls them. It knows no smooth rectifiers; they do as ReLU does away from 0, so they get its gain.
_GAINS = {"leaky_relu": "leaky_relu", "tanh": "tanh", "sigmoid": "sigmoid", "identity": "linear"}


def activation(name: str) -> nn.Module:
    """The activation function of that name, with PyTorch's own parameters."""
    return ACTIVATIONS[name]()


def norm(name: str, channels: int, dims: int = 2) -> nn.Module:
    """Batch normalisation of `channels` for `batch`, of images (dims = 2) or vectors (dims = 1); nothing for `none`."""
    if name == "none":
        return nn.Identity()
    return nn.BatchNorm2d(channels) if dims == 2 else nn.BatchNorm1d(channels)


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, rounded, at least 1."""
    return max(1, round(channels * width))


@torch.no_grad()
def initialise(model: nn.Module, init: str, activation: str) -> None:
    """Draw the weights of all linear and convolutional layers anew, in place, and set their biases to 0; norms stay.

    default: nothing is touched. kaiming (He et al., 2015): normal, variance gain² / fan-out, where the gain is that of
    the activation in nn.init.calculate_gain (leaky_relu: slope 0.01), and ReLU's √2 for elu, gelu, silu and softplus.
    xavier (Glorot and Bengio, 2010): uniform, variance 2 / (fan-in + fan-out), whatever the activation.
    """
    if init == "default":
        return
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            # nn.init takes dimension 0 for the outputs; a transposed convolution has its inputs there
            weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
            if init == "kaiming":
                nn.init.kaiming_normal_(weight, a=0.01, mode="fan_out", nonlinearity=_GAINS.get(activation, "relu"))
            else:
                nn.init.xavier_uniform_(weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
