"""Model specs: defaults are resolved, options that do not fit are refused in words."""

from typing import get_args

import pytest

from trajreg.errors import InputError
from trajreg.models.build import MODELS
from trajreg.models.layers import ACTIVATIONS
from trajreg.models.spec import OPTIONS, ModelSpec


def parse(**values):
    return ModelSpec.parse(values, "a.yaml")


def test_the_names_are_those_of_the_dicts():
    fields = ModelSpec.model_fields
    assert list(get_args(fields["name"].annotation)) == list(OPTIONS) == list(MODELS)
    assert list(get_args(fields["activation"].annotation)) == list(ACTIVATIONS)


@pytest.mark.parametrize(
    ("values", "resolved"),
    [
        ({"name": "mlp"}, {"norm": "none", "hidden": (128, 128), "bias": True, "skip": None, "depth": None}),
        ({"name": "mlp", "hidden": [], "bias": False}, {"hidden": (), "bias": False}),
        ({"name": "vgg11", "dropout": 0.5}, {"norm": "batch", "dropout": 0.5, "skip": None, "hidden": None}),
        ({"name": "resnet18", "width": 1, "norm": None}, {"norm": "batch", "skip": True, "width": 1.0, "bias": None}),
        ({"name": "unet", "skip": False}, {"norm": "batch", "skip": False, "depth": 4}),
    ],
)
def test_the_networks_defaults_are_in_the_spec(values, resolved):
    spec = parse(**values)
    assert {option: getattr(spec, option) for option in resolved} == resolved
    assert parse(**spec.model_dump(mode="json")) == spec
    assert hash(parse(**values)) == hash(spec)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "a.yaml: name is missing"),
        ({"name": {}}, "a.yaml: name = {}"),
        ({"name": "vgg12"}, "name = 'vgg12': input should be 'mlp', .*'unet'"),
        ({"name": "vgg11", "width": 0.0}, "width = 0.0: .*greater than 0"),
        ({"name": "vgg11", "activation": "swish"}, "activation = 'swish': input should be 'relu'"),
        ({"name": "vgg11", "skip": False}, "skip = False is an option of resnet18, resnet34, unet; vgg11 takes none"),
        ({"name": "resnet18", "hidden": [3]}, r"hidden = \(3,\) is an option of mlp; resnet18 takes none"),
        ({"name": "unet", "bias": False}, "bias = False is an option of mlp; unet takes none"),
        ({"name": "mlp", "depth": 2}, "depth = 2 is an option of unet; mlp takes none"),
        ({"name": "mlp", "width": 0.5}, "width = 0.5 is an option of vgg11, .*; mlp takes none"),
        ({"name": "unet", "dropout": 0.1}, "dropout = 0.1 is an option of mlp, vgg11, vgg13, vgg16; unet takes none"),
        ({"name": "vgg11", "dropout": 1.0}, "dropout = 1.0: .*less than 1"),
        ({"name": "unet", "depth": 0}, "depth = 0: .*greater than or equal to 1"),
        ({"name": "mlp", "hidden": [0]}, "hidden.0 = 0: .*greater than or equal to 1"),
        ({"name": "mlp", "hidden": [1.0]}, "hidden.0 = 1.0: .*integer"),
        ({"name": "mlp", "layers": 2}, "layers is not a known key"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        parse(**values)
