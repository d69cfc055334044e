"""ℓ*_t of a training that is over: 0, or the loss of its mini-batches at the end point."""

import numpy as np
import torch

from trajreg.training.evaluate import sample_losses
from trajreg.training.session import Session
from trajreg.training.streams import generator


def optimal_losses(session: Session) -> np.ndarray | float:
    """ℓ*_t of a finished training by its spec's `optimum`: 0, or (T,)."""
    optimum = session.spec.record.optimum
    if optimum == "zero":
        return 0.0
    return endpoint_losses(session) if optimum == "endpoint" else endpoint_eval_losses(session)


def endpoint_losses(session: Session) -> np.ndarray:
    """(T,) ℓ_{ξ_t}(θ_T) of a finished training: T forward passes in train mode.

    ξ_t is the mini-batch with its dropout mask. Nothing but training's forward passes draws from the two streams, so that from
    their start the passes at θ_T meet the same mini-batches and the same masks. Exact under batch norm as well.
    """
    session.order = generator(session.spec.seed, "order")
    with session.running():
        return np.concatenate([session.losses_here() for _ in range(session.spec.num_epochs)])


def endpoint_eval_losses(session: Session) -> np.ndarray:
    """(T,) what `endpoint_losses` is without batch norm and dropout, for one pass over the training data and N numbers kept.

    The net is in eval mode, each sample's loss its own, ℓ*_t the mean over the mini-batch (over the pixels that have a class).
    With batch norm (running statistics in place of the mini-batch's) or dropout (no mask) an APPROXIMATION of ℓ_{ξ_t}(θ_T); without,
    the same number up to the rounding of float32. `benchmarks/endpoint.py` tells what it saves and how far off it is.
    """
    session.order = generator(session.spec.seed, "order")
    data = session.data
    with session.running():
        sums, counts = sample_losses(session.model, data.train_inputs, data.train_targets, data.task)
    epochs = []
    for _ in range(session.spec.num_epochs):
        batches = session.indices()
        epochs.append(sums[batches].sum(dim=1) / counts[batches].sum(dim=1))
    return torch.cat(epochs).numpy()
