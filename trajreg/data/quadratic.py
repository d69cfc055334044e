"""A regression whose loss is a quadratic with a Hessian of one's choice: closed forms to check estimators against."""

from math import pi, sqrt
from pathlib import Path

import numpy as np
import torch

from trajreg.data.dataset import Dataset
from trajreg.data.spec import QuadraticSpec


def quadratic(spec: QuadraticSpec, folder: Path) -> Dataset:
    """Inputs X (n, dim) and targets X w* (n, 1); n is `num_train`, or else max(4, 2 · dim). The test set is the same.

    The loss (1/2n) Σ (x_i·w − y_i)² of a linear map without bias has the Hessian diag(eigenvalues), and is 0 at w*.
    """
    inputs = torch.from_numpy(design(spec)).float()
    targets = (inputs.double() @ minimiser(spec).double()).float()[:, None]
    return Dataset.of(spec.name, "regression", (inputs, targets), (inputs, targets), 1)


def minimiser(spec: QuadraticSpec) -> torch.Tensor:
    """w* (dim,): all ones."""
    return torch.ones(len(spec.eigenvalues))


def design(spec: QuadraticSpec) -> np.ndarray:
    """X = √n · Q · diag(√eigenvalues), (n, dim) float64, so that XᵀX / n = diag(eigenvalues).

    The orthonormal columns of Q are the first ones of the discrete cosine transform (DCT-II).
    """
    dim = len(spec.eigenvalues)
    num = spec.num_train or max(4, 2 * dim)
    cosines = np.cos(pi / num * np.outer(np.arange(num) + 0.5, np.arange(dim)))
    cosines[:, 1:] *= sqrt(2)  # √n · Q: all columns but the constant one have mean square 1/2
    return cosines * np.sqrt(spec.eigenvalues)
