"""Small images: no weight meets nothing but padding, and nets for 32 × 32 are what they always were."""

from typing import get_args

import pytest
import torch
from conftest import ROOT
from torch import nn

from trajreg.data.load import load
from trajreg.models.build import MODELS, build
from trajreg.models.layers import NORMS, halved
from trajreg.models.spec import MODEL_SPECS, Init, parse_model
from trajreg.studies.params import figure_ids, load_figure
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec

VGGS = {
    "vgg11": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg13": "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    "vgg16": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    "vgg19": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


def digits_trainings():
    """One of each net on each data set of the digits profile, with a smooth activation and PyTorch's initial weights."""
    params = ROOT / "params"
    figures = [load_figure(params, "digits", figure) for figure in figure_ids(params, "digits")]
    for spec in [variant.spec for figure in figures for variant in figure.variants]:
        if isinstance(spec, TrainSpec):
            yield spec.model_copy(
                update={"model": spec.model.model_copy(update={"activation": "softplus", "init": "default"})}
            )


def with_mean_pooling(model):
    for module in [*model.modules()]:
        for name, layer in module.named_children():
            if isinstance(layer, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(layer.kernel_size, ceil_mode=layer.ceil_mode))
    return model


NETS = {(one.data, one.model): one for one in digits_trainings()}


def net_of(name, shape, **options):
    with torch.device("meta"):
        return build(parse_model({"name": name, **options}, "test"), shape, 10)


# A ReLU unit that is off on a batch has no gradient though its weights are not dead: other data or weights turn it on. What no data
# can turn on is a matter of shapes alone. So the activation is smooth, with a slope everywhere, pooling is by the mean, as a maximum may
# be in the same corner of the map for all images of a batch, the arithmetic is float64, in which no gradient of these nets underflows,
# and a weight is dead if its gradient is exactly 0 on each of three mini-batches of its data.
# Biases are left out: one before batch norm has no effect, whatever the shapes.
@pytest.mark.parametrize("training", [*NETS.values()], ids=[f"{model.name}-{data.name}" for data, model in NETS])
def test_every_weight_of_the_digits_profile_has_a_gradient(training):
    session = Session(training, load(training.data))
    model = with_mean_pooling(session.model.double())
    moved = {key: torch.zeros_like(weight) for key, weight in model.named_parameters() if weight.dim() > 1}
    for _, (inputs, targets) in zip(range(3), session.batches(1), strict=False):
        model.zero_grad()
        session.task.loss(
            model(inputs.double()), targets.double() if targets.is_floating_point() else targets
        ).backward()
        for key, seen in moved.items():
            seen += model.get_parameter(key).grad.abs()
    dead = {key: f"{(seen == 0).float().mean():.0%}" for key, seen in moved.items() if (seen == 0).any()}
    assert not dead


def small(name, side, **options):
    """The spec of a narrow net, whose lowest map is of 2 × 2."""
    sizes = {"width": 1 / 16, "hidden": [8, 8], "depth": 2 if side == 8 else 4}
    fields = MODEL_SPECS[name].model_fields
    return parse_model({"name": name} | {size: sizes[size] for size in sizes if size in fields} | options, "test")


@pytest.mark.parametrize("side", [8, 32])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MODELS)
def test_every_weight_of_every_net_has_a_gradient(name, norm, side):
    inputs = torch.randn(4, 2, side, side, generator=torch.Generator().manual_seed(0))
    for init in get_args(get_args(Init)[0]):
        torch.manual_seed(0)
        spec = small(name, side, norm=norm, init=init, activation="softplus")
        model = with_mean_pooling(build(spec, (2, side, side), 3, inputs).double())
        model(inputs.double()).square().sum().backward()
        for key, weight in model.named_parameters():
            assert weight.grad.isfinite().all(), (init, key)
            assert weight.dim() == 1 or weight.grad.all(), (init, key)


