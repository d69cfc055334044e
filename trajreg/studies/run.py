"""One finished run, as tables; where it was stored is not its business."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Run:
    """A run of a variant at a seed.

    epochs: a row an epoch (losses, accuracies, γ over the epoch); summary: the numbers of the whole run; `steps()` reads the
    per-step table; `iterates()` the (T+1, P) array of θ_t, if it was kept. measured: which estimator γ comes from, in words.
    """

    variant: str
    settings: dict
    seed: int
    fingerprint: str
    diverged: bool
    epochs: pd.DataFrame
    summary: dict[str, float]
    steps: Callable[[], pd.DataFrame]
    iterates: Callable[[], object]
    measured: str = ""
