"""Dotted keys of params: `model.norm` is the key `norm` of the mapping `model`."""

import copy
from typing import Any

from trajreg.errors import InputError, shown


def put(values: dict[str, Any], dotted: str, value: Any, where: str) -> None:
    """Give a dotted key of plain values this value; mappings on the way are made where they lack. InputError where one is no mapping."""
    *path, last = dotted.split(".")
    place = values
    for part in path:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise InputError(f"{where}: {dotted} does not name a key of a run: {part} = {shown(place)} has no keys")
    place[last] = copy.deepcopy(value)


def found(values: dict[str, Any], dotted: str) -> Any:
    """What plain values have under a dotted key; None where they have nothing."""
    place: Any = values
    for part in dotted.split("."):
        place = place.get(part) if isinstance(place, dict) else None
    return place


def overlap(one: str, other: str) -> bool:
    """Whether two dotted keys decide something of each other: they are the same, or one is within the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
