"""γ against closed forms: gradient descent on a quadratic has γ_t = 2 − η (θᵀH²θ)/(θᵀHθ) about its minimiser."""

import math

import numpy as np
import pytest

import trajreg


def descent(eigenvalues, lr, steps, start=1.0):
    """(iterates, losses) of exact gradient descent on ½ Σ λ θ², in float64."""
    eigenvalues = np.asarray(eigenvalues)
    theta = [np.full(len(eigenvalues), start)]
    for _ in range(steps):
        theta.append(theta[-1] - lr * eigenvalues * theta[-1])
    theta = np.array(theta)
    return theta, (eigenvalues * theta[:-1] ** 2).sum(axis=1) / 2


def table_of(theta, loss, lr, **kwargs):
    return trajreg.regularity(
        distance_sq=((theta - theta[-1]) ** 2).sum(axis=1),
        update_sq=((theta[1:] - theta[:-1]) ** 2).sum(axis=1),
        loss=loss,
        lr=lr,
        **kwargs,
    )


def test_columns_are_the_contract():
    table = table_of(*descent([1.0, 2.0], 0.1, 5), 0.1)
    assert list(table) == [
        *("step", "lr", "loss", "gap", "distance", "update_norm", "inner_product"),
        *("cosine", "gamma", "rate", "gamma_walk", "gamma_excess", "forward_cosine", "cosine_walk"),
    ]


@pytest.mark.parametrize("lr", [0.01, 0.3, 0.9])
def test_one_dimension_has_constant_gamma(lr):
    # θ_T ≈ 0 after many steps, so γ_t = 2 − η at every step before
    table = table_of(*descent([1.0], lr, 4000), lr).iloc[:20]
    np.testing.assert_allclose(table["gamma"], 2 - lr, rtol=1e-9)
    np.testing.assert_allclose(table["cosine"], 1, rtol=1e-12)
    np.testing.assert_allclose(table["gamma_walk"], lr, rtol=1e-9)


def test_ill_conditioning_lowers_gamma_to_its_closed_form():
    eigenvalues, lr = np.array([1.0, 18.0]), 0.1
    theta, loss = descent(eigenvalues, lr, 3000)
    table = table_of(theta, loss, lr)
    expected = 2 - lr * (eigenvalues**2 * theta**2).sum(axis=1) / (eigenvalues * theta**2).sum(axis=1)
    np.testing.assert_allclose(table["gamma"].iloc[:30], expected[:30], rtol=1e-9)
    assert table["gamma"].iloc[0] < 0.3 < 1.85 < table["gamma"].iloc[100]


def test_definition_holds_with_equality():
    rng = np.random.default_rng(0)
    theta, loss, lr = rng.normal(size=(9, 4)), rng.uniform(1, 2, 8), rng.uniform(0.1, 1, 8)
    table = table_of(theta, loss, lr, optimal_loss=0.5)
    update = (theta[:-1] - theta[1:]) / lr[:, None]
    left = ((theta[:-1] - theta[-1]) * update).sum(axis=1)
    right = lr / 2 * (update**2).sum(axis=1) + table["gamma"] * (loss - 0.5)
    np.testing.assert_allclose(left, right, rtol=1e-10)
    np.testing.assert_allclose(table["inner_product"], left, rtol=1e-10)
    np.testing.assert_allclose(table["gamma_excess"], table["gamma"] - table["gamma_walk"], rtol=1e-9)
    ahead = ((theta[1:] - theta[-1]) * update).sum(axis=1) / (loss - 0.5)
    np.testing.assert_allclose(table["gamma_excess"], ahead, rtol=1e-8, atol=1e-12)


def test_random_walk_has_no_excess_on_average():
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(400, 60, 50))
    theta = np.concatenate([np.zeros((400, 1, 50)), steps.cumsum(axis=1)], axis=1)
    excess = [table_of(walk, np.ones(60), 1.0)["gamma_excess"].mean() for walk in theta]
    assert abs(np.mean(excess)) < 3 * np.std(excess) / math.sqrt(400)


def test_directly_computed_inner_products_win_over_the_identity():
    # tiny steps far from the end: the difference of squares has lost most digits, the direct product none
    theta = 1e8 + np.array([[0.0], [1e-7], [2e-7], [-1e8]])
    inner = ((theta[:-1] - theta[-1]) * (theta[:-1] - theta[1:])).sum(axis=1)
    table = table_of(theta, np.ones(3), 1.0, inner=inner)
    np.testing.assert_allclose(table["inner_product"], inner)


def test_gap_that_is_not_positive_gives_nan_never_inf():
    theta, loss = descent([1.0], 0.1, 4)
    loss[1], loss[2] = 0.0, -1.0
    table = table_of(theta, loss, 0.1)
    assert table[["gamma", "gamma_walk", "gamma_excess", "rate"]].iloc[1:3].isna().all(axis=None)
    assert table[["gamma", "gamma_walk", "gamma_excess", "rate"]].iloc[[0, 3]].notna().all(axis=None)
    assert not np.isinf(table.to_numpy(dtype=float)).any()


