"""A kind of run that is no training: a random walk on the line. What another kind needs, and all of it."""

from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from trajreg.columns import Bound, Column, Columns
from trajreg.result import Result
from trajreg.run_spec import RunSpec
from trajreg.runs.outcome import Outcome


class RandomWalkSpec(RunSpec):
    """Steps of ±1 with a drift; far: the distance from the start that is waited for."""

    KIND: ClassVar[str] = "random_walk"
    EXECUTOR: ClassVar[str] = "random_walk"
    COLUMNS: ClassVar[Columns] = Columns(
        summary=(
            Column("final_distance", "distance at the end", claimable=True, compared=True, shown=True),
            Column("steps_to_far", "steps until it is far", claimable=True, shown=True),
        ),
        epochs=(Column("distance", "distance from the start", unit="steps", baseline=0.0),),
    )

    num_steps: Annotated[int, Field(ge=1)]
    drift: float = 0.0
    far: float = 20.0

    @property
    def cost(self) -> float:
        """Its steps."""
        return self.num_steps

    @property
    def length(self) -> int:
        """A tick for the whole."""
        return 1


def check(spec):
    """Every walk can be made."""


def execute(todo, store, tell):
    """Walk."""
    spec = todo.spec
    steps = np.random.default_rng(spec.seed).choice([-1.0, 1.0], spec.num_steps) + spec.drift
    distance = np.abs(steps.cumsum())
    far = distance >= spec.far
    summary = {
        "final_distance": float(distance[-1]),
        "steps_to_far": float(far.argmax() + 1) if far.any() else Bound(low=spec.num_steps + 1.0),
    }
    tell.tick(f"{spec.num_steps} steps walked")
    epochs = pd.DataFrame({"epoch": range(1, spec.num_steps + 1), "distance": distance})
    return Outcome(Result({"epochs": epochs}, summary, how="walked"))
