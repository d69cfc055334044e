"""What the module that makes a kind of run hands over. `RunSpec.EXECUTOR` names the module; it has

- `check(spec) -> None`: raise InputError where such a run cannot be made, as far as that is known without beginning it;
- `execute(todo, store, tell) -> Outcome`: make the run, or what of it is missing, or raise `Refused`;
- where measures can watch such a run: `replay(todo, store, piece, tell)`, run a piece of a stored run again, in any order and process;
  `collect(todo, store, parts) -> dict[name, Result]`, the measurements that follow; `end(todo, store)`, when all is stored;
  `room(todo, store) -> Room`, the disk that it takes; `memory(todo) -> int`, about how many bytes a process needs that makes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from trajreg.errors import InputError
from trajreg.result import Result


class Refused(InputError):
    """A stored run that is run again does not come out as it was stored: nothing measured on it would be about the stored one."""


class Tell(Protocol):
    """How a process that works on a run tells of it."""

    def tick(self, text: str) -> None:
        """Another bit of the run's length is done; `text` says what."""

    def more(self, count: int) -> None:
        """There are so many more ticks to come than the run's length said."""

    def say(self, text: str) -> None:
        """A message for the user."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run: itself where it was made (None: it was stored), its measurements, and pieces that are still to be replayed."""

    result: Result | None
    measurements: dict[str, Result] = field(default_factory=dict)
    pieces: Sequence[Any] = ()


@dataclass(frozen=True)
class Room:
    """Bytes on the disk that making a run takes: as long as it is under way, and of what stays."""

    passing: int = 0
    kept: int = 0
