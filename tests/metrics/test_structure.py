"""The structure function and its exponent on paths that are known, and its standard error from sketches."""

import numpy as np
import pandas as pd
import pytest
import torch
from paths import jitter, straight, walk, zigzag

from trajreg.metrics.structure import sketched_structure, structure_exponent, structure_function
from trajreg.trajectory.projection import Projection


def exponent(theta, **options):
    return structure_exponent(structure_function(theta, **options))


def test_a_straight_path_is_ballistic():
    table = structure_function(straight(40, length=0.5))
    assert list(table["lag"]) == [1, 2, 4, 8]  # up to a quarter of the steps
    np.testing.assert_allclose(table["mean_sq"], 0.25 * table["lag"] ** 2)
    assert structure_exponent(table) == pytest.approx(1)


def test_a_random_walk_is_diffusive():
    table = structure_function(walk(2000, 50, 0), lags=[1, 3, 10, 30])
    np.testing.assert_allclose(table["mean_sq"], table["lag"], rtol=0.1)
    assert structure_exponent(table) == pytest.approx(0.5, abs=0.03)


def test_jitter_is_confined():
    table = structure_function(jitter(64, 5000, 0))
    np.testing.assert_allclose(table["mean_sq"], 2 * 5000, rtol=0.05)
    assert exponent(jitter(64, 5000, 0)) == pytest.approx(0, abs=0.01)


def test_a_zigzag_is_ballistic_beyond_its_period():
    table = structure_function(zigzag(20, 3.0, 2.0), lags=[1, 2, 4, 8])
    np.testing.assert_allclose(table["mean_sq"], [(9 + 4) / 2, 1, 4, 16])
    assert structure_exponent(table[1:]) == pytest.approx(1)


@pytest.mark.parametrize("block", [8 * 41, 8 * 41 * 3, 2**24])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_blocks_of_weights_give_the_same_numbers(block, dtype, monkeypatch):
    theta = walk(40, 7, 3).astype(dtype)
    wide = theta.astype(float)
    expected = [((wide[k:] - wide[:-k]) ** 2).sum(axis=1).mean() for k in (1, 2, 4, 8)]
    monkeypatch.setattr("trajreg.metrics.structure.BLOCK_BYTES", block)
    np.testing.assert_allclose(structure_function(theta)["mean_sq"], expected, rtol=1e-12)


def test_the_exponent_needs_two_lags_and_a_motion():
    assert np.isnan(exponent(straight(7)))  # a quarter is one step
    assert np.isfinite(exponent(straight(8)))
    assert np.isnan(exponent(np.ones((20, 3))))
    assert np.isnan(structure_exponent(pd.DataFrame({"lag": [], "mean_sq": []})))


@pytest.mark.parametrize("limit", [1024, 40])  # all differences, and some of them
@pytest.mark.parametrize("steps", [0.0, 0.2])  # the drift of a walk
def test_the_truth_is_within_two_standard_errors_of_the_sketches(steps, limit, monkeypatch):
    monkeypatch.setattr("trajreg.metrics.structure.MAX_STARTS", limit)
    theta = walk(80, 500, 1) + steps * straight(80) / np.sqrt(500)
    truth, updates = structure_function(theta)["mean_sq"], torch.from_numpy(theta[:-1] - theta[1:])
    inside, found = [], []
    for seed in range(150):
        project = Projection(500, 64, torch.Generator().manual_seed(seed), torch.zeros(0, dtype=torch.float64))
        sketches = np.stack([project(update).numpy() for update in updates])
        table = sketched_structure(sketches, project.collision)
        inside.append(np.abs(table["mean_sq"] - truth) < 2 * table["stderr"])
        found.append(table["mean_sq"])
    assert 0.9 < np.mean(inside) <= 1
    assert (np.abs(np.mean(found, axis=0) - truth) < 4 * np.std(found, axis=0) / np.sqrt(150)).all()


def test_an_exact_sketch_has_no_error():
    theta = walk(40, 7, 3)
    table = sketched_structure(theta[:-1] - theta[1:], 0.0)
    np.testing.assert_allclose(table["mean_sq"], structure_function(theta)["mean_sq"])
    assert not table["stderr"].any()


@pytest.mark.parametrize(
    ("iterates", "lags", "message"),
    [
        (np.ones(5), None, r"iterates has shape \(5,\), should be \(rows, P\) with at least 2 row"),
        (np.ones((1, 3)), None, r"iterates has shape \(1, 3\)"),
        (np.ones((5, 3)), [1, 5], "lag 5 of 4 steps, should be a whole number from 1 to 4"),
        (np.ones((5, 3)), [0], "lag 0 of 4 steps"),
        (np.ones((5, 3)), [1.5], r"lag 1.5 of 4 steps"),
    ],
)
def test_wrong_input_is_named(iterates, lags, message):
    with pytest.raises(ValueError, match=message):
        structure_function(iterates, lags)
