"""The rule that turns pairs into verdicts: limits, censoring, divergence, and its error rate by simulation."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from figures import figure as any_figure
from scipy.stats import binom

from trajreg.columns import Bound
from trajreg.errors import InputError
from trajreg.studies import claims
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.claims import ledger, paired_effect
from trajreg.studies.figure import Claim
from trajreg.studies.rule import below, describe_rule, error_rate, order_statistic, paired_interval, verdict
from trajreg.studies.run import Run

INF = math.inf


BASE = {
    "id": "c", "text": "t", "source": "ours", "metric": "gamma", "threshold": None, "direction": "higher", "effect": "ratio",
    "smallest_effect": 1.1, "treatment": {"model.norm": "batch"}, "control": {"model.norm": "none"},
}  # fmt: skip


def claim(**changes):
    return Claim(**BASE | changes)


def figure(claims=(), **changes):
    return replace(any_figure(**changes), claims=tuple(claims))


def fake_runs(figure, value, losses=lambda settings, seed: [1.0, 1.0, 1.0], diverged=lambda settings, seed: False):
    """Runs whose γ is value(settings, seed)."""
    return [
        Run(
            variant.label,
            variant.settings,
            variant.names,
            seed,
            "f",
            diverged(variant.settings, seed),
            pd.DataFrame({"epoch": [1, 2, 3], "train_loss": losses(variant.settings, seed)}),
            {"gamma": value(variant.settings, seed)},
            columns=COLUMNS,
            tables=None,
            arrays=None,
        )
        for variant in figure.variants
        for seed in range(figure.seeds)
    ]


def has_norm(settings):
    return settings["model.norm"] == "batch"


def one_row(one_claim, value, **kwargs):
    spec = figure(claims=[one_claim])
    table = ledger(spec, fake_runs(spec, value, **kwargs))
    assert list(table) == claims.COLUMNS
    assert len(table) == 1
    return table.iloc[0]


def test_a_clear_effect_is_replicated():
    row = one_row(claim(), lambda settings, seed: (2.0 if has_norm(settings) else 1.0) * (1 + seed / 10))
    assert (row["effect"], row["low"], row["high"]) == pytest.approx((2, 2, 2))
    assert row["verdict"] == "replicated"
    assert row["p_value"] == pytest.approx(1 / 32)
    assert row["confidence"] == pytest.approx(15 / 16)


def test_the_opposite_effect_is_not_replicated_and_a_mixed_one_is_inconclusive():
    assert one_row(claim(), lambda s, seed: 1.0 if has_norm(s) else 2.0)["verdict"] == "not replicated"
    assert one_row(claim(), lambda s, seed: 2.0 if has_norm(s) and seed else 1.0)["verdict"] == "inconclusive"


def test_an_effect_smaller_than_the_one_that_counts_is_not_replicated():
    row = one_row(claim(), lambda s, seed: 1.05 if has_norm(s) else 1.0)
    assert row["verdict"] == "not replicated"
    assert row["effect"] > 1


def test_direction_lower_turns_ratio_and_difference_round():
    halved = lambda s, seed: 1.0 if has_norm(s) else 2.0  # noqa: E731
    assert one_row(claim(direction="lower"), halved)["effect"] == pytest.approx(2)
    row = one_row(claim(direction="lower", effect="difference", smallest_effect=0.5), halved)
    assert (row["effect"], row["verdict"]) == (pytest.approx(1), "replicated")


def test_censored_runs_are_kept_in_their_place():
    speed = claim(metric="epochs_to_loss", threshold=0.5, direction="lower")
    reached = lambda s, seed: [0.9, 0.4, 0.3] if has_norm(s) else [1.0, 0.9, 0.8]  # noqa: E731
    row = one_row(speed, lambda s, seed: 1.0, losses=reached)
    assert row["censored"] == 5
    assert (row["effect"], row["high"]) == (pytest.approx(2), INF)  # later than epoch 3, so at least 4 / 2
    assert row["verdict"] == "replicated"
    never = one_row(speed, lambda s, seed: 1.0)
    assert math.isnan(never["effect"])
    assert (never["low"], never["high"], never["verdict"]) == (0, INF, "inconclusive")


def test_what_was_never_reached_may_be_claimed_of_any_measure():
    never = lambda s, seed: 2.0 + seed / 10 if has_norm(s) else Bound(low=4.0)  # noqa: E731
    row = one_row(claim(direction="lower"), never)
    assert (row["effect"], row["low"], row["high"]) == (pytest.approx(4 / 2.2), pytest.approx(4 / 2.4), INF)
    assert (row["censored"], row["verdict"]) == (5, "replicated")
    neither = one_row(claim(direction="lower"), lambda s, seed: Bound(low=4.0))
    assert math.isnan(neither["effect"])
    assert (neither["low"], neither["high"], neither["censored"]) == (0, INF, 10)
    assert neither["verdict"] == "inconclusive"


def test_what_was_reached_in_some_seeds_keeps_the_others_in_their_place():
    some = lambda s, seed: 2.0 if has_norm(s) else Bound(low=4.0) if seed < 2 else 3.0  # noqa: E731
    row = one_row(claim(direction="lower"), some)
    assert (row["effect"], row["low"], row["high"]) == (pytest.approx(1.5), pytest.approx(1.5), INF)
    assert (row["censored"], row["verdict"]) == (2, "replicated")


def test_a_value_bounded_from_above_is_the_mirror_image():
    below = lambda s, seed: 1.0 if has_norm(s) else Bound(high=0.5)  # noqa: E731
    row = one_row(claim(effect="difference", smallest_effect=0.1), below)
    assert (row["effect"], row["low"], row["high"]) == (0.5, 0.5, INF)
    assert (row["censored"], row["verdict"]) == (5, "replicated")
    other = one_row(claim(), lambda s, seed: Bound(high=0.5) if has_norm(s) else 1.0)
    assert (other["effect"], other["low"], other["high"]) == (pytest.approx(0.5), 0, pytest.approx(0.5))
    assert (other["censored"], other["verdict"]) == (5, "not replicated")
    both = one_row(claim(effect="difference", smallest_effect=0.0), lambda s, seed: Bound(0.4, 0.5))
    assert (both["censored"], both["low"]) == (10, pytest.approx(-0.1))


def test_a_metric_that_a_run_lacks_is_an_error_and_one_that_is_undefined_may_be_anything():
    spec = figure(claims=[claim(metric="cosine")])
    with pytest.raises(InputError, match=r"fig04: claim c: run f \(batch norm, seed 0\) lacks the metric cosine"):
        ledger(spec, fake_runs(spec, lambda s, seed: 1.0))
    row = one_row(claim(), lambda s, seed: math.nan if has_norm(s) and seed else 1.0)
    assert (row["low"], row["high"], row["censored"]) == (0, INF, 0)
    assert row["verdict"] == "inconclusive"
    speed = figure(claims=[claim(metric="epochs_to_loss", threshold=0.5, direction="lower")])
    runs = [replace(run, epochs=run.epochs[["epoch"]]) for run in fake_runs(speed, lambda s, seed: 1.0)]
    with pytest.raises(InputError, match="lacks the metric epochs_to_loss"):
        ledger(speed, runs)


@pytest.mark.parametrize(
    ("known", "variants"),
    [
        (lambda norm, seed: not norm, "batch norm"),
        (lambda norm, seed: False, "batch norm and of no batch norm"),
        (lambda norm, seed: norm == bool(seed % 2), "batch norm and of no batch norm"),
    ],
)
def test_a_metric_that_is_undefined_in_every_pair_is_no_verdict(known, variants):
    message = (
        f"^fig04: claim c: gamma is undefined in every pair, in runs of {variants}: no verdict can be given; "
        "ask for another measure or leave the claim out$"
    )
    with pytest.raises(InputError, match=message):
        one_row(claim(), lambda s, seed: 1.0 if known(has_norm(s), seed) else math.nan)


def test_a_diverged_run_counts_against_its_variant():
    row = one_row(claim(), lambda s, seed: math.nan, diverged=lambda s, seed: has_norm(s) or seed > 0)
    assert row["diverged"] == 9
    assert row["verdict"] == "inconclusive"  # the controls have no value either
    row = one_row(claim(), lambda s, seed: math.nan if has_norm(s) else 1.0, diverged=lambda s, seed: has_norm(s))
    assert row["verdict"] == "not replicated"
    row = one_row(claim(), lambda s, seed: 1.0, diverged=lambda s, seed: not has_norm(s) and seed == 0)
    assert row["verdict"] == "inconclusive"
    assert row["high"] == INF


def test_every_open_combination_gets_a_row():
    spec = figure(claims=[claim()], vary={"model.name": ["vgg11", "vgg16"], "model.norm": ["batch", "none"]})
    table = ledger(spec, fake_runs(spec, lambda s, seed: 2.0 if has_norm(s) == (s["model.name"] == "vgg11") else 1.0))
    assert list(table["where"]) == ["VGG-11", "VGG-16"]
    assert list(table["verdict"]) == ["replicated", "not replicated"]


@pytest.mark.parametrize(
    ("treatment", "control", "expected"),
    [
        ((2, 2), (1, 1), (math.log(2), math.log(2))),
        ((2, 2), (-1, -1), (INF, INF)),  # only one is positive: above any ratio
        ((-2, -2), (1, 1), (-INF, -INF)),
        ((-2, -2), (-1, -1), (-INF, INF)),  # a ratio of two negative numbers says nothing
        ((4, INF), (2, 2), (math.log(2), INF)),
        ((4, INF), (4, INF), (-INF, INF)),
        ((-INF, -INF), (-INF, -INF), (-INF, INF)),  # both diverged
    ],
)
def test_ratios_extend_to_what_has_no_logarithm(treatment, control, expected):
    assert paired_effect(treatment, control, claim()) == pytest.approx(expected)


def test_interval_of_exact_effects_is_between_order_statistics():
    assert paired_interval([(x, x) for x in (3, 1, 2, 5, 4)]) == (1, 5, pytest.approx(1 - 2 / 32))
    eleven = paired_interval([(x, x) for x in range(11)])
    assert eleven[:2] == (2, 8)  # k = 3: P(Bin(11, ½) < 3) = 3.3 %


@pytest.mark.parametrize(("n", "k"), [(1, 1), (4, 1), (5, 1), (7, 1), (8, 2), (11, 3), (20, 6)])
def test_order_statistic_keeps_the_error_rate(n, k):
    assert order_statistic(n) == k
    assert n < 5 or error_rate(n) <= 0.05


@pytest.mark.parametrize("n", [5, 6, 9])
def test_error_rate_by_simulation(n):
    # the true median effect is exactly the smallest that counts: "replicated" must be as rare as stated, whatever the distribution
    rng = np.random.default_rng(n)
    for draw in (rng.standard_normal, rng.standard_cauchy, lambda size: rng.exponential(size=size) - math.log(2)):
        verdicts = []
        for effects in draw((4000, n)):
            low, high, _ = paired_interval([(x, x) for x in effects])
            verdicts.append(verdict(low, high, 0.0, n))
        stated = error_rate(n)
        for wrong in ("replicated", "not replicated"):
            assert abs(np.mean([v == wrong for v in verdicts]) - stated) < 4 * math.sqrt(stated / 4000)


def test_few_seeds_never_reach_a_verdict():
    assert verdict(5.0, 6.0, 0.0, 4) == "inconclusive"
    assert verdict(5.0, 6.0, 0.0, 5) == "replicated"


def test_the_rule_states_the_error_rates_of_the_ledger():
    spec = figure(claims=[claim(), claim(id="d")])
    text = describe_rule(ledger(spec, fake_runs(spec, lambda s, seed: 1.0)))
    assert "at most 3.1% for one claim" in text
    assert "2 rows" in text
    assert "too few" not in text
    assert "at most 6%" in text
    assert "no verdict can be reached" in describe_rule(pd.DataFrame({"seeds": [2]}))
    mixed = describe_rule(pd.DataFrame({"seeds": [5, 3, 5]}))
    assert "1 of the 3 rows have too few seeds for a verdict" in mixed
    assert "the 2 rows that can have a verdict" in mixed
    assert "no verdict can be reached" not in mixed
    assert "Error rates" not in describe_rule(pd.DataFrame())


@pytest.mark.parametrize("n", [1, 5, 10, 40])
def test_the_probability_below_is_the_binomial_one(n):
    expected = [binom.cdf(k - 1, n, 0.5) for k in range(n + 2)]
    assert [below(k, n) for k in range(n + 2)] == pytest.approx(expected, rel=1e-12)
    assert (below(0, n), below(1, n), below(n + 1, n)) == (0, 2**-n, 1)
