"""The estimators by name: which there are, which one `auto` means, whether a recording fits, and making one."""

from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path

import torch

from trajreg.errors import InputError, lists_options, shown
from trajreg.trajectory.epoch import Epoch, epoch_length
from trajreg.trajectory.estimate import Estimate, room, seconds_per_copy, shortest, usable_memory
from trajreg.trajectory.parameters import Parameters, Weights
from trajreg.trajectory.sketch import Sketch, sketch_widths
from trajreg.trajectory.store import DEFAULT_MEMORY, Store

ESTIMATORS = ("store", "epoch", "sketch", "auto")
DEFAULT_SKETCH = 8192
_WHOLE = {"num_steps": 1, "steps_per_epoch": 1, "memory": 0}  # the least that each may be


@dataclass(frozen=True)
class Options:
    """What a recording is to be: see `TrajectoryRecorder`. Raises InputError for an option that its estimator cannot do with."""

    estimator: str = "store"
    num_steps: int | None = None
    steps_per_epoch: int | None = None
    memory: int = DEFAULT_MEMORY
    directory: str | Path | None = None
    num_sketch: int | None = None
    sketch_seed: int = 0

    def __post_init__(self) -> None:
        if self.estimator not in ESTIMATORS:
            raise InputError(f"estimator {self.estimator!r} is unknown, choose from {', '.join(ESTIMATORS)}")
        for name, at_least in _WHOLE.items():
            _refuse_unless_whole(name, getattr(self, name), at_least)
        if self.directory is not None and not Path(self.directory).is_dir():
            raise InputError(
                f"directory {self.directory} is not there, or no folder; iterates go there beyond `memory`"
            )
        if self.estimator == "epoch":
            epoch_length(self.steps_per_epoch)

    def resolved(self, weights: Weights) -> "Options":
        """The same with `auto` decided: `store` where all iterates fit in `memory` bytes, else `sketch`.

        The choice rests on the options and P alone, not on what happens to be free: the same training is measured in the same way
        everywhere. Raises InputError where `auto` lacks num_steps.
        """
        if self.estimator != "auto":
            return self
        if self.num_steps is None:
            raise InputError(
                "estimator 'auto' needs num_steps, the number of steps to come, to tell whether all iterates fit"
            )
        iterates = (self.num_steps + 1) * weights.count * weights.tensors[0].dtype.itemsize
        return replace(self, estimator="store" if iterates <= self.memory else "sketch")

    def sketch_size(self, weights: Weights) -> int:
        """k of `sketch`: num_sketch, or its default."""
        return min(DEFAULT_SKETCH, weights.count) if self.num_sketch is None else self.num_sketch


def _refuse_unless_whole(name: str, value: object, at_least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise InputError(f"{name} = {shown(value)}, must be at least {at_least}, a whole number")


def room_for(options: Options, weights: Weights, num_steps: int) -> tuple[int, int]:
    """(bytes needed, bytes available) of what a recording of `num_steps` steps keeps; `options` are resolved."""
    if options.estimator == "sketch":
        numbers = num_steps * sum(sketch_widths(weights, options.sketch_size(weights)))
        if options.steps_per_epoch:
            numbers += (-(-num_steps // options.steps_per_epoch) + 1) * weights.count
        needed = numbers * torch.promote_types(weights.tensors[0].dtype, torch.float32).itemsize
        return needed, usable_memory(needed)
    return room(weights, options.estimator, num_steps, options.steps_per_epoch, options.memory, options.directory)


def kept_bytes(options: Options, weights: Weights, num_steps: int) -> tuple[int, int]:
    """(bytes of memory, bytes of the disk) that a recording of `num_steps` steps keeps, wherever there is room for them."""
    chosen = options.resolved(weights)
    needed, _ = room_for(chosen, weights, num_steps)
    in_memory = min(needed, chosen.memory) if chosen.estimator == "store" else needed
    return in_memory, needed - in_memory


def seconds_per_step(options: Options, weights: Weights) -> float:
    """Wall seconds that recording adds to a step, measured; `options` are resolved."""
    if options.estimator != "sketch":
        return seconds_per_copy(weights, options.estimator)
    sketch = Sketch(weights, options.sketch_size(weights))
    sketch.keep()

    def step() -> None:
        sketch.keep()
        sketch.state()  # no step waits for its block to be full

    return shortest(step, weights.tensors[0].device)


@lists_options
def estimate(
    parameters: Parameters,
    num_steps: int,
    estimator: str = "store",
    *,
    steps_per_epoch: int | None = None,
    num_sketch: int | None = None,
    sketch_seed: int = 0,
    memory: int = DEFAULT_MEMORY,
    directory: str | Path | None = None,
) -> Estimate:
    """What a recording of `num_steps` steps would cost; records a few steps to measure it. Raises InputError as the recorder."""
    weights = Weights.of(parameters)
    options = Options(estimator, num_steps, steps_per_epoch, memory, directory, num_sketch, sketch_seed).resolved(
        weights
    )
    return Estimate(*room_for(options, weights, num_steps), seconds_per_step(options, weights))


def make_estimator(options: Options, weights: Weights) -> Store | Epoch | Sketch:
    """The estimator of resolved options.

    Raises InputError when it does not fit (only where `num_steps` is known).
    """
    memory = options.memory
    if options.num_steps is not None:
        _refuse_what_does_not_fit(options, weights, options.num_steps)
        memory = usable_memory(memory)
    if options.estimator == "store":
        return Store(weights, options.num_steps, memory, options.directory)
    if options.estimator == "epoch":
        return Epoch(weights, epoch_length(options.steps_per_epoch))
    return Sketch(weights, options.sketch_size(weights), options.sketch_seed, options.steps_per_epoch)


def _refuse_what_does_not_fit(options: Options, weights: Weights, num_steps: int) -> None:
    needed, available = room_for(options, weights, num_steps)
    if needed <= available:
        return
    place, advice = "in memory", "longer epochs"
    if options.estimator == "sketch":
        advice = "longer epochs, a smaller num_sketch"
    elif options.estimator == "store":
        place, advice = "in memory and on disk", "give `directory` a larger disk, or use estimator 'epoch' or 'sketch'"
    what = f"{num_steps:,} steps of {weights.count:,} weights"
    raise InputError(
        f"estimator {options.estimator!r}: {what} need {needed:,} bytes, {available:,} are available {place} "
        f"(and a step would take {seconds_per_copy(weights, options.estimator):.1g} s more); "
        f"train for fewer steps, a narrower net, {advice}"
    )
