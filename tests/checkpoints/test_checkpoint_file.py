"""Checkpoints as they lie on disks: every format and layout gives the same numbers; what is not read is told in a line."""

import argparse
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from safetensors.torch import save_file

import trajreg
from trajreg.checkpoints import distances
from trajreg.errors import InputError

KNOWN = {"loss": 1.0, "lr": 0.1, "num_steps": 5}
PLACES = (3.0, 1.0, 0.0)


def state(place):
    return {"a.weight": torch.full((2, 3), place), "b.bias": torch.full((3,), place), "steps": torch.tensor(7)}


def hf_folder(path, content, save, name):
    path.mkdir()
    save(content, path / name)
    torch.save({"state": {}}, path / "optimizer.pt")


def hf_shards(path, content, save, suffix):
    path.mkdir()
    names = {name: f"part-{number}{suffix}" for number, name in enumerate(content)}
    for name, file in names.items():
        save({name: content[name]}, path / file)
    main = "model.safetensors" if suffix == ".safetensors" else "pytorch_model.bin"
    (path / f"{main}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))


def prefixed(prefix):
    return lambda path, content: torch.save({f"{prefix}{name}": one for name, one in content.items()}, path)


def nested(*keys, **beside):
    def save(path, content):
        for key in reversed(keys):
            content = {**beside, key: content}
        torch.save(content, path)

    return save


def old_format(path, content):
    torch.save(content, path, _use_new_zipfile_serialization=False)


ADAM = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}
KEPT = {"losses": torch.ones(50), "sketch": {"head": torch.ones(4, 4)}}  # as a callback keeps it
LAYOUTS = {
    "safetensors": (".safetensors", lambda path, content: save_file(content, path)),
    "pt": (".pt", lambda path, content: torch.save(content, path)),
    "any suffix": (".weights", lambda path, content: torch.save(content, path)),
    "old format": (".pth", old_format),
    "lightning": (".ckpt", nested("state_dict", epoch=1, global_step=4, optimizer_states=[ADAM], hparams={"lr": 0.1})),
    "model_state_dict": (".pt", nested("model_state_dict", optimizer_state_dict=ADAM, loss=torch.tensor(0.5))),
    "model": (".pt", nested("model", optimizer={"exp_avg": torch.ones(3)}, rng={"cpu": torch.get_rng_state()})),
    "module": (".pt", nested("module")),
    "model → state_dict": (".pt", nested("model", "state_dict", metrics={"loss": torch.tensor(0.5)})),
    "lightning, callbacks": (
        ".ckpt",
        nested("state_dict", callbacks={"Own": KEPT}, loops={"fit": KEPT}, global_step=4),
    ),
    "any name of an optimiser": (
        ".pt",
        nested("net", opt={"state": {0: ADAM["state"][0]}, "param_groups": []}, adam=ADAM),
    ),
    "optimiser by module": (
        ".pt",
        nested("weights", adam={"state": {"a.weight": {"m": torch.ones(3)}}, "param_groups": []}),
    ),
    "beside arrays": (".pt", nested("model", losses=torch.ones(7), extra={"centroids": torch.ones(2, 2)})),
    "DDP": (".pt", prefixed("module.")),
    "compiled": (".pt", prefixed("_orig_mod.")),
    "DDP, compiled": (".pt", prefixed("module._orig_mod.")),
    "averaged": (
        ".pt",
        lambda path, one: torch.save({f"module.{k}": v for k, v in one.items()} | {"n": torch.tensor(1)}, path),
    ),
    "HF": ("", lambda path, one: hf_folder(path, one, save_file, "model.safetensors")),
    "HF bin": ("", lambda path, one: hf_folder(path, one, torch.save, "pytorch_model.bin")),
    "HF shards": ("", lambda path, one: hf_shards(path, one, save_file, ".safetensors")),
    "HF bin shards": ("", lambda path, one: hf_shards(path, one, torch.save, ".bin")),
}


