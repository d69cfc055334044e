"""A finished recording and its table."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from trajreg.errors import InputError
from trajreg.metrics.regularity import constant_rows, lr_shares, mean_lr, regularity
from trajreg.trajectory.distances import Distances


@dataclass(frozen=True)
class Trajectory:
    """A finished recording: what an estimator knows of θ_0 … θ_T, with the loss and learning rate of each step.

    `lr` is (T,), or (T, G) over G parameter groups of `group_sizes` weights; `iterates` (T+1, P) is None unless it was asked for.
    `estimator` is the one that the numbers come from.
    """

    distances: Distances
    loss: np.ndarray
    lr: np.ndarray
    steps_per_epoch: int | None = None
    iterates: torch.Tensor | None = None
    group_sizes: tuple[int, ...] | None = None
    estimator: str = "store"

    def regularity(self, optimal_loss: float | np.ndarray = 0.0) -> pd.DataFrame:
        """γ and its companions, the columns of `trajreg.regularity`: one row a step with `store`, one row an epoch with `epoch`.

        A row of an epoch carries its first step, the gap-weighted γ, walk and excess (exact, Identity B), the distance at its
        start and means of loss, gap and inner_product weighted by lr; update_norm and cosine are NaN: snapshots do not tell them.
        With `sketch`, one row a step and two more columns: gamma_stderr (of gamma and of gamma_excess) and cosine_stderr.

        Raises InputError where the learning rates of several groups change their ratios within an epoch of estimator `epoch`:
        Identity B does not hold then.
        """
        known = self.distances
        if known.inner is None:
            return self._by_epoch(optimal_loss)
        table = regularity(
            distance_sq=known.distance_sq,
            update_sq=known.update_sq,
            loss=self.loss,
            lr=self.lr,
            optimal_loss=optimal_loss,
            inner=known.inner,
            group_sizes=self.group_sizes,
        )
        return table.assign(**self._errors(table))

    def _errors(self, table: pd.DataFrame) -> dict[str, np.ndarray]:
        """Standard errors of the table's γ_t and cosines, none with an exact estimator.

        ‖U_t‖ is exact, and the errors of different groups are independent. That of the cosine is by the delta method, d_t
        being estimated together with the inner product.
        """
        known, share = self.distances, lr_shares(self.lr, self.group_sizes)
        if known.inner_stderr is None or known.distance_sq_stderr is None or known.inner_distance_cov is None:
            return {}
        inner_var, joint, distance_var = (
            terms.reshape(len(table), -1).sum(axis=1)
            for terms in (
                (share * known.inner_stderr) ** 2,
                share * known.inner_distance_cov,
                known.distance_sq_stderr**2,
            )
        )
        weight, distance_sq = table["lr"] * table["gap"], table["distance"] ** 2
        slope = table["lr"] * table["inner_product"] / (2 * distance_sq)
        cosine_var = inner_var - 2 * slope * joint + slope**2 * distance_var
        length = table["distance"] * table["lr"] * table["update_norm"]
        return {
            "gamma_stderr": np.sqrt(inner_var) / weight.where(weight > 0),
            "cosine_stderr": np.sqrt(cosine_var.clip(lower=0)) / length.where(length > 0),
        }

    def _by_epoch(self, optimal_loss: float | np.ndarray) -> pd.DataFrame:
        starts = np.arange(0, len(self.loss), self.steps_per_epoch)
        self._refuse_varying_ratios(starts)
        weight = mean_lr(self.lr, self.group_sizes)
        total = np.add.reduceat(weight, starts)
        optimal_loss = np.broadcast_to(optimal_loss, self.loss.shape)
        # an epoch as one long step of `regularity`: Σ‖θ_t − θ_{t+1}‖² makes the walk, d_a² − d_b² the rest
        table = regularity(
            distance_sq=self.distances.distance_sq,
            update_sq=np.add.reduceat(self.distances.update_sq, starts),
            loss=np.add.reduceat(weight * self.loss, starts) / total,
            lr=np.add.reduceat(self.lr, starts),
            optimal_loss=np.add.reduceat(weight * optimal_loss, starts) / total,
            group_sizes=self.group_sizes,
        )
        lr = total / np.diff([*starts, len(self.loss)])
        unknown = {name: np.nan for name in ("update_norm", "cosine", "cosine_walk") if name in table}
        return table.assign(step=starts, lr=lr, rate=lr * table["gamma"], **unknown)

    def _refuse_varying_ratios(self, starts: np.ndarray) -> None:
        shares = lr_shares(self.lr, self.group_sizes)
        moving = mean_lr(self.lr, self.group_sizes) > 0
        for epoch, rows in enumerate(np.split(np.arange(len(self.loss)), starts[1:])):
            if not constant_rows(shares[rows[moving[rows]]]):
                raise InputError(
                    f"estimator 'epoch': in epoch {epoch} (steps {rows[0]} to {rows[-1]}) the learning rates of the parameter groups "
                    "changed their ratios; epoch means are exact only where they keep them, use estimator 'store'"
                )
