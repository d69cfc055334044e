"""The structure function of a path: how far iterates k steps apart are from each other, which needs no end point (ours for trajectories).

    S(k) = mean_t ‖θ_{t+k} − θ_t‖²  ∝  k^{2h}

The exponent h is 1 where the motion is ballistic (a straight path), ½ where it is diffusive (a random walk) and 0 where it is confined
(jitter around a point).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

BLOCK_BYTES = 16 * 2**20  # of the weights that are differenced at once, as float64
MAX_STARTS = 1024  # so many differences of a lag, evenly spaced, tell the standard error of sketches


def structure_function(iterates: ArrayLike, lags: Sequence[int] | None = None) -> pd.DataFrame:
    """S(k) = mean_t ‖θ_{t+k} − θ_t‖² for each lag k.

    Args:
        iterates: (n+1, P) θ_a … θ_b, of any float type; reduced in float64, a block of weights at a time.
        lags: from 1 to n; by default 1, 2, 4 … up to a quarter of n.

    Returns:
        A row a lag: lag, mean_sq.

    Raises:
        ValueError: iterates is not (n+1, P) with at least one step, or a lag is not one of 1 … n.

    >>> from trajreg.metrics.structure import structure_exponent, structure_function
    >>> table = structure_function([[0.0], [1.0], [2.0], [3.0], [4.0]], lags=[1, 2, 4])  # a straight path
    >>> table["mean_sq"].tolist(), structure_exponent(table)
    ([1.0, 4.0, 16.0], 1.0)
    """
    iterates = _matrix("iterates", iterates, at_least=2)
    chosen = _chosen(lags, len(iterates) - 1)
    sums = np.zeros(len(chosen))
    for block in _blocks(iterates):
        sums += [np.square(apart).sum() / len(apart) for apart in (block[lag:] - block[:-lag] for lag in chosen)]
    return pd.DataFrame({"lag": chosen, "mean_sq": sums})


def sketched_structure(updates: ArrayLike, collision: float, lags: Sequence[int] | None = None) -> pd.DataFrame:
    """S(k) from sketches of updates, with its standard error.

    With x_t = θ_{t+k} − θ_t, S a projection and c its factor, ‖S x_t‖² has the mean ‖x_t‖² and, with ‖S x_s‖², the covariance
    2 c ⟨x_t, x_s⟩²: the variance of S(k) is 2 c times the mean of ⟨x_t, x_s⟩² over all pairs. The products are read off the same
    sketches, less what these add to their squares on average.

    Args:
        updates: (n, k) S(θ_t − θ_{t+1}). collision: c of the projection, 0 where it is exact.
        lags: as for `structure_function`.

    Returns:
        A row a lag: lag, mean_sq, stderr; beyond MAX_STARTS differences of a lag the standard error is rather too large.

    Raises:
        ValueError: as `structure_function`.
    """
    updates = _matrix("updates", updates, at_least=1)
    chosen = _chosen(lags, len(updates))
    starts = [_spaced(len(updates) + 1 - lag) for lag in chosen]
    sums, grams = np.zeros(len(chosen)), [np.zeros((len(some), len(some))) for some in starts]
    for block in _blocks(updates):
        position = np.concatenate([np.zeros((1, block.shape[1])), np.cumsum(block, axis=0)])
        for i, lag in enumerate(chosen):
            apart = position[lag:] - position[:-lag]
            sums[i] += np.square(apart).sum() / len(apart)
            some = apart[starts[i]]
            grams[i] += some @ some.T
    variance = np.array([2 * collision * _mean_product_sq(gram, collision) for gram in grams])
    return pd.DataFrame({"lag": chosen, "mean_sq": sums, "stderr": np.sqrt(variance)})


def structure_exponent(table: pd.DataFrame) -> float:
    """h, half the slope of log S(k) against log k by least squares: ballistic 1, diffusive ½, confined 0.

    Args:
        table: of `structure_function`.

    Returns:
        h; NaN for fewer than two lags, or where an S(k) is 0 or not finite.
    """
    if len(table) < 2 or not table["mean_sq"].between(0, np.inf, inclusive="neither").all():
        return float("nan")
    lag, mean_sq = np.log(table["lag"].to_numpy(dtype=float)), np.log(table["mean_sq"].to_numpy())
    centred = lag - lag.mean()
    return float(centred @ mean_sq / (centred @ centred) / 2)


def default_lags(num_steps: int) -> np.ndarray:
    """1, 2, 4 … up to a quarter of the steps; beyond, too few differences are independent of each other."""
    return 2 ** np.arange(max(1, (num_steps // 4).bit_length()))


def matched_stretch(loss: ArrayLike, high: float, low: float, window: int) -> tuple[int, int] | None:
    """The steps (a, b) between two losses, so that paths are compared at matched loss.

    The loss of step t is the mean of the mini-batch losses of the `window` steps up to t. a is the first step where it is at or below
    `high`, b the first where it is at or below `low`; T, the number of losses, where it never is. None where it never gets to `high`.

    Raises:
        ValueError: high and low are not positive losses, the higher first, or the window is not at least 1.

    >>> from trajreg.metrics.structure import matched_stretch
    >>> matched_stretch([4.0, 3.0, 2.0, 1.0, 0.5], high=2.5, low=1.0, window=2)  # means 3.5, 2.5, 1.5, 0.75
    (2, 4)
    """
    if not 0 < low < high < np.inf:
        raise ValueError(f"high = {high:g}, low = {low:g}: should be two positive losses, the higher first")
    if window < 1:
        raise ValueError(f"window = {window}, should be at least 1 step")
    total = np.cumsum(np.concatenate([[0.0], np.asarray(loss, dtype=np.float64)]))
    mean = (total[window:] - total[:-window]) / window
    first, last = (np.flatnonzero(mean <= bound) + window - 1 for bound in (high, low))
    if not len(first):
        return None
    return int(first[0]), int(last[0]) if len(last) else len(total) - 1


def _matrix(name: str, values: ArrayLike, at_least: int) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 2 or len(array) < at_least:
        raise ValueError(f"{name} has shape {array.shape}, should be (rows, P) with at least {at_least} row(s)")
    return array


def _chosen(lags: Sequence[int] | None, num_steps: int) -> np.ndarray:
    if lags is None:
        return default_lags(num_steps)
    for lag in lags:
        if lag != int(lag) or not 1 <= lag <= num_steps:
            raise ValueError(f"lag {lag} of {num_steps} steps, should be a whole number from 1 to {num_steps}")
    return np.array(lags, dtype=int)


def _blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    """Columns of `values` as float64, a block at a time."""
    width = max(1, BLOCK_BYTES // (8 * len(values)))
    for start in range(0, values.shape[1], width):
        yield values[:, start : start + width].astype(np.float64)


def _spaced(count: int) -> np.ndarray:
    """At most MAX_STARTS of 0 … count − 1."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_STARTS)).astype(int))


def _mean_product_sq(gram: np.ndarray, collision: float) -> float:
    """The mean of ⟨x_t, x_s⟩² over pairs: sketches' squared products have c ‖x_t‖² ‖x_s‖² + c ⟨x_t, x_s⟩² more on average."""
    own = gram.diagonal()
    found = (np.square(gram) - collision * np.outer(own, own)).mean() / (1 + collision)
    return max(float(found), float(np.square(own).mean()) / len(own))  # at least what the pairs t = s alone give
