"""The one exception for bad input, and what its messages say of a slip of a name."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something a user gave is wrong: the message names what, where, and what would be right."""


def nearest(name: object, known: Iterable[str]) -> str | None:
    """The known name that `name` may be a slip of; None where it is like none."""
    return next(iter(difflib.get_close_matches(str(name), list(known), n=1)), None)


def nearest_first(name: object, known: Iterable[str]) -> list[str]:
    """The known names, those that `name` may be a slip of first."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=3)
    return [*near, *(other for other in names if other not in near)]
