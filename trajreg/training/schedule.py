"""How the learning rate goes over a training. One class a schedule, all of them in SCHEDULES. Imports no torch."""

from abc import abstractmethod
from math import cos, pi
from typing import Annotated, Literal

from pydantic import Field

from trajreg.schema import NamedSpec, Titles, specs_by_name

TITLES = Titles({"constant": "constant η", "step": "step decay", "cosine": "cosine decay"})


class ScheduleSpec(NamedSpec):
    """A schedule, which the optimiser's lr is the peak of. It goes step by step, is a function of the step alone, and is never 0.

    warmup: the first so many epochs the rate grows linearly: lr · (t + 1) / W at step t of W, counted from 0 (Goyal et al. 2017, arXiv
    1706.02677). The schedule itself begins after them.
    """

    warmup: Annotated[int, Field(ge=0), Titles(lambda epochs: f"warm-up {epochs}" if epochs else "no warm-up")] = 0

    @property
    def is_constant(self) -> bool:
        """Whether the rate is lr at every step."""
        return False

    def rate(self, lr: float, step: int, steps_per_epoch: int, num_epochs: int) -> float:
        """η_t of step t, counted from 0, of a training of num_epochs · steps_per_epoch steps."""
        warming = self.warmup * steps_per_epoch
        if step < warming:
            return lr * ((step + 1) / warming)
        return lr * self.decay(step - warming, steps_per_epoch, num_epochs - self.warmup)

    @abstractmethod
    def decay(self, step: int, steps_per_epoch: int, num_epochs: int) -> float:
        """η_t / lr, where steps and epochs are counted without the warm-up."""

    def check(self, num_epochs: int) -> None:
        """ValueError, naming key and value, where the schedule is longer than so many epochs."""
        if self.warmup >= num_epochs:
            raise ValueError(
                f"schedule.warmup = {self.warmup} is as long as the training, num_epochs = {num_epochs}, or longer: "
                "give fewer epochs of warm-up, or train longer"
            )


class ConstantSchedule(ScheduleSpec):
    """The same rate at every step."""

    name: Annotated[Literal["constant"], Titles({"constant": "constant η"})]

    @property
    def is_constant(self) -> bool:
        """See ScheduleSpec."""
        return not self.warmup

    def decay(self, step: int, steps_per_epoch: int, num_epochs: int) -> float:
        """1."""
        return 1.0


class StepSchedule(ScheduleSpec):
    """The rate falls at once, again and again.

    every: after so many epochs each time. factor: what the rate is multiplied by.
    """

    name: Annotated[Literal["step"], Titles({"step": "step decay"})]
    every: Annotated[int, Field(ge=1), Titles(lambda epochs: f"decay every {epochs} epochs")]
    factor: Annotated[float, Field(gt=0, lt=1), Titles(lambda factor: f"decay by {factor:g}")] = 0.1

    def decay(self, step: int, steps_per_epoch: int, num_epochs: int) -> float:
        """factor^k after k · every epochs."""
        return self.factor ** (step // (self.every * steps_per_epoch))

    def check(self, num_epochs: int) -> None:
        """See ScheduleSpec."""
        super().check(num_epochs)
        if self.warmup + self.every >= num_epochs:
            after = f" after schedule.warmup = {self.warmup}" if self.warmup else ""
            raise ValueError(
                f"schedule.every = {self.every}{after} never comes in a training of num_epochs = {num_epochs}: "
                "give fewer epochs, or train longer"
            )


class CosineSchedule(ScheduleSpec):
    """Half a period of a cosine, from lr at the first step to all but 0 at the last (Loshchilov and Hutter 2017, arXiv 1608.03983)."""

    name: Annotated[Literal["cosine"], Titles({"cosine": "cosine decay"})]

    def decay(self, step: int, steps_per_epoch: int, num_epochs: int) -> float:
        """(1 + cos(π t / T)) / 2 at step t of T."""
        return (1 + cos(pi * step / (num_epochs * steps_per_epoch))) / 2


AnySchedule = Annotated[ConstantSchedule | StepSchedule | CosineSchedule, Field(discriminator="name")]
SCHEDULES = specs_by_name(AnySchedule)  # name → spec class
CONSTANT = ConstantSchedule(name="constant")
