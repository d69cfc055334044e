"""Full-width nets have as many weights as those of the literature, counted once more by hand for each family."""

from itertools import pairwise

import pytest
import torch
from torch import nn

import trajreg
from trajreg.models.build import build
from trajreg.models.spec import parse_model

# Channels of the convolutions, as in table 1 of Simonyan and Zisserman (2015).
VGGS = {
    "vgg11": [64, 128, 256, 256, 512, 512, 512, 512],
    "vgg13": [64, 64, 128, 128, 256, 256, 512, 512, 512, 512],
    "vgg16": [64, 64, 128, 128, *[256] * 3, *[512] * 6],
    "vgg19": [64, 64, 128, 128, *[256] * 4, *[512] * 8],
}


def size(name, shape=(3, 32, 32), num_outputs=10, **options):
    with torch.device("meta"):
        model = build(parse_model({"name": name, **options}, "test"), shape, num_outputs)
    return sum(weight.numel() for weight in model.parameters())


def vgg(name, num_outputs=10):
    """3 × 3 convolutions with bias, two numbers a channel for batch norm, and one linear layer."""
    return sum(9 * before * after + 3 * after for before, after in pairwise([3, *VGGS[name]])) + 513 * num_outputs


def basic_resnet(blocks, num_outputs=10):
    """Of stages with c channels: 18 c² + 4c a block; the first of stages 2 to 4 has c / 2 inputs and a projection."""
    stages = [64, 128, 256, 512]
    plain = sum(number * (18 * c**2 + 4 * c) for c, number in zip(stages, blocks, strict=True))
    entries = sum((-9 * c**2 + c**2 + 4 * c) // 2 for c in stages[1:])  # 9 c²/2 less, and c²/2 + 2c more
    return 27 * 64 + 2 * 64 + plain + entries + 513 * num_outputs


def projections(stages=(64, 128, 256, 512)):
    """Of a net of bottlenecks: from c to 4c channels in stage 1, from 2c to 4c in the others, with batch norm."""
    return sum((4 if c == 64 else 8) * c**2 + 8 * c for c in stages)


def bottleneck_resnet(blocks, num_outputs=10):
    """4 c² + 9 c² + 4 c² + 12 c a block, of which the first of a stage has c (stage 1) or 2c inputs, not 4c."""
    stages = [64, 128, 256, 512]
    plain = sum(number * (17 * c**2 + 12 * c) for c, number in zip(stages, blocks, strict=True))
    fewer = sum((3 if c == 64 else 2) * c**2 for c in stages)
    return 27 * 64 + 2 * 64 + plain - fewer + projections() + 2049 * num_outputs


def unet(channels, num_outputs, *, norm):
    """Ronneberger et al. (2015), figure 1; a channel of a 3 × 3 convolution has a bias, or the two numbers of batch norm."""
    sizes, own = [64, 128, 256, 512, 1024], 2 if norm else 1
    down = sum(9 * (a + b) * b + 2 * own * b for a, b in pairwise([channels, *sizes]))
    up = sum(4 * 2 * c * c + c + 9 * 3 * c * c + 2 * own * c for c in sizes[:-1])
    return down + up + 65 * num_outputs


def alexnet(num_outputs):
    """Five 3 × 3 convolutions, then linear layers from 256 · 2 · 2, all with bias."""
    convolutions = sum(9 * a * b + b for a, b in pairwise([3, 64, 192, 384, 256, 256]))
    return convolutions + sum((a + 1) * b for a, b in pairwise([256 * 2 * 2, 4096, 4096, num_outputs]))


# The numbers of weights are those of the nets of github.com/kuangliu/pytorch-cifar (VGG, ResNet), github.com/milesial/Pytorch-UNet
# with transposed convolutions (U-Net, one class), and github.com/icpm/pytorch-cifar10 (AlexNet).
@pytest.mark.parametrize(
    ("name", "num_outputs", "wanted", "by_hand"),
    [
        ("vgg11", 10, 9_231_114, vgg("vgg11")),
        ("vgg13", 10, 9_416_010, vgg("vgg13")),
        ("vgg16", 10, 14_728_266, vgg("vgg16")),
        ("vgg19", 10, 20_040_522, vgg("vgg19")),
        ("resnet18", 10, 11_173_962, basic_resnet((2, 2, 2, 2))),
        ("resnet18", 100, 11_220_132, basic_resnet((2, 2, 2, 2), 100)),
        ("resnet34", 10, 21_282_122, basic_resnet((3, 4, 6, 3))),
        ("resnet50", 10, 23_520_842, bottleneck_resnet((3, 4, 6, 3))),
        ("unet", 1, 31_037_633, unet(3, 1, norm=True)),
        ("alexnet", 10, 23_272_266, alexnet(10)),
    ],
)
def test_sizes_are_those_of_the_literature(name, num_outputs, wanted, by_hand):
    assert by_hand == wanted
    assert size(name, num_outputs=num_outputs) == wanted


def test_a_unet_without_norm_for_grey_images_and_two_classes_as_in_the_paper():
    assert size("unet", (1, 32, 32), 2, norm="none") == unet(1, 2, norm=False) == 31_030_658


@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("name", ["vgg11", "resnet18", "resnet50", "unet", "alexnet"])
def test_norms_have_two_numbers_a_channel(name, norm):
    assert size(name, norm=norm) == size(name, norm="batch")


def test_a_resnet50_without_skips_has_all_but_the_projections():
    assert size("resnet50") - size("resnet50", skip=False) == projections()


@pytest.mark.parametrize(("side", "kept"), [(8, 4), (32, 4), (64, 4), (1, 1)])
def test_an_alexnet_averages_larger_images_to_two_by_two(side, kept):
    assert alexnet(10) - size("alexnet", (3, side, side)) == (4 - kept) * 256 * 4096


def test_a_full_width_net_is_recorded_as_it_trains():
    def trained(record):
        torch.manual_seed(0)
        images, labels = torch.randn(2, 4, 3, 32, 32), torch.randint(10, (2, 4))
        model = build(parse_model({"name": "resnet18"}, "test"), (3, 32, 32), 10)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        recorders = [trajreg.TrajectoryRecorder(model, "sketch", num_steps=2)] if record else []
        iterates = [torch.cat([weight.detach().flatten() for weight in model.parameters()])]
        for inputs, targets in zip(images, labels, strict=True):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            for recorder in recorders:
                with recorder.step(loss, lr=0.01):
                    pass
            optimizer.step()
            iterates.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))
        return iterates, [recorder.finish().regularity() for recorder in recorders]

    iterates, (table,) = trained(record=True)
    assert all(map(torch.equal, iterates, trained(record=False)[0]))
    steps = [(one - other).double() for one, other in pairwise(iterates)]
    distances = [float((theta - iterates[-1]).double().norm()) for theta in iterates]
    wanted = [(one**2 - other**2) / (2 * 0.01) for one, other in pairwise(distances)]  # γ_t times the gap
    error = 5 * table["gamma_stderr"] * table["gap"] + 1e-5 * max(wanted)
    assert (abs(table["gamma"] * table["gap"] - wanted) <= error).all()
    assert 0 < table["gamma_stderr"][0] < 0.05 * table["gamma"][0]
    assert table["update_norm"].to_list() == pytest.approx([float(step.norm()) / 0.01 for step in steps], rel=1e-5)
