"""trajreg: how training techniques regularise optimisation trajectories.

- `regularity`, `theorem_bound`, `TheoremBound`: γ and its companions from distances and losses; the bound of Theorem 1
- `directedness`: D, what the direction of a stretch of steps adds to their length
- `TrajectoryRecorder`: measure them in any PyTorch training loop
- `from_checkpoints`: γ between the checkpoints of a training that is over
- `sharpness`, `Eigenvalues`: the largest eigenvalues of the Hessian of a net's loss
- `__version__`: of the installed package; "0+unknown" where it is not installed but read from its folder
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trajreg.metrics.directedness import directedness
    from trajreg.metrics.regularity import TheoremBound, regularity, theorem_bound
    from trajreg.metrics.sharpness import Eigenvalues, sharpness
    from trajreg.trajectory.checkpoints import from_checkpoints
    from trajreg.trajectory.recorder import TrajectoryRecorder

    __version__: str

# name → module, imported when first used: planning and `make` with nothing to do never wait for torch
_HOME = {
    "Eigenvalues": "trajreg.metrics.sharpness",
    "TheoremBound": "trajreg.metrics.regularity",
    "TrajectoryRecorder": "trajreg.trajectory.recorder",
    "directedness": "trajreg.metrics.directedness",
    "from_checkpoints": "trajreg.trajectory.checkpoints",
    "regularity": "trajreg.metrics.regularity",
    "sharpness": "trajreg.metrics.sharpness",
    "theorem_bound": "trajreg.metrics.regularity",
}

__all__ = [
    "Eigenvalues",
    "TheoremBound",
    "TrajectoryRecorder",
    "directedness",
    "from_checkpoints",
    "regularity",
    "sharpness",
    "theorem_bound",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    if name not in _HOME:
        raise AttributeError(f"module 'trajreg' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow to import, and seldom asked for

    try:
        return version("trajreg")
    except PackageNotFoundError:
        return "0+unknown"
