"""The kinds of run by name, and what a figure wants of one. A new kind is its spec, the module that makes it, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trajreg.measures.measure import Measure
from trajreg.run_spec import RunSpec
from trajreg.training.spec import TrainSpec

KINDS: dict[str, type[RunSpec]] = {one.KIND: one for one in (TrainSpec,)}


@dataclass(frozen=True)
class Wanted:
    """A run that a figure wants: what it is, what is to be known of it (by the names under which the store keeps it), and whether
    snapshots stay with it, after every so many epochs. where: who wants it, for messages; it tells no runs apart.
    """

    spec: RunSpec
    measures: Mapping[str, Measure]
    keep_snapshots: int | None = None
    where: str = field(default="", compare=False)
