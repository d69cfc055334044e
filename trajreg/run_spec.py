"""What a run is, of whatever kind: the base of every kind's spec. Imports no torch."""

from abc import abstractmethod
from typing import Any, ClassVar, Self

from trajreg.columns import Columns
from trajreg.schema import Spec


class RunSpec(Spec):
    """Everything that decides the numbers of one run, and nothing else: frozen, strict, hashable.

    KIND: its name in params. EXECUTOR: the module that makes such runs (`trajreg.runs.outcome` says by which functions). COLUMNS: what its
    tables hold.
    MEASURABLE: whether measures can watch it.
    """

    KIND: ClassVar[str]
    EXECUTOR: ClassVar[str]
    COLUMNS: ClassVar[Columns]
    MEASURABLE: ClassVar[bool] = False

    seed: int = 0
    device: str = "cpu"

    def identity(self) -> dict[str, Any]:
        """What decides its numbers, as plain data: keys that have their default are left out."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def sources(self) -> dict[str, str]:
        """The checksum of each source of its numbers that is outside the spec."""
        return {}

    def prepare(self) -> None:
        """Have what is outside the spec ready, before processes need it: download it, say. Raises InputError where it cannot be had."""

    @property
    @abstractmethod
    def cost(self) -> float:
        """Roughly how long it takes, in no unit: the longest are started first."""

    @property
    @abstractmethod
    def length(self) -> int:
        """How many ticks of progress it tells."""

    @property
    def columns(self) -> Columns:
        """Those of COLUMNS that a run of this spec has."""
        return self.COLUMNS

    def on_random_labels(self, deal: int = 0) -> Self | None:
        """The same on random labels, dealt out in the random order of this number; None where it has no labels to shuffle."""
        return None
