"""What recording costs: the training step with an estimator against the same step without, in turn, in one process.

    .venv/bin/python benchmarks/recording.py [fig02] [fig03] [fig04] [--epochs 6] [--rounds 9]

Prints, for the nets of the digits profile, the median ratio of the processor time per step (one thread; recording, the reduction and the
table at the end included), its smallest and largest over rounds, and at last the peak memory of a process that trains the largest
run. The figures train for 15 epochs: what is done once weighs less there.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch

from trajreg.data.load import load
from trajreg.models.build import build
from trajreg.studies.params import figure_files, load_figure
from trajreg.training.evaluate import loss_function
from trajreg.training.spec import TrainSpec
from trajreg.trajectory.recorder import TrajectoryRecorder

PARAMS = Path(__file__).resolve().parent.parent / "params"
ESTIMATORS = (None, "store", "epoch", "sketch")


def seconds_per_step(spec: TrainSpec, data, estimator: str | None, num_epochs: int) -> float:
    """Train from scratch for some epochs; processor seconds a step, the recorder's reduction included."""
    torch.manual_seed(0)
    model = build(spec.model, data.input_shape, data.num_classes)
    optimizer, loss_of = torch.optim.SGD(model.parameters(), lr=spec.optimizer.lr), loss_function(data.task)
    per_epoch = len(data.train_inputs) // spec.batch_size
    recorder = estimator and TrajectoryRecorder(
        model.parameters(), estimator, num_steps=num_epochs * per_epoch, steps_per_epoch=per_epoch
    )
    started = time.process_time()
    for _ in range(num_epochs):
        for batch in torch.randperm(len(data.train_inputs))[: per_epoch * spec.batch_size].view(per_epoch, -1):
            loss = loss_of(model(data.train_inputs[batch]), data.train_targets[batch])
            optimizer.zero_grad()
            loss.backward()
            with recorder.step(loss, lr=spec.optimizer.lr) if recorder else nullcontext():
                optimizer.step()
    if recorder:
        recorder.finish().regularity()
    return (time.process_time() - started) / (num_epochs * per_epoch)


def measure(figure: str, num_epochs: int, rounds: int) -> None:
    """Print a line an estimator for the first variant of a figure."""
    (path,) = figure_files(PARAMS, "digits", [figure]).values()
    spec = load_figure(path).trainings()[0]
    data = load(spec.data)
    times: dict[str | None, list[float]] = {estimator: [] for estimator in ESTIMATORS}
    for _ in range(rounds + 1):
        for estimator in ESTIMATORS:
            times[estimator].append(seconds_per_step(spec, data, estimator, num_epochs))
    bare = times[None][1:]  # the first round warms up
    print(f"{figure} {spec.model.name}: {1e3 * statistics.median(bare):.2f} ms a step without recording")
    for estimator in ESTIMATORS[1:]:
        ratios = [with_it / without for with_it, without in zip(times[estimator][1:], bare, strict=True)]
        print(f"  {estimator:6} {statistics.median(ratios):.3f}  (rounds {min(ratios):.3f} … {max(ratios):.3f})")


def peak_memory() -> None:
    """Train the run with the most stored bytes in this process and print its peak memory."""
    from trajreg.training.loop import train

    torch.set_num_threads(1)
    figures = [load_figure(path) for path in figure_files(PARAMS, "digits").values()]
    specs = [spec for figure in figures for spec in figure.trainings() if spec.seed == 0]
    spec = max((spec for spec in specs if spec.model.name == "vgg16"), key=lambda spec: spec.num_epochs)
    train(spec, load(spec.data))
    print(
        f"peak memory of a worker ({spec.model.name}): {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", default=["fig02", "fig03", "fig04"])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--memory", action="store_true", help="only the peak memory")
    options = parser.parse_args()
    if options.memory:
        peak_memory()
        sys.exit()
    torch.set_num_threads(1)
    for name in options.figures:
        measure(name, options.epochs, options.rounds)
    subprocess.run([sys.executable, __file__, "--memory"], check=True)
