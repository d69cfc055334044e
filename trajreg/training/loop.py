"""Train one net and measure its trajectory: deterministic, readable, one place."""

import tempfile

import numpy as np

from trajreg.data.dataset import Dataset
from trajreg.training.optimum import optimal_losses
from trajreg.training.replay import train_and_replay
from trajreg.training.result import Training, describe
from trajreg.training.session import Progress, Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec
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
    optimal_loss = optimal_losses(session) if finite else 0.0
    return describe(session, epochs, losses, trajectory, optimal_loss)
