"""γ where only some steps are known: the distances at a stretch's ends tell its ratio of sums (Identity B), nothing its distribution."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from trajreg.metrics.aggregate import over_stretches, phase_of, summary_of


@dataclass(frozen=True)
class PartialTable:
    """A trajectory of T steps of which some have a row.

    steps: those rows, as `regularity` gives them, with T's numbering. distance_sq: (T+1,) ‖θ_t − θ_T‖²; lr, gap: (T,). All NaN
    where unknown.
    """

    steps: pd.DataFrame
    distance_sq: np.ndarray
    lr: np.ndarray
    gap: np.ndarray

    def over_stretches(self, stretch: np.ndarray) -> pd.DataFrame:
        """As `over_stretches`, for each label of `stretch` (T,), whose labels rise: 1, 1, 2, 2 … or early … late.

        Where every step has a row all columns are those of `over_stretches`, bit by bit. Elsewhere gamma and rate are exact,
        (d_a² − d_b²) / (2 Σ η gap), if distances and gaps are known, and the other columns are NaN: the directedness too, which
        needs the lengths of all steps. There the gaps that are not positive count too; `over_stretches` leaves out such steps.
        """
        labels, first, counts = np.unique(stretch, return_index=True, return_counts=True)
        known = stretch[self.steps["step"]]
        table = over_stretches(self.steps, known).reindex(labels)
        complete = pd.Series(known).value_counts().reindex(labels, fill_value=0).to_numpy() == counts
        descent = self.distance_sq[first] - self.distance_sq[first + counts]
        weight = np.add.reduceat(self.lr * self.gap, first)
        gamma = np.divide(descent / 2, weight, out=np.full(len(labels), np.nan), where=weight > 0)
        exact = pd.DataFrame({"gamma": gamma, "rate": np.add.reduceat(self.lr, first) / counts * gamma}, index=labels)
        table.loc[~complete] = exact.reindex(columns=table.columns)
        return table

    def summarise(self) -> dict[str, float]:
        """As `summarise`, of the whole trajectory and its phases; NaN where unknown."""
        steps = np.arange(len(self.lr))
        whole = self.over_stretches(np.zeros(len(steps), dtype=int))
        phases = self.over_stretches(phase_of(pd.DataFrame({"step": steps})))
        known = self.steps if len(self.steps) == len(steps) else None
        return summary_of(whole, phases, np.sqrt(self.distance_sq[0]), known)
