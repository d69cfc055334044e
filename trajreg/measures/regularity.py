"""γ and its companions along the trajectory (arXiv 2011.06702): options, observers, columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from trajreg.columns import Columns
from trajreg.errors import InputError
from trajreg.measures.epochs import Epochs, chosen, largest
from trajreg.measures.extent import FORWARD, TABLE_BYTES, Extent
from trajreg.measures.measure import Measure
from trajreg.measures.regularity_columns import COLUMNS, columns_of_ends, columns_of_some
from trajreg.result import Result
from trajreg.training.observer import Observer

if TYPE_CHECKING:
    import numpy as np
    import torch

    from trajreg.training.loop import Trained
    from trajreg.training.session import Session
    from trajreg.training.spec import TrainSpec
    from trajreg.trajectory.towards import EpochwiseTrajectory


class Regularity(Measure):
    """γ at every step, and over epochs and the run.

    estimator: of the distances; `auto` is store where all iterates fit in memory, else sketch; `replay` is a second pass,
        when θ_T is known.
    keep_iterates (`store`): every θ_t stays with the measurement.
    optimum: ℓ*_t is zero (the over-parameterised setting), or the mini-batch's loss at the endpoint, ℓ_{ξ_t}(θ_T): exact for a
        forward pass a step (endpoint), or from one pass over the data in eval mode (endpoint_eval), which is the same without batch
        norm, dropout and augmentation and an approximation with any of them. Tables and manifest say `endpoint_eval (approximate)`
        then. A gap ℓ_t − ℓ*_t that is not positive, which ℓ* at the endpoint makes possible, leaves γ_t NaN and that step out of ratios
        of sums; estimator `epoch` and epochs that are not replayed count it.
    num_sketch (`sketch`, `auto`): numbers kept of a step, None is the recorder's default.
    epochs (`replay`): whose steps are measured: "all", {every: k} or a list of numbers from 1 on.
    """

    COLUMNS: ClassVar[Columns] = COLUMNS
    VERSION: ClassVar[int] = 2  # cosine_walk is from the walk's own distances; it was divided by the measured distance

    estimator: Literal["store", "epoch", "sketch", "auto", "replay"] = "store"
    keep_iterates: bool = False
    optimum: Literal["zero", "endpoint", "endpoint_eval"] = "zero"
    num_sketch: Annotated[int, Field(ge=2)] | None = None
    epochs: Epochs = "all"

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.keep_iterates and self.estimator != "store":
            raise ValueError("keep_iterates needs estimator store")
        if self.num_sketch is not None and self.estimator not in ("sketch", "auto"):
            raise ValueError("num_sketch needs estimator sketch or auto")
        if self.epochs != "all" and self.estimator != "replay":
            raise ValueError("epochs needs estimator replay")
        return self

    def check(self, spec: TrainSpec, where: str) -> None:
        """InputError when `epochs` asks for one that the training does not have."""
        if largest(self.epochs) > spec.num_epochs:
            raise InputError(
                f"{where}: epochs asks for {largest(self.epochs)}, but this training has {spec.num_epochs} epochs"
            )

    @property
    def columns(self) -> Columns:
        """Without what needs every step, where only ends of epochs are watched, or only the steps of some epochs."""
        if self.estimator == "epoch":
            return columns_of_ends()
        if self.epochs == "all":
            return COLUMNS
        return columns_of_some(ends_tell=self.optimum != "endpoint", first=1 in chosen(self.epochs, 1))

    @property
    def needs_end(self) -> bool:
        """Estimator `replay` measures towards a θ_T that is known."""
        return self.estimator == "replay"

    def pieces(self, session: Session) -> dict[int, bool] | None:
        """With `replay` each epoch alone: the chosen ones step by step, the others where they begin."""
        if self.estimator != "replay":
            return None
        watched = chosen(self.epochs, session.spec.num_epochs)
        return {epoch: epoch in watched for epoch in range(1, session.spec.num_epochs + 1)}

    def extra_steps(self, extent: Extent) -> float:
        """A second pass for `replay`, and the forward passes that ℓ* takes."""
        watched = extent.steps_per_epoch * len(chosen(self.epochs, extent.num_epochs))
        again = extent.num_steps if self.needs_end else 0
        passed = {"zero": 0, "endpoint": watched, "endpoint_eval": extent.steps_per_epoch}[self.optimum]
        return again + FORWARD * passed

    def stored_bytes(self, extent: Extent) -> int:
        """Numbers that hardly compress: some 110 bytes a step and 90 an epoch; and the iterates where they are kept."""
        iterates = 4 * extent.num_weights * (extent.num_steps + 1) if self.keep_iterates else 0
        return 2 * TABLE_BYTES + 110 * extent.num_steps + 90 * extent.num_epochs + iterates

    def kept_bytes(self, session: Session) -> tuple[int, int]:
        """Of its recorder; of a second pass, which goes by epochs, hardly any."""
        from trajreg.trajectory.estimators import Options, kept_bytes
        from trajreg.trajectory.parameters import Weights

        if self.needs_end:
            return 0, 0
        num_steps = session.spec.num_epochs * session.steps_per_epoch
        options = Options(self.estimator, num_steps, session.steps_per_epoch, num_sketch=self.num_sketch)
        return kept_bytes(options, Weights.of(session.weights), num_steps)

    def observer(self, session: Session, end: torch.Tensor | None) -> Observer:
        """A recorder of the whole training, or what measures an epoch towards its end."""
        return Recording(self, session) if end is None else EpochTowardsEnd(self, session, end)

    def result(self, session: Session, trained: Trained, parts: list[Any]) -> Result:
        """Tables `steps` and `epochs`, the summary of the run, and the iterates where they are kept."""
        from trajreg.trajectory.tables import tables
        from trajreg.trajectory.towards import EpochwiseTrajectory

        arrays = {}
        if self.needs_end:
            trajectory = EpochwiseTrajectory(trained.losses, trained.lr, trained.steps_per_epoch, tuple(parts))
            optimal_loss = self._optimal_losses(session, trajectory)
        else:
            ((trajectory, optimal_loss),) = parts
            if trajectory.iterates is not None:
                arrays["iterates"] = trajectory.iterates.numpy()
        epochs, steps, summary = tables(trajectory, optimal_loss, trained.steps_per_epoch)
        exact_optimum = self.optimum != "endpoint_eval" or session.spec.same_in_both_modes
        optimum = self.optimum + ("" if exact_optimum else " (approximate)")
        told = {} if optimum == "zero" else {"optimum": optimum}
        exact = trajectory.estimator != "sketch" and exact_optimum
        facts = {"estimator": trajectory.estimator, "optimum": optimum, "exact": exact}
        how = f"{trajectory.estimator}{f', ℓ* {optimum}' if told else ''}, {'exact' if exact else 'not exact'}"
        found = {"epochs": epochs.assign(**told), "steps": steps.assign(**told)}
        return Result(found, summary, arrays, how, facts)

    def _optimal_losses(self, session: Session, trajectory: EpochwiseTrajectory) -> np.ndarray | float:
        """ℓ*_t of a trajectory known epoch by epoch; NaN at steps where it was to be taken at the end and was not."""
        import numpy as np

        from trajreg.training.optimum import endpoint_eval_losses

        if self.optimum != "endpoint":
            return 0.0 if self.optimum == "zero" else endpoint_eval_losses(session)
        losses = np.full(len(trajectory.loss), np.nan)
        for one in trajectory.epochs:
            if one.optimal_loss is not None:
                losses[trajectory.steps_of(one.epoch)] = one.optimal_loss
        return losses


class Recording(Observer):
    """A `TrajectoryRecorder` in the place of an observer."""

    def __init__(self, options: Regularity, session: Session):
        from trajreg.trajectory.recorder import TrajectoryRecorder

        self._options, self._session = options, session
        self._recorder = TrajectoryRecorder(
            session.weights,
            options.estimator,
            num_steps=session.spec.num_epochs * session.steps_per_epoch,
            steps_per_epoch=session.steps_per_epoch,
            num_sketch=options.num_sketch,
        )

    def before_update(self, step: int, loss: torch.Tensor, lr: float) -> None:
        self._recorder.log_step(loss, lr=lr)

    def finish(self) -> tuple[Any, np.ndarray | float]:
        """(trajectory, ℓ*)."""
        from trajreg.training.optimum import endpoint_eval_losses, endpoint_losses

        trajectory = self._recorder.finish(self._options.keep_iterates)
        if self._options.optimum == "zero":
            return trajectory, 0.0
        losses_of = endpoint_losses if self._options.optimum == "endpoint" else endpoint_eval_losses
        return trajectory, losses_of(self._session)

    def close(self) -> None:
        """Delete the recording's files."""
        self._recorder.close()


class EpochTowardsEnd(Observer):
    """The distances of one epoch towards θ_T, and its mini-batches' losses there where they are asked for."""

    def __init__(self, options: Regularity, session: Session, end: torch.Tensor):
        from trajreg.trajectory.towards import Towards

        self._endpoint, self._session, self._end = options.optimum == "endpoint", session, end
        self._towards, self._watched = Towards(session.weights, end), False

    def begin(self, session: Session) -> None:
        self._epoch, self._start = session.epochs_done + 1, session.state() if self._endpoint else None
        self._start_sq = self._towards.here()

    def after_update(self, step: int) -> None:
        self._towards.add()
        self._watched = True

    def finish(self) -> Any:
        """The `KnownEpoch`."""
        from trajreg.trajectory.towards import KnownEpoch

        if not self._watched:
            return KnownEpoch(self._epoch, self._start_sq)
        return KnownEpoch(self._epoch, self._start_sq, self._towards.finish(), self._losses_at_end())

    def _losses_at_end(self) -> np.ndarray | None:
        """Of the epoch's mini-batches, with the augmentation and the dropout masks of training, which goes on from where it is."""
        if self._start is None:
            return None
        return self._session.losses_at(self._end, self._start, self._epoch)
