"""The splits of γ and of γ₊ = γ + γ^walk: exact, and each part moves when just its own quantity does."""

import numpy as np
import pandas as pd
import pytest

import trajreg
from trajreg.metrics.aggregate import summarise
from trajreg.metrics.factors import COLUMNS, PHASES, SPLITS, TOTALS, factors, log_ratio

LOG2 = np.log10(2)
SUFFIXES = ("_early", "_late", "")


def trajectory(seed, num_steps=40, pull=0.0):
    """(θ_0 … θ_T, losses): a random walk with a pull to the right."""
    rng = np.random.default_rng(seed)
    return rng.normal(loc=pull, size=(num_steps + 1, 6)).cumsum(axis=0), rng.uniform(0.5, 2, num_steps)


def table(theta, loss, lr=0.2):
    squares = ((theta - theta[-1]) ** 2).sum(axis=1), ((theta[1:] - theta[:-1]) ** 2).sum(axis=1)
    return trajreg.regularity(distance_sq=squares[0], update_sq=squares[1], loss=loss, lr=lr)


def expect(path, lr=0.2, **parts):
    """The parts of both splits against the trajectory of seed 1, the same in every phase; those that are not named are 0."""
    treatment, control = factors(table(*path, lr)), factors(table(*trajectory(1)))
    for split, names in SPLITS.items():
        wanted = {name: parts.get(name, 0.0) for name in ("total", *names)}
        found = log_ratio(treatment, control, split)
        expected = pd.DataFrame(wanted, index=list(PHASES))
        pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lr", [0.2, np.geomspace(1, 0.01, 40)], ids=["constant", "schedule"])
@pytest.mark.parametrize("seed", range(3))
def test_both_splits_are_exact_in_every_phase(seed, lr):
    one, other = table(*trajectory(seed, pull=0.3), lr), table(*trajectory(seed + 10, pull=1.0), lr)
    both = factors(one), factors(other)
    for steps, found in zip((one, other), both, strict=True):
        summary = summarise(steps)
        for phase, suffix in zip(PHASES, SUFFIXES, strict=True):
            row, gamma, walk = found.loc[phase], summary[f"gamma{suffix}"], summary[f"gamma_walk{suffix}"]
            assert row["gamma"] == pytest.approx(gamma, rel=1e-10)
            assert row["directedness"] * walk == pytest.approx(gamma, rel=1e-10)
            assert row["energy"] / row["loss"] == pytest.approx(walk, rel=1e-10)
            assert row["gamma_plus"] == pytest.approx(gamma + walk, rel=1e-10)
            product = row[["alignment", "distance", "update"]].prod() / row["loss"]
            assert product == pytest.approx(gamma + walk, rel=1e-10)
    for split, parts in SPLITS.items():
        logs = log_ratio(*both, split)
        np.testing.assert_allclose(logs[list(parts)].sum(axis=1), logs["total"], rtol=0, atol=1e-10)
        assert logs["total"].abs().min() > 0.01


def test_groups_with_rates_of_their_own_split_exactly_too():
    groups = [trajectory(seed, pull=0.5)[0] for seed in range(2)]
    squares = [((theta - theta[-1]) ** 2).sum(axis=1) for theta in groups]
    lengths = [((theta[1:] - theta[:-1]) ** 2).sum(axis=1) for theta in groups]
    rates = np.tile([0.1, 0.4], (40, 1))
    stacked = {"distance_sq": np.stack(squares, axis=1), "update_sq": np.stack(lengths, axis=1)}
    steps = trajreg.regularity(**stacked, loss=np.ones(40), lr=rates)
    whole, summary = factors(steps).loc["whole"], summarise(steps)
    assert whole["directedness"] * summary["gamma_walk"] == pytest.approx(summary["gamma"])
    assert whole["energy"] / whole["loss"] == pytest.approx(summary["gamma_walk"])


def test_directedness_is_displacement_over_the_sum_of_squared_steps():
    theta, loss = trajectory(1)
    square = lambda differences: (differences**2).sum()  # noqa: E731
    found = factors(table(theta, loss, np.geomspace(1, 0.01, 40)))["directedness"]  # no learning rate enters it
    assert found["whole"] == pytest.approx(square(theta[0] - theta[-1]) / square(np.diff(theta, axis=0)))
    nearer = square(theta[0] - theta[-1]) - square(theta[8] - theta[-1])
    assert found["early"] == pytest.approx(nearer / square(np.diff(theta[:9], axis=0)))


def test_a_straight_path_of_equal_steps_has_d_of_as_many_steps_and_cosine_1():
    theta, lr = np.outer(np.arange(11.0), [3.0, 4.0]), 0.1
    found = factors(table(theta, np.full(10, 2.0), lr))
    whole = found.loc["whole"]
    assert found["directedness"].tolist() == pytest.approx([2 * 10 - 2, 8, 10])  # early: (T² − (T − a)²) / a of a steps
    assert whole["energy"] == pytest.approx(5**2 / (2 * lr))
    assert whole["gamma"] == pytest.approx(10 * 5**2 / (2 * lr) / 2)
    assert whole["alignment"] == pytest.approx(1)
    assert whole["distance"] == pytest.approx(5 * 5.5)  # steps of length 5, with 10 … 1 of them to go
    assert whole["update"] == pytest.approx(5 / lr)
    assert whole["loss"] == pytest.approx(2)


