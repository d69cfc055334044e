"""Directedness and forward cosines of recordings: by every estimator, with standard errors that hold from sketches."""

import numpy as np
import pytest
import torch

from trajreg.errors import InputError
from trajreg.trajectory.epoch import Epoch
from trajreg.trajectory.parameters import Weights
from trajreg.trajectory.sketch import Sketch
from trajreg.trajectory.store import Store
from trajreg.trajectory.tables import tables
from trajreg.trajectory.trajectory import Trajectory

STEPS, PER_EPOCH, SIZE, SEEDS = 48, 12, 600, 200


def along(make):
    """What estimators say of a path that drifts, shrinks and jitters."""
    rng = np.random.default_rng(0)
    theta = rng.normal(size=SIZE) * 0.9 ** np.arange(STEPS + 1)[:, None] + rng.normal(size=(STEPS + 1, SIZE)) * 0.05
    theta += 0.02 * rng.normal(size=(STEPS + 1, SIZE)).cumsum(axis=0)
    weight = torch.nn.Parameter(torch.from_numpy(theta[0]))
    estimators = make(weight)
    for step in range(STEPS):
        for estimator in estimators:
            estimator.keep()
        with torch.no_grad():
            weight.copy_(torch.from_numpy(theta[step + 1]))
    for estimator in estimators:
        estimator.keep()
    return [estimator.distances(STEPS) for estimator in estimators]


def trajectory(distances, estimator="store", **options):
    return Trajectory(distances, np.ones(STEPS), np.full(STEPS, 0.1), PER_EPOCH, estimator=estimator, **options)


@pytest.fixture(scope="module", params=[None, PER_EPOCH], ids=["free", "pinned"])
def recordings(request):
    """(steps_per_epoch, the truth, sketches of many seeds)."""

    def make(weight):
        weights = Weights.of([weight])
        return [Store(weights), *(Sketch(weights, 256, seed, request.param) for seed in range(SEEDS))]

    truth, *sketches = (trajectory(one) for one in along(make))
    return request.param, truth, sketches


def test_the_forward_cosine_is_within_two_standard_errors(recordings):
    _, truth, sketches = recordings
    true = truth.regularity()["forward_cosine"]
    inside, found = [], []
    for table in (one.regularity() for one in sketches[:60]):
        assert np.isnan(table["forward_cosine_stderr"].iloc[-1])
        miss = (table["forward_cosine"] - true).abs()
        inside.append((miss <= 2 * table["forward_cosine_stderr"])[:-2])
        found.append(table["forward_cosine"])
    assert 0.92 < np.mean(inside) < 0.98
    error = np.std(found, axis=0)[:-2]
    claimed = np.mean([one.regularity()["forward_cosine_stderr"] for one in sketches[:60]], axis=0)[:-2]
    assert np.median(claimed / error) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("stretch", [(0, STEPS), (0, 9), (9, STEPS), (12, 30), (17, 36), (12, 36)])
def test_directedness_is_within_two_standard_errors(recordings, stretch):
    steps_per_epoch, truth, sketches = recordings
    true, no_error = truth.directedness(*stretch)
    assert no_error == 0
    found, errors = np.array([one.directedness(*stretch) for one in sketches]).T
    estimated = [end for end in stretch if end != STEPS and (steps_per_epoch is None or end % steps_per_epoch)]
    if not estimated:
        np.testing.assert_allclose(found, true, rtol=1e-9)
        assert not errors.any()
    elif len(estimated) == 2:
        assert np.isnan(errors).all()  # the covariance of the two is not known
    else:
        assert 0.9 <= np.mean(np.abs(found - true) < 2 * errors) <= 1


def test_over_groups_the_standard_errors_hold():
    def make(weight):
        groups = Weights.of([{"params": [weight]}, {"params": [torch.nn.Parameter(weight.detach().roll(7))]}])
        return [Store(groups), *(Sketch(groups, 64, seed, PER_EPOCH) for seed in range(60))]

    rates = {"lr": np.tile([0.1, 0.02], (STEPS, 1)), "group_sizes": (SIZE, SIZE)}
    truth, *sketches = (Trajectory(one, np.ones(STEPS), steps_per_epoch=PER_EPOCH, **rates) for one in along(make))
    true = truth.regularity()["forward_cosine"]
    tables_found = [one.regularity() for one in sketches]
    inside = [(one["forward_cosine"] - true).abs() <= 2 * one["forward_cosine_stderr"] for one in tables_found]
    assert 0.92 < np.mean([one[:-2] for one in inside]) < 0.98
    found, errors = np.array([one.directedness(0, 20) for one in sketches]).T
    assert 0.9 <= np.mean(np.abs(found - truth.directedness(0, 20)[0]) < 2 * errors) <= 1


