"""The way to another end: closed forms, and what a walk that knows nothing of it shows."""

import math

import numpy as np
import pytest

import trajreg
from trajreg.metrics.aggregate import summarise
from trajreg.metrics.other_end import other_end


def test_the_own_end_gives_what_the_run_has():
    start, end = np.random.default_rng(0).normal(size=(2, 9))
    found = other_end(start, end, end)
    assert (found.progress, found.cosine) == pytest.approx((1, 1), rel=1e-12)


def test_it_is_by_how_much_nearer_the_run_came_to_the_other_end():
    start, end, other = np.random.default_rng(1).normal(size=(3, 9))
    nearer = ((start - other) ** 2).sum() - ((end - other) ** 2).sum()
    found = other_end(start.tolist(), end, other)
    assert found.progress == pytest.approx(nearer / ((start - end) ** 2).sum(), rel=1e-12)
    lengths = np.linalg.norm(start - end) * np.linalg.norm(start - other)
    assert found.cosine == pytest.approx((start - end) @ (start - other) / lengths, rel=1e-12)


@pytest.mark.parametrize(
    ("other", "progress", "cosine"),
    [([0.0, 5.0], -1, 0), ([-2.0, 0.0], -3, -1), ([4.0, 0.0], 3, 1), ([1.0, 0.0], 0, 1)],
)
def test_ends_at_right_angles_behind_further_on_and_halfway(other, progress, cosine):
    found = other_end([0.0, 0.0], [2.0, 0.0], other)
    assert (found.progress, found.cosine) == pytest.approx((progress, cosine))


def test_times_the_gamma_of_the_run_it_is_gamma_towards_the_other_end():
    theta = np.random.default_rng(2).normal(size=(21, 4)).cumsum(axis=0)
    other, lr, loss = theta[-1] + [1.0, 2.0, 0.0, 1.0], np.linspace(0.1, 0.2, 20), np.linspace(2.0, 1.0, 20)
    to_own, to_other = (((theta - end) ** 2).sum(axis=1) for end in (theta[-1], other))
    update_sq = ((theta[1:] - theta[:-1]) ** 2).sum(axis=1)
    steps = trajreg.regularity(distance_sq=to_own, update_sq=update_sq, loss=loss, lr=lr)
    expected = (to_other[0] - to_other[-1]) / (2 * (lr * loss).sum())
    found = other_end(theta[0], theta[-1], other)
    assert found.progress * summarise(steps)["gamma"] == pytest.approx(expected, rel=1e-12)


def test_random_walks_that_know_nothing_of_the_other_end_have_minus_their_own():
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(400, 2, 10, 30))  # pairs of walks from starts of their own
    starts, moved = 5 * rng.normal(size=(400, 2, 30)), steps.sum(axis=2)
    found = [other_end(a[0], a[0] + m[0], a[1] + m[1]) for a, m in zip(starts, moved, strict=True)]
    directedness = (moved[:, 0] ** 2).sum(axis=1) / (steps[:, 0] ** 2).sum(axis=(1, 2))
    towards_other = [one.progress * own for one, own in zip(found, directedness, strict=True)]
    assert np.mean([one.cosine for one in found]) == pytest.approx(
        0, abs=0.04
    )  # four standard errors of 1 / √(400 · 30)
    assert np.mean(directedness) == pytest.approx(1, abs=0.05)
    assert np.mean(towards_other) == pytest.approx(-1, abs=0.25)


def test_a_run_that_did_not_move_and_an_end_at_its_start():
    still = other_end([1.0, 0.0], [1.0, 0.0], [0.0, 0.0])
    assert math.isnan(still.progress)
    assert math.isnan(still.cosine)
    back = other_end([1.0, 0.0], [2.0, 0.0], [1.0, 0.0])
    assert back.progress == -1
    assert math.isnan(back.cosine)


@pytest.mark.parametrize("other", [[1.0], [[1.0, 2.0]]])
def test_vectors_of_one_length_are_asked_for(other):
    with pytest.raises(ValueError, match=r"have shapes \(2,\), \(2,\), .*should be \(P,\) all three"):
        other_end([1.0, 2.0], [0.0, 0.0], other)