def test_a_random_walk_has_a_directedness_of_1_in_every_phase():
    found = [factors(table(*trajectory(seed, 200)))["directedness"] for seed in range(150)]
    np.testing.assert_allclose(pd.DataFrame(found).mean(), 1, atol=0.2)


def test_jitter_around_a_point_has_next_to_no_directedness_but_a_cosine_of_a_half():
    rng = np.random.default_rng(0)
    found = factors(table(rng.normal(size=(401, 2000)), np.ones(400))).loc["whole"]
    assert found["directedness"] == pytest.approx(1 / 400, rel=0.1)
    assert found["alignment"] == pytest.approx(0.5, abs=0.02)


def test_identical_variants_differ_in_nothing():
    expect(trajectory(1))


def test_a_scaled_loss_moves_only_the_loss():
    theta, loss = trajectory(1)
    expect((theta, 2 * loss), loss=-LOG2, total=-LOG2)


def test_scaled_weights_move_step_energy_distance_and_update():
    theta, loss = trajectory(1)
    expect((2 * theta, loss), energy=2 * LOG2, distance=LOG2, update=LOG2, total=2 * LOG2)


def test_half_the_learning_rate_on_the_same_path_doubles_the_update():
    # U = (θ_t − θ_{t+1}) / η: γ is not invariant to the learning rate, and D does not notice
    expect(trajectory(1), lr=0.1, energy=LOG2, update=LOG2, total=LOG2)


def test_what_is_not_positive_has_no_logarithm():
    there_and_back = [0.0, 1, 2, 3, 2, 1, 0, 0.2, 0.2, 0.2, 0.2]
    away = np.outer(there_and_back, np.ones(6))
    of_bad, of_good = factors(table(away, np.ones(10))), factors(table(*trajectory(1, 10, pull=1.0)))
    assert (of_bad.loc["early", ["gamma", "directedness", "gamma_plus", "alignment"]] < 0).all()
    for split, parts in SPLITS.items():
        for logs in (log_ratio(of_bad, of_good, split), log_ratio(of_good, of_bad, split)):
            assert logs.loc["early", ["total", parts[0]]].isna().all()
            assert logs.loc["early", list(parts[1:])].notna().all()
            assert logs.loc["whole"].notna().all()


def test_a_negative_gamma_may_have_a_positive_gamma_plus():
    # a step past the end point and a long way round: θ_1 lies farther from θ_T than θ_0, but the step pointed towards it
    theta = np.outer([0.0, 2.5, 2.5, 2.5, 2.5, 1.0], np.ones(6))
    early = factors(table(theta, np.ones(5))).loc["early"]
    assert early["gamma"] < 0 < early["gamma_plus"]
    assert early["directedness"] == pytest.approx((1 - 1.5**2) / 2.5**2)
    assert early["alignment"] == pytest.approx(1)


def test_steps_without_a_gap_count_nowhere():
    theta, loss = trajectory(1)
    full, holed = table(theta, loss), table(theta, np.where(np.arange(40) == 30, 0.0, loss))
    pd.testing.assert_frame_equal(factors(holed), factors(full.assign(gamma=full["gamma"].where(full["step"] != 30))))
    assert factors(holed).notna().all(axis=None)


def test_of_a_partial_replay_only_the_phases_that_were_watched_as_a_whole_have_factors():
    steps = table(*trajectory(1))
    whole = factors(steps)
    with_the_first = factors(steps[(steps["step"] < 10) | (steps["step"] >= 35)])
    pd.testing.assert_frame_equal(with_the_first.loc[["early"]], whole.loc[["early"]])
    assert with_the_first.loc[["late", "whole"]].isna().all(axis=None)
    last = factors(steps[steps["step"] >= 8])
    pd.testing.assert_frame_equal(last.loc[["late"]], whole.loc[["late"]])
    assert last.loc[["early", "whole"]].isna().all(axis=None)
    assert factors(steps[:35]).isna().all(axis=None)  # how many steps there are is not known


def test_a_single_step_is_early():
    found = factors(table(np.array([[1.0], [0.0]]), np.ones(1)))
    assert found["directedness"].tolist() == pytest.approx([1, np.nan, 1], nan_ok=True)


def test_tables_without_updates_have_no_factors():
    steps = table(*trajectory(1))
    for unknown in (steps.assign(update_norm=np.nan, cosine=np.nan), steps[["step", "loss"]]):
        assert factors(unknown).isna().all(axis=None)
        assert list(factors(unknown)) == COLUMNS
    assert set(factors(steps)) == set(COLUMNS) == {*TOTALS.values(), *SPLITS["directedness"], *SPLITS["alignment"]}
    frozen = factors(table(np.zeros((11, 6)), np.ones(10)))
    assert frozen[["directedness", "alignment", "distance"]].isna().all(axis=None)
