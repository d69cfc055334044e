"""γ over the run with ℓ* at the end point, beside the usual one with ℓ* = 0 (arXiv 2011.06702); start and end of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from trajreg.columns import Column, Columns
from trajreg.measures.extent import FORWARD, Extent
from trajreg.measures.measure import Measure
from trajreg.result import Result
from trajreg.training.observer import Observer

if TYPE_CHECKING:
    import numpy as np
    import torch

    from trajreg.training.loop import Trained
    from trajreg.training.session import Session


class Endpoint(Measure):
    """γ from the ends of a stretch and its gaps ℓ_t(θ_t) − ℓ_t(θ_T) (Identity B over all steps), without the steps between.

    every: ℓ_t(θ_T) is taken of the mini-batches of epochs 1, 1 + every, …, each by a forward pass in train mode; the others have the
        mean of these, since every epoch is made of nearly the same samples (not of exactly the same where they do not divide into
        mini-batches, are drawn with replacement or are augmented). With 1 it is exact. Otherwise single gaps, and with them
        `gap_positive`, are approximate, and so, much less, are the sums that γ is made of; dropout then has other masks than in training.
        VGG-11 with batch norm on digits, every fifth of 15 epochs: γ of the run is off by 0.1 and 1.1 % (two seeds), of the late phase by
        0.7 and 4.4 %, for 0.05 of the training's time in place of 0.2 to 0.3.
    """

    COLUMNS: ClassVar[Columns] = Columns(
        summary=(
            Column("gamma_endpoint", "γ, ℓ* at the end point", claimable=True, compared=True, shown=True),
            Column("gamma_endpoint_early", "γ, ℓ* at the end point, early"),
            Column("gamma_endpoint_late", "γ, ℓ* at the end point, late"),
            Column("endpoint_loss", "mean loss of the mini-batches at the end point"),
            Column("gap_positive", "steps with a gap > 0, ℓ* at the end point"),
        ),
    )

    every: Annotated[int, Field(ge=1)] = 1

    def extra_steps(self, extent: Extent) -> float:
        """A forward pass a step of the epochs that are passed again."""
        return FORWARD * extent.steps_per_epoch * -(-extent.num_epochs // self.every)

    def stored_bytes(self, extent: Extent) -> int:
        """θ_0 and θ_T in float32, and a manifest."""
        return 2 * 4 * extent.num_weights + 1500

    def observer(self, session: Session, end: torch.Tensor | None) -> Observer:
        """Keeps θ_0 and θ where the late phase begins; runs the mini-batches again at the end."""
        return Ends(self, session)

    def result(self, session: Session, trained: Trained, parts: list[Any]) -> Result:
        """The summary, and arrays `start` and `end`: θ_0 and θ_T, (P,) float32."""
        import numpy as np

        ((start, late, end, optimal_loss, num_early),) = parts
        gap = trained.losses - np.where(np.isnan(optimal_loss), np.nanmean(optimal_loss), optimal_loss)
        work = trained.lr * gap
        whole, rest = (float(((one.astype(np.float64) - end) ** 2).sum()) for one in (start, late))
        summary = {
            "gamma_endpoint": _gamma(whole, work),
            "gamma_endpoint_early": _gamma(whole - rest, work[:num_early]),
            "gamma_endpoint_late": _gamma(rest, work[num_early:]),
            "endpoint_loss": float(np.nanmean(optimal_loss)),
            "gap_positive": float((gap > 0).mean()),
        }
        known = "exact" if self.every == 1 else f"from every {self.every} epochs, not exact"
        return Result(
            {}, summary, {"start": start, "end": end}, f"ℓ* at the end point {known}", {"exact": self.every == 1}
        )


class Watched(NamedTuple):
    """θ_0, θ where the late phase begins, θ_T, each (P,) float32; (T,) ℓ_t(θ_T), NaN where it was not taken; steps of the early phase."""

    start: np.ndarray
    late: np.ndarray
    end: np.ndarray
    optimal_loss: np.ndarray
    num_early: int


class Ends(Observer):
    """Sees where the run starts, where its late phase begins, where it ends."""

    def __init__(self, options: Endpoint, session: Session):
        import pandas as pd

        from trajreg.metrics.aggregate import phase_of

        self._options, self._session = options, session
        steps = pd.DataFrame({"step": range(session.spec.num_epochs * session.steps_per_epoch)})
        self._num_early = int((phase_of(steps) == "early").sum())
        self._late: np.ndarray | None = None

    def begin(self, session: Session) -> None:
        self._start = self._here()

    def before_update(self, step: int, loss: torch.Tensor, lr: float) -> None:
        if step == self._num_early:
            self._late = self._here()

    def finish(self) -> Watched:
        """What was seen."""
        from trajreg.training.optimum import endpoint_losses

        end = self._here()
        late = end if self._late is None else self._late  # a run of one step has no late phase
        losses = endpoint_losses(self._session, self._options.every)
        return Watched(self._start, late, end, losses, self._num_early)

    def _here(self) -> np.ndarray:
        import torch

        here = torch.cat([weight.detach().reshape(-1) for weight in self._session.weights])
        return here.cpu().numpy()


def _gamma(drop: float, work: np.ndarray) -> float:
    """(d_a² − d_b²) / (2 Σ η gap) over a stretch, from the drop of the squared distance; NaN unless the sum is positive."""
    total = float(work.sum())
    return drop / (2 * total) if total > 0 else float("nan")
