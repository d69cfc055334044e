"""ResNet for small images."""

import torch
from torch import nn

from trajreg.models import layers
from trajreg.models.spec import ResNetSpec

# in each of the four stages
NUM_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}
BASIC, BOTTLENECK = (3, 3), (1, 3, 1)  # the sides of the kernels of a block
KERNELS = {"resnet18": BASIC, "resnet34": BASIC, "resnet50": BOTTLENECK}
EXPANSION = {BASIC: 1, BOTTLENECK: 4}  # of the channels by a block's last convolution


class ResNet(nn.Sequential):
    """(N, C, H, W) → (N, num_outputs): He et al., 2016, as customary for CIFAR: a 3 × 3 stem and no pooling after it.

    Basic blocks, or bottlenecks from 50 layers on. The second to fourth stage halve the map, rounded up, only while both
    sides are at least 2 after it (`layers.halved`), which is always from 9 × 9 pixels on: stage 4 of 8 × 8 pixels stays at 2 × 2.
    Without skip connections the shortcuts and their projections are gone altogether. Convolutions have no bias when a norm
    follows; without norm they get one.
    """

    def __init__(self, spec: ResNetSpec, input_shape: tuple[int, ...], num_outputs: int):
        block = layers.blocks(spec)
        before, sides = layers.scaled(64, spec.width), input_shape[1:]
        stack = _conv(spec, input_shape[0], before, first=True)
        after_sum = "weight-act-drop" if spec.order.startswith("weight") else "weight"
        for stage, num_blocks in enumerate(NUM_BLOCKS[spec.name]):
            inner = layers.scaled(64 * 2**stage, spec.width)
            smaller = layers.halved(sides) if stage > 0 else sides
            for number in range(num_blocks):
                summed = Residual(spec, before, inner, stride=2 if smaller != sides and number == 0 else 1)
                stack += block(summed, before, summed.channels, order=after_sum)
                before = summed.channels
            sides = smaller
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, num_outputs))
        super().__init__(*stack, *block(head, before, num_outputs, last=True))


class Residual(nn.Module):
    """(N, before, H, W) → (N, channels, H / stride, W / stride): two or three convolutions, plus the input unless `skip` is off.

    Basic: two of 3 × 3 with `inner` channels. Bottleneck: 1 × 1 and 3 × 3 with `inner` channels, and 1 × 1 with four times as many. The
    first of 3 × 3 has the stride, in a bottleneck too (github.com/kuangliu/pytorch-cifar; in the paper its first 1 × 1 has it).
    Where the shape changes, the input goes through a 1 × 1 convolution. In the usual order that and the last
    convolution end with their norm, and activation and dropout come after the sum; in the others nothing does.
    """

    def __init__(self, spec: ResNetSpec, before: int, inner: int, stride: int):
        super().__init__()
        usual, kernels = spec.order.startswith("weight"), KERNELS[spec.name]
        self.channels = inner * EXPANSION[kernels]
        body, one = [], before
        for place, side in enumerate(kernels):
            last = place == len(kernels) - 1
            other = self.channels if last else inner
            order = "weight-norm" if usual and last else ""
            body += _conv(spec, one, other, side, stride if place == kernels.index(3) else 1, order)
            one = other
        self.body = nn.Sequential(*body)
        self.shortcut = None
        if spec.skip:
            same_shape = before == self.channels and stride == 1
            order = "weight-norm" if usual else "weight"
            self.shortcut = nn.Sequential(*([] if same_shape else _conv(spec, before, self.channels, 1, stride, order)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Body plus shortcut."""
        residual = self.body(images)
        return residual if self.shortcut is None else residual + self.shortcut(images)


def _conv(
    spec: ResNetSpec, before: int, after: int, size: int = 3, stride: int = 1, order: str = "", first: bool = False
) -> list[nn.Module]:
    """A block around a convolution, in `order`, or else in that of the spec."""
    order = order or spec.order
    conv = nn.Conv2d(before, after, size, stride, padding=size // 2, bias=layers.has_bias(spec.norm, order))
    return layers.blocks(spec)(conv, before, after, order=order, first=first)
