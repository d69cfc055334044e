"""The order of a block's layers, by itself and in the nets."""

from typing import get_args

import pytest
import torch
from torch import nn

from trajreg.errors import InputError
from trajreg.models import layers
from trajreg.models.build import MODELS, build
from trajreg.models.spec import MODEL_SPECS, Order, parse_model

KINDS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.BatchNorm1d, nn.ReLU, nn.Dropout)
IC, PRE = "norm-drop-weight-act", "norm-act-drop-weight"


def kinds(stack):
    return [type(layer).__name__ for layer in stack]


def net(name, **options):
    torch.manual_seed(0)
    fields, small = MODEL_SPECS[name].model_fields, {"hidden": [6, 5], "width": 1 / 32, "depth": 1}
    sizes = {size: value for size, value in small.items() if size in fields}
    return build(parse_model({"name": name, **sizes, **options}, "test"), (2, 8, 8), 3)


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ("weight-norm-act-drop", ["Conv2d", "BatchNorm2d", "ReLU", "Dropout"]),
        (IC, ["BatchNorm2d", "Dropout", "Conv2d", "ReLU"]),
        (PRE, ["BatchNorm2d", "ReLU", "Dropout", "Conv2d"]),
        ("weight-norm", ["Conv2d", "BatchNorm2d"]),
    ],
)
def test_the_layers_come_in_order(order, wanted):
    def block(**ends):
        return layers.block(nn.Conv2d(2, 3, 1), 2, 3, norm="batch", activation="relu", dropout=0.1, order=order, **ends)

    stack = block()
    assert kinds(stack) == wanted
    place = wanted.index("Conv2d")
    assert stack[wanted.index("BatchNorm2d")].num_features == (2 if wanted.index("BatchNorm2d") < place else 3)
    assert nn.Sequential(*stack)(torch.randn(2, 2, 4, 4)).shape == (2, 3, 4, 4)
    assert kinds(block(first=True)) == wanted[place:]
    assert kinds(block(last=True)) == wanted[: place + 1]


def test_no_norm_and_no_dropout_are_no_layers():
    stack = layers.block(nn.Linear(2, 3), 2, 3, norm="none", activation="tanh", dims=1)
    assert kinds(stack) == ["Linear", "Tanh"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "norm-act"}, "order = 'norm-act' must be weight and some of norm, act and drop, each once"),
        ({"order": "weight-act-act"}, "order = 'weight-act-act' must be"),
        ({"order": "weight-relu"}, "order = 'weight-relu' must be"),
        ({"norm": "instance"}, "norm = 'instance' is unknown, choose from none, batch, layer, group"),
        ({"activation": "swish"}, "activation 'swish' is unknown"),
    ],
)
def test_impossible_blocks_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        layers.block(nn.Linear(2, 3), 2, 3, **({"norm": "none", "activation": "relu"} | options))


@pytest.mark.parametrize("order", get_args(Order))
@pytest.mark.parametrize("name", MODELS)
def test_every_net_learns_with_every_order(name, order):
    dropout = "block_dropout" if "block_dropout" in MODEL_SPECS[name].model_fields else "dropout"
    model = net(name, norm="batch", order=order, **{dropout: 0.2})
    model(torch.randn(4, 2, 8, 8)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
    assert sum(isinstance(layer, nn.Dropout) and layer.p == 0.2 for layer in model.modules()) >= 2
    first, last = ([layer for layer in model.modules() if isinstance(layer, KINDS)][place] for place in (0, -1))
    assert isinstance(first, nn.Conv2d | nn.Linear)  # it sees the data themselves
    assert isinstance(last, nn.Conv2d | nn.Linear)  # it gives the outputs


def test_ic_layers_stand_before_every_weight_but_the_first():
    stack = [layer for layer in net("mlp", norm="batch", dropout=0.2, order=IC).modules() if isinstance(layer, KINDS)]
    ic = ["BatchNorm1d", "Dropout", "Linear"]
    assert kinds(stack) == ["Linear", "ReLU", *ic, "ReLU", *ic]
    assert [layer.num_features for layer in stack if isinstance(layer, nn.BatchNorm1d)] == [6, 5]


def test_pre_activation_in_a_plain_stack_is_the_usual_order():
    usual, pre = (net("mlp", norm="batch", order=order) for order in ("weight-norm-act-drop", PRE))
    inputs = torch.randn(4, 2, 8, 8)
    assert torch.equal(usual(inputs), pre(inputs))


@pytest.mark.parametrize("order", [IC, PRE])
def test_in_a_resnet_nothing_comes_after_the_sum(order):
    model = net("resnet18", order=order)
    units = [unit for unit in model if hasattr(unit, "shortcut")]
    inputs = torch.randn(2, 2, 8, 8)
    assert kinds(units[0].body) == (
        ["BatchNorm2d", "Conv2d", "ReLU"] * 2 if order == IC else ["BatchNorm2d", "ReLU", "Conv2d"] * 2
    )
    for weight in units[0].body.parameters():
        nn.init.zeros_(weight)
    assert torch.equal(units[0](inputs), inputs)  # the input goes through unchanged
    assert [kinds(unit.shortcut) for unit in units if len(unit.shortcut)] == [["Conv2d"]] * 3


@pytest.mark.parametrize("name", ["resnet18", "unet"])
def test_convolutions_keep_their_bias_where_the_norm_comes_before(name):
    convs = [layer for layer in net(name, order=IC).modules() if isinstance(layer, nn.Conv2d)]
    assert all(conv.bias is not None for conv in convs)
