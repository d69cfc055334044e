"""What a reader sees in place of a setting: the titles that stand where the options are defined (`schema.Titles`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from trajreg.schema import Spec


class Identified(Protocol):
    """What has an id."""

    @property
    def id(self) -> str:
        """As fig04."""


@dataclass(frozen=True)
class Name:
    """A setting in words. place: among the titled values of its option, from which its colour follows; None without such an order."""

    text: str
    place: int | None


def name_of(spec: Spec, path: Sequence[str], value: Any) -> Name:
    """The name of `value`, as params give it, of the option at `path` (("model", "norm"), say) of a run or a measure with this `spec`.

    Without a title it is the value itself, of an option that is called `name`, and else "option = value".
    """
    *parents, option = path
    owner: Any = spec
    for part in parents:
        owner = getattr(owner, part, None)
    titles = owner.titles(option) if isinstance(owner, Spec) else None
    found = titles.of(value) if titles else None
    if found:
        return Name(*found)
    return Name(value if option == "name" and isinstance(value, str) else f"{option} = {value}", None)


def label(names: Iterable[Name]) -> str:
    """The names side by side, "VGG-11, batch norm" for instance."""
    return ", ".join(name.text for name in names)


def numbers_of(figures: Iterable[Identified]) -> str:
    """Figures in a sentence: "2, 3, 12" of fig02, fig03 and fig12; another word stays, as in "2, table1"."""
    return ", ".join(one.id.removeprefix("fig").lstrip("0") or one.id for one in figures)
