"""What a reader sees in place of a setting."""

import pytest

from trajreg.studies.labels import label


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"model.name": "vgg11", "model.norm": "batch"}, "VGG-11, batch norm"),
        ({"model.activation": "leaky_relu"}, "leaky ReLU"),
        ({"model.activation": {"name": "leaky_relu", "slope": 0.1}}, "leaky ReLU (slope 0.1)"),
        ({"model.activation": {"name": "elu"}}, "ELU"),
        ({"model.activation": {"slope": 0.1}}, "activation = {'slope': 0.1}"),  # no activation: the error will say so
        ({"model.order": "norm-drop-weight-act"}, "IC layers before the weights"),
        ({"model.hidden": [8, 8]}, "hidden = [8, 8]"),
    ],
)
def test_settings_are_readable(settings, shown):
    assert label(settings) == shown
