"""Tables into the logs that people look at while they train: TensorBoard and Weights & Biases, by a writer of theirs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from trajreg.errors import InputError


def export(table: pd.DataFrame, writer: Any, prefix: str = "trajreg") -> None:
    """Write each number of a table as a scalar `prefix/column` at its step; what is NaN is left out.

    Args:
        table: with a column `step`: of a recording, of `so_far`, of `trajreg.from_checkpoints`.
        writer: a `torch.utils.tensorboard.SummaryWriter`, or whatever else has its `add_scalar(tag, value, step)`; or a run of Weights &
            Biases, which `wandb.init` returns. There the steps are a metric `prefix/step` of their own, since γ of a step is
            known when the run's own count is long past it.
        prefix: before every name.

    Raises:
        InputError: the table has no column `step`, or the writer is neither.
    """
    if "step" not in table:
        raise InputError(f"the table has no column 'step', it has {', '.join(map(str, table.columns))}")
    if hasattr(writer, "add_scalar"):
        for step, values in _rows(table):
            for name, value in values.items():
                writer.add_scalar(f"{prefix}/{name}", value, step)
        if hasattr(writer, "flush"):
            writer.flush()
    elif hasattr(writer, "define_metric") and hasattr(writer, "log"):
        writer.define_metric(f"{prefix}/step")
        writer.define_metric(f"{prefix}/*", step_metric=f"{prefix}/step")
        for step, values in _rows(table):
            writer.log({f"{prefix}/step": step} | {f"{prefix}/{name}": value for name, value in values.items()})
    else:
        raise InputError(
            f"writer is of type {type(writer).__name__}; give a SummaryWriter of torch.utils.tensorboard, or what wandb.init returns"
        )


def _rows(table: pd.DataFrame) -> Iterator[tuple[int, dict[str, float]]]:
    """(step, name → value) of each row, of the columns of numbers."""
    columns = [name for name in table.select_dtypes(np.number) if name != "step"]
    for step, *values in table[["step", *columns]].itertuples(index=False, name=None):
        known = {name: float(value) for name, value in zip(columns, values, strict=True) if np.isfinite(value)}
        yield int(step), known
