"""Train one run and store it."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from trajreg.data.load import load
from trajreg.metrics.aggregate import over_stretches, summarise
from trajreg.runs.fingerprint import fingerprint, identity
from trajreg.runs.provenance import machine, source
from trajreg.runs.store import RunStore
from trajreg.training.loop import train
from trajreg.training.result import Training
from trajreg.training.spec import TrainSpec

CHECKOUT = Path(__file__).resolve().parents[2]  # whose commit the numbers come from


def execute(
    spec: TrainSpec, store: RunStore, progress: Callable[[int, float], None] = lambda epoch, loss: None
) -> None:
    """Train this run unless the store has it; waits if another process is training it."""
    name = fingerprint(spec)
    with store.lock(name):
        if store.load_or_set_aside(name) is not None:
            return
        store.forget_partial(name)
        started = time.perf_counter()
        data = load(spec.data)
        training = train(spec, data, progress)
        seconds = round(time.perf_counter() - started, 2)
        epochs, steps, summary = tabulate(training)
        manifest = {
            "fingerprint": name,
            "identity": identity(spec),
            "status": "diverged" if training.diverged else "completed",
            "num_weights": training.num_weights,
            "steps_per_epoch": training.steps_per_epoch,
            "data_checksum": data.checksum,
            "summary": {key: value if np.isfinite(value) else None for key, value in summary.items()},
            "seconds": seconds,
            "source": source(CHECKOUT),
            "machine": machine(),
        }
        kept = training.trajectory and training.trajectory.iterates
        store.save(name, {"epochs": epochs, "steps": steps}, manifest, None if kept is None else kept.numpy())


def tabulate(training: Training) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """(epochs, steps, summary) of a training: γ joined to the rows of its epochs, and the numbers of the whole run.

    A diverged run has its losses and no γ: there is no end point to measure distances from.
    """
    last = training.epochs.iloc[-1]
    final = {f"final_{name}": last[name] for name in last.index if name.startswith(("train_", "test_"))}
    if training.diverged:
        steps = pd.DataFrame({"step": np.arange(len(training.losses)), "loss": training.losses})
        return training.epochs, steps, {name: float(value) for name, value in final.items()}
    steps = training.trajectory.regularity()
    epoch = 1 + steps["step"].to_numpy() // training.steps_per_epoch
    epochs = training.epochs.join(over_stretches(steps, epoch), on="epoch")
    return epochs, steps, {name: float(value) for name, value in final.items()} | summarise(steps)
