"""D, the forward cosine, γ and the loss of the first part of a training, towards where the net is when that part ends (ours).

Nothing that happens later enters, so that these numbers may be held against what the training does afterwards. The columns of `regularity`
over the early phase look at the same steps, but towards θ_T, which only the whole training knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trajreg.columns import Column, Columns
from trajreg.measures.measure import Measure
from trajreg.result import Result
from trajreg.training.observer import Observer

if TYPE_CHECKING:
    import torch

    from trajreg.training.loop import Trained
    from trajreg.training.session import Session
    from trajreg.trajectory.trajectory import Trajectory

PART = "first part alone"  # in titles: beside the columns that look at the same steps towards θ_T


class Early(Measure):
    """D, forward cosine, γ and loss of the first n of T steps, towards θ_n: what is known when these steps are over, and no more.

    fraction: n is this fraction of T, rounded down, but at least 2 steps.
    estimator: store keeps these iterates, sketch a random projection of every update; `auto` is store where they fit in memory,
        else sketch. D and γ are exact with either: they follow from ‖θ_0 − θ_n‖ and the lengths of the steps.
    """

    COLUMNS: ClassVar[Columns] = Columns(
        summary=(
            Column("early_directedness", f"directedness D, {PART}", baseline=1.0, claimable=True, compared=True),
            Column("early_forward_cosine", f"forward cosine, median, {PART}", claimable=True, compared=True),
            Column("early_forward_cosine_mean", f"forward cosine, mean, {PART}", claimable=True),
            Column("early_gamma", f"γ, {PART}", claimable=True, compared=True),
            Column("early_gamma_walk", f"γ walk, {PART}", claimable=True),
            Column("early_loss", f"training loss, mean, {PART}", claimable=True, compared=True),
            Column("early_loss_end", f"training loss, mean of its last fifth, {PART}", claimable=True),
            Column("early_distance", f"distance from its start to its end, {PART}"),
            Column("early_steps", f"steps, {PART}"),
        )
    )

    fraction: Annotated[float, Field(gt=0, le=1)] = 0.2
    estimator: Literal["store", "sketch", "auto"] = "auto"

    def num_steps(self, total: int) -> int:
        """n of `total` steps; all of them where there are fewer than 2."""
        return min(total, max(2, int(total * self.fraction + 1e-9)))  # 0.29 · 100 is 28.999…

    def observer(self, session: Session, end: torch.Tensor | None) -> Observer:
        """A recorder of the first steps."""
        return FirstSteps(self, session)

    def result(self, session: Session, trained: Trained, parts: list[Any]) -> Result:
        """The summary: γ, D and cosines as `metrics.aggregate.over_stretches` has them, ℓ* = 0; `early_loss` is the mean mini-batch loss of
        the n steps and `early_loss_end` that of the last fifth of them (at least 1); `early_distance` is ‖θ_0 − θ_n‖.
        """
        import numpy as np

        from trajreg.metrics.aggregate import over_stretches

        (trajectory,) = parts
        steps = trajectory.regularity()
        whole = over_stretches(steps, np.zeros(len(steps), dtype=int)).iloc[0]
        names = ("directedness", "forward_cosine", "forward_cosine_mean", "gamma", "gamma_walk")
        summary = {f"early_{name}": float(whole[name]) for name in names}
        summary |= {
            "early_loss": float(trajectory.loss.mean()),
            "early_loss_end": float(trajectory.loss[-max(1, len(steps) // 5) :].mean()),
            "early_distance": float(steps["distance"].iloc[0]),
            "early_steps": float(len(steps)),
        }
        exact = trajectory.estimator == "store"
        how = f"first {len(steps)} steps: {trajectory.estimator}, {'exact' if exact else 'not exact'}"
        return Result({}, summary, how=how, facts={"estimator": trajectory.estimator, "exact": exact})


class FirstSteps(Observer):
    """A `TrajectoryRecorder` that ends after n steps, in the place of an observer."""

    def __init__(self, options: Early, session: Session):
        from trajreg.trajectory.recorder import TrajectoryRecorder

        self._session = session
        self._trajectory: Trajectory | None = None
        self._num_steps = options.num_steps(session.spec.num_epochs * session.steps_per_epoch)
        self._recorder = TrajectoryRecorder(
            session.weights,
            options.estimator,
            num_steps=self._num_steps,
            steps_per_epoch=self._num_steps,  # so that a sketch has exact sums over all of it
        )

    def before_update(self, step: int, loss: torch.Tensor, lr: float) -> None:
        if step < self._num_steps:
            self._recorder.log_step(loss, lr=lr)

    def after_update(self, step: int) -> None:
        """θ_n is here; a training that has diverged by now is asked for nothing."""
        import numpy as np

        if step != self._num_steps - 1:
            return
        if self._session.finite() and np.isfinite(self._recorder.losses()).all():
            self._trajectory = self._recorder.finish()
        self._recorder.close()

    def finish(self) -> Trajectory | None:
        """The recording of the first n steps."""
        return self._trajectory

    def close(self) -> None:
        """Delete the recording's files."""
        self._recorder.close()
