"""Rank correlations over groups that have scales of their own, with intervals that know what depends on what (ours).

Ranks are taken within each group, and pooled: where one figure's trainings take 50 steps and another's 5000, "sooner" means sooner than the
others of the same figure. Runs of one technique are no independent samples of techniques, and the techniques of one figure share its data
and nets: intervals are bootstrapped over figures and, in each, over techniques, never over runs.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

NUM_DRAWS = 2000
LEAST = 3  # clusters below which there is no interval
LEVELS = (2.5, 97.5)  # percentiles: 95 %


@dataclass(frozen=True)
class Correlation:
    """rho between `low` and `high` (95 %; NaN where it cannot be had), from `num` rows of `num_clusters` clusters."""

    rho: float
    low: float
    high: float
    num: int
    num_clusters: int

    @property
    def sign(self) -> int:
        """1 or −1 where the whole interval lies on that side of 0, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def rank_correlation(
    table: pd.DataFrame, x: str, y: str, *, group: str, cluster: str, stratum: str, given: str = "", seed: int = 0
) -> Correlation:
    """Spearman's ρ of columns x and y, ranked within each group and pooled.

    ρ = Σ r_x r_y / √(Σ r_x² Σ r_y²) over all rows, where r is a rank in its group less the group's mean rank, over the group's size.
    With one group it is Spearman's. Infinite values are ranked, and ties share the mean of their ranks.

    Args:
        table: a row a unit; rows where x, y or `given` is NaN are left out, and so are groups of a single row.
        group: within what ranks are taken. cluster: what is drawn with its rows. stratum: a cluster's figure, which is drawn first.
        given: a third column; then it is the partial correlation, (ρ_xy − ρ_xz ρ_yz) / √((1 − ρ_xz²) (1 − ρ_yz²)).
        seed: of the bootstrap.

    Returns:
        NaN where nothing varies; the interval is NaN with fewer than 3 clusters.

    >>> table = pd.DataFrame({"x": [1, 2, 3, 10, 30], "y": [5, 6, 9, 2, 1], "figure": list("aaabb")})
    >>> found = rank_correlation(table, "x", "y", group="figure", cluster="y", stratum="figure")
    >>> round(found.rho, 3), found.num  # rises in a, falls in b
    (0.28, 5)
    """
    names = [x, y, given] if given else [x, y]
    known = table.dropna(subset=names)
    groups = known.groupby(group, sort=False)
    known = known[groups[x].transform("size") > 1]
    groups = known.groupby(group, sort=False)
    ranks = (groups[names].rank() - groups[names].rank().groupby(known[group]).transform("mean")).div(
        groups[x].transform("size"), axis=0
    )
    clusters, products = _products(known, ranks.to_numpy(), cluster)
    drawn = two_stage(known.drop_duplicates(cluster)[stratum].to_numpy(), seed)
    rho = float(_correlation(products.sum(axis=0, keepdims=True))[0])
    found = _correlation(np.tensordot(drawn, products, axes=1))
    found = found[~np.isnan(found)]
    low, high = np.percentile(found, LEVELS) if clusters >= LEAST and len(found) else (np.nan, np.nan)
    return Correlation(rho, float(low), float(high), len(known), clusters)


def two_stage(strata: np.ndarray, seed: int, num: int = NUM_DRAWS) -> np.ndarray:
    """(num, n) how often each of n clusters is drawn: strata are drawn with replacement, and so are the clusters of each that was drawn."""
    random, counts = np.random.default_rng(seed), np.zeros((num, len(strata)))
    names = list(dict.fromkeys(strata))
    if not names:
        return counts
    times = random.multinomial(len(names), [1 / len(names)] * len(names), size=num)
    for place, name in enumerate(names):
        (members,) = np.nonzero(strata == name)
        counts[:, members] = random.multinomial(times[:, place] * len(members), [1 / len(members)] * len(members))
    return counts


def _products(known: pd.DataFrame, ranks: np.ndarray, cluster: str) -> tuple[int, np.ndarray]:
    """How many clusters, and for each (k, k) the sums of products of its rows' ranks, in the order of appearance."""
    codes, names = pd.factorize(known[cluster])
    products = np.zeros((len(names), ranks.shape[1], ranks.shape[1]))
    np.add.at(products, codes, ranks[:, :, None] * ranks[:, None, :])
    return len(names), products


def _correlation(products: np.ndarray) -> np.ndarray:
    """(n,) the correlation, or the partial one, of (n, k, k) sums of products; NaN where something does not vary."""
    scale = np.sqrt(np.einsum("nii->ni", products))
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = products / (scale[:, :, None] * scale[:, None, :])
        if products.shape[1] == 2:
            return rho[:, 0, 1]
        left = (1 - rho[:, 0, 2] ** 2) * (1 - rho[:, 1, 2] ** 2)
        found = (rho[:, 0, 1] - rho[:, 0, 2] * rho[:, 1, 2]) / np.sqrt(np.where(left > 1e-12, left, np.nan))
    return np.clip(found, -1, 1)
