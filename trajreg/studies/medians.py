"""Medians: what becomes of values that are not known."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Bounds = tuple[float, float]
"""The smallest and the largest that a value can be; the same number twice where it is known."""


def median(values: npt.ArrayLike) -> float:
    """The median, NaN where a value is."""
    return float(np.median(np.asarray(values, dtype=float)))


def median_of_known(values: Iterable[float]) -> float:
    """The median of what is known, NaN where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return median(known) if known else math.nan


def median_of_bounds(bounds: Sequence[Bounds]) -> tuple[float, str]:
    """(median, ""); where the bounds leave it open (the side of it that is known, "≥" or "≤"), NaN if there is none."""
    with np.errstate(invalid="ignore"):  # the mean of −∞ and ∞ in the middle: it may be anything
        low, high = (median(side) for side in zip(*bounds, strict=True))
    if low == high:
        return low, ""
    if math.isfinite(low):
        return low, "≥"
    return (high, "≤") if math.isfinite(high) else (math.nan, "")
