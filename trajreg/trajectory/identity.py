"""What a recording is of, by which it is recognised when it is resumed."""

import hashlib
from typing import Any

import torch

from trajreg.errors import InputError
from trajreg.trajectory.estimators import Options
from trajreg.trajectory.parameters import Weights

RECORDED = ("loss", "lr", "iterates", "so_far", "weights")


def identity_of(options: Options, weights: Weights) -> dict[str, Any]:
    """Plain values that are the same in a recording and in the one that resumes it; `options` are resolved."""
    sketched = options.estimator == "sketch"
    return {
        "estimator": options.estimator,
        "steps_per_epoch": options.steps_per_epoch,
        "num_sketch": options.sketch_size(weights) if sketched else None,
        "sketch_seed": options.sketch_seed if sketched else None,
        "group_sizes": list(weights.group_sizes),
        "parameters": weights.describe(),
    }


def refuse_another(state: dict[str, Any], identity: dict[str, Any], weights: Weights) -> None:
    """InputError where `state` is none of a recorder, of another recording (the first difference is named), or left at other weights."""
    if missing := sorted({*identity, *RECORDED} - set(state)):
        raise InputError(f"the state is not one of a TrajectoryRecorder: it lacks {', '.join(missing)}")
    for key, here in identity.items():
        if state[key] != here:
            pair = (f"{len(state[key])} parameters", f"{len(here)}") if key == "parameters" else (state[key], here)
            if key == "parameters" and len(state[key]) == len(here):
                pair = next((old, new) for old, new in zip(state[key], here, strict=True) if old != new)
            raise InputError(f"the state is of another recording: its {key} has {pair[0]}, this recorder {pair[1]}")
    if state["weights"] != digest(weights):
        raise InputError(
            "the recording was left at other weights than these: load its state after those of the model and the optimiser that were "
            "saved with it, before the first step"
        )


def digest(weights: Weights) -> str:
    """Of θ as it is, bit by bit: a recording goes on from the weights at which it was left."""
    found = hashlib.blake2b(digest_size=16)
    for tensor in weights.tensors:
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
