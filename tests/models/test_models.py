"""What every network keeps to."""

import hashlib
import math

import pytest
import torch
from torch import nn

from trajreg.errors import InputError
from trajreg.models.build import MODELS, build, check
from trajreg.models.layers import NORMS, activation_function, initialise
from trajreg.models.spec import (
    ACTIVATIONS,
    FUNCTIONS,
    MODEL_SPECS,
    Function,
    LeakyReLUSpec,
    MLPSpec,
    UNetSpec,
    parse_model,
)

LAYERS = {
    "batch": nn.BatchNorm1d | nn.BatchNorm2d,
    "layer": nn.LayerNorm | nn.GroupNorm,
    "group": nn.GroupNorm,
}
SHAPE = (2, 8, 8)
NUM_OUTPUTS = 3


def seeded(spec, shape=SHAPE, num_outputs=NUM_OUTPUTS, seed=0):
    torch.manual_seed(seed)
    return build(spec, shape, num_outputs)


def small(name, **options):
    """The spec of a net of that name, as small as its options allow."""
    sizes = {"width": 1 / 16, "hidden": [8, 8], "depth": 2}
    fields = MODEL_SPECS[name].model_fields
    return parse_model({"name": name} | {size: sizes[size] for size in sizes if size in fields} | options, "test")


def weights_bytes(model):
    return hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())).hexdigest()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_contract(name, activation, norm):
    spec = small(name, activation=activation, norm=norm)
    model = seeded(spec)
    inputs = torch.randn(4, *SHAPE)
    outputs = model(inputs)
    assert outputs.shape == ((4, NUM_OUTPUTS, *SHAPE[1:]) if spec.dense else (4, NUM_OUTPUTS))
    assert outputs.isfinite().all()
    targets = torch.randint(NUM_OUTPUTS, (4, *outputs.shape[2:]))
    nn.functional.cross_entropy(outputs, targets).backward()
    for key, weight in model.named_parameters():
        assert weight.grad is not None, key
        assert weight.grad.isfinite().all(), key
        assert weight.dim() == 1 or weight.grad.any(), key  # a bias before batch norm has no effect
    assert any(isinstance(layer, LAYERS.get(norm, ())) for layer in model.modules()) == (norm != "none")
    assert weights_bytes(seeded(spec)) == weights_bytes(seeded(spec)) != weights_bytes(seeded(spec, seed=1))


@pytest.mark.parametrize("name", [name for name in MODELS if "skip" in MODEL_SPECS[name].model_fields])
def test_without_skips_there_are_fewer_weights(name):
    sizes = [sum(w.numel() for w in seeded(small(name, skip=skip)).parameters()) for skip in (True, False)]
    assert sizes[0] > sizes[1]
    model = seeded(small(name, skip=False))
    model(torch.randn(2, *SHAPE)).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_a_resnet_without_skips_is_a_plain_stack():
    model = seeded(small("resnet18", skip=False, norm="none", activation="identity")).eval()
    x, y = torch.randn(2, 3, *SHAPE)
    additive = model(x + y) - model(x) - model(y) + model(torch.zeros_like(x))
    torch.testing.assert_close(additive, torch.zeros_like(additive), atol=1e-5, rtol=0)
    assert all(block.shortcut is None for block in model if hasattr(block, "shortcut"))


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "unet"])
def test_convolutions_have_biases_exactly_when_no_norm_follows(name):
    for norm in NORMS:
        layers = seeded(small(name, norm=norm)).named_modules()
        convs = [layer for key, layer in layers if isinstance(layer, nn.Conv2d) and not key.startswith("head")]
        assert convs
        assert all((conv.bias is not None) == (norm == "none") for conv in convs)


def test_an_mlp_without_hidden_layers_is_a_linear_map():
    model = seeded(MLPSpec(name="mlp", hidden=(), bias=False), (5,), 1)
    (weight,) = model.parameters()
    inputs = torch.randn(4, 5)
    assert torch.equal(model(inputs), inputs @ weight.t())


@pytest.mark.parametrize("name", ["mlp", "vgg11", "alexnet"])
def test_dropout_acts_in_training_only(name):
    model, inputs = seeded(small(name, dropout=0.5, norm="none", init="kaiming")), torch.randn(4, *SHAPE)
    assert not torch.equal(model(inputs), model(inputs))
    model.eval()
    assert torch.equal(model(inputs), model(inputs))


@pytest.mark.parametrize(("shape", "side"), [((1, 8, 8), 8), ((1, 16, 24), 24)])
def test_unet_names_the_side_that_does_not_fit(shape, side):
    with pytest.raises(InputError, match=rf"depth = 4 takes images whose sides are divisible by 16, not {side};"):
        build(UNetSpec(name="unet"), shape, 2)


@pytest.mark.parametrize("name", [name for name in MODELS if MODEL_SPECS[name].images_only])
def test_vectors_are_no_images(name):
    with pytest.raises(InputError, match=rf"{name} takes images \(channels, height, width\), not shape \(7,\)"):
        build(small(name), (7,), 2)


