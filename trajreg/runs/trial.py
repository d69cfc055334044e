"""A few timed steps of a training that was not begun: what a step of it takes here, and the room that it needs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import quantiles
from typing import Any

import psutil
import torch

from trajreg.data.dataset import Dataset
from trajreg.data.stand_in import stand_in
from trajreg.measures.measure import Measure
from trajreg.training.observer import Observer
from trajreg.training.room import snapshot_bytes, step_bytes
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec

MOST_STEPS = 12  # that are timed
SLOW = 0.5  # seconds of a step that is not taken again for the sake of a better estimate
SMALL, SMALLER = 16, 4  # batch sizes from which a step is extrapolated that takes too long

Spread = tuple[float, float, float]  # the median between the quartiles


@dataclass(frozen=True)
class Trial:
    """What was found.

    num_weights: P. seconds: of a training step with all that watches it. is_extrapolated: from smaller batches.
    snapshot_bytes: of one. memory: about the bytes of a process. disk: bytes of iterates that go to files while it trains.
    """

    num_weights: int
    seconds: Spread
    is_extrapolated: bool
    snapshot_bytes: int
    memory: int
    disk: int


def trial(spec: TrainSpec, measures: Sequence[Measure], limit: float) -> Trial:
    """Try this training for about `limit` seconds, on the device of the spec; nothing is downloaded or kept.

    The net has PyTorch's own initial weights and the data may be noise: neither changes what a step takes. Raises InputError where the
    training cannot be made.
    """
    spec = spec.model_copy(update={"model": spec.model.model_copy(update={"init": "default"})})
    data = stand_in(spec.data)
    session = Session(spec, data)
    decided = [_decided(one, session) for one in measures]
    kept = [one.kept_bytes(session) for one in decided]
    memory = psutil.Process().memory_info().rss + step_bytes(session) + _num_bytes(data) + sum(one for one, _ in kept)
    found = Trial(
        sum(weight.numel() for weight in session.weights),
        (0.0, 0.0, 0.0),
        False,
        snapshot_bytes(session),
        memory,
        sum(disk for _, disk in kept),
    )
    batch_size = session.batch_size
    del session  # its weights make room for those of the next
    seconds, is_extrapolated = _step_seconds(spec, data, decided, batch_size, limit)
    return replace(found, seconds=seconds, is_extrapolated=is_extrapolated)


def _step_seconds(
    spec: TrainSpec, data: Dataset, measures: Sequence[Measure], batch_size: int, limit: float
) -> tuple[Spread, bool]:
    """Timed where a warm-up and some steps fit into the limit; else a line through the times of two smaller batches."""
    small = min(SMALL, batch_size)
    low, middle, high = _timed(spec, data, measures, small, limit / 2)
    if batch_size == small:
        return (low, middle, high), False
    if 4 * middle * batch_size / small < limit:
        return _timed(spec, data, measures, batch_size, limit), False
    _, smaller, _ = _timed(spec, data, measures, SMALLER, limit / 4)
    each = max(0.0, middle - smaller) / (SMALL - SMALLER)
    whole = middle + each * (batch_size - SMALL)
    # no less than this line, and no more than if nothing of a step were the same for every batch size
    return (whole * low / middle, whole, max(high, middle) * batch_size / SMALL), True


class _Enough(Exception):
    """So many steps were timed, or so long."""


class _Stopwatch(Observer):
    """Ends the training after some steps; it comes last of those that watch.

    On a CPU it reads the processor's time, which is the wall's where nothing else runs: a worker has one thread.
    """

    def __init__(self, limit: float, device: str):
        self.ticks: list[float] = []
        self._end, self._is_cuda = time.perf_counter() + limit, device == "cuda"

    def before_update(self, step: int, loss: torch.Tensor, lr: float) -> None:
        if self._is_cuda:
            torch.cuda.synchronize()
        self.ticks.append(time.perf_counter() if self._is_cuda else time.process_time())
        if len(self.ticks) > MOST_STEPS + 1 or (self._suffices() and time.perf_counter() > self._end):
            raise _Enough

    def _suffices(self) -> bool:
        """Two steps after the warm-up, of which the first still allocates; one where they are slow."""
        return len(self.ticks) > 3 or (len(self.ticks) > 1 and self.ticks[-1] - self.ticks[-2] > SLOW)


def _timed(spec: TrainSpec, data: Dataset, measures: Sequence[Measure], batch_size: int, limit: float) -> Spread:
    """From one update to the next; the steps before the first two warm up, but where there is only one between."""
    few = batch_size * (MOST_STEPS + 2)
    data = replace(data, train_inputs=data.train_inputs[:few], train_targets=data.train_targets[:few])
    whole = spec.batch_size is None and batch_size == len(data.train_inputs)
    session = Session(spec if whole else spec.model_copy(update={"batch_size": batch_size}), data)
    watches = [one for one in measures if not one.needs_end and one.pieces(session) is None]
    # a recorder is told of as many steps as there will be, so that one that would not fit here is timed all the same
    session.spec = session.spec.model_copy(update={"num_epochs": 1 + (MOST_STEPS + 1) // session.steps_per_epoch})
    observers: list[Any] = [one.observer(session, None) for one in watches]
    stopwatch = _Stopwatch(limit, spec.device)
    try:
        with session.running():
            for one in observers:
                one.begin(session)
            while True:
                session.run_epoch([*observers, stopwatch])
    except _Enough:
        steps = [after - before for before, after in zip(stopwatch.ticks, stopwatch.ticks[1:], strict=False)]
        return _spread(steps[1:] or steps)
    finally:
        for one in observers:
            one.close()


def _spread(seconds: list[float]) -> Spread:
    low, middle, high = quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else seconds * 3
    return low, middle, high


def _decided(measure: Measure, session: Session) -> Measure:
    """With the estimator that `auto` is for the whole training."""
    if getattr(measure, "estimator", None) != "auto":
        return measure
    from trajreg.trajectory.estimators import Options
    from trajreg.trajectory.parameters import Weights

    num_steps = session.spec.num_epochs * session.steps_per_epoch
    chosen = Options("auto", num_steps).resolved(Weights.of(session.weights))
    return measure.model_copy(update={"estimator": chosen.estimator})


def _num_bytes(data: Dataset) -> int:
    tensors = (data.train_inputs, data.train_targets, data.test_inputs, data.test_targets)
    return sum(one.numel() * one.element_size() for one in tensors)
