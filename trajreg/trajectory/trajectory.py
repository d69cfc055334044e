"""A finished recording and its table."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from trajreg.errors import InputError
from trajreg.metrics.directedness import directedness
from trajreg.metrics.regularity import constant_rows, lr_shares, mean_lr, regularity
from trajreg.metrics.stretches import as_long_steps
from trajreg.metrics.summary import summary
from trajreg.trajectory.distances import Distances


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        lines = [
            f"Trajectory of {len(self.loss)} steps, estimator {self.estimator}: loss {self.loss[0]:.4g} → {self.loss[-1]:.4g}",
            "regularity() is its table; trajreg.summary(table) and trajreg.plot(table) show it",
        ]
        with suppress(InputError):  # rates of groups that change their ratios, where only ends of epochs are known
            whole, (directed, error) = summary(self.regularity()).loc["whole"], self.directedness()
            gamma, more = directed * whole["gamma_walk"], f" ± {error:.2g}" if error else ""
            told = f"γ {gamma:.4g} = D {directed:.4g}{more} · γ of a walk {whole['gamma_walk']:.4g}"
            lines.insert(1, f"{told} (ℓ* = 0), ‖θ_0 − θ_T‖ {whole['distance']:.4g}")
        return "\n".join(lines)

    def regularity(self, optimal_loss: float | np.ndarray = 0.0) -> pd.DataFrame:
        """γ and its companions, the columns of `trajreg.regularity`: one row a step with `store`, one row an epoch with `epoch`.

        A row of an epoch carries its first step, the gap-weighted γ, walk and excess (exact, Identity B), the distance at its
        start and means of loss, gap and inner_product weighted by lr, and `num_steps`, since the last epoch may be shorter; update_norm and
        all cosines are NaN: snapshots do not tell them.
        With `sketch`, one row a step and three more columns: gamma_stderr (of gamma and of gamma_excess), cosine_stderr and
        forward_cosine_stderr.

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

    def directedness(self, first: int = 0, last: int | None = None) -> tuple[float, float]:
        """D of the steps first ≤ t < last (all by default), and its standard error.

        The standard error is 0 where D is exact, as with every estimator but `sketch`. There it is that of the distance at the end that is
        estimated, over Σ‖Δ_t‖², and NaN where both ends are: the covariance of their errors is not known. Both are NaN where the groups'
        ratios of learning rates vary over these steps, or all rates are 0.

        Raises InputError where the steps are none of this trajectory's, or not to be had from rows of epochs.
        """
        last = len(self.loss) if last is None else last
        if not 0 <= first < last <= len(self.loss):
            raise InputError(
                f"steps {first} to {last}: there are steps 0 to {len(self.loss)}, the first before the last"
            )
        if self.distances.distance_sq_stderr is not None:
            return self._estimated_directedness(first, last, self.distances.distance_sq_stderr)
        table = self.regularity()
        rows = table[(table["step"] >= first) & (table["step"] < last)]
        if self.distances.inner is None and (rows.empty or rows["step"].iloc[0] != first or last not in self._edges()):
            raise InputError(f"steps {first} to {last}: estimator 'epoch' knows whole epochs only, {self._edges()}")
        return directedness(rows), 0.0

    def _estimated_directedness(self, first: int, last: int, stderr: np.ndarray) -> tuple[float, float]:
        known, moving = self.distances, mean_lr(self.lr, self.group_sizes)[first:last] > 0
        shares = lr_shares(self.lr, self.group_sizes)[first:last][moving]
        if not len(shares) or not constant_rows(shares):  # at rest, or nothing telescopes
            return np.nan, np.nan
        share = shares[0]
        energy = float((share * known.update_sq[first:last]).sum())
        descent = float((share * (known.distance_sq[first] - known.distance_sq[last])).sum())
        exact_end = np.zeros_like(stderr[:1])
        errors = [np.sqrt(((share * end) ** 2).sum()) for end in np.append(stderr, exact_end, axis=0)[[first, last]]]
        error = float(max(errors)) if min(errors) == 0 else np.nan
        return (descent / energy, error / energy) if energy > 0 else (np.nan, np.nan)

    def _edges(self) -> list[int]:
        """Where epochs begin, and T."""
        return [*range(0, len(self.loss), self.steps_per_epoch or 1), len(self.loss)]

    def _errors(self, table: pd.DataFrame) -> dict[str, np.ndarray]:
        """Standard errors of the table's γ_t and cosines, none with an exact estimator.

        ‖U_t‖ is exact, and the errors of different groups are independent. Those of the cosines are by the delta method, the distances
        being estimated together with the inner product.
        """
        known, share = self.distances, lr_shares(self.lr, self.group_sizes)
        if known.inner_stderr is None or known.distance_sq_stderr is None:
            return {}
        distance_var = known.distance_sq_stderr**2
        next_var = np.append(distance_var[1:], np.zeros_like(distance_var[:1]), axis=0)
        inner_var, joint, joint_next, distance_var, next_var = (
            terms.reshape(len(table), -1).sum(axis=1)
            for terms in (
                (share * known.inner_stderr) ** 2,
                share * known.inner_distance_cov,
                share * known.inner_next_cov,
                distance_var,
                next_var,
            )
        )
        weight, distance = table["lr"] * table["gap"], table["distance"]
        length, ahead = table["lr"] * table["update_norm"], distance.shift(-1, fill_value=0.0)
        forward = table["forward_cosine"]
        return {
            "gamma_stderr": np.sqrt(inner_var) / weight.where(weight > 0),
            "cosine_stderr": _cosine_error(table["cosine"], distance, length, (inner_var, joint, distance_var)),
            "forward_cosine_stderr": _cosine_error(forward, ahead, length, (inner_var, joint_next, next_var)),
        }

    def _by_epoch(self, optimal_loss: float | np.ndarray) -> pd.DataFrame:
        starts = np.arange(0, len(self.loss), self.steps_per_epoch)
        self._refuse_varying_ratios(starts)
        num_steps = np.diff([*starts, len(self.loss)])
        weight = mean_lr(self.lr, self.group_sizes)
        moves = np.repeat(np.add.reduceat(weight, starts) > 0, num_steps)
        counted = np.where(moves, weight, 1.0)  # an epoch of rate 0 has plain means
        total = np.add.reduceat(counted, starts)
        optimal_loss = np.broadcast_to(optimal_loss, self.loss.shape)
        table = as_long_steps(
            first=starts,
            distance_sq=self.distances.distance_sq,
            update_sq=np.add.reduceat(self.distances.update_sq, starts),
            loss=np.add.reduceat(counted * self.loss, starts) / total,
            lr=np.add.reduceat(weight, starts) / num_steps,
            total_lr=np.add.reduceat(self.lr, starts),
            optimal_loss=np.add.reduceat(counted * optimal_loss, starts) / total,
            group_sizes=self.group_sizes,
        )
        return table.assign(num_steps=num_steps)

    def _refuse_varying_ratios(self, starts: np.ndarray) -> None:
        shares = lr_shares(self.lr, self.group_sizes)
        moving = mean_lr(self.lr, self.group_sizes) > 0
        for epoch, rows in enumerate(np.split(np.arange(len(self.loss)), starts[1:])):
            if not constant_rows(shares[rows[moving[rows]]]):
                raise InputError(
                    f"estimator 'epoch': in epoch {epoch} (steps {rows[0]} to {rows[-1]}) the learning rates of the parameter groups "
                    "changed their ratios; epoch means are exact only where they keep them, use estimator 'store'"
                )


def _cosine_error(
    cosine: pd.Series, distance: pd.Series, length: pd.Series, spreads: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> pd.Series:
    """(T,) the standard error of cosine = x / (√y L) with y = distance²; `spreads` are var x, cov(x, y) and var y."""
    inner_var, joint, distance_var = spreads
    slope = cosine * length / (2 * distance.where(distance > 0))  # x / 2y
    variance = inner_var - 2 * slope * joint + slope**2 * distance_var
    product = distance * length
    return np.sqrt(variance.clip(lower=0)) / product.where(product > 0)
