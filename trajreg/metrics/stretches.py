"""γ over stretches of steps of which only the two ends are known (Identity B, derived from the definition of arXiv 2011.06702).

Over the steps a ≤ t < b between two iterates, Σ η_t γ_t gap_t = (d_a² − d_b²) / 2 with d = ‖θ − θ_T‖: the gap-weighted mean of γ_t
follows exactly from the distances at the ends. How the steps between them went, they do not tell.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from trajreg.errors import InputError, shown
from trajreg.metrics.regularity import regularity

# what a stretch as one long step does not tell
_OF_STEPS = ("update_norm", "cosine", "forward_cosine", "cosine_walk", "update_scaled")
_OF_LENGTHS = ("gamma_walk", "gamma_excess", "inner_product")  # what needs Σ‖Δ_t‖²
_ROUNDING = 1e-3  # by which Σ‖Δ_t‖², summed in single precision say, may be too small


def as_long_steps(
    *,
    first: np.ndarray,
    distance_sq: np.ndarray,
    update_sq: np.ndarray,
    loss: np.ndarray,
    lr: np.ndarray,
    total_lr: np.ndarray,
    optimal_loss: np.ndarray,
    group_sizes: ArrayLike | None = None,
) -> pd.DataFrame:
    """The columns of `regularity` with a row a stretch, each taken for one long step; those that are of single steps are NaN.

    Args:
        first: (m,) the first step of each stretch.
        distance_sq: (m+1,) ‖θ − θ_T‖² at the ends of stretches.
        update_sq: (m,) Σ‖θ_t − θ_{t+1}‖² of each stretch: it makes the walk, d_a² − d_b² the rest.
        loss, optimal_loss: (m,) means over the stretch, weighted by the learning rate.
        lr, total_lr: (m,) mean and sum of the learning rate; the sum, distance_sq and update_sq have an axis (…, G) over groups.
        group_sizes: as `regularity`.
    """
    table = regularity(
        distance_sq=distance_sq,
        update_sq=update_sq,
        loss=loss,
        lr=total_lr,
        optimal_loss=optimal_loss,
        group_sizes=group_sizes,
    )
    unknown = {name: np.nan for name in _OF_STEPS if name in table}
    return table.assign(step=first, lr=lr, rate=lr * table["gamma"], **unknown)


@dataclass(frozen=True)
class Stretches:
    """What is known of the steps between m + 1 kept iterates, all (m,); `trajreg.from_checkpoints` says what it means.

    loss, lr, optimal_loss: means over the steps of a stretch. num_steps: how many it has. update_sq: Σ‖θ_t − θ_{t+1}‖², or None.
    """

    loss: np.ndarray
    lr: np.ndarray
    num_steps: np.ndarray
    optimal_loss: np.ndarray
    update_sq: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        count: int,
        loss: ArrayLike,
        lr: ArrayLike,
        num_steps: ArrayLike,
        optimal_loss: ArrayLike = 0.0,
        update_sq: ArrayLike | None = None,
    ) -> "Stretches":
        """Of `count` stretches; scalars are the same for all. InputError for a wrong length, or a value that no training has."""
        known = cls(
            _numbers("loss", loss, count),
            _numbers("lr", lr, count, at_least=0.0),
            _counts(num_steps, count),
            _numbers("optimal_loss", optimal_loss, count),
            None if update_sq is None else _numbers("update_sq", update_sq, count, at_least=0.0, scalar=False),
        )
        _refuse_negative_loss(known.loss, known.optimal_loss)
        return known

    def table(self, distance_sq: np.ndarray, displacement_sq: np.ndarray) -> pd.DataFrame:
        """A row a stretch, from (m+1,) ‖θ − θ_T‖² of the iterates, the last 0, and (m,) ‖θ_a − θ_b‖² from each to the next.

        Raises InputError where steps of lengths `update_sq` do not reach from one iterate to the next.
        """
        count = len(self.num_steps)
        lengths = np.zeros(count) if self.update_sq is None else self.update_sq
        if self.update_sq is not None:
            _refuse_too_short(self.update_sq, displacement_sq, self.num_steps)
        table = as_long_steps(
            first=np.cumsum(self.num_steps) - self.num_steps,
            distance_sq=distance_sq,
            update_sq=lengths,  # γ is the same whatever they are
            loss=self.loss,
            lr=self.lr,
            total_lr=self.num_steps * self.lr,
            optimal_loss=self.optimal_loss,
        )
        if self.update_sq is None:
            table = table.assign(**dict.fromkeys(_OF_LENGTHS, np.nan))
        table.insert(0, "stretch", np.arange(count))
        table.insert(1, "num_steps", self.num_steps)
        descent, known = distance_sq[:-1] - distance_sq[1:], np.where(lengths > 0, lengths, np.nan)
        return table.assign(displacement=np.sqrt(displacement_sq), directedness=descent / known)


def _numbers(name: str, values: ArrayLike, count: int, at_least: float = -np.inf, scalar: bool = True) -> np.ndarray:
    """(count,) float64; InputError that names the array and the place where it is not so many finite numbers."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except RuntimeError:  # of tensors with a gradient
        raise InputError(f"{name} is {shown(values)}, should be plain numbers: loss.item() of each step") from None
    except (TypeError, ValueError):
        raise InputError(f"{name} must be {_wanted(count, scalar)}, got {shown(values)}") from None
    if array.ndim == 0 and scalar:
        array = np.full(count, array)
    if array.shape != (count,):
        given = f"{array.size} value{'s' * (array.size != 1)}" if array.ndim == 1 else f"shape {array.shape}"
        raise InputError(f"{name} has {given} for {count + 1} checkpoints, should be {_wanted(count, scalar)}")
    wrong = ~np.isfinite(array) | (array < at_least)
    if wrong.any():
        place = int(np.argmax(wrong))
        limit = f" of at least {at_least:g}" if np.isfinite(at_least) else ""
        raise InputError(f"{name} of stretch {place} is {array[place]:g}, should be a finite number{limit}")
    return array


def _wanted(count: int, scalar: bool) -> str:
    return f"{'a number or ' * scalar}{count}, one for each stretch between two checkpoints"


def _counts(num_steps: ArrayLike, count: int) -> np.ndarray:
    steps = _numbers("num_steps", num_steps, count)
    wrong = (steps < 1) | (steps != np.round(steps))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise InputError(f"num_steps of stretch {place} is {steps[place]:g}, should be a positive whole number")
    return steps.astype(np.int64)


def _refuse_negative_loss(loss: np.ndarray, optimal_loss: np.ndarray) -> None:
    wrong = (loss < 0) & (optimal_loss == 0)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise InputError(
            f"loss of stretch {place} is {loss[place]:g}, below optimal_loss = 0; give the infimum of a loss that may be negative"
        )


def _refuse_too_short(update_sq: np.ndarray, displacement_sq: np.ndarray, num_steps: np.ndarray) -> None:
    least = displacement_sq / num_steps
    wrong = update_sq < least * (1 - _ROUNDING)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise InputError(
            f"update_sq of stretch {place} is {update_sq[place]:g}, but the squared lengths of {num_steps[place]} steps that lead from one "
            f"checkpoint to the next sum up to at least {least[place]:g}, the squared displacement over their number"
        )
