"""Paths whose directedness, cosines and structure have closed forms, as (T+1, P) iterates."""

import numpy as np

import trajreg


def straight(steps, length=1.0):
    return length * np.arange(steps + 1.0)[:, None]


def walk(steps, size, seed):
    """A random walk of unit steps."""
    updates = np.random.default_rng(seed).normal(size=(steps, size))
    updates /= np.linalg.norm(updates, axis=1, keepdims=True)
    return np.concatenate([np.zeros((1, size)), updates.cumsum(axis=0)])


def jitter(steps, size, seed):
    """Independent draws around a point."""
    return np.random.default_rng(seed).normal(size=(steps + 1, size))


def zigzag(pairs, forth, back):
    """On a line, `forth` and then `back`, so many times."""
    return np.concatenate([[0.0], np.tile([forth, -back], pairs).cumsum()])[:, None]


def spiral(steps, contraction, rotation):
    """θ_t = q^t in the plane, with q = contraction · e^{i rotation}."""
    q = contraction * np.exp(1j * rotation)
    return np.stack([(q ** np.arange(steps + 1)).real, (q ** np.arange(steps + 1)).imag], axis=1)


def table_of(theta, loss=None, lr=0.5):
    """The per-step table along a path."""
    offset, update = theta - theta[-1], theta[:-1] - theta[1:]
    return trajreg.regularity(
        distance_sq=(offset**2).sum(axis=1),
        update_sq=(update**2).sum(axis=1),
        inner=(offset[:-1] * update).sum(axis=1),
        loss=np.ones(len(update)) if loss is None else loss,
        lr=lr,
    )
