"""Crops and flips of known images, by hand."""

from dataclasses import replace

import pytest
import torch

from trajreg.data.augment import Augmentation, moved
from trajreg.data.dataset import Dataset
from trajreg.data.load import load
from trajreg.data.spec import AugmentSpec, parse_data
from trajreg.errors import InputError

IMAGE = torch.tensor([[1.0, 2, 3], [4, 5, 6]])[None, None]
STAYS = torch.tensor([[1, 1]])
NOT, FLIPPED = torch.tensor([False]), torch.tensor([True])


@pytest.mark.parametrize(
    ("corner", "expected"),
    [
        ((1, 1), [[1, 2, 3], [4, 5, 6]]),
        ((0, 0), [[0, 0, 0], [0, 1, 2]]),
        ((2, 2), [[5, 6, 0], [0, 0, 0]]),
        ((1, 0), [[0, 1, 2], [0, 4, 5]]),
    ],
)
def test_the_crop_of_a_known_image(corner, expected):
    cropped = moved(IMAGE, 1, torch.tensor([corner]), NOT)
    assert cropped[0, 0].tolist() == expected
    flipped = moved(IMAGE, 1, torch.tensor([corner]), FLIPPED)
    assert flipped[0, 0].tolist() == [row[::-1] for row in expected]


def test_each_image_moves_by_itself_and_its_channels_together():
    images = torch.arange(2 * 3 * 4 * 4).view(2, 3, 4, 4).float()
    both = moved(images, 2, torch.tensor([[0, 3], [4, 1]]), torch.tensor([True, False]))
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    assert torch.equal(both[0], padded[0, :, 0:4, 3:7].flip(-1))
    assert torch.equal(both[1], padded[1, :, 4:8, 1:5])


def labelled(task="classification", side=16):
    images = torch.rand(6, 2, side, side + 2) + 1  # nothing in it is 0
    targets = torch.arange(6) if task == "classification" else torch.randint(3, (6, side, side + 2))
    return Dataset.of("hand", task, (images, targets), (images, targets), 6)


def batches_of(data, spec, seed=0):
    given = [(data.train_inputs[rows], data.train_targets[rows]) for rows in torch.arange(6).view(3, 2)]
    found = list(Augmentation(spec, data).of(given, (3, 2), torch.Generator().manual_seed(seed)))
    return tuple(torch.cat(parts) for parts in zip(*found, strict=True))


def test_with_padding_0_and_no_flips_nothing_changes():
    data = labelled()
    inputs, targets = batches_of(data, AugmentSpec(padding=0, flip=False))
    assert torch.equal(inputs, data.train_inputs)
    assert torch.equal(targets, data.train_targets)


def test_flips_alone_are_of_every_other_image_on_average():
    images = torch.arange(4.0).expand(2000, 1, 4, 4)
    data = Dataset.of("hand", "classification", (images, torch.zeros(2000)), (images, torch.zeros(2000)), 1)
    augmentation = Augmentation(AugmentSpec(padding=0), data)
    ((inputs, _),) = augmentation.of([(images, data.train_targets)], (1, 2000), torch.Generator().manual_seed(1))
    flipped = (inputs == images.flip(-1)).flatten(1).all(dim=1)
    assert ((inputs == images).flatten(1).all(dim=1) ^ flipped).all()
    assert 900 < int(flipped.sum()) < 1100


def test_every_corner_of_the_padded_image_is_drawn():
    image = torch.zeros(500, 1, 8, 8)
    image[:, :, 4, 4] = 1
    data = Dataset.of("hand", "classification", (image, torch.zeros(500)), (image, torch.zeros(500)), 1)
    spec = AugmentSpec(padding=1, flip=False)
    ((inputs, _),) = Augmentation(spec, data).of(
        [(image, data.train_targets)], (1, 500), torch.Generator().manual_seed(2)
    )
    places = {tuple(place) for place in inputs[:, 0].nonzero()[:, 1:].tolist()}
    assert places == {(row, column) for row in (3, 4, 5) for column in (3, 4, 5)}


def test_labels_stay_and_a_mask_goes_with_its_image():
    assert torch.equal(batches_of(labelled(), AugmentSpec())[1], torch.arange(6))
    data = labelled("segmentation")
    with_masks = replace(data, train_inputs=torch.stack([data.train_targets + 1.0, data.train_targets + 1.0], dim=1))
    inputs, masks = batches_of(with_masks, AugmentSpec(padding=5))
    assert masks.dtype == torch.int64
    assert torch.equal(inputs[:, 0], (masks + 1.0).where(masks >= 0, 0))
    assert set(masks[inputs[:, 0] == 0].tolist()) == {-100}  # what comes from outside has no class


@pytest.mark.parametrize(("side", "padding"), [(32, 4), (8, 1), (7, 0), (128, 16)])
def test_the_padding_is_an_eighth_of_the_shorter_side(side, padding):
    assert Augmentation(AugmentSpec(), labelled(side=side)).padding == padding
    assert Augmentation(AugmentSpec(padding=3), labelled(side=side)).padding == 3


def test_a_padding_as_large_as_the_image_is_refused():
    Augmentation(AugmentSpec(padding=15), labelled(side=16))
    with pytest.raises(
        InputError, match=r"augment.padding = 16 could move the images of hand out of sight: .* 16 pixels"
    ):
        Augmentation(AugmentSpec(padding=16), labelled(side=16))


def test_the_data_set_itself_stays_as_it_is():
    spec = parse_data({"name": "digits10", "augment": {}}, "test")
    assert load(spec).checksum == load(parse_data({"name": "digits10"}, "test")).checksum
