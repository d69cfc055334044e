"""AlexNet for small images."""

from torch import nn

from trajreg.models import layers
from trajreg.models.spec import AlexNetSpec

CHANNELS = (64, 192, 384, 256, 256)
POOLED = (1, 2, 5)  # the convolutions that a pooling follows
HIDDEN = (4096, 4096)
SIDE = 2  # of the map that the linear layers see


class AlexNet(nn.Sequential):
    """(N, C, H, W) → (N, num_outputs): Krizhevsky et al., 2012, as customary for CIFAR: 3 × 3 convolutions with padding, no local
    response normalisation, the channels of the one-column net (Krizhevsky, 2014, arXiv 1404.5997) and two hidden linear layers of 4096.

    A stride of 2 in the first convolution and 2 × 2 poolings after the first, second and fifth, all rounded up, and each only while both
    sides are at least 2 after it (`layers.halved`): 32 × 32 pixels become 2 × 2. What is still larger is averaged to 2 × 2. For
    3 × 32 × 32 and 10 classes at width 1 these are the layers of github.com/icpm/pytorch-cifar10, with 23,272,266 weights.
    Convolutions and linear layers have a bias, whatever the norm.
    """

    def __init__(self, spec: AlexNetSpec, input_shape: tuple[int, ...], num_outputs: int):
        block = layers.blocks(spec)
        stack: list[nn.Module] = []
        before, sides = input_shape[0], input_shape[1:]
        for number, channels in enumerate(CHANNELS, 1):
            after = layers.scaled(channels, spec.width)
            stride = 2 if number == 1 and layers.halved(sides) != sides else 1
            stack += block(nn.Conv2d(before, after, 3, stride, padding=1), before, after, first=number == 1)
            before, sides = after, layers.halved(sides) if stride == 2 else sides
            if number in POOLED and layers.halved(sides) != sides:
                stack.append(nn.MaxPool2d(2, ceil_mode=True))
                sides = layers.halved(sides)
        kept = min(sides[0], SIDE), min(sides[1], SIDE)
        stack += [nn.AdaptiveAvgPool2d(kept), nn.Flatten()]
        before *= kept[0] * kept[1]
        for units in HIDDEN:
            after = layers.scaled(units, spec.width)
            stack += block(nn.Linear(before, after), before, after, dropout=spec.dropout, dims=1)
            before = after
        head = nn.Linear(before, num_outputs)
        super().__init__(*stack, *block(head, before, num_outputs, dropout=spec.dropout, dims=1, last=True))
