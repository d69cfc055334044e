"""The multi-layer perceptron."""

from functools import partial
from itertools import pairwise
from math import prod

from torch import nn

from trajreg.models import layers
from trajreg.models.spec import MLPSpec


class MLP(nn.Sequential):
    """(N, ...) → (N, num_outputs): flatten; a block (linear, norm, activation, dropout) for each of `hidden`; linear.

    Without hidden layers it is a linear map. Every linear layer has a bias or none, whatever the norm.
    """

    def __init__(self, spec: MLPSpec, input_shape: tuple[int, ...], num_outputs: int):
        block = partial(layers.block, norm=spec.norm, activation=spec.activation, order=spec.order, dims=1)
        stack: list[nn.Module] = [nn.Flatten()]
        sizes = (prod(input_shape), *spec.hidden)
        for number, (before, after) in enumerate(pairwise(sizes)):
            weight = nn.Linear(before, after, spec.bias)
            stack += block(weight, before, after, dropout=spec.dropout, first=number == 0)
        head = nn.Linear(sizes[-1], num_outputs, spec.bias)
        stack += block(head, sizes[-1], num_outputs, dropout=spec.dropout, first=not spec.hidden, last=True)
        super().__init__(*stack)