@pytest.mark.parametrize("name", MODELS)
def test_default_initialisation_is_pytorchs(name):
    model = seeded(small(name))
    torch.manual_seed(0)
    for layer in model.modules():  # in the order of their construction
        if hasattr(layer, "reset_parameters"):
            before = [weight.clone() for weight in layer.parameters()]
            layer.reset_parameters()
            assert all(map(torch.equal, before, layer.parameters()))
    before = weights_bytes(model)
    initialise(model, "default", "relu")
    assert weights_bytes(model) == before


@pytest.mark.parametrize("init", ["kaiming", "xavier"])
@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        (nn.Linear(300, 200), 300, 200),
        (nn.Conv2d(40, 60, 3), 40 * 9, 60 * 9),
        (nn.ConvTranspose2d(80, 120, 2, stride=2), 80 * 4, 120 * 4),
    ],
)
def test_variances_follow_the_fans(layer, fan_in, fan_out, init):
    torch.manual_seed(0)
    initialise(layer, init, "relu")
    wanted = 2 / fan_out if init == "kaiming" else 2 / (fan_in + fan_out)
    assert layer.weight.var().item() == pytest.approx(wanted, rel=0.05)
    assert (layer.weight.abs().max() < (3 * wanted) ** 0.5 * 1.001) == (init == "xavier")
    assert not layer.bias.any()


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", LeakyReLUSpec(name="leaky_relu", slope=0.5)])
def test_kaiming_keeps_the_variance_through_a_deep_net_where_default_does_not(activation):
    variances = {}
    for init in ("kaiming", "default"):
        spec = MLPSpec(name="mlp", hidden=(256,) * 20, activation=activation, init=init)
        variances[init] = seeded(spec, (256,), 256)(torch.randn(64, 256)).var().item()
    assert 0.1 < variances["kaiming"] < 10
    assert variances["default"] < 1e-2 * variances["kaiming"]


def test_initialisation_leaves_norms_alone():
    model = seeded(small("resnet18", init="kaiming"))
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert all((layer.weight == 1).all() and (layer.bias == 0).all() for layer in norms)


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_kaiming_uses_the_slope(slope):
    torch.manual_seed(0)
    layer = nn.Linear(300, 200)
    initialise(layer, "kaiming", LeakyReLUSpec(name="leaky_relu", slope=slope))
    assert layer.weight.var().item() == pytest.approx(2 / (1 + slope**2) / 200, rel=0.05)


class Embedder(nn.Module):
    """A net with a layer that `initialise` does not know."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.table = nn.Embedding(3, 2)


@pytest.mark.parametrize("init", ["kaiming", "xavier", "lsuv"])
def test_a_layer_of_unknown_type_is_named_and_nothing_is_touched(init):
    net = Embedder()
    before = weights_bytes(net)
    with pytest.raises(
        InputError, match=f"init = '{init}' knows Linear, .* but layer table is Embedding; use init = 'd"
    ):
        initialise(net, init, "relu")
    initialise(net, "default", "relu")
    assert weights_bytes(net) == before


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(4), nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.InstanceNorm1d(4)])
def test_norms_of_every_kind_are_left_alone(norm):
    initialise(norm, "kaiming", "relu")
    assert all((weight == 1).all() for name, weight in norm.named_parameters() if name == "weight")


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"name": "leaky_relu", "slope": 0.1}, -0.2),
        ({"name": "elu", "alpha": 0.5}, 0.5 * (math.exp(-2) - 1)),
        ({"name": "softplus", "beta": 2.0}, math.log1p(math.exp(-4)) / 2),
        ("leaky_relu", -0.02),
    ],
)
def test_activations_use_their_options(spec, wanted):
    function = activation_function(small("mlp", activation=spec).activation)
    assert function(torch.tensor(-2.0)).item() == pytest.approx(wanted)


def test_an_activation_without_a_function_is_named():
    with pytest.raises(InputError, match=r"activation 'swish' is unknown to trajreg.models.spec, choose from relu, "):
        activation_function("swish")
    with pytest.raises(InputError, match=r"'leakyrelu' is unknown .*, choose from leaky_relu, relu, "):
        activation_function("leakyrelu")


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("torch.nn.Swish", "module 'torch.nn' has no attribute 'Swish'"),
        ("torhc.nn.SiLU", "No module named 'torhc'"),
        ("Swish", "Empty module name"),
        ("torch.nn.Threshold", ".*missing 2 required positional arguments.*"),
    ],
)
def test_an_activation_that_cannot_be_made_is_named_with_its_module(module, why, monkeypatch):
    monkeypatch.setitem(FUNCTIONS, "silu", Function(module, "SiLU"))
    message = rf"^activation 'silu' is {module} in .*, which cannot be made \({why}\); the activations are silu, relu, "
    with pytest.raises(InputError, match=message):
        check(small("mlp", activation="silu"))


def test_an_activation_is_a_line_and_a_net_without_a_class_is_named(monkeypatch):
    monkeypatch.setitem(FUNCTIONS, "hardtanh", Function("torch.nn.Hardtanh", "hard tanh"))
    assert isinstance(activation_function("hardtanh"), nn.Hardtanh)
    check(small("vgg11"))
    monkeypatch.delitem(MODELS, "vgg11")
    with pytest.raises(
        InputError, match=r"^model 'vgg11' is unknown to trajreg.models.build, which has vgg1., vgg1., "
    ):
        check(small("vgg11"))
