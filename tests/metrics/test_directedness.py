"""Directedness, the forward cosine and the walk's own cosine against closed forms on paths that are known."""

import numpy as np
import pytest
from paths import jitter, spiral, straight, table_of, walk, zigzag

import trajreg
from trajreg.metrics.aggregate import over_stretches, summarise


def test_a_straight_path_of_equal_steps():
    table = table_of(straight(40, length=0.3))
    assert trajreg.directedness(table) == pytest.approx(40)
    np.testing.assert_allclose(table["forward_cosine"][:-1], 1)
    assert np.isnan(table["forward_cosine"].iloc[-1])  # nothing is ahead
    np.testing.assert_allclose(table["cosine_walk"], 1 / np.sqrt(40 - np.arange(40)))
    summary = summarise(table)
    assert summary["path_ratio"] == pytest.approx(1)
    assert (summary["obeys"], summary["obeys_early"], summary["obeys_late"]) == (1, 1, 1)


@pytest.mark.parametrize(("first", "last"), [(0, 40), (0, 1), (10, 30), (39, 40)])
def test_a_stretch_of_a_straight_path(first, last):
    remaining, length = 40 - first, last - first
    table = table_of(straight(40, length=2.0))
    assert trajreg.directedness(table[first:last]) == pytest.approx(2 * remaining - length)


def test_a_random_walk_has_one_and_no_forward_cosine():
    tables = [table_of(walk(50, 30, seed)) for seed in range(200)]
    for rows in (slice(None), slice(10), slice(20, 45)):
        found = np.array([trajreg.directedness(table[rows]) for table in tables])
        assert abs(found.mean() - 1) < 3 * found.std() / np.sqrt(200)
    forward = np.array([table["forward_cosine"].to_numpy()[:-1] for table in tables])
    error = forward.std(axis=0) / np.sqrt(200)
    assert np.mean(np.abs(forward.mean(axis=0)) < 2 * error) > 0.85
    assert abs(forward.mean()) < 0.008


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_momentum_alone_makes_a_walk_directed(beta):
    """Δ_t = β Δ_{t−1} + noise: D tends to (1 + β) / (1 − β), c⁺_t to β / (1 − β) / √(D (T − t)), without anything to find."""
    num_steps, dim = 2000, 400
    random = np.random.default_rng(0)
    steps = np.zeros((num_steps + 100, dim))
    for step, noise in enumerate(random.normal(size=steps.shape)):
        steps[step] = noise + (beta * steps[step - 1] if step else 0)
    table = table_of(np.concatenate([np.zeros((1, dim)), steps[100:].cumsum(axis=0)]))
    ratio = (1 + beta) / (1 - beta)
    assert trajreg.directedness(table) == pytest.approx(ratio, rel=0.2)
    ahead = np.arange(num_steps - 1, 500, -1)
    wanted = beta / (1 - beta) / np.sqrt(ratio * ahead)
    assert table["forward_cosine"][: len(ahead)].mean() == pytest.approx(wanted.mean(), abs=0.02)


def test_the_walks_cosine_is_the_raw_cosine_of_a_random_walk():
    tables = [table_of(walk(60, 400, seed)) for seed in range(50)]
    raw, own = (np.mean([table[name] for table in tables], axis=0) for name in ("cosine", "cosine_walk"))
    np.testing.assert_allclose(own, 1 / np.sqrt(60 - np.arange(60)), rtol=1e-10)
    np.testing.assert_allclose(raw, own, atol=0.03)


def test_jitter_around_a_point_goes_nowhere_with_a_large_raw_cosine():
    table = table_of(jitter(40, 20_000, 0))
    assert trajreg.directedness(table) == pytest.approx(1 / 40, rel=0.05)
    np.testing.assert_allclose(table["forward_cosine"][:-2], -0.5, atol=0.03)
    np.testing.assert_allclose(table["cosine"][:-1], 0.5, atol=0.03)
    assert table["cosine_walk"].iloc[0] == pytest.approx(1 / np.sqrt(40), rel=0.02)  # and not a half


