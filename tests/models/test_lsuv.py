"""init: lsuv. Every layer's own output has variance 1 on training inputs, and nothing but weights is touched."""

from typing import get_args

import pytest
import torch
from torch import nn

from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.models.build import MODELS, build
from trajreg.models.layers import NORMS, WEIGHT_LAYERS, initialise
from trajreg.models.lsuv import unit_variance
from trajreg.models.spec import MODEL_SPECS, Order, parse_model
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec

SHAPE = (2, 8, 8)
INPUTS = torch.randn(60, *SHAPE, generator=torch.Generator().manual_seed(0)) + 0.5


def small(name, **options):
    sizes = {"width": 1 / 16, "hidden": [8, 8], "depth": 1}
    fields = MODEL_SPECS[name].model_fields
    sizes = {size: value for size, value in sizes.items() if size in fields}
    return parse_model({"name": name, "init": "lsuv"} | sizes | options, "test")


def seeded(spec, inputs=INPUTS):
    torch.manual_seed(0)
    return build(spec, tuple(inputs.shape[1:]), 3, inputs)


def without_dropout(model):
    for layer in model.modules():
        layer.p = 0.0 if isinstance(layer, nn.Dropout) else getattr(layer, "p", None)
    return model


def variances(model, inputs=INPUTS):
    """Name of a weight layer → the variance of its output in train mode, without dropout."""
    found = {}
    for name, layer in model.named_modules():
        if isinstance(layer, WEIGHT_LAYERS):
            layer.register_forward_hook(
                lambda layer, inputs, output, name=name: found.update({name: output.var(correction=0).item()})
            )
    with torch.no_grad():
        without_dropout(model)(inputs)
    assert len(found) == sum(isinstance(layer, WEIGHT_LAYERS) for layer in model.modules())
    return found


def cases():
    for name in MODELS:
        skips = [{"skip": True}, {"skip": False}] if "skip" in MODEL_SPECS[name].model_fields else [{}]
        for order in get_args(Order):
            for norm in NORMS:
                for skip in skips:
                    yield pytest.param(name, {"order": order, "norm": norm} | skip, id=f"{name}-{order}-{norm}-{skip}")


@pytest.mark.parametrize(("name", "options"), [*cases()])
def test_the_output_of_every_layer_has_variance_one(name, options):
    dropout = "block_dropout" if "block_dropout" in MODEL_SPECS[name].model_fields else "dropout"
    model = seeded(small(name, **options, **{dropout: 0.5}))
    assert all(
        not layer.bias.any() for layer in model.modules() if isinstance(layer, WEIGHT_LAYERS) and layer.bias is not None
    )
    inputs = INPUTS
    if options["norm"] == "group":  # narrow groups enlarge float32's rounding in each of up to 50 layers
        inputs = INPUTS.double()
        unit_variance(model.double(), inputs)
    assert all(variance == pytest.approx(1, abs=1e-3) for variance in variances(model, inputs).values())


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softplus", "identity"])
@pytest.mark.parametrize("name", ["vgg16", "resnet18"])
def test_it_does_so_with_other_activations(name, activation):
    model = seeded(small(name, activation=activation, norm="none"))
    assert all(variance == pytest.approx(1, abs=1e-3) for variance in variances(model).values())


def test_without_it_variances_vanish():
    found = variances(seeded(small("vgg16", norm="none", init="default")))
    assert min(found.values()) < 0.03


@pytest.mark.parametrize(
    "layer", [nn.Linear(30, 20), nn.Linear(20, 30), nn.Conv2d(4, 6, 3), nn.ConvTranspose2d(8, 12, 2)]
)
def test_weights_are_orthogonal_and_scaled(layer):
    initialise(layer, "lsuv", "relu")
    inputs = torch.randn(50, *((layer.in_features,) if isinstance(layer, nn.Linear) else (layer.in_channels, 5, 5)))
    unit_variance(layer, inputs)
    weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
    flat = weight.detach().flatten(1)
    gram = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    torch.testing.assert_close(gram, gram[0, 0] * torch.eye(len(gram)), atol=1e-5 * gram[0, 0].item(), rtol=1e-4)
    assert layer(inputs).var(correction=0).item() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_buffers_modes_and_random_streams_stay(name):
    dropout = "block_dropout" if "block_dropout" in MODEL_SPECS[name].model_fields else "dropout"
    plain = seeded(small(name, norm="batch"))
    drawn = torch.rand(3)
    dropping = seeded(small(name, norm="batch", **{dropout: 0.5}))
    assert torch.equal(torch.rand(3), drawn)  # dropout drew nothing
    assert all(map(torch.equal, plain.parameters(), dropping.parameters()))
    assert all(layer.training for layer in dropping.modules())
    assert any(True for _ in dropping.buffers())
    for key, buffer in dropping.named_buffers():
        assert torch.equal(buffer, torch.ones_like(buffer) if key.endswith("running_var") else torch.zeros_like(buffer))
    assert not any(layer._forward_hooks for layer in dropping.modules())


