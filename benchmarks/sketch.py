"""The sketch: its construction against others, and its error against k (sketch_error.svg, .png). `recording.py` has its cost.

    .venv/bin/python benchmarks/sketch.py [constructions] [error]

The updates are those of the digits ResNet (`params/digits/fig02*`), six epochs. A construction is judged by its time a step, by the
root mean square error of ⟨Sb_t, Su_t⟩ in units of the CountSketch's √((1 + cos²)/k)·‖b_t‖‖u_t‖, and by how often the truth is within
two of these units.

Found on one thread of a shared two-core CPU: milliseconds a step at k = 8192, error and coverage at two k

                            P = 176,258   P = 11 million   k = 512        k = 8192
    dealt (library)                0.09               26   0.98  0.954    0.95  0.965
    permuted                       0.16               83   0.99  0.961    0.96  0.959
    CountSketch, index_add         0.26               42   1.01  0.951    0.98  0.957
    permuted rows                  0.18               51   0.97  0.953    0.83  0.986
    rolled rows                    0.16               16   1.00  0.956    0.82  0.990
    SRHT                           2.9              1918   0.99  0.955    0.96  0.962
    Gaussian blocks (scaled)     15652            987599   0.95  0.964    (too slow)

The library deals chunks of 64 consecutive weights to rows and turns each row by one offset: additions of contiguous memory only, the same
map on every device and the same bytes in every run (index_add is not deterministic on CUDA), k = P is exact. Rows of k consecutive
weights, permuted or rolled, err less where a few layers do the moving, but by an amount that the sketches do not tell: their standard
errors would be too large. Dealt, every layer is spread over all rows, and the errors are those of a permutation of all weights at a
fraction of its time. Over 32 seeds the rms error of a single projection was 0.80 to 1.31 (permuted: 0.81 to 1.13).
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from projections import CONSTRUCTIONS, gaussian
from recording import first_run

from trajreg.data.load import load
from trajreg.models.build import build
from trajreg.plots.style import save_figure, use_style
from trajreg.training.tasks import TASKS
from trajreg.trajectory.parameters import Weights
from trajreg.trajectory.projection import Projection
from trajreg.trajectory.recorder import TrajectoryRecorder
from trajreg.trajectory.sketch import Sketch

NUM_SKETCH, PER_EPOCH, EPOCHS = 8192, 28, 6


def digits_resnet():
    """The first variant of figure 2 and its data."""
    spec = first_run("fig02")
    return spec, load(spec.data)


def iterates() -> torch.Tensor:
    """(T+1, P) the weights of the digits ResNet over the first epochs."""
    spec, data = digits_resnet()
    torch.manual_seed(0)
    model = build(spec.model, data.input_shape, data.num_classes)
    optimizer, loss_of = torch.optim.SGD(model.parameters(), lr=spec.optimizer.lr), TASKS[data.task].loss
    recorder = TrajectoryRecorder(model.parameters())
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(data.train_inputs))[: PER_EPOCH * 50].view(PER_EPOCH, 50):
            loss = loss_of(model(data.train_inputs[batch]), data.train_targets[batch])
            optimizer.zero_grad()
            loss.backward()
            with recorder.step(loss, lr=spec.optimizer.lr):
                optimizer.step()
    return recorder.finish(keep_iterates=True).iterates


def milliseconds(body: Callable[[], object], rounds: int = 5) -> float:
    """Median wall time after one call to warm up."""
    body()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        body()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def normalised_errors(make, updates: torch.Tensor, k: int, seeds: int) -> np.ndarray:
    """(seeds, T−1) errors of ⟨Sb_t, Su_t⟩ over √((1 + cos²)/k)·‖b_t‖‖u_t‖."""

    def parts(rows):
        rows = rows.double()
        ahead = rows.flip(0).cumsum(0).flip(0) - rows
        return ahead[:-1], rows[:-1]

    ahead, steps = parts(updates)
    truth = (ahead * steps).sum(1)
    scale = ((ahead.square().sum(1) * steps.square().sum(1) + truth.square()) / k).sqrt()
    errors = []
    for seed in range(seeds):
        project = make(updates.shape[1], k, seed)
        together = make is gaussian
        ahead, steps = parts(project(updates) if together else torch.stack([project(row) for row in updates]))
        errors.append(((ahead * steps).sum(1) - truth) / scale)
    return torch.stack(errors).numpy()


def constructions(weights: torch.Tensor, seeds: int = 16) -> None:
    """Time a step at two sizes (k = 8192), error and coverage at two k."""
    updates = weights[:-1] - weights[1:]
    updates = updates[::2] + updates[1::2]  # half the rows, the same path
    print(
        f"{'construction':24} ms at P={updates.shape[1]:,}, 11,000,000   error, coverage at k=512   at k={NUM_SKETCH}"
    )
    for name, make in CONSTRUCTIONS.items():
        times = []
        for size in (updates.shape[1], 11_000_000):
            measured = 4096 if make is gaussian else size  # one block of it, scaled up
            project, vector = make(measured, NUM_SKETCH, 0), torch.randn(measured)
            times.append(milliseconds(lambda: project(vector)) * size / measured)  # noqa: B023
        line = f"{name:24} {times[0]:10.2f} {times[1]:12.1f}    "
        for k in (512,) if make is gaussian else (512, NUM_SKETCH):
            errors = normalised_errors(make, updates, k, 4 if make is gaussian else seeds)
            line += f"   {np.sqrt(np.mean(errors**2)):.3f} {np.mean(np.abs(errors) < 2):.3f}"
        print(line, flush=True)


def sketched(weights: torch.Tensor, k: int, seed: int, steps_per_epoch: int | None):
    """What the estimator says of a stored trajectory."""
    theta = weights[0].clone().requires_grad_()
    sketch = Sketch(Weights.of([theta]), k, seed, steps_per_epoch)
    with torch.no_grad():
        for row in weights[:-1]:
            theta.copy_(row)
            sketch.keep()
        theta.copy_(weights[-1])
    return sketch.finish()


def error(weights: torch.Tensor, seeds: int = 8) -> None:
    """Draw the error of a step's numerator ⟨θ_t−θ_T, u_t⟩ − ‖u_t‖²/2 against k, with and without exact epoch sums."""
    offset, updates = (weights[:-1] - weights[-1]).double(), (weights[:-1] - weights[1:]).double()
    ahead, update_sq = offset - updates, updates.square().sum(1).numpy()
    cross, lengths = (ahead * updates).sum(1).numpy(), ahead.norm(dim=1).numpy() * np.sqrt(update_sq)
    numerator, ks = cross + update_sq / 2, 2 ** np.arange(6, 16)
    use_style()
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    names = {"sketch alone": None, "with exact epoch sums": PER_EPOCH}
    for (name, every), colour in zip(names.items(), sns.color_palette("colorblind", len(names)), strict=True):
        scaled, relative = [], []
        for k in ks:
            inner = np.array([sketched(weights, int(k), seed, every).inner for seed in range(seeds)])
            miss = np.abs(inner - update_sq / 2 - numerator)[:, :-1]
            scaled.append(np.sqrt(np.mean((miss / lengths[:-1]) ** 2)))
            relative.append(100 * np.quantile(miss / np.abs(numerator[:-1]), [0.25, 0.5, 0.75]))
            print(f"{name}: k = {k}: error / (‖b‖‖u‖) {scaled[-1]:.5f}, numerator {relative[-1][1]:.2f} %", flush=True)
        low, median, high = np.transpose(relative)
        left.loglog(ks, scaled, "o-", color=colour, label=name)
        right.loglog(ks, median, "o-", color=colour, label=f"{name} (band: quartiles)")
        right.fill_between(ks, low, high, color=colour, alpha=0.2)
    theory = np.sqrt(np.mean(1 + (cross / np.maximum(lengths, 1e-300))[:-1] ** 2))
    size = weights.shape[1]
    collisions = [Projection(size, int(k), torch.Generator(), weights[0]).collision for k in ks]
    left.loglog(ks, theory * np.sqrt(collisions), "k--", label=r"theory $\sqrt{(1+\cos^2)\,c}$, $c=(1-1/m)/k$")
    left.set(ylabel=r"rms error of $\langle b_t,u_t\rangle\;/\;\|b_t\|\|u_t\|$ (no unit)")
    right.set(ylabel=r"median error of $\gamma$'s numerator (%)")
    for axis in (left, right):
        axis.set_xlabel("$k$ (numbers kept of a step)")
        axis.legend()
    figure.suptitle(f"Digits ResNet, P = {size:,} weights, {len(weights) - 1} steps, {seeds} projections")
    save_figure(figure, Path(__file__).with_name("sketch_error"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["constructions", "error"])
    wanted = parser.parse_args().parts
    torch.set_num_threads(1)
    if "constructions" in wanted:
        constructions(iterates())
    if "error" in wanted:
        error(iterates())
