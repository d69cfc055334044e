import numpy as np
import pytest

import trajreg
from trajreg.metrics.aggregate import over_stretches, summarise


@pytest.fixture
def trajectory():
    rng = np.random.default_rng(3)
    theta, loss = rng.normal(size=(41, 6)).cumsum(axis=0), rng.uniform(0.5, 2, 40)
    table = trajreg.regularity(
        distance_sq=((theta - theta[-1]) ** 2).sum(axis=1),
        update_sq=((theta[1:] - theta[:-1]) ** 2).sum(axis=1),
        loss=loss,
        lr=0.2,
    )
    return theta, loss, table


def test_identity_b_epoch_gamma_follows_from_snapshots_alone(trajectory):
    theta, loss, table = trajectory
    epochs = over_stretches(table, np.arange(40) // 10)
    for epoch in range(4):
        a, b = 10 * epoch, 10 * epoch + 10
        d_a, d_b = ((theta[a] - theta[-1]) ** 2).sum(), ((theta[b] - theta[-1]) ** 2).sum()
        assert epochs.loc[epoch, "gamma"] == pytest.approx((d_a - d_b) / (2 * 0.2 * loss[a:b].sum()), rel=1e-10)


def test_whole_run_is_distance_over_summed_loss(trajectory):
    theta, loss, table = trajectory
    summary = summarise(table)
    assert summary["gamma"] == pytest.approx(((theta[0] - theta[-1]) ** 2).sum() / (2 * 0.2 * loss.sum()), rel=1e-10)
    assert summary["gamma_excess"] == pytest.approx(summary["gamma"] - summary["gamma_walk"], rel=1e-9)
    assert summary["initial_distance"] == pytest.approx(np.linalg.norm(theta[0] - theta[-1]))


def test_phases_are_the_first_fifth_and_the_rest(trajectory):
    _, loss, table = trajectory
    summary = summarise(table)
    weights = loss[:8].sum(), loss[8:].sum()
    both = (summary["gamma_early"] * weights[0] + summary["gamma_late"] * weights[1]) / sum(weights)
    assert both == pytest.approx(summary["gamma"], rel=1e-10)
    assert summary["cosine_early"] == table["cosine"].iloc[:8].median()


def test_distribution_over_steps(trajectory):
    *_, table = trajectory
    summary = summarise(table)
    assert summary["gamma_positive"] == (table["gamma"] > 0).mean()
    assert summary["gamma_low"] <= summary["gamma_median"] <= summary["gamma_high"]
    assert summary["gamma_min"] == table["gamma"].min()


def test_the_summary_has_every_statistic_in_every_phase(trajectory):
    *_, table = trajectory
    summary = summarise(table)
    for phase, part in {"": table, "_early": table[:8], "_late": table[8:]}.items():
        assert summary[f"gamma_median{phase}"] == part["gamma"].median()
        assert summary[f"gamma_low{phase}"] == part["gamma"].quantile(0.05)
        assert summary[f"gamma_high{phase}"] == part["gamma"].quantile(0.95)
        assert summary[f"gamma_positive{phase}"] == (part["gamma"] > 0).mean()
        assert {f"gamma_walk{phase}", f"gamma_excess{phase}", f"cosine{phase}", f"rate{phase}"} <= set(summary)


def test_steps_without_gap_count_nowhere_and_an_empty_stretch_is_nan(trajectory):
    *_, table = trajectory
    nothing = table.assign(gap=0.0, gamma=np.nan, gamma_walk=np.nan, gamma_excess=np.nan)
    half = table.where(table["step"] < 20, nothing)
    epochs = over_stretches(half, np.arange(40) // 20)
    assert epochs.loc[0, "gamma"] == pytest.approx(over_stretches(table[:20], np.zeros(20)).loc[0, "gamma"])
    assert np.isnan(epochs.loc[1, ["gamma", "gamma_positive"]].to_numpy(dtype=float)).all()
