"""The multi-layer perceptron."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from trajreg.models import layers


class MLP(nn.Sequential):
    """(N, ...) → (N, num_outputs): flatten; linear, norm, activation, dropout for each of `hidden`; linear.

    Without hidden layers it is a linear map. Every linear layer has a bias or none, whatever the norm.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        hidden: Sequence[int] = (128, 128),
        activation: str = "relu",
        norm: str = "none",
        bias: bool = True,
        dropout: float = 0.0,
    ):
        stack: list[nn.Module] = [nn.Flatten()]
        sizes = (num_inputs, *hidden)
        for before, after in pairwise(sizes):
            stack += [nn.Linear(before, after, bias), layers.norm(norm, after, dims=1)]
            stack += [layers.activation(activation), nn.Dropout(dropout)]
        super().__init__(*stack, nn.Linear(sizes[-1], num_outputs, bias))
