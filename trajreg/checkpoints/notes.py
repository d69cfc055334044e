"""What is said beside the table of γ: what was taken for θ, what may be wrong with it, and why there is no γ of some stretches."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from trajreg.checkpoints.distances import Snapshots

FEW = 6  # names in a line


def notes_on(paths: Sequence[Path], snapshots: Snapshots, table: pd.DataFrame) -> list[str]:
    """A sentence or two each."""
    left_out = f"left out: {_few(snapshots.left_out)}" if snapshots.left_out else "nothing left out"
    notes = [f"{snapshots.num_weights:,} weights; {left_out}."]
    if snapshots.alike:
        pairs = _few([f"{other} = {one}" for one, other in snapshots.alike])
        notes.append(f"Copies of each other, which count twice: {pairs}. Tied weights? --leave-out one of them.")
    as_last = [path.name for path, distance in zip(paths[:-1], snapshots.distance_sq, strict=False) if distance == 0]
    if as_last:
        notes.append(
            f"{_few(as_last)} and {paths[-1].name} have the same weights: γ is 0 where nothing moves. Copies of one checkpoint?"
        )
    return [*notes, *_without_gamma(table)]


def stretches(table: pd.DataFrame) -> list[str]:
    """The steps of each, as 0–100."""
    return [f"{row.step}–{row.step + row.num_steps}" for row in table.itertuples()]


def _without_gamma(table: pd.DataFrame) -> Iterator[str]:
    steps, still = np.array(stretches(table)), (table["lr"] == 0).to_numpy()
    done = (table["gap"] <= 0).to_numpy() & ~still
    if still.any():
        yield f"There is no γ of steps {_few(steps[still])}: the learning rate is 0."
    if done.any():
        yield f"There is no γ of steps {_few(steps[done])}: the loss is not above the optimal loss."


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return f"{', '.join(names[:FEW])}{more}"
