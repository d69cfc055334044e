"""Archives: anybody's images, or one clear error."""

import numpy as np
import pytest
import torch

from trajreg.data.load import load
from trajreg.data.spec import ArchiveSpec
from trajreg.errors import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 6, 4, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3
MASKS = np.arange(12 * 6 * 4).reshape(12, 6, 4) % 5
CLASSIFIED = {"train_images": IMAGES, "train_labels": LABELS, "test_images": IMAGES[:5], "test_labels": LABELS[:5]}
SEGMENTED = {"train_images": IMAGES, "train_masks": MASKS, "test_images": IMAGES[:5], "test_masks": MASKS[:5]}


@pytest.fixture
def loaded(tmp_path):
    """Saves arrays to an archive and loads it with options."""

    def save_and_load(arrays, **options):
        np.savez(tmp_path / "a.npz", **arrays)
        return load(ArchiveSpec(name="archive", path=str(tmp_path / "a.npz"), **options))

    return save_and_load


def test_labels(loaded):
    data = loaded(CLASSIFIED | {"train_stand_in": np.arange(2)})
    assert (data.task, data.input_shape, data.num_classes) == ("classification", (3, 6, 4), 3)
    assert data.train_targets.tolist() == LABELS.tolist()
    assert data.test_inputs.shape == (5, 3, 6, 4)
    pixels = IMAGES.transpose(0, 3, 1, 2).astype(float)
    mean, std = (getattr(pixels, of)(axis=(0, 2, 3), keepdims=True) for of in ("mean", "std"))
    np.testing.assert_allclose(data.train_inputs, (pixels - mean) / std, atol=1e-6)


def test_grey_images_and_masks(loaded):
    data = loaded(SEGMENTED | {"train_images": IMAGES[..., 0], "test_images": IMAGES[:5, ..., 0]})
    assert (data.task, data.input_shape, data.num_classes) == ("segmentation", (1, 6, 4), 5)
    np.testing.assert_array_equal(data.train_targets, MASKS)


@pytest.mark.parametrize(("key", "option"), [({"ignore_index": np.array(4)}, {}), ({}, {"ignore_index": 4})])
def test_void_is_no_class(loaded, key, option):
    data = loaded(SEGMENTED | key, **option)
    assert data.num_classes == 4
    assert torch.equal(data.train_targets == -100, torch.from_numpy(MASKS == 4))


def test_a_part_of_the_training_images_is_held_out(loaded):
    data = loaded({"train_images": IMAGES, "train_labels": np.arange(12)}, num_test=4, num_train=7)
    train, test = set(data.train_targets.tolist()), set(data.test_targets.tolist())
    assert (len(train), len(test), train & test) == (7, 4, set())
    assert data.num_classes == 12
    assert (
        data.checksum
        == loaded({"train_images": IMAGES, "train_labels": np.arange(12)}, num_test=4, num_train=7).checksum
    )


def without(arrays, key):
    return {name: array for name, array in arrays.items() if name != key}


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (without(CLASSIFIED, "train_images"), {}, "lacks the key train_images"),
        (
            without(CLASSIFIED, "train_labels"),
            {},
            r"lacks the key train_labels \(or train_masks\); it has train_images \(12, 6, 4, 3\), test_images",
        ),
        ({}, {}, r"lacks the keys train_images, train_labels \(or train_masks\); it has no arrays; np.savez names"),
        (CLASSIFIED | SEGMENTED, {}, "has both train_labels and train_masks: leave one of them out"),
        (without(CLASSIFIED, "test_labels") | {"test_masks": MASKS[:5]}, {}, "has train_labels, and no test_labels"),
        (without(CLASSIFIED, "test_labels"), {}, "lacks the key test_labels"),
        (CLASSIFIED | {"train_labels": LABELS[:3]}, {}, r"images and labels do not fit .* \(12, 6, 4, 3\).* \(3,\)"),
        (SEGMENTED | {"train_masks": MASKS[:, :2]}, {}, "images and masks do not fit"),
        (CLASSIFIED | {"train_images": IMAGES / 255}, {}, "images have to be uint8 .* found train_images float64"),
        (CLASSIFIED | {"train_images": IMAGES[:, 0, 0]}, {}, "images have to be uint8"),
        (CLASSIFIED | {"train_labels": LABELS - 1}, {}, "labels have to be integers from 0, .* minimum -1"),
        (CLASSIFIED | {"train_labels": LABELS / 2}, {}, "labels have to be integers from 0"),
        (CLASSIFIED | {"test_images": IMAGES[:5, :3]}, {}, "train_images and test_images differ in size"),
        (CLASSIFIED, {"ignore_index": 1}, "ignore_index = 1 is for masks"),
        (CLASSIFIED, {"num_test": 6}, "num_test of archive is 6, but there are only 5 samples"),
        (SEGMENTED | {"ignore_index": np.array([1, 2])}, {}, "ignore_index has to be an integer"),
        (SEGMENTED | {"test_masks": MASKS[:5] * 0}, {"ignore_index": 0}, "every pixel is ignore_index = 0"),
        (
            {"train_images": IMAGES, "train_labels": LABELS},
            {},
            "has no test_images; num_test says how many to hold out",
        ),
        ({"train_images": IMAGES, "train_labels": LABELS}, {"num_test": 12}, "num_test = 12 leaves nothing of archive"),
        (CLASSIFIED, {"scale": 4}, r"a\.npz: scale = 4 does not divide the images' 6 × 4 pixels"),
        (
            CLASSIFIED | {"train_labels": LABELS.astype(object)},
            {},
            "corrupt, not an .npz file, or holds Python objects",
        ),
    ],
)
def test_what_does_not_fit_is_refused(loaded, arrays, options, message):
    with pytest.raises(InputError, match=message):
        loaded(arrays, **options)