def test_resting_weights_give_nan_cosine():
    table = table_of(np.ones((4, 2)), np.ones(3), 0.1)
    assert table["cosine"].isna().all()
    assert (table["gamma"] == 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"distance_sq": np.ones(3)}, r"distance_sq has shape \(3,\), should be \(4,\)"),
        ({"update_sq": np.ones((3, 1))}, r"update_sq has shape \(3, 1\), should be \(3,\)"),
        ({"lr": np.ones(2)}, r"lr has shape \(2,\), should be \(3,\) or a scalar"),
        ({"lr": -0.1}, r"lr\[0\] = -0.1 is below 0"),
        ({"loss": 1.0}, r"loss has shape \(\), should be \(3,\)"),
        ({"loss": np.ones(2)}, r"loss has shape \(2,\), should be \(3,\)"),
        ({"loss": np.ones(5), "lr": np.ones(3)}, r"loss has shape \(5,\), should be \(3,\)"),
        ({"distance_sq": np.ones(3), "lr": np.ones(3)}, r"distance_sq has shape \(3,\), should be \(4,\)"),
        ({"distance_sq": 1.0}, r"distance_sq has shape \(\), should be \(4,\)"),
        ({"optimal_loss": np.ones(2)}, r"optimal_loss has shape \(2,\), should be \(3,\) or a scalar"),
        ({"inner": np.ones(4)}, r"inner has shape \(4,\), should be \(3,\)"),
        ({"update_sq": np.array([1, -2.0, 1])}, r"update_sq\[1\] = -2.0 is below 0"),
        ({"update_sq": np.array([1, -2.0, -5.0])}, r"update_sq\[1\] = -2.0 is below 0"),
    ],
)
def test_wrong_input_is_named(change, message):
    good = {"distance_sq": np.ones(4), "update_sq": np.ones(3), "loss": np.ones(3), "lr": 0.1}
    with pytest.raises(ValueError, match=message):
        trajreg.regularity(**good | change)


def test_theorem_bound_is_tight_where_gamma_is_constant():
    straight = np.array([[2.0], [1.0], [0.0]])
    bound = trajreg.theorem_bound(table_of(straight, np.array([2.0, 2 / 3]), 0.5))
    assert bound.holds
    assert bound.gamma_min == pytest.approx(1.5)
    assert bound.slack == pytest.approx(1.0, rel=1e-6)


def test_theorem_bound_holds_with_slack_on_an_ill_conditioned_quadratic():
    table = table_of(*descent([1.0, 18.0], 0.1, 60), 0.1)
    bound = trajreg.theorem_bound(table)
    assert bound.holds
    assert bound.slack > 1
    assert bound.bound == pytest.approx(table["distance"][0] ** 2 / (2 * 0.1 * bound.gamma_min * 60))


def test_theorem_says_nothing_when_gamma_is_not_positive():
    theta = np.array([[0.0], [1.0], [0.5]])  # the first step leads away from the end
    bound = trajreg.theorem_bound(table_of(theta * 3, np.ones(2), 0.1).assign(gamma=[-1.0, 1.0]))
    assert bound.bound is None
    assert bound.holds is None
    assert bound.slack is None


def through_a_step_without_a_gap():
    """θ from 2 to 1 to 3 to 0: the second step leads away, and its mini-batch loses nothing."""
    theta, loss = np.array([[2.0], [1.0], [3.0], [0.0]]), np.array([1.0, 0.0, 1.0])
    return table_of(theta, loss, 1.0)


def test_theorem_says_nothing_where_a_step_has_no_gamma():
    table = through_a_step_without_a_gap()
    assert (table["gamma"].drop(1) > 0).all()
    # with γ_min of the other steps the bound would be 4 / (2 · 1.5 · 3) = 0.44, and the average gap is 0.67: wrongly refuted
    bound = trajreg.theorem_bound(table)
    assert bound.gamma_min == pytest.approx(1.5)
    assert (bound.bound, bound.holds, bound.slack) == (None, None, None)


def test_steps_of_rate_zero_that_rest_are_left_out_of_the_theorem():
    theta, loss = descent([1.0, 3.0], 0.1, 40)
    plain = trajreg.theorem_bound(table_of(theta, loss, 0.1))
    index = [0, 0, *range(8), 7, *range(8, 41), 40]  # at rest twice at first, then once in the middle and at the end
    lr = np.where(np.diff(index) > 0, 0.1, 0.0)
    rested = table_of(theta[index], np.append(loss, 1.0)[index[:-1]], lr)
    assert rested["gamma"].isna().sum() == 4
    assert trajreg.theorem_bound(rested) == plain
    assert plain.holds


def test_theorem_says_nothing_where_weights_move_at_rate_zero():
    theta, lr = np.array([[2.0], [1.0], [3.0], [0.0]]), np.array([0.1, 0.0, 0.1])
    bound = trajreg.theorem_bound(table_of(theta, np.full(3, 100.0), lr))
    assert bound.gamma_min > 0
    assert bound.holds is None


@pytest.mark.parametrize("rows", [slice(3, None), slice(0, 39), [*range(10), *range(20, 40)]])
def test_theorem_says_nothing_where_steps_have_no_row(rows):
    table = table_of(*descent([1.0, 3.0], 0.1, 40), 0.1)
    assert trajreg.theorem_bound(table).holds
    some = trajreg.theorem_bound(table.iloc[rows])
    assert some.gamma_min > 0
    assert (some.bound, some.holds) == (None, None)


def test_theorem_says_nothing_of_rows_of_epochs():
    theta, loss = descent([1.0, 3.0], 0.1, 40)
    by_epoch = table_of(theta[::4], loss[::4], 0.1).assign(update_norm=np.nan, cosine=np.nan, forward_cosine=np.nan)
    for step in (range(10), range(0, 40, 4)):  # also where an epoch is a step
        assert trajreg.theorem_bound(by_epoch.assign(step=step)).holds is None


def test_theorem_says_nothing_where_the_last_step_moves_at_rate_zero():
    table = table_of(np.array([[3.0], [2.0], [1.0], [0.0]]), np.ones(3), np.array([0.1, 0.1, 0.0]))
    assert trajreg.theorem_bound(table).holds is None


def test_theorem_of_no_step_at_all_says_nothing():
    bound = trajreg.theorem_bound(table_of(np.ones((4, 2)), np.ones(3), 0.0))
    assert np.isnan([bound.gamma_min, bound.average_gap]).all()
    assert bound.holds is None
