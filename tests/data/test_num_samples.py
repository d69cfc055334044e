"""Sizes that are known without loading, and noise in the place of data."""

import numpy as np
import pytest
import torch

from trajreg.data.load import load
from trajreg.data.sizes import SIZES, sizes
from trajreg.data.spec import VisionSpec, parse_data
from trajreg.data.stand_in import SHAPES, stand_in
from trajreg.errors import InputError

LOADED = [
    {"name": "digits10"},
    {"name": "digits10", "num_train": 50, "num_test": 7},
    {"name": "digits100", "num_train": 30, "num_test": 5},
    {"name": "digits_seg", "num_train": 6, "num_test": 4},
    {"name": "quadratic", "eigenvalues": [1.0]},
    {"name": "quadratic", "eigenvalues": [1.0, 2.0, 3.0]},
    {"name": "quadratic", "eigenvalues": [1.0], "num_train": 9},
]


@pytest.mark.parametrize("values", LOADED, ids=str)
def test_they_are_those_of_the_loaded_data(values):
    spec = parse_data(values, "test")
    data = load(spec)
    assert sizes(spec) == (len(data.train_inputs), len(data.test_inputs))


@pytest.mark.parametrize("held_out", [False, True])
def test_of_an_archive_they_are_in_its_headers(tmp_path, held_out):
    images, labels = np.zeros((12, 4, 4), np.uint8), np.arange(12) % 3
    test = {} if held_out else {"test_images": images[:5], "test_labels": labels[:5]}
    np.savez_compressed(tmp_path / "some.npz", train_images=images, train_labels=labels, **test)
    options = {"num_test": 2} if held_out else {"num_train": 8}
    spec = parse_data({"name": "archive", "path": str(tmp_path / "some.npz"), **options}, "test")
    data = load(spec)
    assert sizes(spec) == (len(data.train_inputs), len(data.test_inputs))


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_an_archive_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "some.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"some\.npz"):
        sizes(parse_data({"name": "archive", "path": str(path)}, "test"))


@pytest.mark.parametrize("name", VisionSpec.names())
def test_noise_has_the_sizes_and_shapes_of_what_would_be_downloaded(name):
    spec = parse_data({"name": name, "num_train": 20, "num_test": 3}, "test")
    data = stand_in(spec)
    shape, num_classes, task = SHAPES[name]
    assert data.train_inputs.shape == (20, *shape)
    assert len(data.test_targets) == 3
    assert data.task == task
    assert data.train_targets.shape == ((20,) if task == "classification" else (20, *shape[1:]))
    assert 0 <= data.train_targets.min() <= data.train_targets.max() < num_classes == data.num_classes
    assert len(torch.unique(data.train_inputs.flatten(1), dim=0)) == 20
    assert name in SIZES