@pytest.mark.parametrize("spoil", ["text", "array", "empty", "cut", "flipped"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, spoil):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **CLASSIFIED)
    whole = path.read_bytes()
    if spoil == "array":
        with path.open("wb") as file:
            np.save(file, LABELS)
    else:
        spoilt = {"text": b"images", "empty": b"", "cut": whole[:-99], "flipped": whole[:90] + b"xyz" + whole[93:]}
        path.write_bytes(spoilt[spoil])
    with pytest.raises(InputError, match=r"a\.npz is corrupt, not an \.npz file"):
        load(ArchiveSpec(name="archive", path=str(path)))


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"archive nowhere/a\.npz is missing"):
        load(ArchiveSpec(name="archive", path="nowhere/a.npz"))


def test_an_archives_test_images_have_no_part_in_the_standardisation(tmp_path):
    """Whether they are a side of their own or held out."""
    images, labels = IMAGES[:9], np.arange(9)
    spoilt = {
        "train_images": images[:6],
        "train_labels": labels[:6],
        "test_images": images[6:] * 0,
        "test_labels": labels[6:],
    }
    np.savez(tmp_path / "a.npz", **spoilt)
    np.savez(tmp_path / "b.npz", **spoilt | {"test_images": images[6:]})
    one, other = (load(ArchiveSpec(name="archive", path=str(tmp_path / f"{name}.npz"))) for name in "ab")
    assert torch.equal(one.train_inputs, other.train_inputs)
    assert not torch.equal(one.test_inputs, other.test_inputs)

    held = {"train_images": images, "train_labels": labels}
    np.savez(tmp_path / "a.npz", **held)
    spec = ArchiveSpec(name="archive", path=str(tmp_path / "a.npz"), num_test=3)
    before = load(spec)
    changed = images.copy()
    changed[before.test_targets.numpy()] = 255  # a label is the image's number
    np.savez(tmp_path / "a.npz", **held | {"train_images": changed})
    after = load(spec)
    assert torch.equal(before.train_inputs, after.train_inputs)
    assert not torch.equal(before.test_inputs, after.test_inputs)
    np.testing.assert_allclose(after.train_inputs.mean(dim=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(after.train_inputs.var(dim=(0, 2, 3), correction=0), 1, atol=1e-5)


def test_a_block_becomes_its_mean_and_the_class_of_most_of_it(loaded):
    masks = np.array([[[4, 4, 0, 1], [4, 1, 1, 0]]])  # most are 4; a tie, which the smaller wins
    image = np.uint8([[[0, 1, 255, 255], [0, 1, 255, 254]]])  # means 0.5 and 254.75
    other = {"train_images": 0 * image, "train_masks": 0 * masks}
    sides = {
        key: np.concatenate([value, other[key]]) for key, value in {"train_images": image, "train_masks": masks}.items()
    }
    data = loaded(sides | {"test_images": image, "test_masks": masks}, scale=2)
    assert (data.input_shape, data.num_classes) == ((1, 1, 2), 5)
    assert data.train_targets.tolist() == [[[4, 0]], [[0, 0]]]
    assert torch.equal(data.test_inputs[0], data.train_inputs[0])
    pixels = np.array([1, 255, 0, 0])  # of both training images: 0.5 is rounded up
    np.testing.assert_allclose(data.train_inputs.ravel(), (pixels - pixels.mean()) / pixels.std(), atol=1e-6)


def test_where_most_of_a_block_is_void_it_has_no_class(loaded):
    masks = np.repeat([[[3, 3, 3, 0], [3, 0, 0, 0], [1, 1, 2, 2], [1, 1, 2, 2]]], 2, axis=0)
    images = RNG.integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    arrays = {"train_images": images, "train_masks": masks, "test_images": images, "test_masks": masks}
    data = loaded(arrays, scale=2, ignore_index=3)
    assert data.train_targets.tolist() == [[[-100, 0], [1, 2]]] * 2
    assert data.num_classes == 3


@pytest.mark.parametrize("arrays", [CLASSIFIED, SEGMENTED])
def test_an_even_image_stays_as_it_is_when_it_is_reduced(loaded, arrays):
    """Each pixel as a block of 3 × 3 of the same; labels are of whole images."""
    enlarged = {
        key: value.repeat(3, axis=1).repeat(3, axis=2) if value.ndim > 1 else value for key, value in arrays.items()
    }
    assert loaded(enlarged, scale=3).checksum == loaded(arrays).checksum
