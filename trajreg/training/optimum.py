"""ℓ*_t of a training at its end: the loss of its mini-batches at the end point."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from trajreg.training.session import Session
from trajreg.training.streams import generator
from trajreg.training.tasks import sample_losses


def endpoint_losses(session: Session, every: int = 1) -> np.ndarray:
    """(T,) ℓ_{ξ_t}(θ_T) of a finished training: T forward passes in train mode.

    ξ_t is the mini-batch with its augmentation and its dropout mask. Nothing but training's forward passes draws from the streams of
    mini-batches and dropout, so that from their start the passes at θ_T meet the same ones; the augmentation follows from the epoch's
    number. Exact under batch norm as well.

    Only epochs 1, 1 + every, … are passed, the others are NaN; with more than 1 the mini-batches are the same, the masks are not.
    """
    with _from_the_start(session):
        return np.concatenate(
            [_losses_of_epoch(session, number + 1, number % every == 0) for number in range(session.spec.num_epochs)]
        )


def _losses_of_epoch(session: Session, epoch: int, wanted: bool) -> np.ndarray:
    """Of the mini-batches of `epoch`, the next ones; NaN where they are not wanted, and the order goes on all the same."""
    if wanted:
        return session.losses_here(epoch)
    session.indices()
    return np.full(session.steps_per_epoch, np.nan)


def endpoint_eval_losses(session: Session) -> np.ndarray:
    """(T,) what `endpoint_losses` is without batch norm, dropout and augmentation, for one pass over the training data and N numbers kept.

    The net is in eval mode, each sample's loss its own, ℓ*_t the mean over the mini-batch (over the pixels that have a class).
    Without these three the same number up to the rounding of float32 (relative 1e-6). With batch norm (running statistics in place of
    the mini-batch's), dropout (no mask) or augmentation (the images as they are) an APPROXIMATION of ℓ_{ξ_t}(θ_T), and a rough one.
    Over the 15 epochs of the digits nets with batch norm (as they were before NUMERICS 2) it costs 0.01 of the training in place of
    0.31, and is off by, in the median over steps and three seeds (`benchmarks/endpoint.py`):

    ResNet-18 (fig02): the gap 8 %, γ 7 % (26 % in the last half), γ of an epoch 8 %, γ of the run 2 %.
    VGG-11 (fig04): the gap 75 %, γ 28 % (35 %), γ of an epoch 22 %, γ of the run 16 %; 42 % of its gaps are not positive (exact: 17 %).
    """
    data, epochs = session.data, []
    with _from_the_start(session):
        sums, counts = sample_losses(session.model, session.task, data.train_inputs, data.train_targets)
        for _ in range(session.spec.num_epochs):
            indices = session.indices()
            batches = torch.arange(len(sums))[None] if indices is None else indices
            # as in training, a mini-batch without any class has loss 0
            epochs.append(sums[batches].sum(dim=1) / counts[batches].sum(dim=1).clamp(min=1))
    return torch.cat(epochs).numpy()


@contextmanager
def _from_the_start(session: Session) -> Iterator[None]:
    """The streams of mini-batches and dropout as they were before the first step; the session's own order comes back."""
    order, session.order = session.order, generator(session.spec.seed, "order")
    try:
        with session.running():
            yield
    finally:
        session.order = order
