"""An archive of another form: what it has and lacks is told in a line, and the NumPy in that line mends it."""

import numpy as np
import pytest

from trajreg.data.archive_keys import SHOWN
from trajreg.data.load import load
from trajreg.data.sizes import sizes
from trajreg.data.spec import ArchiveSpec
from trajreg.errors import LINE, InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 8, 9, 3), dtype=np.uint8)
SQUARE = RNG.integers(0, 256, (12, 8, 8), dtype=np.uint8)
SIX = np.repeat(SQUARE[..., None], 6, axis=3)
LABELS = np.arange(12) % 3
MASKS = np.arange(12 * 8 * 9).reshape(12, 8, 9) % 5
FIRST = IMAGES.transpose(0, 3, 1, 2)
MASKED = {"train_images": IMAGES, "train_masks": MASKS}
LABELLED = {"train_images": IMAGES, "train_labels": LABELS}


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Saves arrays as mine.npz, in a folder of its own, and gives the spec of it."""
    monkeypatch.chdir(tmp_path)

    def save(arrays):
        np.savez("mine.npz", **arrays)
        return ArchiveSpec(name="archive", path="mine.npz", num_test=4)

    return save


def refused(spec, read=load):
    with pytest.raises(InputError) as error:
        read(spec)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < LINE
    return str(error.value)


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ({"train_images": FIRST}, LABELLED, "they seem to come first, found train_images uint8 (12, 3, 8, 9)"),
        ({"train_images": SQUARE[:, None]}, {"train_images": SQUARE}, "(12, 1, 8, 8)"),
        ({"train_images": SIX.transpose(0, 3, 1, 2)}, {"train_images": SIX}, "(12, 6, 8, 8)"),
        ({"train_images": SQUARE.reshape(12, 64)}, {"train_images": SQUARE}, "if they are squares"),
        ({"train_images": IMAGES / 255}, {}, "float64 (12, 8, 9, 3)"),
        ({"train_images": (IMAGES / 255).astype(np.float32)}, {}, "float32 (12, 8, 9, 3)"),
        ({"train_images": IMAGES.astype(np.float32)}, {}, "float32 (12, 8, 9, 3)"),
        ({"train_images": IMAGES.astype(np.int64)}, {}, "int64 (12, 8, 9, 3)"),
        ({"train_images": IMAGES > 99}, {"train_images": np.uint8(255) * (IMAGES > 99)}, "bool (12, 8, 9, 3)"),
        ({"train_labels": LABELS[:, None]}, {}, "train_labels int64 (12, 1)"),
        ({"train_labels": np.eye(3)[LABELS]}, {}, "they are one-hot"),
        ({"train_labels": LABELS.astype(float)}, {}, "train_labels float64 (12,)"),
        ({"train_labels": LABELS == 1}, {"train_labels": 1 * (LABELS == 1)}, "train_labels bool (12,)"),
        ({"train_labels": np.array(["cat", "dog", "owl"])[LABELS]}, {}, "they are names"),
        (MASKED | {"train_masks": MASKS[:, None]}, MASKED, "train_masks int64 (12, 1, 8, 9)"),
        (MASKED | {"train_images": FIRST}, MASKED, "they seem to come first"),
    ],
)  # fmt: skip
def test_the_line_that_is_offered_makes_it_right(archive, wrong, right, told):
    wrong, right = ({**({} if "train_masks" in one else LABELLED), **one} for one in (wrong, right))
    spec = archive(wrong)
    message = refused(spec)
    assert told in message
    code = message.rpartition("this would be right: ")[2]
    name = next(name for name in wrong if name in code)
    archive(wrong | {name: eval(code, {"np": np, name: wrong[name]})})
    assert load(spec).checksum == load(archive(right)).checksum


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"train_images": IMAGES - 127.5}, r": from -127.5 to 127.5; bring them to 0 … 255, and then"),
        ({"train_images": IMAGES * 257.0}, ": from 0 to 65535; bring them to 0 … 255, and then"),
        ({"train_images": np.full(IMAGES.shape, np.nan)}, ": from nan to nan; bring them to 0 … 255, and then"),
        ({"train_images": IMAGES[:0], "train_labels": LABELS[:0]}, ": there are none"),
        ({"train_images": np.full((12, 8, 9), "a")}, "; they are no numbers"),
        ({"train_labels": np.full((12, 3), 1 / 3)}, "train_labels float64 (12, 3)"),
        ({"train_labels": np.full(12, "2020-01-01", "datetime64[D]")}, "train_labels datetime64[D] (12,)"),
        ({"train_labels": np.full(12, np.nan)}, ", minimum nan"),
    ],
)
def test_where_it_is_not_plain_what_is_wrong_is_said(archive, wrong, told):
    assert told in refused(archive(LABELLED | wrong))


@pytest.mark.parametrize(
    ("shape", "channels"), [((3, 3, 3), 3), ((3, 9, 3), 3), ((64, 64, 13), 13), ((3, 5, 2), 2), ((8, 8, 8), 8), ((13, 8, 4), 4)]
)  # fmt: skip
def test_few_channels_at_the_end_and_many_that_are_plain_are_taken_as_they_are(archive, shape, channels):
    images = RNG.integers(0, 256, (12, *shape), dtype=np.uint8)
    assert load(archive({"train_images": images, "train_labels": LABELS})).input_shape == (channels, *shape[:2])


def test_masks_tell_where_the_channels_are(archive):
    images = RNG.integers(0, 256, (12, 4, 64, 64), dtype=np.uint8)
    masks = MASKS.reshape(-1)[: 12 * 4].repeat(64).reshape(12, 4, 64)
    assert load(archive({"train_images": images, "train_masks": masks})).input_shape == (64, 4, 64)


@pytest.mark.parametrize("read", [load, sizes])
@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "y_train", "test_images", "test_labels"),
        ("X", "y"),
        ("images", "labels"),
        ("data", "target"),
        ("arr_0", "arr_1"),
    ],
)
def test_common_names_are_told_with_the_line_that_renames_them(archive, names, read):
    arrays = [IMAGES, LABELS, IMAGES[:5], LABELS[:5]][: len(names)]
    spec = archive(dict(zip(names, arrays, strict=True)) | {"ids": np.arange(7)})
    message = refused(spec, read)
    for name, array in zip(names, arrays, strict=True):
        assert f"{name} {array.shape}" in message
    assert "ids (7,)" in message
    exec(message[message.index("old = ") :], {"np": np})
    mended = load(spec.model_copy(update={"path": "mine-renamed.npz"}))
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    assert mended.checksum == load(archive(dict(zip(keys, arrays, strict=False)))).checksum


@pytest.mark.parametrize("read", [load, sizes])
def test_of_many_and_long_keys_a_few_are_shown(archive, read):
    message = refused(archive({f"{'k' * 300}{number}": LABELS for number in range(40)}), read)
    assert "lacks the keys train_images, train_labels (or train_masks); it has kkk" in message
    assert message.count("kkk … kkk") == SHOWN
    assert "(12,), 34 more; np.savez names arrays: np.savez('mine.npz', train_images=…, train_labels=…)" in message
