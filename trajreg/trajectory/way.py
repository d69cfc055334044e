"""What can be known of a trajectory while it is still under way, when there is no θ_T yet (ours)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from trajreg.metrics.regularity import constant_rows, lr_shares, mean_lr
from trajreg.metrics.structure import default_lags, structure_exponent
from trajreg.trajectory.distances import squared_length

COLUMNS = ["step", "loss", "lr", "distance_from_start", "path_length", "directedness", "structure_exponent"]
STARTS = 8  # differences of a lag, spread over the stretch: a look once an epoch is to cost a few steps, not an epoch


@dataclass(frozen=True)
class Way:
    """The way from θ_0 to the latest iterate, of G parameter groups.

    update_sq: (n, G) ‖θ_t − θ_{t+1}‖² of the steps that were asked for. from_start_sq: (G,) ‖θ_t − θ_0‖² now.
    structure_exponent: h of those steps, see `structure_exponent`; NaN where single iterates are not known.
    """

    update_sq: np.ndarray
    from_start_sq: np.ndarray
    structure_exponent: float

    @classmethod
    def of(
        cls,
        squares: Sequence[torch.Tensor],
        ends: tuple[torch.Tensor, torch.Tensor],
        sizes: Sequence[int],
        exponent: float,
    ) -> "Way":
        """From ‖θ_t − θ_{t+1}‖² as an estimator keeps them, each (G,) or a scalar, and θ_0 and the latest iterate (P,)."""
        known = torch.stack(list(squares)).cpu().numpy() if squares else np.zeros(0)
        return cls(known.reshape(-1, len(sizes)), apart_sq(*ends, sizes).cpu().numpy(), exponent)


class SoFar:
    """The table of `TrajectoryRecorder.so_far`: a row each time it is asked for, about the steps since the row before.

    `group_sizes`: weights in each parameter group.
    """

    def __init__(self, group_sizes: Sequence[int]):
        self._group_sizes, self.rows = group_sizes, list[dict[str, float]]()
        self._update_sq = np.zeros((0, len(group_sizes)))

    @property
    def num_steps(self) -> int:
        """Steps that the rows are about."""
        return len(self._update_sq)

    def add(self, way: Way, loss: np.ndarray, lr: np.ndarray) -> None:
        """A row from the way since the last one, and the loss (t,) and the learning rates (t, G) of all steps."""
        since = self.num_steps
        self._update_sq = np.concatenate([self._update_sq, way.update_sq])
        known = self.num_steps
        mean, share = (of(lr[:known], self._group_sizes) for of in (mean_lr, lr_shares))
        moving = mean > 0
        row = {
            "step": known,
            "loss": loss[since:known].mean(),
            "lr": mean[-1],
            "distance_from_start": math.sqrt(way.from_start_sq.sum()),
            "path_length": np.sqrt(self._update_sq.sum(axis=1)).sum(),
            "directedness": _directedness(way.from_start_sq, self._update_sq[moving], share[moving]),
            "structure_exponent": way.structure_exponent,
        }
        self.rows.append({name: float(value) for name, value in row.items()})

    def state(self) -> dict[str, Any]:
        """What the rows are made of, for a recording that is resumed."""
        return {"rows": list(self.rows), "update_sq": torch.from_numpy(self._update_sq)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on after `state`."""
        self.rows, self._update_sq = list(state["rows"]), state["update_sq"].numpy().copy()

    def table(self) -> pd.DataFrame:
        """All rows."""
        return pd.DataFrame(self.rows, columns=COLUMNS).astype({"step": int})


def _directedness(from_start_sq: np.ndarray, update_sq: np.ndarray, share: np.ndarray) -> float:
    """D up to now, over groups in the scaled metric; NaN where their rates changed their ratios, or no weight moved."""
    if not len(share) or not constant_rows(share):
        return math.nan
    energy = float((share * update_sq).sum())
    return float((share[0] * from_start_sq).sum()) / energy if energy > 0 else math.nan


def apart_sq(one: torch.Tensor, other: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """(G,) ‖one − other‖² of two iterates, float64, over each group of `sizes` neighbours; subtracted in their own type, at least float32.

    A difference is rounded relative to itself there, which is enough to be looked at, and faster than float64.
    """
    wide = torch.promote_types(one.dtype, torch.float32)
    apart = one.to(wide) - other.to(one.device, wide)
    return torch.stack([squared_length(part) for part in torch.split(apart, list(sizes))])


def sampled_exponent(iterate: Callable[[int], torch.Tensor], num_steps: int) -> float:
    """h of θ_0 … θ_n, n = `num_steps`, from STARTS differences a lag; `iterate` gives θ_t, or what has its lengths on average."""
    rows = []
    for lag, starts in _pairs(num_steps).items():
        apart = [float(apart_sq(iterate(t + lag), iterate(t), [iterate(t).numel()])) for t in starts]
        rows.append({"lag": lag, "mean_sq": np.mean(apart)})
    return structure_exponent(pd.DataFrame(rows, columns=["lag", "mean_sq"]))


def summed_exponent(updates: Sequence[torch.Tensor]) -> float:
    """h of the path that (n,) vectors are the updates of, a running sum of which is kept only where it is needed."""
    wanted = {t + more for lag, starts in _pairs(len(updates)).items() for t in starts for more in (0, lag)}
    kept: dict[int, torch.Tensor] = {}
    position = torch.zeros(len(updates[0]) if updates else 0, dtype=torch.float64)
    for t in range(len(updates) + 1):
        if t in wanted:
            kept[t] = position.clone()
        if t < len(updates):
            position += updates[t]
    return sampled_exponent(kept.__getitem__, len(updates))


def _pairs(num_steps: int) -> dict[int, list[int]]:
    """Lag → where its differences start; none where there are fewer than one step."""
    if num_steps < 1:
        return {}
    lags = default_lags(num_steps).tolist()
    return {lag: np.unique(np.linspace(0, num_steps - lag, STARTS).astype(int)).tolist() for lag in lags}