def test_a_layer_called_twice_is_scaled_at_its_first_call():
    layer = nn.Linear(4, 4, bias=False)
    initialise(layer, "lsuv", "relu")
    inputs = 100 * torch.randn(20, 4)
    unit_variance(nn.Sequential(layer, nn.Tanh(), layer), inputs)
    assert layer(inputs).var(correction=0).item() == pytest.approx(1, rel=1e-5)


def test_of_many_inputs_256_evenly_spaced_count():
    inputs = torch.randn(1024, 5)
    others = inputs.clone()
    others[torch.arange(1024) % 4 > 0] = 7.0
    one, other = (seeded(small("mlp"), some) for some in (inputs, others))
    assert all(map(torch.equal, one.parameters(), other.parameters()))
    assert all(variance == pytest.approx(1, abs=1e-4) for variance in variances(one, inputs[::4]).values())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(("name", "first"), [("mlp", "1"), ("resnet18", "0")])
def test_inputs_without_a_finite_deviation_are_refused(name, first, value):
    inputs = INPUTS.clone()
    inputs[3, 0, 2, 2] = value
    message = rf"^init = 'lsuv': the deviation of the output of layer {first} \((Linear|Conv2d)\) over 60 training inputs is nan; "
    with pytest.raises(InputError, match=message):
        seeded(small(name), inputs)


@pytest.mark.parametrize("inputs", [torch.zeros(5, *SHAPE), torch.ones(5, *SHAPE), torch.randn(1, *SHAPE)])
@pytest.mark.parametrize(("name", "first"), [("mlp", "1"), ("vgg11", "0"), ("resnet18", "0"), ("unet", "encoders.0.0")])
def test_inputs_that_are_all_the_same_are_refused(name, first, inputs):
    message = rf"^init = 'lsuv': the output of layer {first} \((Linear|Conv2d)\) is the same for all of {len(inputs)} training inputs, "
    with pytest.raises(InputError, match=message):
        seeded(small(name), inputs)


def test_a_layer_after_dead_units_is_named_and_nothing_stays_hooked():
    net = nn.Sequential(nn.Linear(4, 3), nn.Threshold(1e9, 0.0), nn.Linear(3, 2))
    initialise(net, "lsuv", "relu")
    with pytest.raises(InputError, match=r"layer 2 \(Linear\) .* or use another init, activation or norm$"):
        unit_variance(net, torch.randn(20, 4))
    assert not any(layer._forward_hooks for layer in net.modules())


def test_it_needs_inputs():
    with pytest.raises(InputError, match=r"^init = 'lsuv' .*: build needs them as `inputs`$"):
        build(small("mlp"), SHAPE, 3)


def session(init, **data):
    values = {
        "data": {"name": "digits10", "num_train": 100, "num_test": 20} | data,
        "model": {"name": "vgg11", "width": 0.03125, "init": init, "dropout": 0.3, "norm": "batch"},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "batch_size": 30,
        "num_epochs": 1,
    }
    spec = TrainSpec.parse(values, "test")
    return Session(spec, load(spec.data))


def test_in_a_training_only_the_initial_weights_differ():
    lsuv, default = session("lsuv"), session("default")
    for one, other in zip(lsuv.model.buffers(), default.model.buffers(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(lsuv.indices(), default.indices())
    draws = []
    for one in (lsuv, default):
        with one.running():
            draws.append(torch.rand(4))
    assert torch.equal(*draws)


def test_it_is_the_same_whenever_a_training_begins_and_on_random_labels():
    one, again, shuffled = session("lsuv"), session("lsuv"), session("lsuv", shuffle_targets=True)
    for other in (again, shuffled):
        assert all(map(torch.equal, one.model.parameters(), other.model.parameters()))
    losses = []
    for each in (one, again):
        with each.running():
            losses.append(each.run_epoch().losses.tolist())
    assert losses[0] == losses[1]
