"""The one exception for bad input, and how its messages show values and speak of a slip of a name."""

import difflib
import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

FEW = 5  # problems that a message lists
LINE = 800  # characters of one of them
CHOICES = 240  # characters of the names to choose from
VALUE = 80  # characters of a value in it


class InputError(ValueError):
    """Something a user gave is wrong: each problem is one line that names what, where, and what would be right.

    Its message lists the first few of its problems and says how many more there are.
    """

    def __str__(self) -> str:
        lines = [shortened(_on_one_line(str(problem)), LINE) for problem in self.args[:FEW]]
        more = len(self.args) - len(lines)
        return "\n".join([*lines, f"… and {more} more problem{'s' * (more > 1)}"] if more else lines)


_NO_MEMORY = ("out of memory", "not enough memory", "allocate memory", "failed to map segment", "bad_alloc")


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was lacking; libraries say so in words of their own."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _NO_MEMORY)


def shown(value: object) -> str:
    """A value as Python writes it; a long one without its middle."""
    return shortened(repr(value))


def shortened(text: str, length: int = VALUE) -> str:
    """A text as it is, or its beginning and its end: messages begin with the place and end with what would be right."""
    end = length // 3
    return text if len(text) <= length else f"{text[: length - end - 3]} … {text[-end:]}"


def nearest(name: object, known: Iterable[str]) -> str | None:
    """The known name that `name` may be a slip of; None where it is like none."""
    return next(iter(difflib.get_close_matches(str(name), list(known), n=1)), None)


def nearest_first(name: object, known: Iterable[str]) -> list[str]:
    """The known names, those that `name` may be a slip of first."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=3)
    return [*near, *(other for other in names if other not in near)]


def choices(name: object, known: Iterable[str], between: str = ", ") -> str:
    """The known names in a line, those that `name` may be a slip of first; of very many the first ones, and how many more there are."""
    names = nearest_first(name, known)
    few = [one for number, one in enumerate(names) if len(between.join(names[: number + 1])) <= CHOICES]
    return between.join(few) + (f" … and {len(names) - len(few)} more" if len(few) < len(names) else "")


Given = ParamSpec("Given")
Returned = TypeVar("Returned")


def lists_options(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """The same function, for which a misspelt option is an InputError that lists the right ones."""
    known = [name for name in inspect.signature(function).parameters if name != "self"]
    owner = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def call(*args: Given.args, **options: Given.kwargs) -> Returned:
        for name in options:
            if name not in known:
                raise InputError(f"{owner} has no option {name!r}, choose from {choices(name, known)}")
        return function(*args, **options)

    return call


def _on_one_line(text: str) -> str:
    """Without line breaks, and without what would steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
