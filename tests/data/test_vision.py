"""The torchvision sets, with stand-ins for what torchvision downloads."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from trajreg.data.load import load
from trajreg.data.spec import VisionSpec
from trajreg.errors import InputError

torchvision = pytest.importorskip("torchvision")
Image = pytest.importorskip("PIL.Image")


def fake_cifar(folder, train, download):
    assert download
    num = 20 if train else 10
    images = np.random.default_rng(num).integers(0, 256, (num, 32, 32, 3), dtype=np.uint8)
    return SimpleNamespace(data=images, targets=[index % 10 for index in range(num)])


def fake_pets(folder, split, target_types, download):
    assert (target_types, download) == ("segmentation", True)
    sizes = [(200, 100), (130, 150)] if split == "trainval" else [(64, 64)]
    trimaps = (np.repeat(np.uint8([1, 2, 3, 3]), width // 4)[None].repeat(height, axis=0) for width, height in sizes)
    return [(Image.new("RGB", trimap.shape[::-1], (10, 20, len(sizes))), Image.fromarray(trimap)) for trimap in trimaps]


@pytest.mark.parametrize(("name", "kind", "num_classes"), [("cifar10", "CIFAR10", 10), ("cifar100", "CIFAR100", 100)])
def test_cifar(monkeypatch, tmp_path, name, kind, num_classes):
    monkeypatch.setattr(torchvision.datasets, kind, fake_cifar)
    data = load(VisionSpec(name=name, num_test=4), tmp_path)
    assert (data.task, data.input_shape, data.num_classes) == ("classification", (3, 32, 32), num_classes)
    assert (len(data.train_inputs), len(data.test_inputs)) == (20, 4)
    np.testing.assert_allclose(data.train_inputs.mean(dim=(0, 2, 3)), 0, atol=1e-5)
    red = fake_cifar(tmp_path, True, True).data[3, ..., 0]
    assert np.corrcoef(data.train_inputs[3, 0].ravel(), red.ravel())[0, 1] == pytest.approx(1)
    assert data.train_targets[3] == 3


def test_oxford_pets(monkeypatch, tmp_path):
    monkeypatch.setattr(torchvision.datasets, "OxfordIIITPet", fake_pets)
    data = load(VisionSpec(name="oxford_pets"), tmp_path)
    assert (data.task, data.input_shape, data.num_classes) == ("segmentation", (3, 128, 128), 3)
    assert (len(data.train_inputs), len(data.test_inputs)) == (2, 1)
    assert data.test_targets[0, 0, ::32].tolist() == [0, 1, 2, 2]


def test_a_failed_download_says_what_to_do(monkeypatch, tmp_path):
    def fail(folder, train, download):
        raise RuntimeError("Error downloading\ncifar")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", fail)
    message = rf"cifar10 is not in the folder {tmp_path} .*\(Error downloading cifar\); allow the network, or copy"
    with pytest.raises(InputError, match=message):
        load(VisionSpec(name="cifar10"), tmp_path)


def test_without_torchvision_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(InputError, match="cifar10 needs torchvision, in the extra `vision`"):
        load(VisionSpec(name="cifar10"), tmp_path)
