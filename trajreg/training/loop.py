"""Train one net and measure its trajectory: deterministic, readable, one place."""

import tempfile

import numpy as np

from trajreg.data.dataset import Dataset
from trajreg.training.replay import train_and_replay
from trajreg.training.result import Training, describe
from trajreg.training.session import Progress, Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec
from trajreg.training.streams import generator
from trajreg.trajectory.recorder import TrajectoryRecorder


def train(spec: TrainSpec, data: Dataset, progress: Progress = lambda epoch, loss: None) -> Training:
    """Train one net and record its trajectory. Same spec, same machine, same threads: same bytes.

    `progress(epoch, train_loss)` is called after each epoch. With estimator `replay` the chosen epochs are run again here, one
    after the other, from snapshots in a temporary folder; `trajreg.runs.launch` runs them side by side. Raises InputError when
    the batch is larger than the data, the device is not there, the model does not fit the task, or the recording would not fit;
    before anything is trained.
    """
    if spec.record.estimator == "replay":
        with tempfile.TemporaryDirectory(prefix="trajreg-") as folder:
            return train_and_replay(spec, data, Snapshots(folder), progress)
    session = Session(spec, data)
    num_steps = spec.num_epochs * session.steps_per_epoch
    recorder = TrajectoryRecorder(
        session.weights,
        spec.record.estimator,
        num_steps=num_steps,
        steps_per_epoch=session.steps_per_epoch,
        num_sketch=spec.record.num_sketch,
    )
    try:
        with session.running():
            epochs = session.fit(recorder, progress, [], lambda epoch, row: None)
        losses = recorder.losses()
        finite = np.isfinite(losses).all() and session.finite()
        trajectory = recorder.finish(spec.record.keep_iterates) if finite else None
    finally:
        recorder.close()
    optimal_loss = endpoint_losses(session) if finite and spec.record.optimum == "endpoint" else 0.0
    return describe(session, epochs, losses, trajectory, optimal_loss)


def endpoint_losses(session: Session) -> np.ndarray:
    """(T,) ℓ_{ξ_t}(θ_T) of a finished training: T forward passes in train mode.

    ξ_t is the mini-batch with its dropout mask. Nothing but training's forward passes draws from the two streams, so that from
    their start the passes at θ_T meet the same mini-batches and the same masks. Exact under batch norm as well.
    """
    session.order = generator(session.spec.seed, "order")
    with session.running():
        return np.concatenate([session.losses_here() for _ in range(session.spec.num_epochs)])
