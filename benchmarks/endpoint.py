"""What ℓ* at the end point costs, and how far the one pass in eval mode is from the mini-batches' own passes.

    .venv/bin/python benchmarks/endpoint.py [--epochs N] [--seeds 3]

For nets of the digits profile with batch norm, trained as their figures train them: the time of each `optimum` as a ratio to that of
training, and over the steps the median relative difference of ℓ*, gap and γ of `endpoint_eval` to those of `endpoint`, the same
for γ of epochs and of the run, and how many steps have a gap that is not positive.
"""

import argparse
import statistics
import time

import numpy as np
import pandas as pd
import torch
from recording import first_run

from trajreg.data.load import load
from trajreg.measures.regularity import Recording, Regularity
from trajreg.metrics.aggregate import over_stretches
from trajreg.metrics.regularity import regularity
from trajreg.training.loop import train
from trajreg.training.optimum import endpoint_eval_losses, endpoint_losses
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec
from trajreg.trajectory.trajectory import Trajectory


def timed(work):
    """(what it returns, processor seconds: of one thread, whatever else the machine does)."""
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def trained(spec: TrainSpec) -> tuple[Session, Trajectory, float]:
    """A finished training, its trajectory and the seconds it took, with the recording."""
    session = Session(spec, load(spec.data))
    recording = Recording(Regularity(), session)
    _, seconds = timed(lambda: train(session, [recording]))
    trajectory, _ = recording.finish()
    return session, trajectory, seconds


def table(trajectory: Trajectory, optimal_loss: np.ndarray) -> pd.DataFrame:
    """γ at each step with this ℓ*."""
    known = trajectory.distances
    return regularity(
        distance_sq=known.distance_sq,
        update_sq=known.update_sq,
        inner=known.inner,
        loss=trajectory.loss,
        lr=trajectory.lr,
        optimal_loss=optimal_loss,
    )


def compare(spec: TrainSpec) -> dict[str, float]:
    """All numbers of one run."""
    session, trajectory, seconds = trained(spec)
    exact, slow = timed(lambda: endpoint_losses(session))
    approximate, fast = timed(lambda: endpoint_eval_losses(session))
    steps, other = table(trajectory, exact), table(trajectory, approximate)
    epoch, run = np.arange(len(steps)) // session.steps_per_epoch, np.zeros(len(steps))
    return {
        "time of endpoint / training": slow / seconds,
        "time of endpoint_eval / training": fast / seconds,
        "difference of ℓ*, median": _difference(approximate, exact),
        "difference of the gap, median": _difference(other["gap"], steps["gap"]),
        "difference of γ, median over steps": _difference(other["gamma"], steps["gamma"]),
        "… over the last half of the steps": _difference(*(one["gamma"][len(one) // 2 :] for one in (other, steps))),
        "difference of γ, median over epochs": _difference(*(_gamma(one, epoch) for one in (other, steps))),
        "difference of γ of the run": _difference(*(_gamma(one, run) for one in (other, steps))),
        "gap not positive, endpoint": float((steps["gap"] <= 0).mean()),
        "gap not positive, endpoint_eval": float((other["gap"] <= 0).mean()),
    }


def _gamma(steps: pd.DataFrame, stretch: np.ndarray) -> np.ndarray:
    return over_stretches(steps, stretch)["gamma"].to_numpy()


def _difference(one, reference) -> float:
    return float(np.nanmedian(np.abs(np.asarray(one) / np.asarray(reference) - 1)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, help="the figure's own by default")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for figure in ("fig02", "fig04"):
        base = first_run(figure)
        base = base.model_copy(update={"num_epochs": options.epochs or base.num_epochs})
        rows = [compare(base.model_copy(update={"seed": seed})) for seed in range(options.seeds)]
        print(
            f"{base.model.name} width {base.model.width:g}, {base.num_epochs} epochs, {options.seeds} seeds", flush=True
        )
        for name in rows[0]:
            values = [row[name] for row in rows]
            print(f"  {name:37} {statistics.median(values):.3g}  ({min(values):.3g} … {max(values):.3g})", flush=True)