def written(folder, layout):
    suffix, save = LAYOUTS[layout]
    paths = [folder / f"c{number}{suffix}" for number in range(len(PLACES))]
    for path, place in zip(paths, PLACES, strict=True):
        save(path, state(place))
    return paths


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_numbers(tmp_path, layout):
    paths = written(tmp_path, layout)
    table = trajreg.from_checkpoints([str(paths[0]), *paths[1:]], **KNOWN)
    np.testing.assert_allclose(table["distance"], [9, 3])
    np.testing.assert_allclose(table["displacement"], [6, 3])
    assert table.attrs["weights"] == 9
    assert table.attrs["left_out"][0] == "steps"


def test_formats_may_be_mixed(tmp_path):
    for layout in ("safetensors", "DDP", "HF shards"):
        (tmp_path / layout).mkdir()
    mixed = [written(tmp_path / one, one)[number] for number, one in enumerate(("safetensors", "DDP", "HF shards"))]
    table = trajreg.from_checkpoints([*mixed[:2], state(0.5), mixed[2]], **KNOWN)
    np.testing.assert_allclose(table["distance"], [9, 3, 1.5])


def test_tied_weights_of_a_file_count_once(tmp_path):
    paths = [tmp_path / f"{place}.pt" for place in PLACES]
    for path, place in zip(paths, PLACES, strict=True):
        shared = torch.full((4,), place)
        torch.save({"embedding": shared, "head": shared, "bias": shared[:1]}, path)
    table = trajreg.from_checkpoints(paths, **KNOWN)
    assert table.attrs["weights"] == 5
    np.testing.assert_allclose(table["distance"], np.sqrt(5) * np.array(PLACES[:2]))


@pytest.mark.parametrize("block", [1, 2**40])
def test_blocks_and_chunks_change_nothing(tmp_path, monkeypatch, block):
    monkeypatch.setattr(distances, "BLOCK", block)
    monkeypatch.setattr(distances, "CHUNK", 4)
    table = trajreg.from_checkpoints(written(tmp_path, "pt"), **KNOWN)
    np.testing.assert_allclose(table["distance"], [9, 3])


class Own:
    """A class that a checkpoint may hold."""


@pytest.mark.parametrize("layout", ["pt", "old format", "safetensors"])
@pytest.mark.parametrize("content", [lambda whole: whole[:100], lambda whole: b"no checkpoint", lambda whole: b""])
def test_a_damaged_file_is_told_in_a_line(tmp_path, layout, content):
    paths = written(tmp_path, layout)
    paths[1].write_bytes(content(paths[1].read_bytes()))
    with pytest.raises(InputError, match=r"checkpoint 1 \(.*c1.*\) is damaged, or no checkpoint") as error:
        trajreg.from_checkpoints(paths, **KNOWN)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"state_dict": state(1.0), "hparams": argparse.Namespace(lr=1)}, "argparse.Namespace"),
        ({"state_dict": state(1.0), "extra": Own()}, r"\S*Own"),
        (torch.nn.Linear(2, 2), r"torch\.\S*Linear"),
    ],
)
def test_python_objects_are_never_loaded(tmp_path, content, kind):
    paths = written(tmp_path, "pt")
    torch.save(content, paths[1])
    wanted = rf"checkpoint 1 \(.*c1.pt\) holds Python objects \(of type {kind}\).* torch.save\(checkpoint\[\"state_dict\"\], …\)"
    with pytest.raises(InputError, match=wanted) as error:
        trajreg.from_checkpoints(paths, **KNOWN)
    assert "\n" not in str(error.value)


def refused(checkpoints, message):
    with pytest.raises(InputError, match=message):
        trajreg.from_checkpoints(checkpoints, **KNOWN)


