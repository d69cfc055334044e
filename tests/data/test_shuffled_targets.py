"""Random labels: the training targets in another order, each deal always the same, and nothing else."""

import numpy as np
import pytest
import torch

from trajreg.data.dataset import checksum
from trajreg.data.load import load
from trajreg.data.spec import Digits10Spec, parse_data


@pytest.fixture(params=["digits10", "digits100", "digits_seg", "archive"])
def pair(request, tmp_path):
    """The same choice of samples with true and with shuffled targets."""
    values = {"name": request.param, "num_train": 60, "num_test": 20}
    if request.param == "archive":
        rng = np.random.default_rng(0)
        images, labels = rng.integers(0, 256, (90, 4, 4)).astype(np.uint8), rng.integers(0, 3, 90)
        np.savez(tmp_path / "a.npz", train_images=images, train_labels=labels)
        values["path"] = str(tmp_path / "a.npz")
    return [load(parse_data(values | {"shuffle_targets": shuffled}, "test")) for shuffled in (False, True)]


def rows(targets):
    """The targets as sorted bytes: what there is, whatever the order."""
    return sorted(target.numpy().tobytes() for target in targets)


def test_targets_are_dealt_in_another_order_and_none_is_lost(pair):
    true, shuffled = pair
    assert rows(shuffled.train_targets) == rows(true.train_targets)
    assert torch.equal(shuffled.train_targets.flatten().bincount(), true.train_targets.flatten().bincount())
    same = (shuffled.train_targets == true.train_targets).reshape(60, -1).all(dim=1)
    assert same.double().mean() < 0.6


def test_inputs_and_test_samples_stay(pair):
    true, shuffled = pair
    for name in ("train_inputs", "test_inputs", "test_targets"):
        assert torch.equal(getattr(true, name), getattr(shuffled, name))
    assert (shuffled.num_classes, shuffled.task, shuffled.name) == (true.num_classes, true.task, true.name)


def test_the_checksum_is_that_of_what_is_trained_on(pair):
    true, shuffled = pair
    assert shuffled.checksum != true.checksum
    tensors = [getattr(shuffled, f"{side}_{kind}") for side in ("train", "test") for kind in ("inputs", "targets")]
    assert shuffled.checksum == checksum(*tensors)


def test_the_order_is_the_same_always_and_everywhere():
    spec = Digits10Spec(name="digits10", shuffle_targets=True)
    torch.manual_seed(1)
    first = load(spec)
    torch.manual_seed(2)
    assert torch.equal(load(spec).train_targets, first.train_targets)
    # raise NUMERICS in trajreg.runs.fingerprint when this changes: every run on random labels does
    assert first.checksum == "577f68dd8d169cdded85c35ba235dc1ef505112761d7ab9875c2d3a172afb715"


def test_every_deal_is_another_order_of_the_same_targets():
    deals = [load(Digits10Spec(name="digits10", shuffle_targets=True, deal=deal)).train_targets for deal in range(3)]
    assert torch.equal(load(Digits10Spec(name="digits10", shuffle_targets=True)).train_targets, deals[0])
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert rows(deals[one]) == rows(deals[other])
        assert abs((deals[one] == deals[other]).double().mean() - 0.1) < 0.03  # as two that know nothing of each other


def test_of_ten_classes_a_tenth_keeps_its_label():
    true, shuffled = (load(Digits10Spec(name="digits10", shuffle_targets=value)) for value in (False, True))
    kept = (true.train_targets == shuffled.train_targets).double().mean()
    assert abs(kept - 0.1) < 0.03  # four standard deviations of 1438 draws
