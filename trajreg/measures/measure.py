"""What a measure is: its options, what it watches, its columns."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from trajreg.columns import Columns
from trajreg.measures.extent import TABLE_BYTES, Extent
from trajreg.schema import Spec

if TYPE_CHECKING:
    import torch

    from trajreg.result import Result
    from trajreg.training.loop import Trained
    from trajreg.training.observer import Observer
    from trajreg.training.session import Session


class Measure(Spec):
    """The options of a measure are the fields of its class; a figure gives them under `measures`.

    A measure watches a training by observers. Either one observer watches all of it, or, where `pieces` says so, every epoch has an
    observer of its own: such a measure can be had of a stored training from its snapshots, epochs side by side.
    What the observers saw becomes a `Result` in `result`. Neither imports torch before it is called: planning needs no torch.
    """

    COLUMNS: ClassVar[Columns]
    VERSION: ClassVar[int] = 1
    """Raise it when the numbers of this measure move."""

    @property
    def columns(self) -> Columns:
        """Those of COLUMNS that can be had with these options: every one of them is in what `result` gives."""
        return self.COLUMNS

    def check(self, spec: Any, where: str) -> None:
        """InputError, naming `where`, when this cannot be had of such a run (a TrainSpec)."""

    @property
    def needs_end(self) -> bool:
        """Whether observers have to know θ_T: they watch a second pass, when the training is over."""
        return False

    def pieces(self, session: Session) -> dict[int, bool] | None:
        """Epoch → whether its steps are watched, or only where it begins; None: one observer has to watch the whole training."""
        return None

    @abstractmethod
    def observer(self, session: Session, end: torch.Tensor | None) -> Observer:
        """A new observer; `end` is θ_T (P,) where it is needed."""

    @abstractmethod
    def result(self, session: Session, trained: Trained, parts: list[Any]) -> Result:
        """What was measured, from what each observer's `finish` returned, in the order of epochs."""

    def extra_steps(self, extent: Extent) -> float:
        """About how long it takes beside watching the steps of the first pass, in training steps; for estimates of time."""
        return 0.0

    def stored_bytes(self, extent: Extent) -> int:
        """About the bytes of a stored measurement."""
        return TABLE_BYTES

    def kept_bytes(self, session: Session) -> tuple[int, int]:
        """(bytes of memory, bytes of the disk) of what watching keeps while the training goes on."""
        return 0, 0

    def key(self, name: str) -> str:
        """`name` and 12 hexadecimal digits of the SHA-256 of options and version; options that have their default do not count."""
        parts = {"options": self.model_dump(mode="json", exclude_defaults=True), "version": self.VERSION}
        canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return f"{name}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"
