"""VGG for small images."""

from torch import nn

from trajreg.models import layers
from trajreg.models.spec import VGGSpec

# channels of the convolutions before each of the five poolings: configurations A, B, D and E of the paper
CHANNELS = {
    "vgg11": ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    "vgg13": ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512)),
    "vgg16": ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    "vgg19": ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
}


class VGG(nn.Sequential):
    """(N, C, H, W) → (N, num_outputs): Simonyan and Zisserman, 2015, as customary for CIFAR, with one linear layer.

    Blocks of a 3 × 3 convolution with bias, norm and activation. Pooling rounds up. A group of convolutions is followed by
    pooling only while both sides of the map are at least 2 after it (`layers.halved`), which is all five from 17 × 17 on: 8 × 8
    pixels are pooled to 4 × 4 and 2 × 2 and stay so. The last pooling, after all convolutions, always is; what is left is
    averaged to 1 × 1.
    """

    def __init__(self, spec: VGGSpec, input_shape: tuple[int, ...], num_outputs: int):
        block = layers.blocks(spec)
        stack: list[nn.Module] = []
        before, sides, groups = input_shape[0], input_shape[1:], CHANNELS[spec.name]
        for number, group in enumerate(groups, 1):
            for channels in group:
                after = layers.scaled(channels, spec.width)
                stack += block(nn.Conv2d(before, after, 3, padding=1), before, after, first=not stack)
                before = after
            smaller = layers.halved(sides)
            if smaller != sides or number == len(groups):
                stack.append(nn.MaxPool2d(2, ceil_mode=True))
            sides = smaller
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(spec.dropout), nn.Linear(before, num_outputs))
        super().__init__(*stack, *block(nn.Sequential(*head), before, num_outputs, last=True))
