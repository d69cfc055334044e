"""The structure function along the trajectory: ballistic, diffusive or confined (ours); options, observer, columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from trajreg.columns import Column, Columns
from trajreg.measures.measure import Measure
from trajreg.result import Result
from trajreg.training.observer import Observer

if TYPE_CHECKING:
    import torch

    from trajreg.training.loop import Trained
    from trajreg.training.session import Session


def _descending(value: Any) -> Any:
    """(high, low)."""
    if isinstance(value, list | tuple) and len(value) == 2 and all(type(one) in (int, float) for one in value):
        high, low = (float(one) for one in value)
        if 0 < low < high < float("inf"):
            return high, low
    elif value is None:
        return value
    raise ValueError("must be [high, low], two positive losses, the higher first, or null for the whole run")


class Structure(Measure):
    """S(k) = mean ‖θ_{t+k} − θ_t‖² against k, and half its log-log slope: 1 ballistic, ½ diffusive, 0 confined.

    estimator: store keeps every iterate, sketch a random projection of every update; `auto` is store where all iterates fit in memory,
        else sketch.
    loss: [high, low] is the stretch of matched loss, from the first step at which the mean mini-batch loss of as many steps as an epoch has
        is at or below high, to the first at which it is at or below low (the end, where it never is); null is the whole run.
    """

    COLUMNS: ClassVar[Columns] = Columns(
        summary=(
            Column("structure_exponent", "structure exponent", claimable=True, shown=True),
            Column("structure_steps", "steps of the structure function"),
        )
    )

    estimator: Literal["store", "sketch", "auto"] = "auto"
    loss: Annotated[tuple[float, float] | None, BeforeValidator(_descending)] = None

    def kept_bytes(self, session: Session) -> tuple[int, int]:
        """Of its estimator."""
        from trajreg.trajectory.estimators import Options, kept_bytes
        from trajreg.trajectory.parameters import Weights

        num_steps = session.spec.num_epochs * session.steps_per_epoch
        return kept_bytes(Options(self.estimator, num_steps), Weights.of(session.weights), num_steps)

    def observer(self, session: Session, end: torch.Tensor | None) -> Observer:
        """Keeps every iterate, or a sketch of every update."""
        return PathObserver(self, session)

    def result(self, session: Session, trained: Trained, parts: list[Any]) -> Result:
        """Table `structure`: lag, mean_sq and, from sketches, stderr; structure_exponent, and structure_steps: how many steps there are.

        All NaN, and the table without rows, where the loss never gets to high; the exponent as well where there are fewer than 8 steps.
        """
        from trajreg.metrics.structure import matched_stretch, structure_exponent

        (watched,) = parts
        stretch: tuple[int, int] | None = (0, len(trained.losses))
        if self.loss is not None:
            stretch = matched_stretch(trained.losses, *self.loss, window=trained.steps_per_epoch)
        steps = float("nan") if stretch is None else float(stretch[1] - stretch[0])
        table = watched.structure(*stretch) if stretch is not None and steps > 0 else watched.structure(0, 1)[:0]
        summary = {"structure_exponent": structure_exponent(table), "structure_steps": steps}
        exact = watched.estimator == "store"
        how = f"{watched.estimator}, {'exact' if exact else 'not exact'}"
        return Result({"structure": table}, summary, how=how, facts={"estimator": watched.estimator, "exact": exact})


class PathObserver(Observer):
    """An estimator of the recorder's, in the place of an observer."""

    def __init__(self, options: Structure, session: Session):
        from trajreg.trajectory.estimators import Options, make_estimator
        from trajreg.trajectory.parameters import Weights

        weights, num_steps = Weights.of(session.weights), session.spec.num_epochs * session.steps_per_epoch
        chosen = Options(options.estimator, num_steps).resolved(weights)
        self._estimator: Any = make_estimator(chosen, weights)

    def before_update(self, step: int, loss: torch.Tensor, lr: float) -> None:
        self._estimator.keep()

    def finish(self) -> Any:
        """The `KeptPath`."""
        from trajreg.trajectory.kept_path import kept_path

        return kept_path(self._estimator)

    def close(self) -> None:
        """Delete what was kept."""
        self._estimator.close()
