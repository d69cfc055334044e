"""What a run or a measurement leaves: tables, arrays and a summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from trajreg.columns import Bound


@dataclass(frozen=True)
class Result:
    """What a run or a measurement leaves; the store keeps it, claims and tables read it.

    tables: a table `epochs`, if there is one, has a column `epoch` and is joined to the run's. arrays: large numbers, read when asked for.
    summary: one value each, or a `Bound` where a value is known to lie beyond an end only.
    how: by what the numbers were had, in a few words, for a reader's table. facts: plain data for the manifest.
    diverged: the run ended before its time, for want of finite numbers.
    """

    tables: dict[str, pd.DataFrame]
    summary: Mapping[str, float | Bound]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    how: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    diverged: bool = False
