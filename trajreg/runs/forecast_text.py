"""A plan in words: a table with a row a figure, and what its numbers rest on."""

from collections.abc import Iterator

from trajreg.runs.forecast import Forecast, Plan

HEAD = ("", "trainings", "measurements", "steps", "stored", "peak", "time")
UNITS = (("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def told(plan: Plan) -> Iterator[str]:
    """The lines of the table and of what is said below it."""
    rows = [HEAD, *(_row(figure, one) for figure, one in plan.figures.items()), _row("in all", plan.whole)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = (
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *rest]).rstrip()
    yield "trainings and measurements: missing/wanted. What several figures want is counted in each of them, and once in all."
    whole = plan.whole
    if any(whole.missing):
        yield "stored, peak: bytes on the disk at the end, and at most while runs are made"
        yield f"memory: up to {size(whole.memory)} a process"
        yield _on_time(plan)
    if whole.unknown:
        yield f"{whole.unknown} runs that are no trainings are not in steps, bytes and time"


def _on_time(plan: Plan) -> str:
    workers = f"{plan.workers} worker{'' if plan.workers == 1 else 's'}"
    line = f"time: an estimate from a few timed steps on {plan.device} with {workers} and nothing beside them (quartiles of the steps)"
    if plan.whole.extrapolated:
        line += ", in part from a few steps of smaller batches: take it as rough"
    if plan.lacks_gpu:
        line += "; these runs ask for cuda: unknown here (no GPU), this is what they would take on this CPU"
    return line


def _row(name: str, one: Forecast) -> tuple[str, ...]:
    counts = [f"{missing:,}/{wanted:,}" for missing, wanted in zip(one.missing, one.wanted, strict=True)]
    if not any(one.missing):
        return (name, *counts, "–", "–", "–", "–")
    return (name, *counts, f"{one.steps:,}", size(one.stored), size(one.peak), duration(one.seconds))


def size(num_bytes: float) -> str:
    """12.3 MB, in powers of ten."""
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:,.3g} TB"


def duration(seconds: tuple[float, float, float]) -> str:
    """2.1 (1.9 … 2.6) h, in the unit that fits the likely one."""
    low, middle, high = seconds
    unit, length = next((one for one in UNITS if middle >= one[1]), UNITS[-1])
    shown = [f"{one / length:,.0f}" if one / length >= 100 else f"{one / length:.2g}" for one in (middle, low, high)]
    return f"{shown[0]} ({shown[1]} … {shown[2]}) {unit}"
