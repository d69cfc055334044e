"""The embedded sets: split by source digit, balanced, standardised, the same bytes everywhere."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from trajreg.data import digits
from trajreg.data.load import load
from trajreg.data.spec import Digits10Spec, Digits100Spec, DigitsSegSpec, parse_data
from trajreg.errors import InputError

# Raise NUMERICS in trajreg.runs.fingerprint when one of these changes: every run on that data does.
CHECKSUMS = {
    "digits10": "6d7a3804de7927c058628a2b7f451c1f56b670e2815c3949a91a98b83b148404",
    "digits100": "66932ea6e030a4434e0d85f913377928f160cc61a3c30614d0847100c89c1a02",
    "digits_seg": "d4d05da1e06822cc01161040b6c6ebfaafaa00149e2fa9a1bc68f8f9f1017632",
}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_the_data_is_the_same_always_and_everywhere(name):
    first, second = load(parse_data({"name": name}, "test")), load(parse_data({"name": name}, "test"))
    assert first.checksum == second.checksum == CHECKSUMS[name]
    assert first.train_inputs.dtype == torch.float32
    assert first.train_targets.dtype == torch.int64
    assert first.train_inputs.double().mean().abs() < 1e-6
    assert first.train_inputs.double().std(correction=0) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("spec", [parse_data({"name": name}, "test") for name in CHECKSUMS], ids=lambda spec: spec.name)
def test_no_digit_is_on_both_sides(spec):
    train, test = (set(side.ravel()) for side in digits.source_digits(spec))
    train_pool, test_pool = map(set, digits.digit_split())
    assert train <= train_pool
    assert test <= test_pool
    assert train_pool | test_pool == set(range(1797))
    assert not train_pool & test_pool


def test_the_split_is_stratified():
    labels = load_digits().target
    train, test = (np.bincount(labels[side]) for side in digits.digit_split())
    assert (train.sum(), test.sum()) == (1438, 359)
    np.testing.assert_array_equal(test, np.round(0.2 * (train + test)))


def test_digits10_are_scikit_learns():
    data, (train, _) = load(Digits10Spec(name="digits10")), digits.digit_split()
    real = load_digits()
    pixels = torch.from_numpy(real.images[train])[:, None]
    torch.testing.assert_close(data.train_inputs.double(), (pixels - pixels.mean()) / pixels.std(correction=0))
    np.testing.assert_array_equal(data.train_targets, real.target[train])
    assert (data.input_shape, data.num_classes, data.task) == ((1, 8, 8), 10, "classification")


def test_fewer_are_a_choice_from_all_with_the_same_scale():
    few, full = load(Digits10Spec(name="digits10", num_train=100, num_test=20)), load(Digits10Spec(name="digits10"))
    assert (len(few.train_inputs), len(few.train_targets), len(few.test_inputs)) == (100, 100, 20)
    assert {image.numpy().tobytes() for image in few.train_inputs} <= {x.numpy().tobytes() for x in full.train_inputs}
    assert len(few.train_targets.unique()) == 10
    with pytest.raises(InputError, match="num_train of digits10 is 1439, but there are only 1438 samples"):
        load(Digits10Spec(name="digits10", num_train=1439))


def test_digits100_are_balanced_pairs():
    data = load(Digits100Spec(name="digits100"))
    assert (data.input_shape, data.num_classes) == ((1, 8, 16), 100)
    assert (data.train_targets.bincount() == 20).all()
    assert (data.test_targets.bincount() == 5).all()
    sources = digits.source_digits(Digits100Spec(name="digits100"))[1]
    labels = load_digits().target[sources]
    np.testing.assert_array_equal(data.test_targets, 10 * labels[:, 0] + labels[:, 1])
    left, right = (load_digits().images[sources[7, place]] for place in (0, 1))
    shown = data.test_inputs[7, 0].double()
    pixels = torch.from_numpy(np.concatenate([left, right], axis=1))
    assert torch.corrcoef(torch.stack([shown.ravel(), pixels.ravel()]))[0, 1] == pytest.approx(1)


@pytest.mark.parametrize(("canvas", "per_image"), [(16, 1), (16, 4), (20, 2), (30, 7)])
def test_digits_seg_holds_every_digit_whole_with_its_mask(canvas, per_image):
    spec = DigitsSegSpec(name="digits_seg", canvas=canvas, digits_per_image=per_image, num_train=40, num_test=10)
    data, real = load(spec), load_digits()
    assert (data.input_shape, data.num_classes, data.task) == ((1, canvas, canvas), 11, "segmentation")
    assert data.train_targets.shape == (40, canvas, canvas)
    sources = digits.source_digits(spec)[0]
    for mask, members in zip(data.train_targets, sources, strict=True):
        wanted = np.zeros(11, int)
        for source in members:
            wanted[real.target[source] + 1] += (real.images[source] > digits.INK).sum()
        np.testing.assert_array_equal(mask.ravel().bincount(minlength=11)[1:], wanted[1:])
    background = data.train_inputs.min()
    assert (data.train_inputs[:, 0][data.train_targets > 0] > background).all()


def test_digits_move_where_the_canvas_has_room():
    masks = load(DigitsSegSpec(name="digits_seg", canvas=24)).train_targets
    reached = (masks > 0).any(dim=0).sum()
    assert reached > 1.2 * 4 * 8 * 8  # pixels of the four places that digits would have if they never moved


def test_other_digits_in_scikit_learn_are_noticed(monkeypatch):
    real = load_digits()
    other = SimpleNamespace(images=real.images[::-1], target=real.target)
    monkeypatch.setattr(digits, "load_digits", lambda: other)
    digits._digits.cache_clear()
    try:
        with pytest.raises(
            InputError, match=r"digits of the installed scikit-learn have sha256:.*install a scikit-learn"
        ):
            load(Digits10Spec(name="digits10"))
    finally:
        digits._digits.cache_clear()