@pytest.mark.parametrize(
    ("sides", "after"),
    [((32, 32), (16, 16)), ((3, 3), (2, 2)), ((8, 16), (4, 8)), ((2, 2), (2, 2)), ((2, 4), (2, 4)), ((1, 8), (1, 8))],
)
def test_a_map_is_halved_while_both_sides_stay_two_or_more(sides, after):
    assert halved(sides) == after


@pytest.mark.parametrize("side", [17, 32])
@pytest.mark.parametrize("name", VGGS)
def test_a_vgg_for_images_as_large_as_cifars_is_that_of_the_paper(name, side):
    stack = [layer for layer in net_of(name, (3, side, side)) if isinstance(layer, nn.Conv2d | nn.MaxPool2d)]
    assert (
        " ".join("M" if isinstance(layer, nn.MaxPool2d) else str(layer.out_channels) for layer in stack) == VGGS[name]
    )
    assert net_of(name, (3, side, side))(torch.empty(2, 3, side, side, device="meta")).shape == (2, 10)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((1, 8, 8), "64 M 128 M 256 256 512 512 512 512 M"),
        ((1, 8, 16), "64 M 128 M 256 256 512 512 512 512 M"),
        ((1, 16, 16), "64 M 128 M 256 256 M 512 512 512 512 M"),
        ((1, 2, 2), "64 128 256 256 512 512 512 512 M"),
    ],
)
def test_a_vgg_pools_small_images_while_there_is_something_to_pool(shape, wanted):
    stack = [layer for layer in net_of("vgg11", shape) if isinstance(layer, nn.Conv2d | nn.MaxPool2d)]
    assert " ".join("M" if isinstance(layer, nn.MaxPool2d) else str(layer.out_channels) for layer in stack) == wanted


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((3, 32, 32), [1, 2, 2, 2]), ((1, 9, 9), [1, 2, 2, 2]), ((1, 8, 8), [1, 2, 2, 1]), ((1, 4, 4), [1, 2, 1, 1])],
)
@pytest.mark.parametrize(
    ("name", "sizes"), [("resnet18", [2, 2, 2, 2]), ("resnet34", [3, 4, 6, 3]), ("resnet50", [3, 4, 6, 3])]
)
def test_stages_of_a_resnet_halve_small_images_while_there_is_something_to_halve(name, sizes, shape, strides):
    units = [unit for unit in net_of(name, shape) if hasattr(unit, "shortcut")]
    wanted = [
        stride if first else 1
        for stride, size in zip(strides, sizes, strict=True)
        for first in [True] + [False] * (size - 1)
    ]
    large = [
        next(layer for layer in unit.body if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3))
        for unit in units
    ]
    assert [layer.stride for layer in large] == [(stride, stride) for stride in wanted]
    grows = [place for place, unit in enumerate(units) if len(unit.shortcut)]
    # a projection stays where the channels change, which a bottleneck does in stage 1 too
    assert grows == [sum(sizes[:stage]) for stage in range(name != "resnet50", 4)]
    assert all(units[place].shortcut[0].stride == large[place].stride for place in grows)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((3, 32, 32), "64/2 M 192 M 384 256 256 M 2x2"),
        ((3, 17, 17), "64/2 M 192 M 384 256 256 M 2x2"),
        ((1, 16, 16), "64/2 M 192 M 384 256 256 2x2"),
        ((1, 8, 8), "64/2 M 192 384 256 256 2x2"),
        ((1, 2, 8), "64 192 384 256 256 2x2"),
        ((1, 1, 8), "64 192 384 256 256 1x2"),
    ],
)
def test_an_alexnet_halves_small_images_while_there_is_something_to_halve(shape, wanted):
    found = []
    for layer in net_of("alexnet", shape):
        if isinstance(layer, nn.Conv2d):
            found.append(f"{layer.out_channels}{'' if layer.stride == (1, 1) else '/2'}")
        elif isinstance(layer, nn.MaxPool2d):
            found.append("M")
        elif isinstance(layer, nn.AdaptiveAvgPool2d):
            found.append("{}x{}".format(*layer.output_size))
    assert " ".join(found) == wanted
    assert net_of("alexnet", shape)(torch.empty(2, *shape, device="meta")).shape == (2, 10)
