"""What replay costs: all epochs of a run replayed by one worker, against one training pass, in turn, in one process.

    .venv/bin/python benchmarks/replay.py [--epochs 3] [--rounds 5] [--device cpu]

Prints, for nets of the digits profile, the median ratio of replaying all epochs to training them (test set evaluated, nothing
recorded but losses), its smallest and largest over rounds, the same with the snapshots' writing added to the replay, and what
`optimum: endpoint` adds. The goal is 1.1 a worker: epochs are independent, n workers divide it by n.
"""

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import torch

from trajreg.data.load import load
from trajreg.studies.params import figure_files, load_figure
from trajreg.training.replay import Replayer, train_with_snapshots
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import RecordSpec, TrainSpec
from trajreg.trajectory.replay import StepLog

PARAMS = Path(__file__).resolve().parent.parent / "params"


def seconds(work, device: str) -> float:
    """Seconds that `work()` takes: of the processor (one thread, whatever else the machine does), or on the clock with a GPU."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    started = clock()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - started


def plain(spec: TrainSpec, data) -> None:
    """Train, keep nothing but losses."""
    session = Session(spec, data)
    with session.running():
        session.fit(StepLog(), lambda epoch, loss: None, [], lambda epoch, row: None)


def round_of(spec: TrainSpec, data) -> dict[str, float]:
    """Seconds of each kind of work, once."""
    endpoint = spec.model_copy(update={"record": RecordSpec(estimator="replay", optimum="endpoint")})
    with tempfile.TemporaryDirectory() as folder:
        snapshots = Snapshots(folder)
        before = seconds(lambda: plain(spec, data), spec.device)
        times = {
            "train with snapshots": seconds(
                lambda: train_with_snapshots(spec, data, snapshots, _quiet, _quiet), spec.device
            ),
        }
        for name, one in (("replay", spec), ("replay, endpoint", endpoint)):
            replays = []
            run_again = partial(_replay_all, one, data, snapshots, replays)
            times[name] = seconds(run_again, spec.device)
            assert all(replayed.exact for replayed in replays), "a replay did not land on its snapshot"
    times["train"] = (before + seconds(lambda: plain(spec, data), spec.device)) / 2  # the machine's speed drifts
    times["snapshots and replay"] = times["replay"] + times["train with snapshots"] - times["train"]
    return times


def _quiet(*words) -> None:
    """Neither progress nor announcement."""


def _replay_all(spec: TrainSpec, data, snapshots: Snapshots, replays: list) -> None:
    replayer = Replayer(spec, data, snapshots)
    replays += [replayer.replay(epoch) for epoch in spec.replayed_epochs()]


def measure(spec: TrainSpec, rounds: int) -> None:
    """Print a line a kind of work."""
    data = load(spec.data)
    rows = [round_of(spec, data) for _ in range(rounds + 1)][1:]  # the first round warms up
    base = statistics.median(row["train"] for row in rows)
    print(
        f"{spec.model.name} width {spec.model.width:g} on {spec.device}: {base / spec.num_epochs:.3f} s an epoch",
        flush=True,
    )
    for name in ("train with snapshots", "replay", "snapshots and replay", "replay, endpoint"):
        ratios = [row[name] / row["train"] for row in rows]
        print(
            f"  {name:22} {statistics.median(ratios):.3f}  (rounds {min(ratios):.3f} … {max(ratios):.3f})", flush=True
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    changes = {"num_epochs": options.epochs, "device": options.device, "record": RecordSpec(estimator="replay")}
    for figure in ("fig02", "fig03", "fig04"):
        (path,) = figure_files(PARAMS, "digits", [figure]).values()
        measure(load_figure(path).trainings()[0].model_copy(update=changes), options.rounds)
