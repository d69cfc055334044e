"""The quadratic has the Hessian it was asked for."""

import numpy as np
import pytest
import torch

from trajreg.data.load import load
from trajreg.data.quadratic import design, minimiser
from trajreg.data.spec import QuadraticSpec

SPECS = [
    QuadraticSpec(name="quadratic", eigenvalues=(1.0,)),
    QuadraticSpec(name="quadratic", eigenvalues=(100.0, 1.0, 0.01)),
    QuadraticSpec(name="quadratic", eigenvalues=(3.0, 2.0, 1.0), num_train=3),
    QuadraticSpec(name="quadratic", eigenvalues=tuple(range(1, 41)), num_train=200),
]


@pytest.mark.parametrize("spec", SPECS)
def test_the_hessian_is_diagonal_with_the_eigenvalues(spec):
    inputs = design(spec)
    np.testing.assert_allclose(
        inputs.T @ inputs / len(inputs), np.diag(spec.eigenvalues), atol=1e-12 * max(spec.eigenvalues)
    )
    data = load(spec)

    def loss(weights):
        return ((data.train_inputs.double() @ weights - data.train_targets[:, 0]) ** 2).mean() / 2

    hessian = torch.autograd.functional.hessian(loss, torch.zeros(len(spec.eigenvalues), dtype=torch.float64))
    np.testing.assert_allclose(hessian, np.diag(spec.eigenvalues), atol=1e-6 * max(spec.eigenvalues))
    assert loss(minimiser(spec).double()) < 1e-12 * max(spec.eigenvalues)


def test_shapes_and_the_test_set():
    data = load(SPECS[1])
    assert (data.input_shape, data.num_classes, data.task) == ((3,), 1, "regression")
    assert (data.train_inputs.shape, data.train_targets.shape) == ((6, 3), (6, 1))
    assert data.train_inputs.dtype == data.train_targets.dtype == torch.float32
    assert torch.equal(data.train_inputs, data.test_inputs)
    assert data.checksum == load(SPECS[1]).checksum
    assert len(load(SPECS[0]).train_inputs) == 4
