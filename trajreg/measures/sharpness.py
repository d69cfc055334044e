"""Sharpness along the trajectory, the largest eigenvalues of the Hessian (arXiv 2103.00065): options, observer, columns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trajreg.columns import Bound, Column, Columns, Value
from trajreg.errors import InputError
from trajreg.measures.extent import Extent
from trajreg.measures.measure import Measure
from trajreg.result import Result
from trajreg.training.observer import Observer

if TYPE_CHECKING:
    import torch

    from trajreg.metrics.sharpness import Eigenvalues
    from trajreg.training.loop import Trained
    from trajreg.training.session import Session
    from trajreg.training.spec import OptimizerSpec, TrainSpec

Count = Annotated[int, Field(ge=1)]
HVPS = 30  # Hessian-vector products of a measured step, usually


class Sharpness(Measure):
    """λ_1 ≥ … ≥ λ_k of the Hessian of the training loss at θ_t, before some of the steps and at the end.

    every: steps between two measurements. early: so many of the first steps are all measured. k: how many eigenvalues.
    num_samples: of the training set, fixed and drawn for each seed; None is all. batch_size: samples that are differentiated at once.
    mode: of the net; `train` means batch norm by the statistics of those batches.
    tol: at which relative residual Lanczos ends.
    """

    COLUMNS: ClassVar[Columns] = Columns(
        summary=(
            Column("sharpness_max", "largest sharpness", claimable=True, compared=True, shown=True),
            Column("sharpness_final", "sharpness at the end", claimable=True, compared=True, shown=True),
            Column("sharpness_initial", "sharpness at the start", claimable=True),
            Column("steps_to_edge", "steps to the edge of stability", claimable=True, shown=True),
        ),
        epochs=(
            Column(
                "sharpness",
                "sharpness",
                unit="λ₁, median of the epoch",
                scale="log",
                null="stability_limit",
            ),
            Column("stability_limit", "sharpness: limit of stability", unit="λ₁"),
        ),
    )

    every: Count = 10
    early: Annotated[int, Field(ge=0)] = 0
    k: Count = 1
    num_samples: Count | None = None
    batch_size: Count = 256
    mode: Literal["eval", "train"] = "eval"
    tol: Annotated[float, Field(gt=0, lt=1)] = 1e-4

    def check(self, spec: TrainSpec, where: str) -> None:
        """InputError when there are not so many samples, where the data says so."""
        there = getattr(spec.data, "num_train", None)
        if self.num_samples is not None and there is not None and self.num_samples > there:
            raise InputError(f"{where}: num_samples = {self.num_samples}, but the training set has {there}")

    def is_wanted(self, step: int) -> bool:
        """Whether it is measured before this step."""
        return step < self.early or step % self.every == 0

    def extra_steps(self, extent: Extent) -> float:
        """So many passes over its samples at each measured step as Lanczos usually takes, each a gradient and the derivative of it."""
        passes = HVPS * 2 * min(self.num_samples or extent.num_train, extent.num_train) / extent.batch_size
        return passes * (1 + sum(self.is_wanted(step) for step in range(extent.num_steps)))

    def pieces(self, session: Session) -> dict[int, bool]:
        """The epochs with a step before which it is measured, and the last, after which it is."""
        per_epoch, num_epochs = session.steps_per_epoch, session.spec.num_epochs
        wanted = {1 + step // per_epoch for step in range(num_epochs * per_epoch) if self.is_wanted(step)}
        return dict.fromkeys(sorted(wanted | {num_epochs}), True)

    def observer(self, session: Session, end: torch.Tensor | None) -> Observer:
        """Measures before the wanted steps of an epoch, and after the last."""
        return Curvature(self, session)

    def result(self, session: Session, trained: Trained, parts: list[Any]) -> Result:
        """Table `steps`, a row a measurement: step, epoch, lr, sharpness (and sharpness_2 …), residual (…), num_hvps, stability_limit;
        table `epochs`; sharpness_max, _initial, _final, and steps_to_edge: the first measured step at which the sharpness is above the
        limit of stability; where it never is, later than T, after which it was measured last.
        """
        import numpy as np
        import pandas as pd

        rows = [row for part, _ in parts for row in part]
        steps = pd.DataFrame(rows)
        lr = trained.lr[np.minimum(steps["step"], len(trained.lr) - 1)]
        steps.insert(2, "lr", lr)
        steps["stability_limit"] = [stability_limit(session.spec.optimizer, one) for one in lr]
        epochs = steps.groupby("epoch")[["sharpness", "stability_limit"]].median().reset_index()
        above = steps.loc[steps["sharpness"] >= steps["stability_limit"], "step"]
        summary: dict[str, Value] = {
            "sharpness_max": float(steps["sharpness"].max()),
            "sharpness_final": float(steps["sharpness"].iloc[-1]),
            "sharpness_initial": float(steps["sharpness"].iloc[0]),
        }
        if steps["stability_limit"].notna().all():
            summary["steps_to_edge"] = float(above.iloc[0]) if len(above) else Bound(low=float(len(trained.losses) + 1))
        else:
            summary["steps_to_edge"] = float("nan")
        samples = "all samples" if self.num_samples is None else f"{self.num_samples} samples"
        facts = {"num_hvps": int(steps["num_hvps"].sum()), "seconds": round(sum(seconds for _, seconds in parts), 2)}
        return Result(
            {"steps": steps, "epochs": epochs}, summary, how=f"sharpness on {samples}, {self.mode} mode", facts=facts
        )


class Curvature(Observer):
    """Sees (rows, seconds) of one epoch."""

    def __init__(self, options: Sharpness, session: Session):
        self._options, self._session = options, session
        self._rows: list[dict[str, Any]] = []
        self._seconds = 0.0

    def before_update(self, step: int, loss: torch.Tensor, lr: float) -> None:
        if self._options.is_wanted(step):
            self._measure(step, 1 + step // self._session.steps_per_epoch)

    def end_epoch(self, epoch: int) -> None:
        if epoch == self._session.spec.num_epochs:
            self._measure(epoch * self._session.steps_per_epoch, epoch)

    def finish(self) -> tuple[list[dict[str, Any]], float]:
        """(a row a measurement, seconds that they took)."""
        return self._rows, self._seconds

    def _measure(self, step: int, epoch: int) -> None:
        started, options, found = time.perf_counter(), self._options, self._eigenvalues(step)
        suffixes = ["", *(f"_{i}" for i in range(2, options.k + 1))]
        row: dict[str, Any] = {"step": step, "epoch": epoch}
        row |= {f"sharpness{suffix}": float(value) for suffix, value in zip(suffixes, found.values, strict=True)}
        row |= {f"residual{suffix}": float(value) for suffix, value in zip(suffixes, found.residuals, strict=True)}
        self._rows.append(row | {"num_hvps": found.num_hvps})
        self._seconds += time.perf_counter() - started

    def _eigenvalues(self, step: int) -> Eigenvalues:
        """NaN where the loss or its Hessian is not finite: a training that diverges goes on to its end."""
        import numpy as np

        from trajreg.metrics.hessian import NotFinite
        from trajreg.metrics.sharpness import Eigenvalues, sharpness

        session, options = self._session, self._options
        try:
            return sharpness(
                session.model,
                session.task.loss,
                self._batches(),
                options.k,
                options.mode,
                parameters=session.weights,
                tol=options.tol,
                seed=session.stream("sharpness", step).initial_seed(),
            )
        except NotFinite:
            unknown = np.full(options.k, np.nan)
            return Eigenvalues(unknown, unknown, 0)

    def _batches(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        import torch

        data, count = self._session.data, self._options.num_samples
        inputs, targets = data.train_inputs, data.train_targets
        if count is not None and count < len(inputs):
            drawn = torch.randperm(len(inputs), generator=self._session.stream("sharpness samples", 0))[:count]
            inputs, targets = inputs[drawn], targets[drawn]
        size = self._options.batch_size
        return list(zip(inputs.split(size), targets.split(size), strict=True))


def stability_limit(optimizer: OptimizerSpec, lr: float) -> float:
    """The sharpness above which a step of full-batch descent on a quadratic leads away from its minimum; NaN where there is no such number.

    2/η for gradient descent, (2 + 2β)/η with momentum β, (2 + 2β)/((1 + 2β) η) with Nesterov's (arXiv 2103.00065, appendix B), each less
    the weight decay, which is added to all eigenvalues. NaN for optimisers that rescale gradients, and where they are clipped.
    """
    if optimizer.name != "sgd" or optimizer.clip_norm or not lr > 0:
        return float("nan")
    beta = optimizer.momentum
    return (2 + 2 * beta) / ((1 + 2 * beta if optimizer.nesterov else 1) * lr) - optimizer.weight_decay
