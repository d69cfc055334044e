"""The rule that turns pairs into verdicts: intervals, exact tests, error rates by simulation, and Holm's family."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from trajreg.studies.rule import (
    ALPHA,
    FINDINGS,
    below,
    error_rate,
    holm,
    holm_each,
    not_comparable,
    order_statistic,
    p_values,
    paired_interval,
    verdict,
)
from trajreg.studies.rule_text import describe_rule

INF = math.inf


def exact(*effects):
    return [(effect, effect) for effect in effects]


def test_interval_of_exact_effects_is_between_order_statistics():
    assert paired_interval(exact(3, 1, 2, 5, 4)) == (1, 5, pytest.approx(1 - 2 / 32))
    assert paired_interval(exact(*range(11)))[:2] == (2, 8)  # k = 3: P(Bin(11, ½) < 3) = 3.3 %


@pytest.mark.parametrize(("n", "k"), [(1, 1), (4, 1), (5, 1), (7, 1), (8, 2), (11, 3), (20, 6)])
def test_order_statistic_keeps_the_error_rate(n, k):
    assert order_statistic(n) == k
    assert n < 5 or error_rate(n) <= 0.05


@pytest.mark.parametrize("n", [1, 5, 10, 40])
def test_the_probability_below_is_the_binomial_one(n):
    expected = [binom.cdf(k - 1, n, 0.5) for k in range(n + 2)]
    assert [below(k, n) for k in range(n + 2)] == pytest.approx(expected, rel=1e-12)
    assert (below(0, n), below(1, n), below(n + 1, n)) == (0, 2**-n, 1)


def test_p_values_by_hand():
    p = p_values(exact(2.0, 2.0, 2.0, 2.0, 0.5), 1.0)  # four of five above: (5 + 1) / 32
    assert p == pytest.approx({"replicated": 6 / 32, "reversed": 1, "negligible": 31 / 32})
    assert p_values(exact(*[-3.0] * 6), 1.0) == pytest.approx({"replicated": 1, "reversed": 1 / 64, "negligible": 1})
    assert p_values(exact(*[0.5] * 6), 1.0)["negligible"] == 1 / 64
    assert p_values(exact(*[1.0] * 6), 1.0) == pytest.approx(dict.fromkeys(FINDINGS, 1))  # on the edge: nothing
    assert p_values([(0.5, INF)] * 6, 1.0) == pytest.approx(dict.fromkeys(FINDINGS, 1))  # known to be above 0.5 only
    assert p_values([(1.5, INF)] * 6, 1.0)["replicated"] == 1 / 64


@pytest.mark.parametrize("n", [4, 5, 8, 11])
def test_a_verdict_says_where_the_interval_lies(n):
    rng = np.random.default_rng(n)
    for centre in (-3.0, -1.0, 0.0, 1.0, 3.0):
        for spread in (0.2, 1.0):
            for lows in rng.normal(centre, spread, (40, n)):
                effects = [(low, low + extra) for low, extra in zip(lows, rng.choice([0.0, 0.3, INF], n), strict=True)]
                low, high, _ = paired_interval(effects)
                expected = (
                    "inconclusive" if n < 5 else
                    "replicated" if low > 1 else "reversed" if high < -1 else
                    "negligible" if low > -1 and high < 1 else "inconclusive"
                )  # fmt: skip
                assert verdict(p_values(effects, 1.0)) == expected


@pytest.mark.parametrize("n", [5, 6, 9])
@pytest.mark.parametrize(("median", "wrong"), [(1.0, "replicated"), (-1.0, "reversed"), (1.0, "negligible")])
def test_error_rates_by_simulation(n, median, wrong):
    # the true median effect is exactly on the edge: a finding must be no more common than stated, whatever the distribution
    rng = np.random.default_rng(n)
    for draw in (rng.standard_normal, rng.standard_cauchy, lambda size: rng.exponential(size=size) - math.log(2)):
        scale = 0.1 if wrong == "negligible" else 1.0  # narrow, for the other edge to be out of the way
        verdicts = [verdict(p_values(exact(*effects), 1.0)) for effects in scale * draw((2000, n)) + median]
        stated = error_rate(n)
        assert np.mean([one == wrong for one in verdicts]) < stated + 4 * math.sqrt(stated / 2000)


def test_few_seeds_never_reach_a_verdict():
    assert verdict(p_values(exact(*[5.0] * 4), 0.0)) == "inconclusive"
    assert verdict(p_values(exact(*[5.0] * 5), 0.0)) == "replicated"


def test_no_two_findings_at_once():
    for effects in itertools.product([-2.0, 0.0, 2.0], repeat=5):
        p = p_values(exact(*effects), 1.0)
        assert sum(one <= ALPHA for one in p.values()) <= 1


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 3 · 0.01, max(0.04, 0.06), 2 · 0.03, 4 · 0.005
        ([0.01, 0.01], [0.02, 0.02]),
        ([0.6, 0.5], [1.0, 1.0]),
    ],
)
def test_holm_by_hand(p, adjusted):
    assert holm(p) == pytest.approx(adjusted)


def test_ten_pairs_leave_room_for_51_primary_claims_and_not_for_52():
    smallest = p_values(exact(*[2.0] * 10), 1.0)
    assert smallest["replicated"] == 2**-10
    for size, found in ((51, "replicated"), (52, "inconclusive")):
        assert {verdict(p) for p in holm_each([smallest] * size)} == {found}


def test_each_kind_of_finding_is_a_family_of_its_own():
    up, down = (p_values(exact(*[effect] * 10), 1.0) for effect in (2.0, -2.0))
    adjusted = holm_each([up, down, down])
    assert [verdict(p) for p in adjusted] == ["replicated", "reversed", "reversed"]
    assert [p["replicated"] for p in adjusted] == pytest.approx([3 / 1024, 1, 1])
    assert [p["reversed"] for p in adjusted] == pytest.approx([1, 3 / 1024, 3 / 1024])
    assert holm_each([]) == []


def test_holm_keeps_the_error_rate_of_the_family_by_simulation():
    rng = np.random.default_rng(0)
    wrong = 0
    for effects in rng.standard_normal((2000, 5, 10)):  # five claims, the median of each exactly on the edge
        wrong += any(verdict(p) == "replicated" for p in holm_each([p_values(exact(*one), 0.0) for one in effects]))
    assert wrong / 2000 < ALPHA


@pytest.mark.parametrize(
    ("reached", "reason"),
    [
        ((9, 10, 10), ""),
        ((8, 10, 10), "treatment does not train"),
        ((10, 8, 10), "control does not train"),
        ((0, 0, 10), "neither trains"),
        ((5, 4, 5), "control does not train"),
        ((18, 18, 20), ""),
    ],
)
def test_a_side_trains_in_nine_of_ten(reached, reason):
    assert not_comparable(*reached) == reason


def rows(seeds, role="exploratory", reason="", reaches="", figure="fig04"):
    return pd.DataFrame({"seeds": seeds, "role": role, "reason": reason, "reaches": reaches, "figure": figure})


def test_the_rule_states_the_error_rates_of_exploratory_rows():
    text = describe_rule(rows([5, 5]))
    for said in (
        "2 rows here",
        "at most 3.1% for one row",
        "over the 2 rows",
        "at most 6%",
        "No claim here is primary",
    ):
        assert said in text
    assert "too few" not in text
    assert "probability of at least one" in text
    assert "probability of at least one" not in describe_rule(rows([5] * 16))  # at most 50 % says next to nothing
    assert "no such verdict can be reached" in describe_rule(rows([2]))
    mixed = describe_rule(rows([5, 3, 5]))
    assert "3 rows here), 1 of them with too few seeds" in mixed
    assert "over the 2 rows that can" in mixed
    assert "exploratory" not in describe_rule(pd.DataFrame())


def test_the_rule_states_the_family():
    family = pd.concat([rows([10] * 20, "primary"), rows([10] * 4, "primary", figure="fig05")])
    text = describe_rule(family)
    assert "24 claims of 2 figures here" in text
    assert "10 pairs is 2⁻¹⁰, which leaves room for 51 primary claims." in text
    assert "All other claims" not in text
    assert "room for 1 primary claim: too few pairs for 20" in describe_rule(rows([5] * 20, "primary"))


def test_the_rule_says_what_becomes_of_sides_that_do_not_train():
    stuck = {"reason": "control does not train", "reaches": "steps_to_loss ≤ 0.3"}
    text = describe_rule(pd.concat([rows([10] * 3, "not comparable", **stuck), rows([10], "primary", **stuck)]))
    assert "at least 9 of 10 of its runs" in text
    assert "nothing is found (3 rows here)" in text
    assert "is inconclusive (1 here)" in text
    assert "side trains" not in describe_rule(rows([5]))
