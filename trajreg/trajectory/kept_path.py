"""A path as `store` or `sketch` kept it, of which any stretch has its structure function."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from trajreg.metrics.structure import sketched_structure, structure_function
from trajreg.trajectory.sketch import Sketch
from trajreg.trajectory.store import Store


@dataclass(frozen=True)
class KeptPath:
    """estimator: `store`, rows (T+1, P) are θ_t; or `sketch`, rows (T, k) are sketches of the updates, `collision` their factor c."""

    estimator: str
    rows: np.ndarray
    collision: float = 0.0

    def structure(self, first: int, last: int) -> pd.DataFrame:
        """`structure_function` of θ_first … θ_last, from sketches with its standard error."""
        if self.estimator == "store":
            return structure_function(self.rows[first : last + 1])
        return sketched_structure(self.rows[first:last], self.collision)


def kept_path(estimator: Store | Sketch) -> KeptPath:
    """What the estimator kept, and θ as it is now as the last iterate."""
    estimator.keep()
    if isinstance(estimator, Store):
        return KeptPath("store", estimator.iterates(estimator.num_steps).numpy())
    return KeptPath("sketch", *estimator.sketches())