@pytest.mark.parametrize(("forth", "back"), [(1.0, 0.25), (3.0, 2.2)])
def test_a_zigzag_along_a_line(forth, back):
    pairs, gain = 10, forth - back
    table = table_of(zigzag(pairs, forth, back))
    assert trajreg.directedness(table) == pytest.approx(pairs * gain**2 / (forth**2 + back**2))
    still = np.arange(pairs - 1, -1, -1)  # pairs to come after this one
    np.testing.assert_allclose(table["forward_cosine"][::2], np.sign(still * gain - back))
    np.testing.assert_allclose(table["forward_cosine"][1:-1:2], -1)
    summary = summarise(table)
    assert summary["path_ratio"] == pytest.approx((forth + back) / gain)
    assert summary["obeys"] == 0


@pytest.mark.parametrize(("contraction", "rotation"), [(0.9, 0.3), (0.97, 2.0), (0.8, 0.0)])
def test_a_spiral(contraction, rotation):
    steps, q = 60, contraction * np.exp(1j * rotation)
    table = table_of(spiral(steps, contraction, rotation))
    step_sq = 1 - 2 * contraction * np.cos(rotation) + contraction**2
    expected = abs(1 - q**steps) ** 2 * (1 - contraction**2) / (step_sq * (1 - contraction ** (2 * steps)))
    assert trajreg.directedness(table) == pytest.approx(expected)
    still = steps - np.arange(steps)
    raw = np.cos(np.angle(1 - q) - np.angle(1 - q**still))
    forward = np.cos(rotation + np.angle(1 - q ** (still[:-1] - 1)) - np.angle(1 - q))
    np.testing.assert_allclose(table["cosine"], raw, atol=1e-7)
    np.testing.assert_allclose(table["forward_cosine"][:-1], forward, atol=1e-7)
    walk_sq = 1 - contraction**2
    np.testing.assert_allclose(table["cosine_walk"], np.sqrt(walk_sq / (1 - contraction ** (2 * still))))


def test_far_from_its_end_a_spirals_forward_cosine_is_a_constant():
    table = table_of(spiral(400, 0.9, 0.3))
    expected = (np.cos(0.3) - 0.9) / np.sqrt(1 - 1.8 * np.cos(0.3) + 0.81)
    np.testing.assert_allclose(table["forward_cosine"][:100], expected)


def test_neither_learning_rates_nor_losses_are_in_it_and_gamma_is_split_by_it():
    theta, losses = walk(30, 5, 1), np.random.default_rng(0).uniform(0.5, 2, (2, 30))
    rates = (0.1, np.linspace(0.5, 0.01, 30))
    tables = [table_of(theta, loss, lr) for loss, lr in zip(losses, rates, strict=True)]
    stretch = np.arange(30) // 7
    one, other = (over_stretches(table, stretch) for table in tables)
    np.testing.assert_allclose(one["directedness"], other["directedness"], rtol=1e-10)
    for stretches in (one, other):
        split = stretches["directedness"] * stretches["gamma_walk"]
        np.testing.assert_allclose(stretches["gamma"], split, rtol=1e-10)
    no_gaps = table_of(theta, -losses[0])
    assert no_gaps["gamma"].isna().all()
    assert trajreg.directedness(no_gaps) == pytest.approx(trajreg.directedness(tables[0]))


def test_over_groups_it_is_that_of_the_path_in_the_scaled_metric():
    theta, rates = walk(20, 6, 2), np.array([0.1, 0.4])
    first, second = theta[:, :3], theta[:, 3:]

    def by_group(values):
        return np.stack([values[:, :3].sum(axis=1), values[:, 3:].sum(axis=1)], axis=1)

    def table(lr):
        return trajreg.regularity(
            distance_sq=by_group((theta - theta[-1]) ** 2),
            update_sq=by_group(np.diff(theta, axis=0) ** 2),
            loss=np.ones(20),
            lr=lr,
            group_sizes=(3, 3),
        )

    schedule = np.linspace(1, 0.2, 20)[:, None]
    scaled = table_of(np.hstack([first / np.sqrt(rates[0]), second / np.sqrt(rates[1])]))
    summary, expected = summarise(table(schedule * rates)), summarise(scaled)
    for name in ("directedness", "directedness_early", "directedness_late", "path_ratio"):
        assert summary[name] == pytest.approx(expected[name], rel=1e-10)
    varying = table(np.hstack([schedule * 0.1, np.full((20, 1), 0.4)]))
    assert np.isnan(trajreg.directedness(varying))


