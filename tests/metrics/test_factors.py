"""The split of γ₊ = γ + γ^walk: exact, and each part moves when just its own quantity does."""

import numpy as np
import pandas as pd
import pytest

import trajreg
from trajreg.metrics.aggregate import summarise
from trajreg.metrics.factors import PARTS, PHASES, factors, log_ratio

LOG2 = np.log10(2)


def trajectory(seed, num_steps=40, pull=0.0):
    """(θ_0 … θ_T, losses): a random walk with a pull to the right."""
    rng = np.random.default_rng(seed)
    return rng.normal(loc=pull, size=(num_steps + 1, 6)).cumsum(axis=0), rng.uniform(0.5, 2, num_steps)


def table(theta, loss, lr=0.2):
    squares = ((theta - theta[-1]) ** 2).sum(axis=1), ((theta[1:] - theta[:-1]) ** 2).sum(axis=1)
    return trajreg.regularity(distance_sq=squares[0], update_sq=squares[1], loss=loss, lr=lr)


def moved(theta, loss, lr=0.2):
    """log_ratio against the trajectory of seed 1."""
    return log_ratio(factors(table(theta, loss, lr)), factors(table(*trajectory(1))))


def expect(parts, **expected):
    wanted = pd.Series(dict.fromkeys(("total", *PARTS), 0.0) | expected)
    for phase in PHASES:
        pd.testing.assert_series_equal(parts.loc[phase], wanted, check_names=False, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lr", [0.2, np.geomspace(1, 0.01, 40)], ids=["constant", "schedule"])
@pytest.mark.parametrize("seed", range(3))
def test_the_split_is_exact_in_every_phase(seed, lr):
    one, other = table(*trajectory(seed, pull=0.3), lr), table(*trajectory(seed + 10, pull=1.0))
    both = factors(one), factors(other)
    for table_, of_run in zip((one, other), both, strict=True):
        product = of_run["alignment"] * of_run["distance"] * of_run["update"] / of_run["loss"]
        np.testing.assert_allclose(product, of_run["gamma_plus"], rtol=1e-10)
        summary = summarise(table_)
        for phase, suffix in zip(PHASES, ("_early", "_late", ""), strict=True):
            gamma, walk = summary[f"gamma{suffix}"], summary[f"gamma_walk{suffix}"]
            assert of_run.loc[phase, "gamma_plus"] == pytest.approx(gamma + walk, rel=1e-10)
            assert of_run.loc[phase, "walk_share"] == pytest.approx(walk / (gamma + walk), rel=1e-10)
    parts = log_ratio(*both)
    np.testing.assert_allclose(parts[list(PARTS)].sum(axis=1), parts["total"], rtol=0, atol=1e-10)
    assert parts["total"].abs().min() > 0.01


def test_identical_variants_differ_in_nothing():
    expect(moved(*trajectory(1)))


def test_a_scaled_loss_moves_only_the_loss():
    theta, loss = trajectory(1)
    expect(moved(theta, 2 * loss), loss=-LOG2, total=-LOG2)


def test_scaled_weights_move_distance_and_update():
    theta, loss = trajectory(1)
    expect(moved(2 * theta, loss), distance=LOG2, update=LOG2, total=2 * LOG2)


def test_half_the_learning_rate_on_the_same_path_doubles_the_update():
    # U = (θ_t − θ_{t+1}) / η: γ is not invariant to the learning rate
    expect(moved(*trajectory(1), lr=0.1), update=LOG2, total=LOG2)


def test_a_straight_path_of_equal_steps_has_cosine_1_and_a_known_distance():
    theta, lr = np.outer(np.arange(11.0), [3.0, 4.0]), 0.1
    whole = factors(table(theta, np.full(10, 2.0), lr)).loc["whole"]
    assert whole["alignment"] == pytest.approx(1)
    assert whole["distance"] == pytest.approx(5 * 5.5)  # steps of length 5, with 10 … 1 of them to go
    assert whole["update"] == pytest.approx(5 / lr)
    assert whole["loss"] == pytest.approx(2)
    assert whole["walk_share"] == pytest.approx(1 / (2 * 5.5))


def test_the_walk_of_a_random_walk_is_half():
    shares = [factors(table(*trajectory(seed, 200))).loc["whole"] for seed in range(400)]
    mean = pd.DataFrame(shares).eval("gamma_plus * walk_share").mean() / pd.DataFrame(shares)["gamma_plus"].mean()
    assert mean == pytest.approx(0.5, abs=0.02)


def test_where_the_alignment_is_not_positive_there_is_no_logarithm():
    there_and_back = [0.0, 1, 2, 3, 2, 1, 0, 0.2, 0.2, 0.2, 0.2]
    away = np.outer(there_and_back, np.ones(6))
    bad, good = table(away, np.ones(10)), table(*trajectory(1, 10, pull=1.0))
    of_bad = factors(bad)
    assert of_bad.loc["early", "alignment"] < 0
    assert np.isnan(of_bad.loc["early", "walk_share"])
    for parts in (log_ratio(of_bad, factors(good)), log_ratio(factors(good), of_bad)):
        assert parts.loc["early", ["total", "alignment"]].isna().all()
        assert parts.loc["early", ["distance", "update", "loss"]].notna().all()
        assert parts.loc["whole"].notna().all()


def test_steps_without_a_gap_count_nowhere():
    theta, loss = trajectory(1)
    full, holed = table(theta, loss), table(theta, np.where(np.arange(40) == 30, 0.0, loss))
    pd.testing.assert_frame_equal(factors(holed), factors(full.assign(gamma=full["gamma"].where(full["step"] != 30))))
    assert factors(holed).notna().all(axis=None)


def test_tables_without_updates_have_no_factors():
    steps = table(*trajectory(1))
    for unknown in (steps.assign(update_norm=np.nan, cosine=np.nan), steps[["step", "loss"]]):
        assert factors(unknown).isna().all(axis=None)
        assert factors(unknown).shape == (3, 6)
    frozen = factors(table(np.zeros((11, 6)), np.ones(10)))
    assert frozen[["alignment", "distance"]].isna().all(axis=None)
