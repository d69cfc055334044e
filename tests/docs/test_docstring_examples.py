"""The examples in docstrings print what they say."""

import doctest
from importlib import import_module

import pytest

import trajreg

EXAMPLES = (
    "trajreg.metrics.aggregate",
    "trajreg.metrics.factors",
    "trajreg.metrics.regularity",
    "trajreg.metrics.sharpness",
    "trajreg.metrics.shuffled",
    "trajreg.checkpoints.order",
    "trajreg.checkpoints.table",
    "trajreg.trajectory.recorder",
)


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_run(module):
    failed, attempted = doctest.testmod(import_module(module))
    assert attempted
    assert not failed


@pytest.mark.parametrize("name", ["TrajectoryRecorder", "from_checkpoints", "regularity", "sharpness", "theorem_bound"])
def test_public_names_have_an_example(name):
    assert ">>>" in getattr(trajreg, name).__doc__
