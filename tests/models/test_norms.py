"""What each norm takes its mean and variance over, and into how many groups channels go."""

import pytest
import torch
from torch import nn

from trajreg.errors import InputError
from trajreg.models.build import build
from trajreg.models.layers import norm_layers, num_groups
from trajreg.models.spec import parse_model

OVER = {"batch": (0, 3, 4), "layer": (1, 2, 3, 4), "group": (2, 3, 4)}  # of (N, groups, channels of a group, H, W)


@pytest.mark.parametrize("norm", OVER)
@pytest.mark.parametrize(("dims", "shape"), [(2, (4, 4)), (1, ())])
def test_outputs_have_mean_0_and_variance_1_over_what_the_norm_is_named_for(norm, dims, shape):
    (layer,) = norm_layers(norm, 8, dims)
    inputs = 3 * torch.randn(16, 8, *shape, generator=torch.Generator().manual_seed(0)) + 5
    groups = 2 if dims == 1 else 4
    split = layer(inputs).detach().reshape(16, groups, 8 // groups, *(shape or (1, 1)))
    torch.testing.assert_close(split.mean(OVER[norm]), torch.zeros_like(split.mean(OVER[norm])), atol=1e-5, rtol=0)
    variance = split.var(OVER[norm], correction=0)
    torch.testing.assert_close(variance, torch.ones_like(variance), atol=1e-3, rtol=0)


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("norm", OVER)
def test_every_norm_has_a_weight_and_a_bias_a_channel(norm, dims):
    (layer,) = norm_layers(norm, 24, dims)
    assert {name: tuple(weight.shape) for name, weight in layer.named_parameters()} == {"weight": (24,), "bias": (24,)}


@pytest.mark.parametrize(
    ("channels", "of_images", "of_vectors"),
    [
        (64, 32, 16),
        (128, 32, 32),
        (2048, 32, 32),
        (48, 24, 12),
        (100, 25, 25),
        (8, 4, 2),
        (4, 2, 1),
        (7, 1, 1),
        (1, 1, 1),
    ],
)
def test_groups_divide_the_channels_and_are_at_most_32(channels, of_images, of_vectors):
    assert num_groups(channels, 2) == of_images
    assert num_groups(channels, 4) == of_vectors


@pytest.mark.parametrize("name", ["mlp", "alexnet", "vgg11", "resnet18", "resnet50", "unet"])
@pytest.mark.parametrize(("norm", "alone"), [("none", True), ("layer", True), ("group", True), ("batch", False)])
def test_only_batch_norm_looks_at_other_samples_and_has_modes(name, norm, alone):
    torch.manual_seed(0)
    sizes = {"hidden": [8, 8]} if name == "mlp" else {"width": 1 / 16}
    model = build(parse_model({"name": name, "norm": norm, "init": "kaiming", **sizes}, "test"), (2, 32, 32), 3)
    inputs = torch.randn(4, 2, 32, 32)
    together, one_by_one = model(inputs), torch.cat([model.eval()(one[None]) for one in inputs])
    assert torch.allclose(together, one_by_one, rtol=1e-4, atol=1e-5) == alone


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_a_norm_of_one_unit_is_refused(norm):
    with pytest.raises(InputError, match=f"norm = '{norm}' makes 0 of a layer of one unit: give it more units, or "):
        build(parse_model({"name": "mlp", "hidden": [4, 1], "norm": norm}, "test"), (5,), 2)
    (alone,) = norm_layers("batch", 1, 1)
    assert isinstance(alone, nn.BatchNorm1d)
