"""A trajectory in three lines: closed forms, and rows that stand for several steps."""

from itertools import pairwise

import numpy as np
import pytest

import trajreg


def straight(num_steps, lr=0.5):
    """One unit a step towards 0, at a loss that falls."""
    left = np.arange(num_steps, -1, -1.0)
    return trajreg.regularity(
        distance_sq=left**2, update_sq=np.ones(num_steps), loss=np.linspace(2, 1, num_steps), lr=lr
    )


def test_a_straight_path():
    table = straight(10)
    found = trajreg.summary(table)
    assert found.index.tolist() == ["early", "late", "whole"]
    assert found["steps"].tolist() == [2, 8, 10]
    assert found["distance"].tolist() == [10, 8, 10]
    np.testing.assert_allclose(found["directedness"], [(100 - 64) / 2, 64 / 8, 100 / 10])
    np.testing.assert_allclose(found["loss"]["whole"], 1.5)
    np.testing.assert_allclose(found["gamma"]["whole"], 100 / (2 * 0.5 * 15))
    np.testing.assert_allclose(found["gamma"], found["directedness"] * found["gamma_walk"])
    np.testing.assert_allclose(found["rate"], 0.5 * found["gamma"])


def test_rows_that_stand_for_several_steps_count_as_many():
    """Three stretches of 1, 7 and 2 steps of a path have the sums of the path's own steps."""
    table, ends = straight(10), [0, 1, 8, 10]
    left = np.arange(10, -1, -1.0)
    counts = np.diff(ends)
    rows = trajreg.regularity(
        distance_sq=left[ends] ** 2,
        update_sq=counts.astype(float),
        loss=[table["loss"][a:b].mean() for a, b in pairwise(ends)],
        lr=0.5 * counts,
    )
    rows = rows.assign(step=ends[:-1], num_steps=counts, lr=0.5, update_norm=np.nan)
    found, expected = trajreg.summary(rows), trajreg.summary(table)
    for name in ("steps", "loss", "lr", "distance", "gamma", "gamma_walk", "directedness", "rate"):
        assert found.loc["whole", name] == pytest.approx(expected.loc["whole", name]), name
    assert found.loc["early", "steps"] == 8  # what begins within the first fifth
    assert trajreg.directedness(rows) == pytest.approx(10.0)


def test_rows_that_are_not_next_to_each_other_have_no_d():
    rows = straight(4).assign(num_steps=1)
    with pytest.raises(ValueError, match="step 0 is followed by step 2"):
        trajreg.directedness(rows.drop(index=1))


def test_it_is_shown_with_symbols_and_holds_exact_numbers():
    found = trajreg.summary(straight(3, lr=1 / 3))
    assert found["lr"]["whole"] == pytest.approx(1 / 3, rel=1e-15)
    for shown in (repr(found), found._repr_html_()):
        assert "0.3333" in shown
        assert "D" in shown
        assert "0.33333" not in shown
    assert "γ walk" in repr(found[["gamma_walk"]])


def test_a_single_step_and_none():
    assert trajreg.summary(straight(1)).index.tolist() == ["early", "whole"]
    with pytest.raises(ValueError, match="no rows"):
        trajreg.summary(straight(2)[:0])