def test_a_missing_file_comes_with_what_is_there(tmp_path):
    paths = written(tmp_path, "pt")
    torch.save(ADAM, tmp_path / "optimizer.pt")
    missing = rf"checkpoint 1 \({tmp_path / 'c9.pt'}\) is not there; in {tmp_path} there are c0.pt, c1.pt, c2.pt$"
    refused([paths[0], tmp_path / "c9.pt"], missing.replace("c0.pt, c1.pt, c2.pt", ".*c1.pt.*"))
    refused([paths[0], tmp_path / "no" / "c9.pt"], "is not there; in .* there are .*c0.pt")
    (tmp_path / "empty").mkdir()
    refused([paths[0], tmp_path / "empty" / "x.pt"], "there is nothing that looks like a checkpoint")


def test_folders_without_weights_and_distributed_ones_are_told(tmp_path):
    paths = written(tmp_path, "pt")
    folder = tmp_path / "step-5"
    folder.mkdir()
    refused([paths[0], folder], "the folder has no model.safetensors, .* or pytorch_model.bin.index.json, but nothing")
    (folder / "config.json").touch()
    refused([paths[0], folder], "but config.json")
    (folder / "__0_0.distcp").touch()
    refused(
        [paths[0], folder],
        r"distributed checkpoint .* is not read; make one file of it: .* dcp_to_torch .*step-5 step-5.pt",
    )


def test_shards_that_are_missing_or_damaged_are_named(tmp_path):
    paths = written(tmp_path, "HF shards")
    whole = tmp_path / "whole"
    shutil.copytree(paths[1], whole)
    (paths[1] / "part-1.safetensors").write_bytes(b"x")
    refused(paths, r"checkpoint 1 .*: part-1.safetensors is damaged")
    (paths[1] / "part-1.safetensors").unlink()
    refused(
        paths, r"checkpoint 1 .*: part-1.safetensors is missing, one of 3 files that model.safetensors.index.json names"
    )
    (paths[1] / "model.safetensors.index.json").write_text("{}")
    refused(paths, r"model.safetensors.index.json is damaged \(KeyError\)")


def test_files_that_do_not_fit_together_are_both_named(tmp_path):
    paths = written(tmp_path, "pt")
    torch.save({**state(1.0), "b.bias": torch.ones(4)}, paths[1])
    refused(paths, r"b.bias has shape \(4,\) in checkpoint 1 \(.*c1.pt\) and \(3,\) in checkpoint 2 \(.*c2.pt\)")
    torch.save({**state(1.0), "more": torch.ones(4)}, paths[1])
    refused(paths, r"checkpoint 1 \(.*c1.pt\) has weights 'more', checkpoint 2 \(.*c2.pt\) has not")


MEASURED = """
import sys, threading, time
import torch, trajreg
from trajreg.checkpoints import distances
distances.BLOCK = distances.CHUNK = 2**21
paths = sys.argv[1:]

def resident():
    return 1024 * next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))

trajreg.from_checkpoints([{"w": torch.ones(2**22) * one} for one in range(3)], loss=1, lr=1, num_steps=1)  # buffers that stay
peaks = [before := resident()]
done = threading.Event()

def watch():
    while not done.wait(0.001):
        peaks.append(resident())

thread = threading.Thread(target=watch)
thread.start()
reads = []
for _ in range(5):  # beside other work pages are given back late: what reading takes is the least of a few
    peaks[:] = [resident()]
    trajreg.from_checkpoints(paths, loss=1, lr=1, num_steps=1)
    reads.append(max(peaks) - before)
read = min(reads)
whole = torch.ones(2**26)  # four files' worth, which a watch that sees anything sees
time.sleep(0.1)
done.set()
thread.join()
print(read, max(peaks) - before)
"""


@pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="the kernel does not say how much memory is resident"
)
def test_files_are_read_in_pieces(tmp_path):
    """Half of one of three files is the most that is in memory, mapped pages included."""
    paths, names = [tmp_path / f"{number}.safetensors" for number in range(3)], [f"w{part}" for part in range(32)]
    for number, path in enumerate(paths):
        save_file({name: torch.full((2**19,), float(number)) for name in names}, path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *paths], capture_output=True, text=True, env=environment, check=True
    )
    read, whole = map(int, done.stdout.split())
    assert read < paths[0].stat().st_size / 2 < whole