def two_groups(lr):
    """Store and sketch of a path in two parameter groups with these learning rates (T, 2)."""

    def make(weight):
        groups = Weights.of([{"params": [weight]}, {"params": [torch.nn.Parameter(weight.detach().roll(7))]}])
        return [Store(groups), Sketch(groups, 64, 0, PER_EPOCH)]

    return [Trajectory(one, np.ones(STEPS), lr, PER_EPOCH, group_sizes=(SIZE, SIZE)) for one in along(make)]


def test_the_ratio_of_the_groups_rates_is_that_of_the_steps_that_have_one():
    ratio = np.tile([0.1, 0.02], (STEPS, 1))
    held, warm_up = ratio.copy(), ratio.copy()
    held[-1, 1] = 0.05
    warm_up[0] = 0
    for one in two_groups(held):
        assert np.isnan(one.directedness(0, STEPS)[0])
    _, sketched = two_groups(ratio)
    _, delayed = two_groups(warm_up)
    assert delayed.directedness(0, STEPS) == pytest.approx(sketched.directedness(0, STEPS), rel=1e-12)
    assert np.isnan(two_groups(np.zeros((STEPS, 2)))[1].directedness()).all()


@pytest.fixture(scope="module")
def stored_and_by_epoch():
    store, epoch = along(lambda weight: [Store(Weights.of([weight])), Epoch(Weights.of([weight]), PER_EPOCH)])
    return trajectory(store), trajectory(epoch, "epoch")


def test_rows_of_epochs_tell_directedness_exactly(stored_and_by_epoch):
    store, epoch = stored_and_by_epoch
    for stretch in ((0, STEPS), (0, 12), (12, 36), (36, STEPS)):
        assert epoch.directedness(*stretch)[0] == pytest.approx(store.directedness(*stretch)[0], rel=1e-9)
    by_epoch, by_step = (tables(one, 0.0, PER_EPOCH) for one in (epoch, store))
    np.testing.assert_allclose(by_epoch.epochs["directedness"], by_step.epochs["directedness"], rtol=1e-9)
    assert by_epoch.summary["directedness"] == pytest.approx(by_step.summary["directedness"], rel=1e-9)
    assert by_epoch.epochs[["obeys", "forward_cosine", "cosine_walk"]].isna().all(axis=None)
    assert np.isnan([by_epoch.summary[name] for name in ("obeys", "path_ratio", "forward_cosine_mean")]).all()


def test_the_fraction_of_epochs_that_obey(stored_and_by_epoch):
    store, epoch = stored_and_by_epoch
    gamma = tables(store, 0.0, PER_EPOCH).epochs["gamma"]
    assert (gamma > 0).any()
    for one in (store, epoch):
        assert tables(one, 0.0, PER_EPOCH).summary["obeys_epochs"] == (gamma > 0).mean()
    no_gap = np.where(np.arange(STEPS) < PER_EPOCH, 1.0, 0.0)  # ℓ* as large as every loss of the first epoch
    assert np.isnan(tables(store, no_gap, PER_EPOCH).summary["obeys_epochs"])


@pytest.mark.parametrize("stretch", [(5, 5), (-1, 4), (0, STEPS + 1)])
def test_steps_that_are_none_are_refused(stored_and_by_epoch, stretch):
    with pytest.raises(InputError, match=rf"steps {stretch[0]} to {stretch[1]}: there are steps 0 to 48"):
        stored_and_by_epoch[0].directedness(*stretch)


@pytest.mark.parametrize("stretch", [(1, 12), (0, 11), (3, 9)])
def test_parts_of_epochs_are_refused_where_only_epochs_are_known(stored_and_by_epoch, stretch):
    with pytest.raises(InputError, match=r"estimator 'epoch' knows whole epochs only, \[0, 12, 24, 36, 48\]"):
        stored_and_by_epoch[1].directedness(*stretch)
