"""Sharpness: the largest eigenvalues of the Hessian of the loss (Lanczos; the edge of stability, arXiv 2103.00065, measures them)."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import nn

from trajreg.errors import InputError
from trajreg.metrics.hessian import Batches, Hessian, LossFunction, Mode

FEWEST_VECTORS = 20  # of Lanczos before it restarts, as in ARPACK


@dataclass(frozen=True)
class Eigenvalues:
    """Eigenvalues of a Hessian.

    values: (k,) float64, the largest first.
    residuals: (k,) ‖Hv − λv‖ with ‖v‖ = 1: an eigenvalue of H lies no further than that from λ.
    num_hvps: Hessian-vector products it took, those for the residuals included.
    """

    values: np.ndarray
    residuals: np.ndarray
    num_hvps: int


def sharpness(
    model: nn.Module,
    loss_fn: LossFunction,
    batches: Batches,
    k: int = 1,
    mode: Mode = "eval",
    *,
    parameters: Iterable[torch.Tensor] | None = None,
    tol: float = 1e-4,
    max_iter: int = 100,
    seed: int = 0,
) -> Eigenvalues:
    """The k largest eigenvalues of the Hessian of the mean loss over `batches` with respect to the trainable parameters.

    Largest means furthest to the right (algebraically), not largest in magnitude: gradient descent with learning rate η is stable on
    a quadratic where λ_max ≤ 2/η, whatever its negative eigenvalues. By implicitly restarted Lanczos (ARPACK) on Hessian-vector products,
    with max(2k + 1, 20) vectors of P float64 numbers; nets with no more weights than that have their whole Hessian computed.

    Half the mean squared error of a linear map has the Hessian XᵀX / n, here with the eigenvalues 2 and ½:

    >>> import torch
    >>> import trajreg
    >>> model = torch.nn.Linear(2, 1, bias=False)
    >>> inputs, targets = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.zeros(2, 1)
    >>> found = trajreg.sharpness(model, lambda out, wanted: ((out - wanted) ** 2).mean() / 2, [(inputs, targets)], k=2)
    >>> found.values.round(6).tolist(), found.num_hvps
    ([2.0, 0.5], 4)

    Args:
        model, loss_fn, batches, mode, parameters: as `trajreg.metrics.hessian.Hessian`, which says how batches of unequal size, batch
            norm and dropout count, and that model, gradients and random streams are left as they were.
        k: how many, at least 1 and at most P.
        tol: Lanczos ends when its estimate of ‖Hv − λv‖ is at most tol·|λ| for each of them; the error of λ itself is about the square
            of that where eigenvalues are apart. Below the precision of the parameters' type it is never reached.
        max_iter: restarts of Lanczos at most, of up to max(k + 1, 20 − k) products each.
        seed: of the start vector and of the random stream of each pass; the same seed gives the same numbers.

    Raises:
        InputError: k, tol or max_iter out of range; not converged within max_iter; else as `Hessian`.
    """
    hessian = Hessian(model, loss_fn, batches, mode, parameters=parameters, seed=seed)
    if not 1 <= k <= hessian.size:
        raise InputError(f"k = {k}, must be between 1 and the number of weights P = {hessian.size}")
    if not tol > 0 or max_iter < 1:
        raise InputError(f"tol = {tol} and max_iter = {max_iter}: tol must be above 0 and max_iter at least 1")
    num_vectors = max(2 * k + 1, FEWEST_VECTORS)
    if hessian.size <= num_vectors:  # Lanczos would take as many products
        matrix = np.stack([hessian.product(unit) for unit in np.eye(hessian.size)])
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    else:
        values, vectors = _lanczos(hessian, k, num_vectors, tol, max_iter, seed)
    largest = np.argsort(values)[::-1][:k]
    values, vectors = values[largest], vectors[:, largest]
    residuals = [np.linalg.norm(hessian.product(v) - value * v) for value, v in zip(values, vectors.T, strict=True)]
    return Eigenvalues(values, np.array(residuals), hessian.num_products)


def _lanczos(
    hessian: Hessian, k: int, num_vectors: int, tol: float, max_iter: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(k,) eigenvalues and (P, k) eigenvectors, in any order."""
    operator = LinearOperator((hessian.size, hessian.size), matvec=hessian.product, dtype=np.float64)
    generator = np.random.default_rng(seed)
    start = generator.standard_normal(hessian.size)
    if not hessian.product(start).any():  # H = 0, which ARPACK refuses
        return np.zeros(k), np.eye(hessian.size, k)
    # repeated eigenvalues make it draw further vectors: before SciPy 1.17 from a stream that cannot be set
    stream = {"rng": generator} if "rng" in inspect.signature(eigsh).parameters else {}
    try:
        return eigsh(operator, k, which="LA", v0=start, ncv=num_vectors, tol=tol, maxiter=max_iter, **stream)
    except ArpackNoConvergence as error:
        found = ", ".join(f"{value:.4g}" for value in sorted(error.eigenvalues, reverse=True)) or "none"
        raise InputError(
            f"sharpness: after max_iter = {max_iter} restarts ({hessian.num_products} Hessian-vector products) "
            f"{len(error.eigenvalues)} of {k} eigenvalues have a residual of at most tol·|λ| with tol = {tol:g} (converged: {found}); "
            "raise max_iter or tol, or ask for fewer eigenvalues"
        ) from None
