"""trajreg: how training techniques regularise optimisation trajectories.

Measuring a training:

- `TrajectoryRecorder`: γ and its companions in any PyTorch training loop
- `regularity`, `theorem_bound`, `TheoremBound`: the same from distances and losses; the bound of Theorem 1
- `from_checkpoints`: γ between the checkpoints of a training that is over
- `sharpness`, `Eigenvalues`: the largest eigenvalues of the Hessian of a net's loss

Reading a table of steps:

- `summary`, `plot`, `export`: a small frame, a figure, and the logs of TensorBoard and Weights & Biases
- `over_stretches`: γ, D and the rest of stretches of steps, epochs for instance
- `directedness`: D, what the direction of a stretch of steps adds to their length
- `factors`: what γ is made of
- `shuffled_updates`: γ along the path that makes the same updates in another order

`InputError` is what all of them raise where something given is wrong; it is a `ValueError`.
`__version__` is that of the installed package; "0+unknown" where it is not installed but read from its folder.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trajreg.checkpoints.table import from_checkpoints
    from trajreg.metrics.aggregate import over_stretches
    from trajreg.metrics.directedness import directedness
    from trajreg.metrics.factors import factors
    from trajreg.metrics.regularity import TheoremBound, regularity, theorem_bound
    from trajreg.metrics.sharpness import Eigenvalues, sharpness
    from trajreg.metrics.shuffled import shuffled_updates
    from trajreg.metrics.summary import summary
    from trajreg.plots.plot import plot
    from trajreg.trajectory.export import export
    from trajreg.trajectory.recorder import TrajectoryRecorder

    __version__: str

# name → module, imported when first used: planning and `make` with nothing to do never wait for torch
_HOME = {
    "Eigenvalues": "trajreg.metrics.sharpness",
    "InputError": "trajreg.errors",
    "TheoremBound": "trajreg.metrics.regularity",
    "TrajectoryRecorder": "trajreg.trajectory.recorder",
    "directedness": "trajreg.metrics.directedness",
    "export": "trajreg.trajectory.export",
    "factors": "trajreg.metrics.factors",
    "from_checkpoints": "trajreg.checkpoints.table",
    "over_stretches": "trajreg.metrics.aggregate",
    "plot": "trajreg.plots.plot",
    "regularity": "trajreg.metrics.regularity",
    "sharpness": "trajreg.metrics.sharpness",
    "shuffled_updates": "trajreg.metrics.shuffled",
    "summary": "trajreg.metrics.summary",
    "theorem_bound": "trajreg.metrics.regularity",
}

__all__ = [
    "Eigenvalues",
    "InputError",
    "TheoremBound",
    "TrajectoryRecorder",
    "directedness",
    "export",
    "factors",
    "from_checkpoints",
    "over_stretches",
    "plot",
    "regularity",
    "sharpness",
    "shuffled_updates",
    "summary",
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
