"""A run's identity: everything that decides its numbers. Never a path, never the text of a params file."""

import hashlib
import json
from typing import Any

from trajreg.data.sources import source_checksum
from trajreg.training.spec import TrainSpec

# Raise this when a change of the library moves the numbers of a training; a test with a stored run says when.
NUMERICS = 1


def identity(spec: TrainSpec) -> dict[str, Any]:
    """The parts of a run's identity as plain data: the whole resolved spec, its data's checksum, the numerics version.

    The path of an archive is no part of it: the checksum of its content is.
    """
    return {
        "spec": spec.model_dump(mode="json", exclude={"data": {"path"}}),
        "data": source_checksum(spec.data),
        "numerics": NUMERICS,
    }


def fingerprint(spec: TrainSpec) -> str:
    """20 hexadecimal digits of the SHA-256 of the identity's canonical JSON."""
    canonical = json.dumps(identity(spec), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


def differences(one: Any, other: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """The leaves in which two identities differ: (dotted key, value in one, value in the other)."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [
            leaf for part in keys for leaf in differences(one.get(part), other.get(part), f"{key}.{part}".lstrip("."))
        ]
    return [] if one == other else [(key, one, other)]
