"""`trajreg.plot`, which asks for matplotlib only when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from trajreg.errors import InputError, lists_options, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEEDED = ("matplotlib", "seaborn", "PIL")


@lists_options
def plot(
    table: pd.DataFrame,
    *,
    name: str = "training",
    nulls: bool = True,
    compare: Mapping[str, pd.DataFrame] | None = None,
) -> Figure:
    """A table of steps, of epochs or of stretches between checkpoints, and others beside it: a colour each.

    Panels: the loss; γ (line: ratio of sums over the steps of a point, band: 5–95 % of the steps) with what random walks of the same step
    lengths and losses, and the same updates in another order, would have; D; and the forward cosine. A curve has at most 60 points.
    A panel is left out where no table has its column, as D and cosines of checkpoints.

    Args:
        table: of `trajreg.regularity`, of a recording, or of `trajreg.from_checkpoints`.
        name: what it is called in the legend.
        nulls: whether γ's nulls are drawn.
        compare: name → table of the same kind, drawn beside it.

    Returns:
        The figure, made by pyplot: `plt.show()` shows it, and `figure.savefig("gamma.png")` keeps it; a notebook shows it once.

    Raises:
        InputError: matplotlib or seaborn is missing; a table has no rows or lacks columns of `trajreg.regularity`; two of one name.
    """
    try:
        from trajreg.plots.trajectory import trajectory_panels
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        raise InputError(f"trajreg.plot needs {error.name}; install the extra: pip install 'trajreg[plots]'") from None
    for one, rows in {name: table, **(compare or {})}.items():
        if not isinstance(rows, pd.DataFrame):
            raise InputError(
                f"the table {one!r} is {shown(rows)}; give one of trajreg.regularity, of a recording or of from_checkpoints"
            )
    if compare and name in compare:
        raise InputError(f"compare has a table of the name {name!r} too: give another `name`")
    return trajectory_panels({name: table, **(compare or {})}, nulls)
