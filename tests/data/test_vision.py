"""The torchvision sets, from small archives in the form of the official ones, and never from the network."""

import hashlib
import io
import pickle
import socket
import sys
import tarfile
import threading
import urllib.request

import numpy as np
import pytest

from trajreg.data import download
from trajreg.data.download import OFFICIAL, OFFLINE, STAMP, Official, obtain
from trajreg.data.load import load
from trajreg.data.sources import SOURCES
from trajreg.data.spec import VisionSpec
from trajreg.errors import InputError

torchvision = pytest.importorskip("torchvision")
Image = pytest.importorskip("PIL.Image")
IMAGES = np.random.default_rng(0).integers(0, 256, (30, 3, 32, 32), dtype=np.uint8)  # of which ten are to test on
TAR = "cifar-10-python.tar.gz"


def tar(files):
    """A .tar.gz of name → bytes, the same each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def md5(content):
    return hashlib.md5(content).hexdigest()


def encoded(image, kind):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def publish(monkeypatch, name, contents):
    """Make these the official files of a set, which "the network" has; the downloads that were made, by their address."""
    official, made = OFFICIAL[name], []
    by_url = dict(zip(official.urls, contents, strict=True))
    monkeypatch.setitem(SOURCES, name, "md5:" + "+".join(map(md5, contents)))

    def fetched(url, root, filename, md5):
        made.append(url)
        root.mkdir(parents=True, exist_ok=True)
        (root / filename).write_bytes(by_url[url])

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", fetched)
    monkeypatch.delenv(OFFLINE, raising=False)
    return made


def publish_cifar(monkeypatch, name="cifar10"):
    kind, folder = getattr(torchvision.datasets, OFFICIAL[name].kind), OFFICIAL[name].unpacked
    key, names = ("labels", "label_names") if name == "cifar10" else ("fine_labels", "fine_label_names")
    labels = [index % 10 for index in range(30)]
    batches = {
        "train_list": {"data": IMAGES[:20].reshape(20, -1), key: labels[:20]},
        "test_list": {"data": IMAGES[20:].reshape(10, -1), key: labels[20:]},
        "meta": {names: list("abcdefghij")},
    }
    files = {part: pickle.dumps(batch) for part, batch in batches.items()}
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(kind, part, [[part, md5(files[part])]])
    monkeypatch.setattr(kind, "meta", {"filename": "meta", "key": names, "md5": md5(files["meta"])})
    content = tar({f"{folder}/{part}": file for part, file in files.items()})
    return content, publish(monkeypatch, name, [content])


def publish_pets(monkeypatch):
    images, annotations = {}, {}
    for split, sizes in (("trainval", [(200, 100), (130, 150)]), ("test", [(64, 64)])):
        ids = [f"{split}_{number}" for number in range(len(sizes))]
        for one, (width, height) in zip(ids, sizes, strict=True):
            trimap = np.repeat(np.uint8([1, 2, 3, 3]), width // 4)[None].repeat(height, axis=0)
            images[f"images/{one}.jpg"] = encoded(Image.new("RGB", trimap.shape[::-1], (10, 20, len(sizes))), "JPEG")
            annotations[f"annotations/trimaps/{one}.png"] = encoded(Image.fromarray(trimap), "PNG")
        annotations[f"annotations/{split}.txt"] = "".join(f"{one} 1 1 1\n" for one in ids).encode()
    return publish(monkeypatch, "oxford_pets", [tar(images), tar(annotations)])


@pytest.fixture
def no_network(monkeypatch):
    """Whatever asks for a connection fails the test."""
    for place, name in ((socket, "socket"), (socket, "create_connection"), (urllib.request, "urlopen")):
        monkeypatch.setattr(place, name, lambda *arguments, **options: pytest.fail("the network was asked"))
    monkeypatch.setattr(torchvision.datasets.utils, "download_url", lambda *arguments: pytest.fail("a download"))
    monkeypatch.setenv(OFFLINE, "1")


@pytest.mark.parametrize(("name", "num_classes"), [("cifar10", 10), ("cifar100", 100)])
def test_cifar(monkeypatch, tmp_path, name, num_classes):
    _, made = publish_cifar(monkeypatch, name)
    data = load(VisionSpec(name=name, num_test=4), tmp_path)
    assert (data.task, data.input_shape, data.num_classes) == ("classification", (3, 32, 32), num_classes)
    assert (len(data.train_inputs), len(data.test_inputs)) == (20, 4)
    np.testing.assert_allclose(data.train_inputs.mean(dim=(0, 2, 3)), 0, atol=1e-5)
    assert np.corrcoef(data.train_inputs[3, 0].ravel(), IMAGES[3, 0].ravel())[0, 1] == pytest.approx(1)
    assert data.train_targets[3] == 3
    assert load(VisionSpec(name=name, num_test=4), tmp_path).checksum == data.checksum
    assert made == [*OFFICIAL[name].urls]


def test_oxford_pets(monkeypatch, tmp_path):
    publish_pets(monkeypatch)
    data = load(VisionSpec(name="oxford_pets"), tmp_path)
    assert (data.task, data.input_shape, data.num_classes) == ("segmentation", (3, 128, 128), 3)
    assert (len(data.train_inputs), len(data.test_inputs)) == (2, 1)
    assert data.test_targets[0, 0, ::32].tolist() == [0, 1, 2, 2]


def test_the_official_files_are_torchvisions():
    datasets = torchvision.datasets
    for name, kind in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        assert OFFICIAL[name] == Official(kind.__name__, "", kind.base_folder, (kind.url,))
        assert kind.url.endswith(f"/{kind.filename}")
    assert OFFICIAL["oxford_pets"].urls == tuple(url for url, _ in datasets.OxfordIIITPet._RESOURCES)


def test_offline_what_is_missing_is_one_error_that_says_how_to_get_it(no_network, tmp_path):
    message = (
        rf"^cifar10: missing: {tmp_path}/{TAR}, and --offline .* the same command downloads .* from https://\S+/{TAR}$"
    )
    with pytest.raises(InputError, match=message):
        load(VisionSpec(name="cifar10"), tmp_path)
    with pytest.raises(InputError, match=rf"{tmp_path}/oxford-iiit-pet/images\.tar\.gz, .*/annotations\.tar\.gz, and"):
        load(VisionSpec(name="oxford_pets"), tmp_path)
    assert not any(tmp_path.iterdir())


def test_offline_a_copied_file_is_unpacked_and_enough(monkeypatch, tmp_path, request):
    content, _ = publish_cifar(monkeypatch)
    request.getfixturevalue("no_network")
    (tmp_path / TAR).write_bytes(content)
    data = load(VisionSpec(name="cifar10"), tmp_path)
    (tmp_path / TAR).unlink()  # to save its bytes
    assert load(VisionSpec(name="cifar10"), tmp_path).checksum == data.checksum


@pytest.mark.parametrize("offline", ["", "1"])
def test_a_corrupt_file_is_named_with_both_checksums(monkeypatch, tmp_path, offline):
    content, made = publish_cifar(monkeypatch)
    monkeypatch.setenv(OFFLINE, offline)
    (tmp_path / TAR).write_bytes(content[:-9])
    message = rf"{TAR} is corrupt: its md5 is {md5(content[:-9])}, it should be {md5(content)}; delete it and run"
    with pytest.raises(InputError, match=message):
        load(VisionSpec(name="cifar10"), tmp_path)
    assert made == []


def test_what_killed_processes_left_is_not_believed(monkeypatch, tmp_path):
    """Half a download, half a folder, and a pet's list that ends early, which torchvision would take for the whole."""
    publish_pets(monkeypatch)
    whole = load(VisionSpec(name="oxford_pets"), tmp_path / "whole")
    place = tmp_path / "oxford-iiit-pet"
    (place / "annotations").mkdir(parents=True)
    (place / "images").mkdir()
    (place / "annotations" / "trainval.txt").write_text("trainval_0 1 1 1\n")
    (place / ".images.tar.gz.partial").write_bytes(b"half")
    assert load(VisionSpec(name="oxford_pets"), tmp_path).checksum == whole.checksum
    assert not list(place.glob("*.partial"))


