"""γ over parameter groups with learning rates of their own: per-group definition, limits, Identity B, Theorem 1."""

import numpy as np
import pytest

import trajreg
from trajreg.metrics.aggregate import over_stretches

SIZES = (2, 1, 3)
RATES = np.array([0.1, 0.02, 0.5])


def by_group(values):
    return np.stack([part.sum(axis=1) for part in np.split(values, np.cumsum(SIZES)[:-1], axis=1)], axis=1)


def table_of(theta, loss, lr, **options):
    offset, update = theta[:-1] - theta[-1], theta[:-1] - theta[1:]
    return trajreg.regularity(
        distance_sq=by_group((theta - theta[-1]) ** 2),
        update_sq=by_group(update**2),
        inner=by_group(offset * update),
        loss=loss,
        lr=lr,
        group_sizes=SIZES,
        **options,
    )


def walk(steps=12, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(steps + 1, 6)).cumsum(axis=0), rng.uniform(0.5, 2, steps), rng.uniform(0.5, 2, steps)


def test_each_group_is_divided_by_its_own_rate():
    theta, loss, schedule = walk()
    lr = schedule[:, None] * RATES
    table = table_of(theta, loss, lr)
    each = np.repeat(lr, SIZES, axis=1)
    offset, update = theta[:-1] - theta[-1], (theta[:-1] - theta[1:]) / each
    inner, norm = (offset * update).sum(axis=1), np.linalg.norm(update, axis=1)
    half = (each * update**2).sum(axis=1) / 2
    np.testing.assert_allclose(table["inner_product"], inner, rtol=1e-12)
    np.testing.assert_allclose(table["update_norm"], norm, rtol=1e-12)
    np.testing.assert_allclose(table["gamma"], (inner - half) / loss, rtol=1e-10)
    np.testing.assert_allclose(table["gamma_walk"], half / loss, rtol=1e-12)
    np.testing.assert_allclose(table["gamma_excess"], (inner - 2 * half) / loss, rtol=1e-10)
    np.testing.assert_allclose(table["cosine"], inner / (np.linalg.norm(offset, axis=1) * norm), rtol=1e-12)
    ahead = theta[1:] - theta[-1]
    forward = (ahead * update).sum(axis=1)[:-1] / (np.linalg.norm(ahead, axis=1) * norm)[:-1]
    np.testing.assert_allclose(table["forward_cosine"][:-1], forward, rtol=1e-10)
    walk_sq = ((theta[:-1] - theta[1:]) ** 2).sum(axis=1)[::-1].cumsum()[::-1]
    np.testing.assert_allclose(table["cosine_walk"], 2 * half / (np.sqrt(walk_sq) * norm), rtol=1e-12)
    np.testing.assert_allclose(table["lr"], schedule * (RATES @ SIZES) / 6, rtol=1e-12)
    np.testing.assert_allclose(table["rate"], table["lr"] * table["gamma"], rtol=1e-12)


def test_equal_rates_are_the_ordinary_table():
    theta, loss, schedule = walk()
    grouped = table_of(theta, loss, np.repeat(schedule[:, None], 3, axis=1))
    offset, update = theta[:-1] - theta[-1], theta[:-1] - theta[1:]
    plain = trajreg.regularity(
        distance_sq=((theta - theta[-1]) ** 2).sum(axis=1),
        update_sq=(update**2).sum(axis=1),
        inner=(offset * update).sum(axis=1),
        loss=loss,
        lr=schedule,
    )
    np.testing.assert_allclose(grouped[list(plain)], plain, rtol=1e-10)
    np.testing.assert_allclose(grouped["distance_scaled"], plain["distance"], rtol=1e-12)
    np.testing.assert_allclose(grouped["update_scaled"], schedule * plain["update_norm"], rtol=1e-12)
    one = trajreg.regularity(
        distance_sq=((theta - theta[-1]) ** 2).sum(axis=1, keepdims=True),
        update_sq=(update**2).sum(axis=1, keepdims=True),
        inner=(offset * update).sum(axis=1, keepdims=True),
        loss=loss,
        lr=schedule[:, None],
    )
    np.testing.assert_array_equal(one[list(plain)], plain)
    assert list(grouped)[-3:] == ["cosine_walk", "distance_scaled", "update_scaled"]


