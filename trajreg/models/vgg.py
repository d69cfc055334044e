"""VGG for small images."""

from torch import nn

from trajreg.models import layers

# channels of the convolutions before each of the five poolings: configurations A, B and D of the paper
CHANNELS = {
    "vgg11": ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    "vgg13": ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512)),
    "vgg16": ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
}


class VGG(nn.Sequential):
    """(N, C, H, W) → (N, num_outputs): Simonyan and Zisserman, 2015, as customary for CIFAR, with one linear layer.

    Convolutions 3 × 3 with bias, then norm and activation. Pooling rounds up, so that images under 32 × 32 survive all
    five; what is left is averaged to 1 × 1.
    """

    def __init__(
        self,
        name: str,
        in_channels: int,
        num_outputs: int,
        width: float = 1.0,
        activation: str = "relu",
        norm: str = "batch",
        dropout: float = 0.0,
    ):
        stack: list[nn.Module] = []
        before = in_channels
        for group in CHANNELS[name]:
            for channels in group:
                after = layers.scaled(channels, width)
                stack += [nn.Conv2d(before, after, 3, padding=1), layers.norm(norm, after)]
                stack.append(layers.activation(activation))
                before = after
            stack.append(nn.MaxPool2d(2, ceil_mode=True))
        stack += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(before, num_outputs)]
        super().__init__(*stack)
