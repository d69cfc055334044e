"""What a recording is of, by which it is recognised when it is resumed."""

from typing import Any

from trajreg.errors import InputError
from trajreg.trajectory.estimators import Options
from trajreg.trajectory.parameters import Weights

RECORDED = ("loss", "lr", "iterates", "so_far")


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


def refuse_another(state: dict[str, Any], identity: dict[str, Any]) -> None:
    """InputError where `state` is none of a recorder, or of another recording, whose first difference is named."""
    if missing := sorted({*identity, *RECORDED} - set(state)):
        raise InputError(f"the state is not one of a TrajectoryRecorder: it lacks {', '.join(missing)}")
    for key, here in identity.items():
        if state[key] != here:
            pair = (f"{len(state[key])} parameters", f"{len(here)}") if key == "parameters" else (state[key], here)
            if key == "parameters" and len(state[key]) == len(here):
                pair = next((old, new) for old, new in zip(state[key], here, strict=True) if old != new)
            raise InputError(f"the state is of another recording: its {key} has {pair[0]}, this recorder {pair[1]}")
