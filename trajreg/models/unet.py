"""U-Net."""

from itertools import pairwise

import torch
from torch import nn

from trajreg.errors import InputError
from trajreg.models import layers
from trajreg.models.spec import UNetSpec


class UNet(nn.Module):
    """(N, C, H, W) → (N, num_outputs, H, W): Ronneberger et al., 2015, padded: the output is as large as the input.

    `depth` times down (two convolutions, max-pooling) and up (transposed convolution, two convolutions); H and W have
    to be divisible by 2^depth, and to be larger than that for the bottom to be more than 1 × 1, where taps meet nothing but
    padding. Without skip connections nothing is concatenated: the decoder sees the upsampled alone. Convolutions have no
    bias when a norm follows; without norm they get one. Raises InputError for sides that do not fit.
    """

    def __init__(self, spec: UNetSpec, input_shape: tuple[int, ...], num_outputs: int):
        super().__init__()
        for side in input_shape[1:]:
            if side % 2**spec.depth:
                raise InputError(
                    f"unet with depth = {spec.depth} takes images whose sides are divisible by {2**spec.depth}, "
                    f"not {side}; choose another depth or image size"
                )
        sizes = [layers.scaled(64 * 2**level, spec.width) for level in range(spec.depth + 1)]
        befores = [input_shape[0], *sizes[:-1]]
        self.skip = spec.skip
        self.encoders = nn.ModuleList(
            _double_conv(spec, before, after, first=level == 0)
            for level, (before, after) in enumerate(zip(befores, sizes, strict=True))
        )
        self.pool = nn.MaxPool2d(2)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(below, above, 2, stride=2) for below, above in pairwise(reversed(sizes))
        )
        self.decoders = nn.ModuleList(
            _double_conv(spec, size * 2 if spec.skip else size, size) for size in reversed(sizes[:-1])
        )
        head = nn.Conv2d(sizes[0], num_outputs, 1)
        self.head = nn.Sequential(*layers.blocks(spec)(head, sizes[0], num_outputs, last=True))

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


def _double_conv(spec: UNetSpec, before: int, after: int, first: bool = False) -> nn.Sequential:
    block, bias = layers.blocks(spec), layers.has_bias(spec.norm, spec.order)
    stack = block(nn.Conv2d(before, after, 3, padding=1, bias=bias), before, after, first=first)
    return nn.Sequential(*stack, *block(nn.Conv2d(after, after, 3, padding=1, bias=bias), after, after))
