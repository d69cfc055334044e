"""An official set as an archive: what the set itself gives, the same bytes each time, and nothing overwritten."""

import io
import os

import numpy as np
import pytest

from trajreg.cli import main
from trajreg.data import fetch as module
from trajreg.data.download import OFFLINE
from trajreg.data.fetch import fetch
from trajreg.data.images import image_dataset
from trajreg.data.load import load
from trajreg.data.sources import FOLDER, source_checksum
from trajreg.data.spec import ArchiveSpec, VisionSpec
from trajreg.errors import InputError
from trajreg.files import file_checksum

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (9, 3, 4, 6), dtype=np.uint8)
SETS = {
    "cifar10": ((IMAGES[:6], np.arange(6)), (IMAGES[6:], np.arange(3))),
    "oxford_pets": ((IMAGES[:6], IMAGES[:6, 0] % 3), (IMAGES[6:], IMAGES[6:, 0] % 3)),
}


@pytest.fixture(autouse=True)
def sets(monkeypatch):
    """Stand-ins for the official sets, to be changed."""
    known = dict(SETS)
    monkeypatch.setattr(module, "official_arrays", lambda name, folder: known[name])
    return known


@pytest.mark.parametrize(("name", "task"), [("cifar10", "classification"), ("oxford_pets", "segmentation")])
def test_the_archive_holds_what_the_set_itself_gives(tmp_path, name, task):
    said = fetch(name, tmp_path, tmp_path / "new" / "a.npz")
    assert said.startswith(f"{tmp_path / 'new' / 'a.npz'}: ")
    data = load(ArchiveSpec(name="archive", path=str(tmp_path / "new" / "a.npz"), num_train=4))
    (train, test), num_classes = SETS[name], 1 + max(targets.max() for _, targets in SETS[name])
    same = image_dataset(VisionSpec(name=name, num_train=4), task, train, test, num_classes)
    assert (data.task, data.num_classes, data.checksum) == (task, num_classes, same.checksum)


def test_the_bytes_are_the_same_whenever_it_is_made(tmp_path, monkeypatch):
    fetch("cifar10", tmp_path, tmp_path / "a.npz")
    monkeypatch.setattr("time.time", lambda: 2e9)
    fetch("cifar10", tmp_path, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    buffer = io.BytesIO()
    (train, labels), _ = SETS["cifar10"]
    np.savez(buffer, train_images=train.transpose(0, 2, 3, 1).copy(), train_labels=labels.astype(np.uint8))
    assert (tmp_path / "a.npz").read_bytes()[:400] == buffer.getvalue()[:400]


def test_other_content_is_never_overwritten(tmp_path, sets):
    path = tmp_path / "a.npz"
    fetch("cifar10", tmp_path, path)
    before = file_checksum(path)
    assert "is there already, as it would be made" in fetch("cifar10", tmp_path, path)
    sets["cifar10"] = sets["oxford_pets"]
    with pytest.raises(InputError, match=r"a\.npz is there with other content and is not overwritten"):
        fetch("cifar10", tmp_path, path)
    assert file_checksum(path) == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "oxford_pets"])
def test_where_an_archive_of_a_known_set_is_missing_the_error_ends_in_the_command(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for path, to in ((f"{FOLDER}/{name}.npz", ""), (f"my sets/{name}.npz", f" --to 'my sets/{name}.npz'")):
        spec = ArchiveSpec(name="archive", path=path)
        for ask in (source_checksum, load):
            with pytest.raises(InputError) as error:
                ask(spec)
            assert str(error.value).startswith(f"archive {path} is missing; ")
            assert str(error.value).endswith(f": python -m trajreg fetch {name}{to}")


def test_the_command_writes_into_the_checkout_or_where_it_is_told(tmp_path, monkeypatch, capsys):
    below = tmp_path / "notebooks" / "below"
    below.mkdir(parents=True)
    (tmp_path / "params").mkdir()
    monkeypatch.chdir(below)
    assert main(["fetch", "cifar10"]) == 0
    assert main(["fetch", "oxford_pets", "--to", "pets.npz"]) == 0
    assert (tmp_path / "datasets" / "cifar10.npz").exists()
    assert "pets.npz: " in capsys.readouterr().out
    with np.load(below / "pets.npz") as file:
        assert file.files == ["train_images", "train_masks", "test_images", "test_masks"]
        assert {file[key].dtype for key in file.files} == {np.dtype(np.uint8)}
    assert main(["fetch", "cifar10", "--to", "cifar10.zip"]) == 2
    assert "error: cifar10.zip: the name of an archive ends in .npz" in capsys.readouterr().err


def test_offline_is_told_to_all_processes(tmp_path, monkeypatch, capsys):
    monkeypatch.undo()  # the real sets
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(OFFLINE, "")
    assert main(["fetch", "cifar10", "--offline"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: cifar10: missing: datasets/cifar-10-python.tar.gz, ")
    assert len(shown.splitlines()) == 1
    assert os.environ[OFFLINE] == "1"