def test_splitting_a_group_changes_nothing():
    theta, loss, _ = walk()
    split = table_of(theta, loss, np.tile([0.1, 0.1, 0.5], (12, 1)))
    offset, update = (theta - theta[-1]) ** 2, (theta[:-1] - theta[1:]) ** 2
    whole = trajreg.regularity(
        distance_sq=np.stack([offset[:, :3].sum(axis=1), offset[:, 3:].sum(axis=1)], axis=1),
        update_sq=np.stack([update[:, :3].sum(axis=1), update[:, 3:].sum(axis=1)], axis=1),
        loss=loss,
        lr=np.tile([0.1, 0.5], (12, 1)),
        group_sizes=(3, 3),
    )
    np.testing.assert_allclose(split, whole, rtol=1e-8, atol=1e-12)


def test_identity_b_holds_while_the_rates_keep_their_ratios():
    theta, loss, schedule = walk()
    table = table_of(theta, loss, schedule[:, None] * RATES)
    epochs = over_stretches(table, np.arange(12) // 4)
    squares = by_group((theta - theta[-1]) ** 2)
    for epoch in range(3):
        a, b = 4 * epoch, 4 * epoch + 4
        expected = ((squares[a] - squares[b]) / (2 * RATES)).sum() / (schedule[a:b] * loss[a:b]).sum()
        assert epochs.loc[epoch, "gamma"] == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(epochs["cosine_walk"], table["cosine_walk"].groupby(np.arange(12) // 4).median())


def descent(schedule):
    """Gradient descent on ½ Σ λ θ² in which every group has its own rate, so that γ_t stays positive."""
    eigenvalues, theta = np.array([1.0, 1.5, 2.0, 1.0, 0.8, 1.2]), [np.ones(6)]
    for scale in schedule:
        theta.append(theta[-1] - scale * np.repeat(RATES, SIZES) * eigenvalues * theta[-1])
    theta = np.array(theta)
    return table_of(theta, (eigenvalues * theta[:-1] ** 2).sum(axis=1) / 2, schedule[:, None] * RATES)


def test_theorem_bound_uses_the_scaled_distance():
    schedule = np.linspace(1, 0.5, 400)
    table = descent(schedule)
    bound = trajreg.theorem_bound(table)
    assert bound.holds
    weighted = (table["gamma"] * table["lr"] * table["gap"]).sum()
    assert weighted == pytest.approx(table["distance_scaled"][0] ** 2 / 2, rel=1e-9)
    assert bound.bound == pytest.approx(weighted / (bound.gamma_min * table["lr"].sum()), rel=1e-9)


def test_theorem_says_nothing_where_the_ratios_vary():
    theta, loss, schedule = walk()
    lr = np.stack([schedule, np.full(12, 0.1), np.full(12, 0.2)], axis=1)
    table = table_of(theta, loss, lr)
    assert table["distance_scaled"].isna().all()
    assert trajreg.theorem_bound(table.assign(gamma=1.0)).bound is None


def test_a_rate_of_zero_gives_nan():
    theta, loss, _ = walk()
    lr = np.tile(RATES, (12, 1))
    lr[3, 1], lr[5] = 0, 0
    table = table_of(theta, loss, lr)
    columns = ["gamma", "gamma_walk", "gamma_excess", "rate", "inner_product", "update_norm"]
    assert table[columns].iloc[[3, 5]].isna().all(axis=None)
    assert table[columns].drop([3, 5]).notna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": np.ones(3)}, r"lr has shape \(3,\), should be \(3, 2\) or a scalar"),
        (
            {"distance_sq": np.ones((4, 3)), "lr": np.ones((3, 2))},
            r"distance_sq has shape \(4, 3\), should be \(4, 2\)",
        ),
        ({"update_sq": np.ones(3)}, r"update_sq has shape \(3,\), should be \(3, 2\)"),
        ({"lr": np.array([[1, 1], [1, -0.5], [1, 1]])}, r"lr\[1, 1\] = -0.5 is below 0"),
    ],
)
def test_wrong_input_is_named(change, message):
    good = {"distance_sq": np.ones((4, 2)), "update_sq": np.ones((3, 2)), "loss": np.ones(3), "lr": 0.1}
    with pytest.raises(ValueError, match=message):
        trajreg.regularity(**good | change)