def test_a_process_killed_while_unpacking_leaves_no_stamp(monkeypatch, tmp_path):
    publish_cifar(monkeypatch)
    obtain("cifar10", tmp_path)
    stamp = tmp_path / OFFICIAL["cifar10"].unpacked / STAMP
    assert stamp.exists()

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(torchvision.datasets.utils, "extract_archive", killed)
    with pytest.raises(KeyboardInterrupt):
        obtain("cifar10", tmp_path, anew=True)
    assert not stamp.exists()


def test_what_was_spoilt_after_unpacking_is_unpacked_again(monkeypatch, tmp_path):
    _, made = publish_cifar(monkeypatch)
    checksum = load(VisionSpec(name="cifar10"), tmp_path).checksum
    batch = tmp_path / OFFICIAL["cifar10"].unpacked / "train_list"
    batch.write_bytes(b"spoilt")
    assert load(VisionSpec(name="cifar10"), tmp_path).checksum == checksum
    assert len(made) == 1
    batch.unlink()
    (tmp_path / TAR).unlink()
    monkeypatch.setenv(OFFLINE, "1")
    with pytest.raises(InputError, match=f"cifar10: missing: .*{TAR}"):
        load(VisionSpec(name="cifar10"), tmp_path)


def test_two_at_once_download_once(monkeypatch, tmp_path):
    _, made = publish_cifar(monkeypatch)
    monkeypatch.setattr(download, "print", lambda text: None, raising=False)
    failures = []

    def work():
        try:
            obtain("cifar10", tmp_path)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, len(made)) == ([], 1)


def test_a_failed_download_says_what_to_do_and_leaves_nothing(monkeypatch, tmp_path):
    publish_cifar(monkeypatch)

    def fail(url, root, filename, md5):
        (root / filename).write_bytes(b"half")
        raise RuntimeError("File not found\nor corrupted.")

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", fail)
    message = (
        rf"cifar10: {tmp_path}/{TAR} is missing and could not be downloaded \(File not found or corrupted\.\); allow"
    )
    with pytest.raises(InputError, match=message):
        load(VisionSpec(name="cifar10"), tmp_path)
    assert not [path for path in tmp_path.iterdir() if "tar" in path.name]


def test_without_torchvision_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(InputError, match="cifar10 needs torchvision, in the extra `vision`"):
        load(VisionSpec(name="cifar10"), tmp_path)
