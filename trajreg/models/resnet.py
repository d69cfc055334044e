"""ResNet for small images."""

import torch
from torch import nn

from trajreg.models import layers
from trajreg.models.spec import ResNetSpec

NUM_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}  # in each of the four stages


class ResNet(nn.Sequential):
    """(N, C, H, W) → (N, num_outputs): He et al., 2016, as customary for CIFAR: a 3 × 3 stem and no pooling after it.

    Basic blocks only. The second to fourth stage halve the map, rounded up, only while both sides are at least 2 after it
    (`layers.halved`), which is always from 9 × 9 pixels on: stage 4 of 8 × 8 pixels stays at 2 × 2. Without skip
    connections the shortcuts and their projections are gone altogether. Convolutions have no bias when a norm follows;
    without norm they get one.
    """

    def __init__(self, spec: ResNetSpec, input_shape: tuple[int, ...], num_outputs: int):
        block = layers.blocks(spec)
        before, sides = layers.scaled(64, spec.width), input_shape[1:]
        stack = _conv(spec, input_shape[0], before, first=True)
        after_sum = "weight-act-drop" if spec.order.startswith("weight") else "weight"
        for stage, num_blocks in enumerate(NUM_BLOCKS[spec.name]):
            after = layers.scaled(64 * 2**stage, spec.width)
            smaller = layers.halved(sides) if stage > 0 else sides
            for number in range(num_blocks):
                summed = BasicBlock(spec, before, after, stride=2 if smaller != sides and number == 0 else 1)
                stack += block(summed, before, after, order=after_sum)
                before = after
            sides = smaller
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, num_outputs))
        super().__init__(*stack, *block(head, before, num_outputs, last=True))


class BasicBlock(nn.Module):
    """(N, before, H, W) → (N, after, H / stride, W / stride): two convolutions, plus the input unless `skip` is off.

    Where the shape changes, the input goes through a 1 × 1 convolution. In the usual order that and the second
    convolution end with their norm, and activation and dropout come after the sum; in the others nothing does.
    """

    def __init__(self, spec: ResNetSpec, before: int, after: int, stride: int):
        super().__init__()
        usual = spec.order.startswith("weight")
        first = _conv(spec, before, after, stride=stride)
        second = _conv(spec, after, after, order="weight-norm" if usual else spec.order)
        self.body = nn.Sequential(*first, *second)
        self.shortcut = None
        if spec.skip:
            same_shape = before == after and stride == 1
            order = "weight-norm" if usual else "weight"
            self.shortcut = nn.Sequential(*([] if same_shape else _conv(spec, before, after, 1, stride, order)))

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
