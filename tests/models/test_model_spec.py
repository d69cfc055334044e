"""Model specs: each net has its own options and defaults; options that do not fit are refused in words."""

import pytest

from trajreg.errors import InputError
from trajreg.models.build import MODELS
from trajreg.models.spec import ACTIVATIONS, FUNCTIONS, MODEL_SPECS, ELUSpec, LeakyReLUSpec, parse_model


def parse(**values):
    return parse_model(values, "a.yaml")


def defaults(spec_class):
    """The options of a spec class that may be left out, with their defaults."""
    fields = spec_class.model_fields.items()
    return {option: field.default for option, field in fields if not field.is_required()}


def test_the_names_are_those_of_the_dicts():
    assert set(MODEL_SPECS) == set(MODELS)
    assert set(ACTIVATIONS) == set(FUNCTIONS)


@pytest.mark.parametrize("name", MODEL_SPECS)
def test_defaults_spelled_out_are_no_part_of_a_specs_identity(name):
    spelled_out = parse(name=name, **defaults(MODEL_SPECS[name]))
    assert spelled_out == parse(name=name)
    assert spelled_out.model_dump(mode="json", exclude_defaults=True) == {"name": name}


@pytest.mark.parametrize("name", MODEL_SPECS)
def test_every_net_has_what_the_library_asks_its_spec(name):
    spec = parse(name=name, norm="none")
    assert spec.width > 0
    assert spec.dense in (True, False)  # the contract test holds the net to it
    assert all(parse(name=name, norm=norm).same_in_both_modes for norm in ("none", "layer", "group"))
    assert not parse(name=name, norm="batch").same_in_both_modes
    for option in [option for option in defaults(MODEL_SPECS[name]) if "dropout" in option]:
        assert not parse(name=name, norm="none", **{option: 0.1}).same_in_both_modes


@pytest.mark.parametrize(
    ("values", "resolved"),
    [
        ({"name": "mlp"}, {"norm": "none", "hidden": (128, 128), "bias": True}),
        ({"name": "mlp", "hidden": [], "bias": False}, {"hidden": (), "bias": False}),
        ({"name": "vgg11", "dropout": 0.5}, {"norm": "batch", "dropout": 0.5}),
        ({"name": "resnet18", "width": 1, "norm": None}, {"norm": "batch", "skip": True, "width": 1.0}),
        ({"name": "unet", "skip": False}, {"norm": "batch", "skip": False, "depth": 4}),
        ({"name": "alexnet"}, {"norm": "none", "dropout": 0.0, "width": 1.0}),
        ({"name": "mlp", "activation": {"name": "elu", "alpha": 2}}, {"activation": ELUSpec(name="elu", alpha=2.0)}),
    ],
)
def test_the_networks_defaults_are_in_the_spec(values, resolved):
    spec = parse(**values)
    assert {option: getattr(spec, option) for option in resolved} == resolved
    assert parse(**spec.model_dump(mode="json")) == spec
    assert hash(parse(**values)) == hash(spec)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", MODEL_SPECS)
def test_an_activation_with_its_defaults_is_its_name(name, activation):
    mapping = {"name": activation, **defaults(ACTIVATIONS[activation])}
    spec = parse(name=name, activation=mapping)
    assert spec == parse(name=name, activation=activation)
    assert spec.activation == activation


def test_an_activation_with_options_is_part_of_a_specs_identity():
    spec = parse(name="vgg11", activation={"name": "leaky_relu", "slope": 0.1})
    assert spec.activation == LeakyReLUSpec(name="leaky_relu", slope=0.1)
    dump = spec.model_dump(mode="json", exclude_defaults=True)
    assert dump == {"name": "vgg11", "activation": {"name": "leaky_relu", "slope": 0.1}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "a.yaml: name is missing"),
        ({"name": {}}, "a.yaml: name = {}"),
        ({"name": "vgg12"}, "name = 'vgg12': input should be one of 'vgg1.', 'vgg1.', 'vgg1.', 'mlp', .*'unet'"),
        ({"nmae": "vgg11"}, r"a.yaml: name is missing, did you mean it by nmae\?"),
        (
            {"name": "vgg11", "widht": 1},
            r"a.yaml: widht is not a known key, did you mean width\? vgg11 takes .*width, ",
        ),
        ({"name": "vgg11", "activation": "leakyrelu"}, "= 'leakyrelu': input should be one of 'leaky_relu', 'relu'"),
        ({"name": "vgg11", "width": 0.0}, "a.yaml: width = 0.0: .*greater than 0"),
        ({"name": "vgg11", "activation": "swish"}, "activation = 'swish': input should be one of 'relu', .*'elu'"),
        ({"name": "vgg11", "activation": 3}, "activation = 3: input should be one of 'relu'"),
        ({"name": "vgg11", "activation": {"slope": 0.1}}, "activation.name is missing"),
        ({"name": "vgg11", "activation": {"name": "swish"}}, "activation.name = 'swish': input should be one of"),
        (
            {"name": "vgg11", "activation": {"name": "relu", "slope": 0.1}},
            "a.yaml: activation.slope = 0.1: slope is an option of leaky_relu; relu takes no options",
        ),
        ({"name": "vgg11", "activation": {"name": "elu", "alpha": 0}}, "activation.alpha = 0: .*greater than 0"),
        ({"name": "vgg11", "order": "norm"}, "order = 'norm': input should be 'weight-norm-act-drop', 'norm-drop-"),
        (
            {"name": "vgg11", "skip": False},
            "a.yaml: skip = False: skip is an option of resnet18, resnet34, resnet50, unet.*; vgg11 takes .*dropout$",
        ),
        (
            {"name": "resnet18", "hidden": [3]},
            r"hidden = \[3\]: hidden is an option of mlp.*; resnet18 takes .*norm, .*skip",
        ),
        ({"name": "unet", "bias": False}, "bias is an option of mlp.*; unet takes .*depth"),
        ({"name": "mlp", "depth": 2}, "depth is an option of unet.*; mlp takes .*hidden"),
        ({"name": "mlp", "width": 0.5}, "width is an option of vgg11, .*unet.*; mlp takes .*hidden"),
        ({"name": "unet", "dropout": 0.1}, "dropout is an option of mlp, vgg11, vgg13, vgg16.*; unet takes .*depth"),
        ({"name": "vgg11", "dropout": 1.0}, "dropout = 1.0: .*less than 1"),
        ({"name": "unet", "depth": 0}, "depth = 0: .*greater than or equal to 1"),
        ({"name": "mlp", "hidden": [0]}, "hidden.0 = 0: .*greater than or equal to 1"),
        ({"name": "mlp", "hidden": [1.0]}, "hidden.0 = 1.0: .*integer"),
        ({"name": "mlp", "layers": 2}, "layers is not a known key; mlp takes activation, .*hidden"),
        ({"name": "mlp", "layers": None}, "layers is not a known key; mlp takes activation, .*hidden"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        parse(**values)


def test_a_spec_is_a_mapping():
    with pytest.raises(InputError, match=r"a.yaml: .* = 'vgg11': input should be a mapping with the key name"):
        parse_model("vgg11", "a.yaml")
