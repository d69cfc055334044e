"""Pooled rank correlations: their limits, the partial one, and intervals that cover."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from trajreg.studies.rank_correlation import rank_correlation, two_stage

KEYS = {"group": "figure", "cluster": "technique", "stratum": "figure"}


def table(seed=0, figures=6, techniques=5, slope=0.0):
    """A row a technique, on a scale of each figure's own."""
    random = np.random.default_rng(seed)
    figure = np.repeat(np.arange(figures), techniques)
    x = random.normal(size=len(figure))
    y = slope * x + random.normal(size=len(figure))
    names = [f"{one}-{place}" for place, one in enumerate(figure)]
    return pd.DataFrame({"figure": figure, "technique": names, "x": x + 100 * figure, "y": y - 100 * figure})


def test_with_one_group_it_is_spearmans():
    one = table(figures=1, techniques=30, slope=0.5)
    assert rank_correlation(one, "x", "y", **KEYS).rho == pytest.approx(stats.spearmanr(one["x"], one["y"]).statistic)


def test_only_the_order_within_a_group_counts():
    raw = table(slope=2.0)
    found = rank_correlation(raw, "x", "y", **KEYS)
    assert found.rho > 0.4 > 0 > stats.spearmanr(raw["x"], raw["y"]).statistic
    warped = raw.assign(y=np.exp(raw["y"] / 50))
    assert rank_correlation(warped, "x", "y", **KEYS) == found


def test_infinite_values_are_the_largest_and_what_is_unknown_is_left_out():
    rows = table(figures=3)
    rows["y"] = rows["x"]
    rows.loc[rows.groupby("figure")["x"].idxmax(), "y"] = math.inf
    assert rank_correlation(rows, "x", "y", **KEYS).rho == pytest.approx(1)
    rows.loc[0, "x"] = math.nan
    assert rank_correlation(rows, "x", "y", **KEYS).num == 14
    alone = pd.concat([rows, rows[:1].assign(figure=9, technique="alone", x=0.0)])
    assert rank_correlation(alone, "x", "y", **KEYS).num == 14  # a group of one has no order


def test_what_goes_by_a_third_column_alone_has_no_partial_correlation():
    random, rows = np.random.default_rng(1), table(figures=10, techniques=20)
    z = random.normal(size=len(rows))
    rows = rows.assign(z=z, x=z + random.normal(size=len(rows)), y=z + random.normal(size=len(rows)))
    plain, partial = (rank_correlation(rows, "x", "y", given=given, **KEYS) for given in ("", "z"))
    assert plain.low > 0.15
    assert partial.low < 0 < partial.high
    assert math.isnan(rank_correlation(rows.assign(x=z), "x", "y", given="z", **KEYS).rho)


def test_intervals_cover_nothing_where_there_is_nothing():
    found = [rank_correlation(table(seed), "x", "y", **KEYS) for seed in range(60)]
    assert sum(one.low <= 0 <= one.high for one in found) >= 53
    assert sum(one.sign != 0 for one in found) <= 7
    assert rank_correlation(table(slope=2.0), "x", "y", **KEYS).sign == 1
    assert rank_correlation(table(slope=-2.0), "x", "y", **KEYS).sign == -1


def test_copies_of_runs_make_no_interval_narrower():
    rows = table(slope=0.3)
    copies = pd.concat([rows] * 20)
    one, many = (rank_correlation(some, "x", "y", **KEYS) for some in (rows, copies))
    assert many.num == 20 * one.num
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.05)


@pytest.mark.parametrize("rows", [table()[:0], table()[:1], table()[:2].assign(x=1.0)])
def test_of_too_little_nothing_is_said(rows):
    found = rank_correlation(rows, "x", "y", **KEYS)
    assert math.isnan(found.rho)
    assert math.isnan(found.low)
    assert found.sign == 0


def test_strata_are_drawn_and_in_them_their_clusters():
    drawn = two_stage(np.array(["a", "a", "b"]), seed=0, num=500)
    assert (drawn[:, :2].sum(axis=1) / 2 + drawn[:, 2] == 2).all()  # two strata a draw, each with as many as it has
    assert {0.0, 1.0, 2.0} == set(drawn[:, 2])
    assert drawn.mean(axis=0) == pytest.approx([1, 1, 1], abs=0.1)