def test_steps_at_rest_count_as_nothing_and_unknown_ones_leave_it_unknown():
    theta = straight(5)
    rests = theta[[0, 0, 1, 2, 2, 3, 4, 5, 5]]
    lr = np.where(np.diff(rests[:, 0]) > 0, 0.1, 0.0)
    table = table_of(rests, lr=lr)
    assert trajreg.directedness(table) == pytest.approx(5)
    assert summarise(table)["path_ratio"] == pytest.approx(1)
    assert summarise(table)["obeys"] == 1
    moved = table_of(theta, lr=np.array([0.1, 0.0, 0.1, 0.1, 0.1]))
    assert np.isnan(trajreg.directedness(moved))
    assert np.isnan(summarise(moved)["path_ratio"])
    assert summarise(moved)["obeys"] == 0
    assert np.isnan(trajreg.directedness(table_of(np.ones((4, 2)))))
    assert np.isnan(summarise(table_of(theta[[0, 1, 0]]))["path_ratio"])  # back to where it began


def test_a_last_step_that_moves_at_rate_zero_leaves_it_unknown():
    table = trajreg.regularity(distance_sq=[9, 4, 1, 0], update_sq=[1, 1, 1], loss=[1.0, 1.0, 1.0], lr=[0.1, 0.1, 0.0])
    assert np.isnan(trajreg.directedness(table))
    assert np.isnan(summarise(table)["path_ratio"])
    assert summarise(table)["obeys"] == 0
    assert trajreg.directedness(table[:2]) == 4  # (9 − 1) / 2
    stretch = table_of(straight(5)[[0, 1, 2, 2, 3, 4, 5]], lr=np.array([0.1, 0.1, 0.0, 0.1, 0.1, 0.1]))
    assert np.isnan(trajreg.directedness(stretch[:3]))  # where its last row leads, the rows do not say
    assert trajreg.directedness(stretch[:4]) == pytest.approx((25 - 4) / 3)


def test_the_principle_does_not_hold_where_a_step_has_no_gamma():
    table = table_of(straight(10), loss=np.where(np.arange(10) == 6, 0.0, 1.0))
    summary = summarise(table)
    assert (summary["obeys"], summary["obeys_early"], summary["obeys_late"]) == (0, 1, 0)
    assert summary["gamma_positive"] == 1
    assert list(over_stretches(table, np.arange(10) // 5)["obeys"]) == [1, 0]


def test_the_median_and_the_mean_of_the_forward_cosine():
    table = table_of(walk(40, 3, 5))
    summary = summarise(table)
    for phase, rows in {"": table, "_early": table[:8], "_late": table[8:]}.items():
        assert summary[f"forward_cosine{phase}"] == rows["forward_cosine"].median()
        assert summary[f"forward_cosine_mean{phase}"] == pytest.approx(rows["forward_cosine"].mean())


def test_arrays_that_end_before_the_end_point_have_no_walk():
    table = trajreg.regularity(distance_sq=[9, 4, 1], update_sq=[1, 1], loss=[1.0, 1.0], lr=1.0)
    assert table["cosine_walk"].isna().all()
    np.testing.assert_allclose(table["forward_cosine"], 1)
    assert trajreg.directedness(table) == 4  # (9 − 1) / 2


@pytest.mark.parametrize("rows", [[0, 1, 3], [2, 1], [1, 1]])
def test_rows_with_holes_are_refused(rows):
    table = table_of(straight(5)).iloc[rows]
    with pytest.raises(ValueError, match=rf"not contiguous: step {rows[-2]} is followed by step {rows[-1]}"):
        trajreg.directedness(table)


def test_no_row_at_all_is_refused():
    with pytest.raises(ValueError, match="the table has no rows"):
        trajreg.directedness(table_of(straight(5))[:0])
