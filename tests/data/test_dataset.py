"""Data sets as tensors, and what the image sets share."""

import numpy as np
import torch

from trajreg.data.dataset import Dataset, checksum
from trajreg.data.images import image_dataset, permutation
from trajreg.data.spec import VisionSpec


def test_checksum_sees_bytes_shapes_and_dtypes():
    tensor = torch.arange(6)
    others = [tensor.flip(0), tensor.view(2, 3), tensor.int(), tensor.float()]
    assert len({checksum(other) for other in (tensor, *others)}) == 5
    assert checksum(tensor.view(2, 3).t()) == checksum(tensor.view(2, 3).t().contiguous())
    assert checksum(tensor) != checksum(tensor, tensor)


def test_to_moves_every_tensor_and_keeps_the_rest():
    side = (torch.zeros(2, 3), torch.zeros(2, 1))
    data = Dataset.of("made", "regression", side, side, 1)
    moved = data.to("meta")
    tensors = (moved.train_inputs, moved.train_targets, moved.test_inputs, moved.test_targets)
    assert all(tensor.is_meta for tensor in tensors)
    assert (moved.checksum, moved.input_shape) == (data.checksum, (3,))


def test_permutation_is_one_and_stays_as_it_is():
    assert permutation(6, 1).tolist() == [2, 4, 5, 0, 3, 1]
    assert sorted(permutation(100, 2)) == list(range(100))
    assert permutation(100, 2).tolist() != permutation(100, 3).tolist()


def test_images_are_standardised_per_channel_by_the_training_images():
    rng = np.random.default_rng(0)
    train = rng.integers(0, 256, (20, 2, 4, 4), dtype=np.uint8)
    train[:, 1] = 9
    test = rng.integers(0, 256, (5, 2, 4, 4), dtype=np.uint8)
    data = image_dataset(VisionSpec(name="cifar10"), "classification", (train, np.arange(20)), (test, np.arange(5)), 20)
    mean, std = train[:, 0].mean(), train[:, 0].std()
    np.testing.assert_allclose(data.train_inputs[:, 0], (train[:, 0] - mean) / std, atol=1e-6)
    np.testing.assert_allclose(data.test_inputs[:, 0], (test[:, 0] - mean) / std, atol=1e-6)
    assert (data.train_inputs[:, 1] == 0).all()
