"""Snapshots: a restored training goes on bit by bit; a snapshot that cannot be believed is named."""

import json
import shutil

import pytest
import torch
from torch import nn

from trajreg.data.dataset import checksum
from trajreg.errors import InputError
from trajreg.training.snapshot_index import kept_numbers
from trajreg.training.snapshots import Snapshots, capture, landing, reserve, restore

OPTIMISERS = {
    "sgd": lambda weights: torch.optim.SGD(weights, lr=0.1),
    "momentum": lambda weights: torch.optim.SGD(weights, lr=0.05, momentum=0.9),
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.02),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=0.02, weight_decay=0.1),
    "adagrad": lambda weights: torch.optim.Adagrad(weights, lr=0.1),
    "rmsprop": lambda weights: torch.optim.RMSprop(weights, lr=0.01, momentum=0.5),
}


class Net:
    """A net with batch norm and dropout in somebody's training, data drawn by a generator."""

    def __init__(self, name, seed):
        torch.manual_seed(seed)
        layers = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
        self.model = nn.Sequential(*layers)
        self.optimizer = OPTIMISERS[name](self.model.parameters())
        self.order = torch.Generator().manual_seed(seed)

    def steps(self, count):
        for _ in range(count):
            inputs = torch.randn(10, 6, generator=self.order)
            self.optimizer.zero_grad()
            self.model(inputs).square().sum(dim=1).mean().backward()
            self.optimizer.step()

    def parts(self):
        return self.model, self.optimizer, self.order


def same(one, other):
    """Whether two states are the same bit by bit."""
    tensors = one.tensors.keys() == other.tensors.keys() and all(
        checksum(one.tensors[name]) == checksum(other.tensors[name]) for name in one.tensors
    )
    return tensors and one.plain == other.plain


@pytest.fixture(autouse=True)
def the_global_stream_comes_back():
    with torch.random.fork_rng():
        yield


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("steps_before", [0, 3])
def test_a_restored_training_goes_on_bit_by_bit(tmp_path, name, steps_before):
    one, other, snapshots = Net(name, 1), Net(name, 2), Snapshots(tmp_path)
    one.steps(steps_before)
    snapshots.write(0, capture(*one.parts()))
    one.steps(5)
    end = capture(*one.parts())
    other.steps(2)
    restore(snapshots.read(0), *other.parts())
    other.steps(5)
    assert same(capture(*other.parts()), end)
    assert landing(one.model) == landing(other.model)


def test_a_snapshot_is_a_copy_that_training_does_not_move(tmp_path):
    net = Net("adam", 1)
    before = capture(*net.parts())
    kept = {name: tensor.clone() for name, tensor in before.tensors.items()}
    net.steps(2)
    assert all(torch.equal(before.tensors[name], kept[name]) for name in kept)


def test_a_landing_tells_weights_and_buffers_bit_by_bit():
    net = Net("sgd", 1).model
    before, weight, mean = landing(net), net[0].weight.detach(), net[1].running_mean
    assert landing(Net("adam", 1).model) == before
    for tensor in (weight, mean):
        kept = tensor.clone()
        tensor.view(-1)[0] = torch.nextafter(tensor.view(-1)[0], torch.tensor(9.0))
        assert landing(net) != before
        tensor.copy_(kept)
        assert landing(net) == before
    weight.zero_()
    zero = landing(net)
    assert landing(net) != before
    weight.neg_()
    assert landing(net) != zero  # −0.0 has other bits


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write_two(folder, log=True):
    snapshots, net = Snapshots(folder), Net("momentum", 1)
    for number in range(2):
        snapshots.write(number, capture(*net.parts()), {"row": {"epoch": number}} if log else None)
        net.steps(2)
    return snapshots


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
@pytest.mark.parametrize("position", [0, 0.3, 0.99])
def test_one_changed_byte_is_noticed_and_the_file_named(tmp_path, suffix, position):
    snapshots = write_two(tmp_path)
    path = tmp_path / f"epoch-000001.{suffix}"
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"snapshot .*epoch-000001.{suffix} was changed since it was written"):
        snapshots.read(1)
    snapshots.read(0)


