"""U-Net."""

from itertools import pairwise

import torch
from torch import nn

from trajreg.models import layers


class UNet(nn.Module):
    """(N, C, H, W) → (N, num_outputs, H, W): Ronneberger et al., 2015, padded: the output is as large as the input.

    `depth` times down (two convolutions, max-pooling) and up (transposed convolution, two convolutions); H and W have
    to be divisible by 2^depth. Without skip connections nothing is concatenated: the decoder sees the upsampled alone.
    Convolutions have no bias when a norm follows; without norm they get one.
    """

    def __init__(
        self,
        in_channels: int,
        num_outputs: int,
        width: float = 1.0,
        activation: str = "relu",
        norm: str = "batch",
        skip: bool = True,
        depth: int = 4,
    ):
        super().__init__()
        sizes = [layers.scaled(64 * 2**level, width) for level in range(depth + 1)]
        befores = [in_channels, *sizes[:-1]]
        self.skip = skip
        self.encoders = nn.ModuleList(
            _double_conv(before, after, activation, norm) for before, after in zip(befores, sizes, strict=True)
        )
        self.pool = nn.MaxPool2d(2)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(below, above, 2, stride=2) for below, above in pairwise(reversed(sizes))
        )
        self.decoders = nn.ModuleList(
            _double_conv(size * 2 if skip else size, size, activation, norm) for size in reversed(sizes[:-1])
        )
        self.head = nn.Conv2d(sizes[0], num_outputs, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The scores of each class at each pixel."""
        *encoders, bottom = self.encoders
        passed = []
        for encoder in encoders:
            passed.append(encoder(images))
            images = self.pool(passed[-1])
        images = bottom(images)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            images, across = up(images), passed.pop()
            images = decoder(torch.cat([across, images], dim=1) if self.skip else images)
        return self.head(images)


def _double_conv(before: int, after: int, activation: str, norm: str) -> nn.Sequential:
    stack: list[nn.Module] = []
    for channels in (before, after):
        stack.append(nn.Conv2d(channels, after, 3, padding=1, bias=norm == "none"))
        stack += [layers.norm(norm, after), layers.activation(activation)]
    return nn.Sequential(*stack)
