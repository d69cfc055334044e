"""Shuffled updates: what no order can change, what it does on average, and paths where nothing changes at all."""

import numpy as np
import pytest

import trajreg
from trajreg.metrics.aggregate import over_stretches, summarise
from trajreg.metrics.shuffled import shuffled_gamma, shuffled_over_stretches, shuffled_updates


@pytest.fixture
def path():
    """θ_0 … θ_T that head for the end and slow down, their losses and learning rates."""
    rng = np.random.default_rng(5)
    updates = rng.normal(loc=0.3, size=(30, 8)) * np.geomspace(1, 0.2, 30)[:, None]
    theta = np.vstack([np.zeros(8), np.cumsum(updates, axis=0)])
    return theta, rng.uniform(0.5, 2, 30), np.linspace(0.3, 0.1, 30)


def measured(theta, loss, lr):
    return trajreg.regularity(
        distance_sq=((theta - theta[-1]) ** 2).sum(axis=1),
        update_sq=((theta[1:] - theta[:-1]) ** 2).sum(axis=1),
        loss=loss,
        lr=lr,
    )


def test_no_order_changes_gamma_over_the_whole_run(path):
    theta, loss, lr = path
    table = measured(theta, loss, lr)
    for seed in range(3):
        shuffled = shuffled_updates(theta, loss=loss, lr=lr, seed=seed)
        assert summarise(shuffled)["gamma"] == pytest.approx(summarise(table)["gamma"], rel=1e-10)
        lengths = [np.sort(one["lr"] * one["update_norm"]) for one in (table, shuffled)]
        np.testing.assert_allclose(*lengths, rtol=1e-12)
        assert abs(shuffled["gamma"] - table["gamma"]).max() > 0.01


def test_the_mean_over_orders_is_the_closed_form(path):
    theta, loss, lr = path
    runs = np.array([shuffled_updates(theta, loss=loss, lr=lr, seed=seed)["gamma"] for seed in range(3000)])
    error = runs.std(axis=0) / np.sqrt(len(runs))
    expected = shuffled_gamma(measured(theta, loss, lr))
    assert (abs(runs.mean(axis=0) - expected) / error).max() < 4.5
    assert (error / expected.abs()).max() < 0.05


def test_a_straight_path_of_equal_steps_does_not_know_its_order():
    theta, loss = np.outer(np.arange(11.0), [3.0, 4.0]), np.ones(10)
    table = measured(theta, loss, 0.1)
    for other in (shuffled_updates(theta, loss=loss, lr=0.1)["gamma"], shuffled_gamma(table)):
        np.testing.assert_allclose(other, table["gamma"], rtol=1e-12)


def test_a_random_walk_is_its_own_null():
    theta = np.random.default_rng(0).normal(size=(2000, 50)).cumsum(axis=0)
    table = measured(theta, np.ones(1999), 0.1)
    np.testing.assert_allclose(shuffled_gamma(table).iloc[-1], table["gamma_walk"].mean(), rtol=1e-10)


def test_one_step_has_one_order():
    theta = np.array([[1.0, 0.0], [0.0, 0.0]])
    table = measured(theta, [2.0], 0.5)
    assert shuffled_gamma(table).tolist() == shuffled_updates(theta, loss=[2.0], lr=0.5)["gamma"].tolist() == [0.5]


def test_float32_iterates_are_summed_in_float64(path):
    theta, loss, lr = path
    small = (1000 + theta).astype(np.float32)
    exact = shuffled_updates(small.astype(np.float64), loss=loss, lr=lr)
    np.testing.assert_array_equal(shuffled_updates(small, loss=loss, lr=lr), exact)


@pytest.mark.parametrize("shape", [(30, 8), (31,), (32, 8)])
def test_iterates_of_another_length_are_refused(shape):
    with pytest.raises(ValueError, match=r"iterates has shape .*, should be \(31, P\)"):
        shuffled_updates(np.zeros(shape), loss=np.ones(30), lr=0.1)


def test_over_the_whole_run_the_shuffled_gamma_is_the_measured_one(path):
    table = measured(*path)
    assert shuffled_over_stretches(table, np.zeros(30))[0] == pytest.approx(summarise(table)["gamma"], rel=1e-12)


def test_the_epochs_of_the_shuffled_gamma_sum_to_the_measured_numerator(path):
    table, epoch = measured(*path), 1 + np.arange(30) // 6
    shuffled = shuffled_over_stretches(table, epoch)
    weight = (table["lr"] * table["gap"]).groupby(epoch).sum()
    assert list(shuffled.index) == [1, 2, 3, 4, 5]
    assert (shuffled * weight).sum() == pytest.approx(table["distance"].iloc[0] ** 2 / 2, rel=1e-12)
    by_step = (shuffled_gamma(table) * table["lr"] * table["gap"]).groupby(epoch).sum() / weight
    np.testing.assert_allclose(shuffled, by_step, rtol=1e-12)


def test_a_straight_path_has_the_same_gamma_in_every_stretch_and_order():
    theta, loss, epoch = np.outer(np.arange(11.0), [3.0, 4.0]), np.geomspace(1, 0.1, 10), np.arange(10) // 2
    table = measured(theta, loss, 0.1)
    np.testing.assert_allclose(shuffled_over_stretches(table, epoch), over_stretches(table, epoch)["gamma"], rtol=1e-12)


def test_steps_without_a_gap_count_nowhere(path):
    theta, loss, lr = path
    loss = np.where(np.arange(30) == 7, 0.0, loss)
    table = measured(theta, loss, lr)
    weight = (table["lr"] * table["gap"]).drop(7)
    expected = (shuffled_gamma(table).drop(7) * weight).sum() / weight.sum()
    assert shuffled_over_stretches(table, np.zeros(30))[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.assign(update_norm=np.nan),  # estimator epoch
        lambda table: table[table["step"] >= 6],  # replays of some epochs only
        lambda table: table[table["step"] < 6],
        lambda table: table[["step", "loss"]],  # a run that diverged
    ],
)
def test_without_every_update_nothing_is_known(path, spoil):
    table = spoil(measured(*path))
    shuffled = shuffled_over_stretches(table, table["step"].to_numpy() // 6, num_steps=30)
    assert shuffled.isna().all()
    assert list(shuffled.index) == sorted(set(table["step"] // 6))
