"""The choice of some epochs of a training: an option that measures share."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from trajreg.schema import Every


def _one_of_three_forms(value: Any) -> Any:
    if isinstance(value, list | tuple):
        numbers = all(type(epoch) is int for epoch in value)
        if value and numbers and value[0] >= 1 and all(a < b for a, b in pairwise(value)):
            return tuple(value)
    elif value == "all" or isinstance(value, Every):
        return value
    elif isinstance(value, dict) and value.keys() == {"every"} and type(value["every"]) is int and value["every"] >= 1:
        return Every(**value)
    raise ValueError('must be "all", {every: k} with k from 1 on, or a list of rising epoch numbers from 1 on')


Epochs = Annotated[Literal["all"] | Every | tuple[int, ...], BeforeValidator(_one_of_three_forms)]
"""All epochs, or 1, 1 + k, 1 + 2k …, or a list of numbers from 1 on."""


def chosen(epochs: Epochs, num_epochs: int) -> tuple[int, ...]:
    """The numbers of these epochs in a training of so many."""
    if isinstance(epochs, tuple):
        return epochs
    return tuple(range(1, num_epochs + 1, epochs.every if isinstance(epochs, Every) else 1))


def largest(epochs: Epochs) -> int:
    """The number of epochs that a training needs to have for this choice."""
    if isinstance(epochs, tuple):
        return epochs[-1]
    return epochs.every if isinstance(epochs, Every) else 1
