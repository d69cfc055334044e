"""What sharpness costs beside a gradient, for the ResNet of figure 2 of the digits profile with 256 samples, in eval mode.

    .venv/bin/python benchmarks/sharpness.py [--epochs N] [--batch 256]

The time of a Hessian-vector product and of the largest eigenvalues as ratios to that of a gradient over the same batches, after N epochs
(1 by default).

On two shared CPU cores, one thread (PyTorch 2.14, 176,258 weights): a product takes 3.5 to 3.7 gradients in one batch of 256 and 3.0 in
batches of 32. The largest eigenvalue takes 23 products, 65 to 107 gradients, with tol = 1e-2 as with 1e-4: Lanczos checks after its first
20 vectors, where the residual is 2e-6 λ at most already. Five take 27 to 40 products, 100 to 133 gradients. λ_max falls from 59 after the
first epoch to 5.3 after the fifteenth, the last.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from recording import first_run
from torch import nn

from trajreg.data.load import load
from trajreg.metrics.hessian import Batches, Hessian, LossFunction
from trajreg.metrics.sharpness import sharpness
from trajreg.training.loop import train
from trajreg.training.session import Session

NUM_SAMPLES, TRIALS = 256, 7


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of one thread, the median of a few trials, whatever else the machine does."""
    times = []
    for _ in range(TRIALS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times)


def trained(num_epochs: int) -> Session:
    """The first net of figure 2 after so many epochs."""
    spec = first_run("fig02").model_copy(update={"num_epochs": num_epochs})
    session = Session(spec, load(spec.data))
    train(session)
    return session


def gradient(model: nn.Module, loss_fn: LossFunction, batches: Batches) -> None:
    """The gradient of the mean loss, batch by batch, in eval mode."""
    model.eval()
    for inputs, targets in batches:
        torch.autograd.grad(loss_fn(model(inputs), targets), list(model.parameters()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=NUM_SAMPLES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    session = trained(options.epochs)
    model, loss_fn = session.model, session.task.loss
    inputs, targets = (one[:NUM_SAMPLES] for one in (session.data.train_inputs, session.data.train_targets))
    batches = list(zip(inputs.split(options.batch), targets.split(options.batch), strict=True))
    hessian = Hessian(model, loss_fn, batches)
    vector = np.random.default_rng(0).standard_normal(hessian.size)
    once = seconds(lambda: gradient(model, loss_fn, batches))
    print(f"{hessian.size:,} weights, {NUM_SAMPLES} samples in batches of {options.batch}, {options.epochs} epochs")
    print(f"  product / gradient              {seconds(lambda: hessian.product(vector)) / once:.3g}", flush=True)
    for k, tol in ((1, 1e-2), (1, 1e-4), (5, 1e-4)):
        started = time.process_time()
        found = sharpness(model, loss_fn, batches, k, tol=tol)
        ratio, error = (time.process_time() - started) / once, found.residuals[-1] / found.values[-1]
        print(
            f"  k = {k}, tol = {tol:g}: time / gradient {ratio:.3g}, {found.num_hvps} products, "
            f"λ = {found.values[0]:.5g} … {found.values[-1]:.5g}, residual / λ {error:.1g}",
            flush=True,
        )
