"""What recording costs: the training step with an estimator against the same step without, in turn, in one process.

    .venv/bin/python benchmarks/recording.py [fig02] [fig03] [fig04] [--epochs 15] [--passes 2]

For the nets of the digits profile, four copies of the same training, without recording and with each estimator, take turns of an
epoch: what else the machine does meets them alike. Prints the median ratio of processor time (one thread) over all turns, with its
quartiles, and what the reduction and the table at the end add, a step's share of them; before that the peak memory of a process that trains
the largest run.

Found on a shared, noisy two-core CPU (ResNet: median of seven runs, smallest … largest), reduction and table included:

                         step       store                 epoch                 sketch
    ResNet-18 (fig02)    10 ms      1.08 (1.06 … 1.12)    1.06 (1.02 … 1.08)    1.05 (1.01 … 1.09)
    U-Net (fig03)        12 ms      1.05                  1.02                  1.04
    VGG-11 (fig04)       4.5 ms     1.17 … 1.19           1.07 … 1.10           1.10 … 1.11

What is left of it is memory traffic: θ is read and written once a step with cold caches, `store` writes to fresh pages. The cost does
not depend on the mini-batch, so it vanishes beside larger nets and batches: ResNet-18 of full width (11 million weights), 128 CIFAR-sized
images a step: 32 ms in 5.3 s on one core with `sketch`, 1.006.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from trajreg.data.load import load
from trajreg.measures import passes
from trajreg.measures.regularity import Recording, Regularity
from trajreg.studies.params import figure_ids, load_figure
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec

PARAMS = Path(__file__).resolve().parent.parent / "params"
ESTIMATORS = (None, "store", "epoch", "sketch")


class Run:
    """A training from its start that goes on by an epoch at a time, watched by a recording or not."""

    def __init__(self, spec: TrainSpec, data, estimator: str | None):
        self.session = Session(spec, data)
        self.observers = [Recording(Regularity(estimator=estimator), self.session)] if estimator else []

    def epoch(self) -> float:
        """Processor seconds of the next epoch."""
        with self.session.running():
            started = time.process_time()
            self.session.run_epoch(self.observers)
            return time.process_time() - started

    def finish(self) -> float:
        """Processor seconds of the reduction and the table."""
        started = time.process_time()
        for observer in self.observers:
            trajectory, optimal_loss = observer.finish()
            trajectory.regularity(optimal_loss)
        return time.process_time() - started


def first_run(figure: str) -> TrainSpec:
    """The training of a figure's first variant and seed, as the digits profile has it."""
    return load_figure(PARAMS, "digits", figure).wanted()[0].spec


def measure(figure: str, num_epochs: int, passes: int) -> None:
    """Print a line an estimator for the first variant of a figure."""
    spec = first_run(figure).model_copy(update={"num_epochs": num_epochs})
    data = load(spec.data)
    Run(spec, data, "sketch").epoch()  # warms up
    epochs = {estimator: [] for estimator in ESTIMATORS}
    ends = {estimator: [] for estimator in ESTIMATORS}
    for _ in range(passes):
        runs = {estimator: Run(spec, data, estimator) for estimator in ESTIMATORS}
        for turn in range(num_epochs):
            for place in range(len(ESTIMATORS)):  # who comes first changes
                estimator = ESTIMATORS[(turn + place) % len(ESTIMATORS)]
                epochs[estimator].append(runs[estimator].epoch())
        for estimator, run in runs.items():
            ends[estimator].append(run.finish() / num_epochs)
    bare = statistics.median(epochs[None])
    print(f"{figure} {spec.model.name}: {1e3 * bare / run.session.steps_per_epoch:.2f} ms a step without recording")
    for estimator in ESTIMATORS[1:]:
        ratios = [one / without for one, without in zip(epochs[estimator], epochs[None], strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4)
        end = statistics.median(ends[estimator]) / bare
        print(
            f"  {estimator:6} {median + end:.3f}  = {median:.3f} (quartiles {low:.3f} … {high:.3f}) + {end:.3f} at the end",
            flush=True,
        )


def peak_memory() -> None:
    """Train the run with the most stored bytes in this process and print its peak memory."""
    torch.set_num_threads(1)
    figures = [load_figure(PARAMS, "digits", one) for one in figure_ids(PARAMS, "digits")]
    wanted = [one for figure in figures for one in figure.wanted() if one.spec.model.name == "vgg16"]
    one = max(wanted, key=lambda one: one.spec.num_epochs)
    passes.measure(one.spec, load(one.spec.data), dict(one.measures))
    print(
        f"peak memory of a worker ({one.spec.model.name}): {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", default=["fig02", "fig03", "fig04"])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="only the peak memory")
    options = parser.parse_args()
    if options.memory:
        peak_memory()
        sys.exit()
    torch.set_num_threads(1)
    # first, because a process begins with the peak of the one that starts it
    subprocess.run([sys.executable, __file__, "--memory"], check=True)
    for name in options.figures:
        measure(name, options.epochs, options.passes)
