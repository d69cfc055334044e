"""The estimator `replay`: train with a snapshot an epoch, then run chosen epochs again, towards the θ_T that is now known.

An epoch needs nothing but its snapshot, the next one and the last: epochs are jobs of their own, in any order, in any process.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch

from trajreg.data.dataset import Dataset
from trajreg.training.optimizers import make_optimizer
from trajreg.training.optimum import optimal_losses
from trajreg.training.result import Training, describe
from trajreg.training.session import Progress, Session
from trajreg.training.snapshots import Snapshots, restore_streams
from trajreg.training.spec import TrainSpec
from trajreg.trajectory.replay import EpochReplay, Reduction, ReplayedEpoch, ReplayTrajectory, StepLog

STATE_BYTES = 16 * 2**10  # an upper bound of a snapshot's random streams, numbers, names, and the log of its steps


def train_and_replay(
    spec: TrainSpec, data: Dataset, snapshots: Snapshots, progress: Progress, say: Callable[[str], None] = print
) -> Training:
    """Train, and run the chosen epochs again one after the other; the snapshots stay. Raises as `train`."""
    training = train_with_snapshots(spec, data, snapshots, progress, say)
    if training.diverged:
        return training
    replayer = Replayer(spec, data, snapshots)
    return with_replays(training, [replayer.replay(epoch) for epoch in spec.replayed_epochs()])


def train_with_snapshots(
    spec: TrainSpec, data: Dataset, snapshots: Snapshots, progress: Progress, say: Callable[[str], None] = print
) -> Training:
    """Train and keep the state before the first and after each epoch; the trajectory has no replayed epoch yet.

    It has losses, and the distances where epochs begin unless all epochs are to be replayed, which finds them as well.
    Where `snapshots` has some of this spec already, the training goes on from the last of them. The disk they take is announced
    to `say`, and refused with InputError when it is not there, before anything is trained.
    """
    session, done = Session(spec, data), snapshots.count()
    snapshots.reserve(spec.num_epochs + 1 - done, snapshot_bytes(session), say)
    logs = [snapshots.log(epoch) for epoch in range(1, done)]
    log = StepLog([loss for one in logs for loss in one["loss"]], [lr for one in logs for lr in one["lr"]])
    steps = session.steps_per_epoch

    def keep(epoch: int, row: dict) -> None:
        entry = {"row": row, "loss": log.losses()[-steps:].tolist(), "lr": log.lr[-steps:]}
        snapshots.write(epoch, session.state(), entry)

    with session.running():
        if done:
            session.restore(snapshots.read(done - 1))
            for one in logs:
                progress(one["row"]["epoch"], one["row"]["train_loss"])
        else:
            snapshots.write(0, session.state())
        epochs = session.fit(log, progress, [one["row"] for one in logs], keep)
    losses = log.losses()
    if not (np.isfinite(losses).all() and session.finite()):
        return describe(session, epochs, losses, None)
    some_only = len(spec.replayed_epochs()) < spec.num_epochs
    boundary_sq = _boundary_distances(session, snapshots) if some_only else None
    # the loss at θ_T with the masks of dropout is known once an epoch is replayed
    optimal_loss = np.full(len(losses), np.nan) if spec.record.optimum == "endpoint" else optimal_losses(session)
    trajectory = ReplayTrajectory(losses, np.array(log.lr), steps, boundary_sq)
    return describe(session, epochs, losses, trajectory, optimal_loss)


def _boundary_distances(session: Session, snapshots: Snapshots) -> np.ndarray:
    """(num_epochs + 1,) ‖θ_t − θ_T‖² of all snapshots, float64: the bits that a replay from there finds."""
    states = (snapshots.read(number) for number in range(session.spec.num_epochs, -1, -1))
    end = session.theta(next(states)).double()
    offsets = (session.theta(state).double().sub_(end) for state in states)
    return np.array([0.0, *(float(torch.dot(offset, offset)) for offset in offsets)])[::-1].copy()


class Replayer:
    """Runs epochs of a training again, in any order; what they share (the net, θ_T, room for iterates) is made and read once.

    Raises InputError when a snapshot it needs is missing or was changed.
    """

    def __init__(self, spec: TrainSpec, data: Dataset, snapshots: Snapshots):
        self._end = snapshots.read(spec.num_epochs)
        self._snapshots, self._session = snapshots, Session(spec, data)
        self._reduction = Reduction(self._session.weights, self._session.theta(self._end))

    def replay(self, epoch: int) -> ReplayedEpoch:
        """Run this epoch (from 1 on) again from its snapshot, by the code it was trained by; compare it with the next snapshot.

        With `optimum: endpoint` its mini-batches are then passed forward at θ_T, with the dropout masks they were trained with.
        """
        session, start, landing = self._session, self._snapshots.read(epoch - 1), self._snapshots.read(epoch)
        with session.running():
            session.restore(start)
            recorder = EpochReplay(self._reduction)
            session.epoch(recorder)
            distances = recorder.finish()
            deviation = session.state().deviation(landing)
            optimal_loss = None
            if session.spec.record.optimum == "endpoint":
                session.restore(self._end)
                restore_streams(start, session.order)
                optimal_loss = session.losses_here()
        differences = np.abs(recorder.losses() - np.array(self._snapshots.log(epoch)["loss"]))
        deviation = max(deviation, float(differences.max()) if np.isfinite(differences).all() else float("inf"))
        return ReplayedEpoch(epoch, distances, deviation, optimal_loss)


def with_replays(training: Training, replays: Iterable[ReplayedEpoch]) -> Training:
    """The training with these epochs replayed; one that diverged, or that was recorded otherwise, stays as it is."""
    if not isinstance(training.trajectory, ReplayTrajectory):
        return training
    ordered = tuple(sorted(replays, key=lambda replayed: replayed.epoch))
    trajectory, optimal_loss = replace(training.trajectory, replays=ordered), training.optimal_loss
    if training.spec.record.optimum == "endpoint":
        optimal_loss = optimal_loss.copy()
        for replayed in ordered:
            optimal_loss[trajectory.steps_of(replayed.epoch)] = replayed.optimal_loss
    return replace(training, trajectory=trajectory, optimal_loss=optimal_loss)


def snapshot_bytes(session: Session) -> int:
    """An upper bound of one snapshot's bytes: weights, buffers, what the optimiser keeps for each weight, and the rest."""
    probe = torch.nn.Parameter(torch.zeros(2))
    probe.grad = torch.zeros(2)
    optimizer = make_optimizer(session.spec.optimizer, [probe])
    optimizer.step()  # PyTorch allocates an optimiser's state in its first step
    copies = sum(value.shape == probe.shape for value in optimizer.state[probe].values() if torch.is_tensor(value))
    model = sum(value.nbytes for value in session.model.state_dict().values())
    entries = len(session.model.state_dict()) + 3 * len(session.weights)
    log = 64 * session.steps_per_epoch
    return model + copies * sum(weight.nbytes for weight in session.weights) + 256 * entries + log + STATE_BYTES