def test_missing_snapshots_are_named(tmp_path):
    snapshots = write_two(tmp_path / "some")
    with pytest.raises(InputError, match=r"the snapshot after epoch 2 is missing \(.*epoch-000002"):
        snapshots.read(2)
    (tmp_path / "some" / "epoch-000000.safetensors").unlink()
    assert snapshots.numbers() == [1]
    with pytest.raises(InputError, match="the snapshot after epoch 0 is missing"):
        snapshots.read(0)
    with pytest.raises(InputError, match="the snapshot after epoch 0 is missing"):
        Snapshots(tmp_path / "none").read(0)
    assert Snapshots(tmp_path / "none").numbers() == []


def test_a_snapshot_cut_short_does_not_count(tmp_path):
    snapshots = write_two(tmp_path)
    (tmp_path / "epoch-000002.safetensors").write_bytes(b"half")
    assert snapshots.numbers() == [0, 1]
    assert snapshots.log(1) == {"row": {"epoch": 1}}


def test_an_unreadable_manifest_is_named(tmp_path):
    snapshots = write_two(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"snapshots in .*: manifest.json is unreadable"):
        snapshots.read(0)


def test_no_pickle_is_on_the_disk(tmp_path):
    write_two(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    json.loads((tmp_path / "epoch-000001.json").read_text())


def test_only_some_are_kept(tmp_path):
    snapshots = write_two(tmp_path)
    snapshots.write(2, snapshots.read(1))
    snapshots.keep_only([0, 2, 7])
    assert snapshots.numbers() == [0, 2]
    assert (
        sorted(path.name.partition(".")[0] for path in tmp_path.glob("epoch-*"))
        == ["epoch-000000"] * 2 + ["epoch-000002"] * 2
    )
    snapshots.read(2)
    with pytest.raises(InputError, match="the snapshot after epoch 1 is missing"):
        snapshots.read(1)


def test_without_logs_they_are_what_a_replay_leaves(tmp_path):
    with_logs, without = write_two(tmp_path / "one"), write_two(tmp_path / "other", log=False)
    assert files(with_logs.folder) != files(without.folder)
    with_logs.drop_logs()
    assert files(with_logs.folder) == files(without.folder)
    assert with_logs.log(1) == {}


def test_they_move_in_one_piece_to_the_place_of_others(tmp_path):
    snapshots, old = write_two(tmp_path / "new"), write_two(tmp_path / "old")
    old.write(5, old.read(0))
    before = snapshots.read(1)
    snapshots.move(tmp_path / "old")
    assert snapshots.folder == tmp_path / "old"
    assert snapshots.numbers() == old.numbers() == [0, 1]
    assert same(snapshots.read(1), before)
    assert not (tmp_path / "new").exists()


def test_deleted_ones_are_gone(tmp_path):
    snapshots = write_two(tmp_path / "some")
    snapshots.delete()
    assert snapshots.numbers() == []
    assert not snapshots.folder.exists()
    snapshots.delete()


@pytest.mark.parametrize(("every", "kept"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4, 5]), (5, [0, 5]), (9, [0, 5])])
def test_start_and_end_are_among_the_kept_ones(every, kept):
    assert kept_numbers(5, every) == kept


def test_the_disk_is_announced_and_refused_when_too_small(tmp_path, monkeypatch):
    said = []
    reserve(tmp_path / "run", 31, 1000, said.append)
    assert "31 snapshots need up to 31,000 bytes" in said[0]
    usage = shutil.disk_usage(tmp_path)._replace(free=30_999)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        InputError, match=r"31 snapshots need up to 31,000 bytes, 30,999 are available in .*; keep fewer"
    ):
        reserve(tmp_path / "run", 31, 1000, said.append)
    assert len(said) == 1
