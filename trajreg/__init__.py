"""trajreg: how training techniques regularise optimisation trajectories.

- `regularity`, `theorem_bound`, `TheoremBound`: γ and its companions from distances and losses; the bound of Theorem 1
- `TrajectoryRecorder`: measure them in any PyTorch training loop
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trajreg.metrics.regularity import TheoremBound, regularity, theorem_bound
    from trajreg.trajectory.recorder import TrajectoryRecorder

# name → module, imported when first used: planning and `make` with nothing to do never wait for torch
_HOME = {
    "regularity": "trajreg.metrics.regularity",
    "theorem_bound": "trajreg.metrics.regularity",
    "TheoremBound": "trajreg.metrics.regularity",
    "TrajectoryRecorder": "trajreg.trajectory.recorder",
}

__all__ = ["TheoremBound", "TrajectoryRecorder", "regularity", "theorem_bound"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'trajreg' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
