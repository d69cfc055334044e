"""Checkpoints as files: safetensors, what torch.save writes, and folders of Hugging Face's. Python objects are never loaded."""

import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from trajreg.errors import InputError, choices, is_lack_of_memory

SAFETENSORS = ".safetensors"
SUFFIXES = (SAFETENSORS, ".pt", ".pth", ".bin", ".ckpt")
IN_FOLDER = ("model", "pytorch_model", "adapter_model")  # what a folder's weights are called, with a suffix
INDEX = ".index.json"  # of weights in several files
# beside weights in a folder: what an optimiser, a scheduler, random streams and a trainer keep
NO_WEIGHTS = ("optimizer", "scheduler", "scaler", "rng_state", "random_states", "training_args")


def load(path: Path, label: str) -> Mapping[Any, Any]:
    """What a file or folder holds; tensors are mapped from the file, and read when they are looked at, where its format allows.

    Args:
        path: `.safetensors`, else what torch.save wrote (read with weights_only), or a folder with one of them, or several and their index.
        label: what errors call the checkpoint.

    Raises:
        InputError: nothing there, no checkpoint, damaged, distributed, or with Python objects in it.
    """
    if not path.exists():
        raise InputError(f"{label} is not there; {_neighbours(path)}")
    if not path.is_dir():
        return _load_file(path, label)
    main = main_file(path)
    if main is None:
        raise InputError(f"{label}: {_no_weights(path)}")
    return _load_shards(main, label) if main.name.endswith(INDEX) else _load_file(main, label)


def is_mapped(path: Path) -> bool:
    """Whether `load` maps the tensors of this checkpoint, and reads none of them."""
    main = main_file(path) if path.is_dir() else path
    if main is None:
        return False
    files = [main] if main.suffix != ".json" else [one for one in main.parent.iterdir() if one.suffix in SUFFIXES]
    return all(one.suffix == SAFETENSORS or zipfile.is_zipfile(one) for one in files)


def checkpoints_in(folder: Path) -> list[Path]:
    """The files and folders in a folder that look like checkpoints, as numbers in their names order them."""
    found = [one for one in folder.iterdir() if _is_checkpoint_file(one) or (one.is_dir() and is_checkpoint(one))]
    return sorted(found, key=lambda one: [(len(part), part) for part in re.findall(r"\d+|\D+", one.name)])


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder is one checkpoint: it has a file of weights by its usual name, or is a distributed one."""
    return main_file(folder) is not None or _is_distributed(folder)


def main_file(folder: Path) -> Path | None:
    """The file of a folder that has its weights, or the index of such files."""
    endings = (SAFETENSORS + INDEX, SAFETENSORS, ".bin" + INDEX, ".bin")
    names = [folder / f"{name}{ending}" for name in IN_FOLDER for ending in endings]
    return next((one for one in names if one.is_file()), None)


def _is_checkpoint_file(path: Path) -> bool:
    return path.is_file() and path.suffix in SUFFIXES and not path.name.startswith(NO_WEIGHTS)


def _is_distributed(folder: Path) -> bool:
    return (folder / ".metadata").exists() or any(folder.glob("*.distcp"))


def _neighbours(path: Path) -> str:
    folder = next(one for one in path.parents if one.is_dir())
    near = choices(path.name, [one.name for one in checkpoints_in(folder)])
    return f"in {folder} there {'are ' + near if near else 'is nothing that looks like a checkpoint'}"


def _no_weights(folder: Path) -> str:
    if _is_distributed(folder):
        return (
            "a distributed checkpoint (torch.distributed.checkpoint) is not read; make one file of it: "
            f"python -m torch.distributed.checkpoint.format_utils dcp_to_torch {folder} {folder.name}.pt"
        )
    wanted = f"model{SAFETENSORS}, model{SAFETENSORS}{INDEX}, pytorch_model.bin or pytorch_model.bin{INDEX}"
    held = choices("model", [one.name for one in sorted(folder.iterdir())])
    return f"the folder has no {wanted}, but {held or 'nothing'}"


def _load_shards(index: Path, label: str) -> dict[str, Any]:
    try:
        files = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{label}: {index.name} is damaged ({type(error).__name__})") from None
    whole: dict[str, Any] = {}
    for file in files:
        if not (index.parent / file).is_file():
            raise InputError(f"{label}: {file} is missing, one of {len(files)} files that {index.name} names")
        whole |= _load_file(index.parent / file, label)
    return whole


def _load_file(path: Path, label: str) -> Mapping[Any, Any]:
    try:
        if path.suffix == SAFETENSORS:
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file that is refused in the next moment
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # a damaged pickle may raise any
        if is_lack_of_memory(error):
            raise
        raise InputError(f"{label}{_inside(path, label)} {_reason(error)}") from None


def _inside(path: Path, label: str) -> str:
    return "" if path.name in label else f": {path.name}"


def _reason(error: Exception) -> str:
    text = str(error)
    kind = re.search(r"GLOBAL (\S+)", text)
    if isinstance(error, pickle.UnpicklingError) and kind:
        return (
            f"holds Python objects (of type {kind[1]}), which are never loaded; where it was made, save its state dict alone: "
            'torch.save(checkpoint["state_dict"], …), or model.state_dict()'
        )
    if "TorchScript" in text:
        return "is a TorchScript archive, not a checkpoint; save its state dict: torch.save(model.state_dict(), …)"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    first = text.strip().partition("\n")[0] if isinstance(error, SafetensorError | RuntimeError) else ""
    return f"is damaged, or no checkpoint ({first or type(error).__name__})"
