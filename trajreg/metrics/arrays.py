"""Arrays as a caller gave them: made float64, and refused by name where a shape or a value is wrong."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def agreed(
    distance_sq: ArrayLike, update_sq: ArrayLike, lr: ArrayLike, inner: ArrayLike | None, *others: ArrayLike
) -> tuple[int, tuple[int, ...]]:
    """T, and (G,) or (), as most of the arrays have them: a wrong shape is then blamed on the array that is alone with it."""
    by_group = (np.atleast_1d(distance_sq)[1:], update_sq, lr, inner)
    grouped, others_shapes = (
        [np.shape(one) for one in some if one is not None and np.ndim(one)] for some in (by_group, others)
    )
    lengths = [shape[0] for shape in (*grouped, *others_shapes)]
    return _most_common(lengths), _most_common([shape[1:2] for shape in grouped])


def _most_common(values: list[Any]) -> Any:
    """The value that occurs most often, the first one where several do."""
    return Counter(values).most_common(1)[0][0]


def checked(
    name: str,
    values: ArrayLike,
    length: int,
    at_least: float = -np.inf,
    broadcast: bool = False,
    groups: tuple[int, ...] = (),
) -> np.ndarray:
    """(length, *groups) float64 of `values`; ValueError that names the array where its shape or a value is wrong."""
    array = np.asarray(values, dtype=np.float64)
    if broadcast and array.ndim == 0:
        array = np.full((length, *groups), array)
    if array.shape != (length, *groups):
        wanted = f"{(length, *groups)}" + (" or a scalar" if broadcast else "")
        raise ValueError(f"{name} has shape {array.shape}, should be {wanted}")
    if (array < at_least).any():
        first = np.unravel_index(np.argmax(array < at_least), array.shape)
        raise ValueError(f"{name}[{', '.join(map(str, first))}] = {array[first]} is below {at_least:g}")
    return array
