"""A run's identity: everything that decides its numbers, nothing of what is measured of it. Never a path or the text of a params file."""

import hashlib
import json
from typing import Any

from trajreg.run_spec import RunSpec

# Raise this when a change of the library moves the numbers of a run; a test with a stored run says when.
# 2: VGG and ResNet halve the maps of small images only while both sides stay 2 or more: no weight meets nothing but padding.
NUMERICS = 2


def identity(spec: RunSpec) -> dict[str, Any]:
    """The parts of a run's identity as plain data: its kind, its options, the checksums of its sources, the numerics version.

    Options that have their default are left out: one that is new, and whose default is what was done before, leaves all identities as
    they are. Who changes a default raises NUMERICS.
    """
    return {"kind": spec.KIND, "spec": spec.identity(), "sources": spec.sources(), "numerics": NUMERICS}


def fingerprint(spec: RunSpec) -> str:
    """20 hexadecimal digits of the SHA-256 of the identity's canonical JSON."""
    canonical = json.dumps(identity(spec), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


def differences(one: Any, other: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """The leaves in which two identities differ: (dotted key, value in one, value in the other); None is "its default"."""
    if isinstance(one, dict) or isinstance(other, dict):
        one, other = (side if isinstance(side, dict) else {} for side in (one, other))
        keys = sorted(one.keys() | other.keys())
        return [
            leaf for part in keys for leaf in differences(one.get(part), other.get(part), f"{key}.{part}".lstrip("."))
        ]
    return [] if one == other else [(key, one, other)]
