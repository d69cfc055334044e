"""The ledger of a figure: effects, censoring, divergence, sides that do not train, roles and verdicts."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from figures import figure as any_figure

from trajreg.columns import Bound, Column, Columns
from trajreg.errors import InputError
from trajreg.studies import claims
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.claims import ledger
from trajreg.studies.effects import paired_cells, paired_effect
from trajreg.studies.figure import Claim
from trajreg.studies.run import Run

INF = math.inf


BASE = {
    "id": "c", "text": "t", "source": "ours", "pair_source": "ours", "primary": False, "metric": "gamma", "threshold": None,
    "direction": "higher", "effect": "ratio", "smallest_effect": 1.1, "treatment": {"model.norm": "batch"},
    "control": {"model.norm": "none"},
}  # fmt: skip


def claim(**changes):
    return Claim(**BASE | changes)


def figure(claims=(), **changes):
    return replace(any_figure(**changes), claims=tuple(claims))


def fake_runs(
    figure, value, losses=lambda s, seed: [1.0, 1.0, 1.0, 1.0], diverged=lambda s, seed: False, columns=COLUMNS, epoch=1
):
    """Runs whose γ is value(settings, seed), or whose summary is; the losses are those of the steps, `epoch` of them an epoch."""
    return [
        Run(
            variant.label,
            variant.settings,
            variant.names,
            seed,
            "f",
            diverged(variant.settings, seed),
            pd.DataFrame({"epoch": [1, 2], "step": [epoch, 2 * epoch]}),
            summary if isinstance(summary, dict) else {"gamma": summary},
            columns=columns,
            tables=None,
            arrays=None,
            own={"steps": pd.DataFrame({"loss": losses(variant.settings, seed)})}.__getitem__,
        )
        for variant in figure.variants
        for seed in range(figure.seeds)
        for summary in [value(variant.settings, seed)]
    ]


def has_norm(settings):
    return settings["model.norm"] == "batch"


SPEED = {"metric": "steps_to_loss", "threshold": 0.5, "direction": "lower"}


def one_row(one_claim, value, seeds=5, others=(), **kwargs):
    """The first row of the ledger of a claim, and of others beside it."""
    spec = figure(claims=[one_claim, *others], seeds=seeds)
    table = ledger(spec, fake_runs(spec, value, **kwargs))
    assert list(table) == claims.COLUMNS
    assert len(table) == 1 + len(others)
    return table.iloc[0]


def learns(settings, seed):
    """Losses with batch norm, which reach ½ in the second step; without it nothing is learnt."""
    return [0.9, 0.4, 0.3] if has_norm(settings) else [1.0, 0.9, 0.8]


def test_a_clear_effect_is_replicated():
    row = one_row(claim(), lambda settings, seed: (2.0 if has_norm(settings) else 1.0) * (1 + seed / 10))
    assert (row["effect"], row["low"], row["high"]) == pytest.approx((2, 2, 2))
    assert row["verdict"] == "replicated"
    assert row["p_replicated"] == pytest.approx(1 / 32)
    assert (row["p_reversed"], row["p_negligible"]) == (1, 1)
    assert row["confidence"] == pytest.approx(15 / 16)


@pytest.mark.parametrize(
    ("treated", "verdict"),
    [
        (1.11, "replicated"),
        (1.05, "negligible"),
        (0.95, "negligible"),
        (0.92, "negligible"),  # above 1 / 1.1 = 0.909…
        (0.90, "reversed"),
    ],
)
def test_a_ratio_is_reversed_below_the_reciprocal_of_the_smallest_and_negligible_between(treated, verdict):
    assert one_row(claim(), lambda s, seed: treated if has_norm(s) else 1.0)["verdict"] == verdict


@pytest.mark.parametrize(
    ("treated", "verdict"), [(1.25, "replicated"), (1.1, "negligible"), (0.9, "negligible"), (0.75, "reversed")]
)
def test_a_difference_is_reversed_below_minus_the_smallest(treated, verdict):
    one = claim(effect="difference", smallest_effect=0.2)
    assert one_row(one, lambda s, seed: treated if has_norm(s) else 1.0)["verdict"] == verdict


def test_pairs_that_disagree_are_inconclusive():
    row = one_row(claim(), lambda s, seed: 2.0 if has_norm(s) and seed else 1.0)
    assert (row["verdict"], row["p_replicated"]) == ("inconclusive", pytest.approx(6 / 32))
    between = one_row(claim(), lambda s, seed: 1.0 + 0.04 * seed if has_norm(s) else 1.0)
    assert between["verdict"] == "inconclusive"  # 1.12 and 1.16 are neither negligible nor with 1.0 replicated


def test_direction_lower_turns_ratio_and_difference_round():
    halved = lambda s, seed: 1.0 if has_norm(s) else 2.0  # noqa: E731
    assert one_row(claim(direction="lower"), halved)["effect"] == pytest.approx(2)
    row = one_row(claim(direction="lower", effect="difference", smallest_effect=0.5), halved)
    assert (row["effect"], row["verdict"]) == (pytest.approx(1), "replicated")


def test_speed_counts_the_steps_until_the_mean_over_an_epoch_is_there():
    drops = lambda s, seed: [2.0, 1.0, 0.3, 0.3, 0.3, 0.3] if has_norm(s) else [2.0, 2.0, 1.0, 1.0, 0.0, 0.0]  # noqa: E731
    row = one_row(claim(**SPEED), lambda s, seed: 1.0, losses=drops, epoch=2)
    assert row["effect"] == pytest.approx(5 / 4)  # means of two: 1.5, 0.65, 0.3 after 4 steps; 2, 1.5, 1, 0.5 after 5
    whole = one_row(claim(**SPEED), lambda s, seed: 1.0, losses=drops, epoch=1)
    assert whole["effect"] == pytest.approx(5 / 3)
    assert (whole["metric"], whole["censored"], whole["effect_bound"]) == ("steps_to_loss ≤ 0.5", 0, "")


def test_a_threshold_that_is_there_with_the_first_epoch_gives_a_bound():
    drops = lambda s, seed: [2.0, 0.1, 0.1, 0.1] if has_norm(s) else [2.0, 0.3, 0.1, 0.1]  # noqa: E731
    row = one_row(claim(**SPEED | {"threshold": 1.5}), lambda s, seed: 1.0, losses=drops, epoch=2)
    assert (row["censored"], row["verdict"]) == (10, "inconclusive")  # both after one step or two: nothing is told


def test_cells_that_a_side_lacks_are_left_out():
    made = any_figure(
        tuned={"grid": [0.1, 0.4], "seeds": [1000], "best": {"batch norm": 0.4}}, question={"contrasts": {}}
    )
    runs = fake_runs(made, lambda settings, seed: 1.0)
    for sides in (({"model.norm": "batch"}, {"model.norm": "none"}), ({"model.norm": "none"}, {"model.norm": "batch"})):
        ((others, pairs),) = paired_cells(made, *sides, runs)
        assert (others, len(pairs)) == ({"rate": "shared"}, 5)


def test_censored_runs_are_kept_in_their_place():
    row = one_row(claim(**SPEED), lambda s, seed: 1.0, losses=learns)
    assert row["censored"] == 5
    assert (row["effect"], row["effect_bound"], row["high"]) == (pytest.approx(2), "≥", INF)  # later than step 3: 4 / 2
    mirrored = lambda s, seed: learns({"model.norm": "none" if has_norm(s) else "batch"}, seed)  # noqa: E731
    row = one_row(claim(**SPEED), lambda s, seed: 1.0, losses=mirrored)
    assert (row["effect"], row["effect_bound"], row["low"]) == (pytest.approx(1 / 2), "≤", 0)
    never = one_row(claim(**SPEED), lambda s, seed: 1.0)
    assert math.isnan(never["effect"])
    assert (never["low"], never["high"], never["effect_bound"], never["verdict"]) == (0, INF, "", "not comparable")


@pytest.mark.parametrize("first", [0.5, 0.2])
def test_a_threshold_that_is_there_from_the_start_is_refused(first):
    message = (
        r"^fig04: thresholds.steps_to_loss = 0.5 must be below the loss at the first step, which is "
        rf"{first} in run f \(batch norm, seed 0\): it is to be reached by training$"
    )
    with pytest.raises(InputError, match=message):
        one_row(claim(**SPEED), lambda s, seed: 1.0, losses=lambda s, seed: [first, 0.1] if has_norm(s) else [1.0, 0.1])
    nothing = {"losses": lambda s, seed: [0.1], "diverged": lambda s, seed: True}
    assert one_row(claim(**SPEED), lambda s, seed: math.nan, **nothing)["reason"] == "neither trains"


@pytest.mark.parametrize(
    ("stuck", "reason"),
    [
        (lambda norm, seed: False, ""),
        (lambda norm, seed: not norm and seed == 0, ""),  # 9 of 10
        (lambda norm, seed: not norm and seed < 2, "control does not train"),
        (lambda norm, seed: norm and seed < 2, "treatment does not train"),
        (lambda norm, seed: seed < 2, "neither trains"),
    ],
)
def test_where_a_side_does_not_train_nothing_is_found(stuck, reason):
    losses = lambda s, seed: [1.0, 0.9] if stuck(has_norm(s), seed) else [1.0, 0.4]  # noqa: E731
    doubled = lambda s, seed: 2.0 if has_norm(s) else 1.0  # noqa: E731
    speed = claim(id="d", **SPEED)
    row = one_row(claim(), doubled, seeds=10, others=[speed], losses=losses)
    assert (row["reason"], row["reaches"]) == (reason, "steps_to_loss ≤ 0.5")
    reached = [sum(not stuck(norm, seed) for seed in range(10)) for norm in (True, False)]
    assert [row["reached_treatment"], row["reached_control"]] == reached
    role, verdict = ("not comparable", "not comparable") if reason else ("exploratory", "replicated")
    assert (row["role"], row["verdict"], row["effect"]) == (role, verdict, pytest.approx(2))
    primary = one_row(claim(primary=True), doubled, seeds=10, others=[speed], losses=losses)
    assert (primary["role"], primary["reason"]) == ("primary", reason)
    assert primary["verdict"] == ("inconclusive" if reason else "replicated")
    assert primary["p_replicated"] == (1 if reason else 2**-10)


def test_without_a_threshold_nothing_is_known_of_training_and_all_is_compared():
    row = one_row(claim(), lambda s, seed: 2.0 if has_norm(s) else 1.0)
    assert (row["reaches"], row["reason"], row["role"]) == ("", "", "exploratory")
    assert pd.isna(row["reached_treatment"])
    assert pd.isna(row["reached_control"])


def test_claims_are_primary_where_the_setting_says():
    grid = {"model.name": ["vgg11", "vgg16"], "model.norm": ["batch", "none"]}
    both = [claim(primary=True), claim(id="d")]
    for declared, roles in (
        ({}, ["primary", "primary"]),
        ({"model.name": ["vgg16"]}, ["exploratory", "primary"]),
        ({"model.name": ["vgg16", "vgg11"]}, ["primary", "primary"]),
    ):
        spec = figure(claims=both, vary=grid, primary=declared)
        assert list(ledger(spec, fake_runs(spec, lambda s, seed: 1.0))["role"]) == [*roles, *["exploratory"] * 2]


def test_only_seeds_that_both_sides_have_are_paired():
    spec = figure(claims=[claim()])
    runs = fake_runs(spec, lambda s, seed: 2.0 + seed if has_norm(s) else 1.0 + seed)
    row = ledger(spec, [run for run in runs if run.seed < 3 or not has_norm(run.settings)]).iloc[0]
    assert (row["seeds"], row["effect"]) == (3, pytest.approx(1.5))  # 2, 3/2, 4/3


BESIDE = Columns(
    summary=(
        Column("gamma", "γ", claimable=True, beside="gamma_endpoint"),
        Column("gamma_endpoint", "ℓ* at the end", claimable=True),
    )
)


def test_the_same_quantity_measured_in_another_way_is_judged_beside():
    shrunk = lambda s, seed: {"gamma": 3.0, "gamma_endpoint": 1.0 + seed / 100} if has_norm(s) else {  # noqa: E731
        "gamma": 1.0, "gamma_endpoint": 1.0,
    }  # fmt: skip
    row = one_row(claim(), shrunk, columns=BESIDE)
    assert (row["verdict"], row["beside_metric"], row["beside_verdict"]) == (
        "replicated",
        "gamma_endpoint",
        "negligible",
    )
    assert [row[f"beside_{name}"] for name in ("effect", "low", "high")] == pytest.approx([1.02, 1.0, 1.04])
    lacking = lambda s, seed: {"gamma": 1.0} | ({"gamma_endpoint": 1.0} if has_norm(s) else {})  # noqa: E731
    for value in (lacking, lambda s, seed: 1.0):
        row = one_row(claim(), value, columns=BESIDE)
        assert (row["beside_metric"], row["beside_verdict"]) == ("", "")
        assert math.isnan(row["beside_effect"])


def test_a_bound_beside_is_a_bound():
    value = lambda s, seed: {"gamma": 2.0, "gamma_endpoint": Bound(low=3.0 if has_norm(s) else 1.0)}  # noqa: E731
    low = one_row(
        claim(), lambda s, seed: value(s, seed) | ({} if has_norm(s) else {"gamma_endpoint": 1.0}), columns=BESIDE
    )
    assert (low["beside_effect"], low["beside_bound"]) == (pytest.approx(3), "≥")
    known = one_row(claim(), lambda s, seed: {"gamma": 2.0, "gamma_endpoint": 1.0}, columns=BESIDE)
    assert known["beside_bound"] == ""


def test_what_was_never_reached_may_be_claimed_of_any_measure():
    never = lambda s, seed: 2.0 + seed / 10 if has_norm(s) else Bound(low=4.0)  # noqa: E731
    row = one_row(claim(direction="lower"), never)
    assert row["effect_bound"] == "≥"
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
    assert (other["effect_bound"], other["censored"], other["verdict"]) == ("≤", 5, "reversed")
    both = one_row(claim(effect="difference", smallest_effect=0.0), lambda s, seed: Bound(0.4, 0.5))
    assert (both["censored"], both["low"]) == (10, pytest.approx(-0.1))


def test_a_metric_that_a_run_lacks_is_an_error_and_one_that_is_undefined_may_be_anything():
    spec = figure(claims=[claim(metric="cosine")])
    with pytest.raises(InputError, match=r"fig04: claim c: run f \(batch norm, seed 0\) lacks the metric cosine"):
        ledger(spec, fake_runs(spec, lambda s, seed: 1.0))
    row = one_row(claim(), lambda s, seed: math.nan if has_norm(s) and seed else 1.0)
    assert (row["low"], row["high"], row["censored"]) == (0, INF, 0)
    assert row["verdict"] == "inconclusive"
    speed = figure(claims=[claim(**SPEED)])
    runs = [replace(run, own={}.__getitem__) for run in fake_runs(speed, lambda s, seed: 1.0)]
    with pytest.raises(InputError, match="has no table 'steps' of its own"):
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
    assert row["verdict"] == "reversed"
    row = one_row(claim(), lambda s, seed: 1.0, diverged=lambda s, seed: not has_norm(s) and seed == 0)
    assert row["verdict"] == "inconclusive"
    assert row["high"] == INF


def test_every_open_combination_gets_a_row():
    spec = figure(claims=[claim()], vary={"model.name": ["vgg11", "vgg16"], "model.norm": ["batch", "none"]})
    table = ledger(spec, fake_runs(spec, lambda s, seed: 2.0 if has_norm(s) == (s["model.name"] == "vgg11") else 1.0))
    assert list(table["where"]) == ["VGG-11", "VGG-16"]
    assert list(table["verdict"]) == ["replicated", "reversed"]


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
