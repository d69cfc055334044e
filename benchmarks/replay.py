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

import torch
from recording import first_run

from trajreg.data.load import load
from trajreg.measures.passes import replay_stretch, stretches, together
from trajreg.measures.regularity import Regularity
from trajreg.training.loop import Trained, train
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec


def seconds(work, device: str) -> float:
    """Seconds that `work()` takes: of the processor (one thread, whatever else the machine does), or on the clock with a GPU."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    started = clock()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - started


def round_of(spec: TrainSpec, data) -> dict[str, float]:
    """Seconds of each kind of work, once."""
    zero, endpoint = (Regularity(estimator="replay", optimum=optimum) for optimum in ("zero", "endpoint"))
    with tempfile.TemporaryDirectory() as folder:
        snapshots, found = Snapshots(folder), []
        before = seconds(lambda: train(Session(spec, data)), spec.device)
        times = {
            "train with snapshots": seconds(
                lambda: found.append(train(Session(spec, data), snapshots=snapshots)), spec.device
            ),
        }
        for name, measure in (("replay", zero), ("replay, endpoint", endpoint)):
            times[name] = seconds(partial(_replay_all, spec, data, measure, found[0], snapshots), spec.device)
    times["train"] = (
        before + seconds(lambda: train(Session(spec, data)), spec.device)
    ) / 2  # the machine's speed drifts
    times["snapshots and replay"] = times["replay"] + times["train with snapshots"] - times["train"]
    return times


def _replay_all(spec: TrainSpec, data, measure: Regularity, trained: Trained, snapshots: Snapshots) -> None:
    """Every epoch from its snapshot, as one worker does it; raises where one does not land."""
    session, measures = Session(spec, data), {"regularity": measure}
    pieces = stretches(session, measures, snapshots.numbers())
    parts = [replay_stretch(session, measures, trained, snapshots, piece) for piece in pieces]
    together(session, measures, trained, snapshots, parts)


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
    changes = {"num_epochs": options.epochs, "device": options.device}
    for figure in ("fig02", "fig03", "fig04"):
        measure(first_run(figure).model_copy(update=changes), options.rounds)
