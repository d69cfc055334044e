"""The nets of the paper profile at full width, a few steps each on a CPU: time, memory, and that recording is right and changes nothing.

    .venv/bin/python benchmarks/paper_nets.py [resnet50 …] [--batch 128] [--steps 3]

For every net that params/paper trains, and the library's other nets for images, trained as figure 2 is, two processes take the same steps
on noise of the data's shape, one without a recorder and one with it (`sketch`, what `auto` is for trainings of this length). Prints the
number of weights, the processor seconds of a step in both (one thread, median without the first), and the peak memory of both processes.
Fails unless the weights come out the same bit by bit, and the steps' sketched terms 2⟨θ_t−θ_T, u_t⟩ − ‖u_t‖² add up to ‖θ_0 − θ_T‖²
within LIMIT standard errors (column z: in how many).

Found on one thread of a shared two-core CPU, 32 images a step (the U-Net: 32 of 128 × 128 pixels):

    net           weights  s a step  recorded   peak GB  recorded         z
    resnet18   11,173,962      0.58      0.67      1.33      1.69      0.05
    resnet34   21,282,122      1.09      1.14      1.51      2.30      0.67
    resnet50   23,520,842      1.98      2.26      2.28      2.71      0.66
    vgg11       9,231,114      0.20      0.22      1.05      1.43      0.90
    vgg16      14,728,266      0.34      0.39      1.14      1.74      0.61
    vgg19      20,040,522      0.43      0.47      1.18      1.98      0.86
    alexnet    23,272,266      0.13      0.19      1.23      2.03      0.28
    unet        7,763,107      5.71      5.52      2.78      2.92      0.21
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from trajreg.data.stand_in import stand_in
from trajreg.models.build import MODELS
from trajreg.models.spec import parse_model
from trajreg.studies.params import figure_ids, load_figure
from trajreg.training.observer import Observer
from trajreg.training.session import Session
from trajreg.training.snapshots import landing
from trajreg.training.spec import TrainSpec
from trajreg.trajectory.recorder import TrajectoryRecorder

PARAMS = Path(__file__).resolve().parent.parent / "params"
LIMIT = 3.0


class Clock(Observer):
    """Processor seconds from one update to the next."""

    def __init__(self):
        self.ticks = []

    def before_update(self, step, loss, lr):
        self.ticks.append(time.process_time())

    def step(self) -> float:
        """Of a step; the first warms up."""
        steps = [after - before for before, after in zip(self.ticks, self.ticks[1:], strict=False)]
        return statistics.median(steps[1:] or steps)


class Recorded(Observer):
    """A recorder that knows no epochs: their exact sums would hide what the sketches err by."""

    def begin(self, session):
        self.recorder = TrajectoryRecorder(session.weights, "sketch")
        self.weights = session.weights
        self.start = self._here()

    def before_update(self, step, loss, lr):
        with self.recorder.step(loss, lr=lr):
            pass

    def z(self) -> float:
        """By how many standard errors the telescoped sum differs from the squared distance."""
        exact = float((self.start - self._here()).double().square().sum())
        found = self.recorder.finish().distances
        return abs(float((2 * found.inner - found.update_sq).sum()) - exact) / float(found.distance_sq_stderr[0])

    def _here(self):
        return torch.cat([weight.detach().reshape(-1) for weight in self.weights]).clone()


def nets() -> dict[str, TrainSpec]:
    """The first training of each net that the paper profile has, by the net's name; that of figure 2 with each other net for images."""
    found = {}
    for figure in figure_ids(PARAMS, "paper"):
        for one in load_figure(PARAMS, "paper", figure).wanted():
            if one.spec.model.name != "mlp":
                found.setdefault(one.spec.model.name, one.spec)
    first = load_figure(PARAMS, "paper", "fig02").wanted()[0].spec
    others = [parse_model({"name": name}, name) for name in MODELS if name not in found]
    return found | {one.name: first.model_copy(update={"model": one}) for one in others if one.images_only}


def take_steps(spec: TrainSpec, batch_size: int | None, steps: int, is_recorded: bool) -> dict:
    """What is known after so many steps in this process."""
    torch.set_num_threads(1)
    spec = spec.model_copy(update={"batch_size": batch_size or spec.batch_size, "device": "cpu", "num_epochs": 1})
    data, few = stand_in(spec.data), spec.batch_size * steps
    some = {name: getattr(data, name)[:few] for name in ("train_inputs", "train_targets")}
    some |= {name: getattr(data, name)[:1] for name in ("test_inputs", "test_targets")}
    session, clock, recorded = Session(spec, replace(data, **some)), Clock(), Recorded()
    observers = [recorded, clock] if is_recorded else [clock]
    with session.running():
        for one in observers:
            one.begin(session)
        losses = session.run_epoch(observers).losses
    found = {"weights": sum(one.numel() for one in session.weights), "step": clock.step(), "loss": losses.tolist()}
    found |= {"landing": landing(session.model), "z": recorded.z() if is_recorded else None}
    return found | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def compare(name: str, batch_size: int | None, steps: int) -> bool:
    """Print a net's line; whether recording changed nothing and adds up."""
    here = [sys.executable, __file__, name, "--steps", str(steps)] + (
        ["--batch", str(batch_size)] if batch_size else []
    )
    bare, recorded = (
        json.loads(subprocess.run([*here, "--part", part], check=True, capture_output=True, text=True).stdout)
        for part in ("bare", "recorded")
    )
    same = bare["landing"] == recorded["landing"] and bare["loss"] == recorded["loss"]
    times, peaks = ([one[key] for one in (bare, recorded)] for key in ("step", "peak"))
    numbers = "".join(f"{one:10.2f}" for one in (*times, *(peak / 1e9 for peak in peaks), recorded["z"]))
    print(f"{name:9} {bare['weights']:11,}{numbers}  {'the same bits' if same else 'OTHER WEIGHTS'}", flush=True)
    return same and recorded["z"] < LIMIT


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="*", help="default: all")
    parser.add_argument("--batch", type=int, help="default: the batch size of the net's figure")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--part", choices=["bare", "recorded"], help="take the steps in this process")
    options = parser.parse_args()
    there = nets()
    if options.part:
        print(json.dumps(take_steps(there[options.nets[0]], options.batch, options.steps, options.part == "recorded")))
        sys.exit()
    print("net           weights  s a step  recorded   peak GB  recorded         z")
    well = [compare(name, options.batch, options.steps) for name in options.nets or there]
    sys.exit(not all(well))
