"""What a reader sees in place of a setting."""

from typing import Any

NAMES = {
    "vgg11": "VGG-11",
    "vgg13": "VGG-13",
    "vgg16": "VGG-16",
    "resnet18": "ResNet-18",
    "resnet34": "ResNet-34",
    "unet": "U-Net",
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softplus": "softplus",
    "identity": "none (identity)",
}
SWITCHES = {
    ("data.shuffle_targets", True): "random labels",
    ("data.shuffle_targets", False): "true labels",
    ("model.norm", "batch"): "batch norm",
    ("model.norm", "none"): "no batch norm",
    ("model.skip", True): "skip connections",
    ("model.skip", False): "no skip connections",
    ("model.init", "default"): "PyTorch init",
    ("model.init", "kaiming"): "Kaiming init",
    ("model.init", "xavier"): "Xavier init",
    ("model.order", "weight-norm-act-drop"): "norm after the weights",
    ("model.order", "norm-drop-weight-act"): "IC layers before the weights",
    ("model.order", "norm-act-drop-weight"): "pre-activation",
}


def label(settings: dict[str, Any]) -> str:
    """A short name for settings of dotted keys, "VGG-11, batch norm" for instance."""
    return ", ".join(_one(key, value) for key, value in settings.items())


def _one(key: str, value: Any) -> str:
    if key == "model.activation" and isinstance(value, dict) and "name" in value:
        options = ", ".join(f"{option} {number}" for option, number in value.items() if option != "name")
        return _one(key, value["name"]) + (f" ({options})" if options else "")
    if key in ("model.name", "model.activation") and isinstance(value, str) and value in NAMES:
        return NAMES[value]
    if isinstance(value, str | bool) and (key, value) in SWITCHES:
        return SWITCHES[key, value]
    if key == "data.eigenvalues":
        return "curvatures " + ", ".join(f"{number:g}" for number in value)
    return f"{key.rpartition('.')[2]} = {value}"
