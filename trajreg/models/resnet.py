"""ResNet for small images."""

import torch
from torch import nn

from trajreg.models import layers

NUM_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}  # in each of the four stages


class ResNet(nn.Sequential):
    """(N, C, H, W) → (N, num_outputs): He et al., 2016, as customary for CIFAR: a 3 × 3 stem and no pooling after it.

    Basic blocks only. Without skip connections the shortcuts and their projections are gone altogether. Convolutions
    have no bias when a norm follows; without norm they get one.
    """

    def __init__(
        self,
        name: str,
        in_channels: int,
        num_outputs: int,
        width: float = 1.0,
        activation: str = "relu",
        norm: str = "batch",
        skip: bool = True,
    ):
        before = layers.scaled(64, width)
        stack: list[nn.Module] = [*_conv(in_channels, before, 3, 1, norm), layers.activation(activation)]
        for stage, num_blocks in enumerate(NUM_BLOCKS[name]):
            after = layers.scaled(64 * 2**stage, width)
            for block in range(num_blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                stack.append(BasicBlock(before, after, stride, activation, norm, skip))
                before = after
        super().__init__(*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, num_outputs))


class BasicBlock(nn.Module):
    """(N, before, H, W) → (N, after, H / stride, W / stride): two convolutions, plus the input unless `skip` is off.

    Where the shape changes, the input goes through a projection: a 1 × 1 convolution and a norm.
    """

    def __init__(self, before: int, after: int, stride: int, activation: str, norm: str, skip: bool):
        super().__init__()
        first, second = _conv(before, after, 3, stride, norm), _conv(after, after, 3, 1, norm)
        self.body = nn.Sequential(*first, layers.activation(activation), *second)
        self.shortcut = None
        if skip:
            same_shape = before == after and stride == 1
            self.shortcut = nn.Identity() if same_shape else nn.Sequential(*_conv(before, after, 1, stride, norm))
        self.activation = layers.activation(activation)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The activation of body plus shortcut."""
        residual = self.body(images)
        return self.activation(residual if self.shortcut is None else residual + self.shortcut(images))


def _conv(before: int, after: int, size: int, stride: int, norm: str) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, size, stride, padding=size // 2, bias=norm == "none")
    return [conv, layers.norm(norm, after)]
