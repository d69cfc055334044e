"""Names of settings come from where the options are defined, with the place that their colour follows from."""

from typing import Annotated, Literal

import pytest

from trajreg.measures.regularity import Regularity
from trajreg.schema import Spec, Titles
from trajreg.studies.names import Name, label, name_of
from trajreg.training.spec import TrainSpec


def spec(**changes):
    values = {
        "data": {"name": "digits10"},
        "model": {"name": "resnet18"},
        "optimizer": {"name": "sgd", "lr": 0.1},
        "num_epochs": 1,
    }
    return TrainSpec.parse(values | changes, "test")


QUADRATIC = spec(data={"name": "quadratic", "eigenvalues": [2.0, 2.0]}, model={"name": "mlp", "hidden": [8, 8]})


@pytest.mark.parametrize(
    ("dotted", "value", "text", "place"),
    [
        ("model.name", "mlp", "MLP", 0),
        ("model.name", "vgg11", "VGG-11", 1),
        ("model.name", "vgg13", "VGG-13", 2),
        ("model.name", "vgg16", "VGG-16", 3),
        ("model.name", "resnet18", "ResNet-18", 4),
        ("model.name", "resnet34", "ResNet-34", 5),
        ("model.name", "unet", "U-Net", 6),
        ("model.name", "alexnet", "AlexNet", 7),
        ("model.name", "vgg19", "VGG-19", 8),
        ("model.name", "resnet50", "ResNet-50", 9),
        ("model.norm", "batch", "batch norm", 0),
        ("model.norm", "none", "no batch norm", 1),
        ("model.norm", "layer", "layer norm", 2),
        ("model.norm", "group", "group norm", 3),
        ("model.skip", True, "skip connections", 0),
        ("model.skip", False, "no skip connections", 1),
        ("model.skip", 1, "skip = 1", None),
        ("model.init", "default", "PyTorch init", 0),
        ("model.init", "kaiming", "Kaiming init", 1),
        ("model.init", "xavier", "Xavier init", 2),
        ("model.order", "weight-norm-act-drop", "norm after the weights", 0),
        ("model.order", "norm-drop-weight-act", "IC layers before the weights", 1),
        ("model.order", "norm-act-drop-weight", "pre-activation", 2),
        ("model.activation", "relu", "ReLU", 0),
        ("model.activation", "leaky_relu", "leaky ReLU", 1),
        ("model.activation", "elu", "ELU", 2),
        ("model.activation", "tanh", "tanh", 3),
        ("model.activation", "sigmoid", "sigmoid", 4),
        ("model.activation", "identity", "none (identity)", 5),
        ("model.activation", "gelu", "GELU", 6),
        ("model.activation", "silu", "SiLU", 7),
        ("model.activation", "softplus", "softplus", 8),
        ("model.activation", {"name": "leaky_relu", "slope": 0.1}, "leaky ReLU (slope 0.1)", None),
        ("model.activation", {"name": "elu"}, "ELU", 2),
        ("model.activation.slope", 0.1, "slope = 0.1", None),
        ("model.width", 0.5, "width = 0.5", None),
        ("data.shuffle_targets", False, "true labels", 0),
        ("data.shuffle_targets", True, "random labels", 1),
        ("data.name", "digits10", "digits10", None),
        ("optimizer.name", "sgd", "SGD", 0),
        ("optimizer.name", "adagrad", "Adagrad", 1),
        ("optimizer.name", "rmsprop", "RMSprop", 2),
        ("optimizer.name", "adam", "Adam", 3),
        ("optimizer.name", "adamw", "AdamW", 4),
        ("optimizer.lr", 0.1, "lr = 0.1", None),
        ("batch_size", None, "batch_size = None", None),
    ],
)
def test_settings_are_readable(dotted, value, text, place):
    assert name_of(spec(), dotted.split("."), value) == Name(text, place)


def test_values_that_nobody_can_list_have_titles_too():
    assert name_of(QUADRATIC, ("data", "eigenvalues"), [2.0, 18.5]) == Name("curvatures 2, 18.5", None)
    assert name_of(QUADRATIC, ("model", "hidden"), [8, 8]) == Name("hidden = [8, 8]", None)


def test_options_of_measures_have_names():
    assert name_of(Regularity(), ("estimator",), "epoch") == Name("estimator = epoch", None)


def test_names_stand_side_by_side():
    assert label([Name("VGG-11", 1), Name("batch norm", 0)]) == "VGG-11, batch norm"
    assert label([]) == ""


def test_a_new_option_brings_its_titles_with_it():
    class Clipped(Spec):
        clip: Annotated[Literal["value", "norm"], Titles({"norm": "clipped by norm"})] = "norm"

    assert name_of(Clipped(), ("clip",), "norm") == Name("clipped by norm", 0)
    assert name_of(Clipped(), ("clip",), "value") == Name("clip = value", None)
