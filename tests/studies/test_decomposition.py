"""The decomposition over paired seeds: which pairs, which phases, and what is said where there is nothing to split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from figures import battery_of
from figures import figure as any_figure
from scipy import stats

import trajreg
from trajreg.errors import InputError
from trajreg.metrics.factors import PHASES, SPLITS
from trajreg.studies.claims import ledger
from trajreg.studies.decomposition import COLUMNS, decomposition
from trajreg.studies.run import Run

FIGURE = any_figure(vary={"model.name": ["vgg11", "vgg16"], "model.norm": ["batch", "none"]})


def steps(seed, loss=1.0, away=False):
    """The table of a short trajectory; with `away` it walks away from its end before it turns."""
    theta = np.random.default_rng(seed).normal(loc=1.0, size=(21, 4)).cumsum(axis=0)
    theta[-1] = theta[0] - 1.0 if away else theta[-1]
    return of_path(theta, loss)


def of_path(theta, loss=1.0):
    squares = ((theta - theta[-1]) ** 2).sum(axis=1), ((theta[1:] - theta[:-1]) ** 2).sum(axis=1)
    return trajreg.regularity(distance_sq=squares[0], update_sq=squares[1], loss=np.full(len(theta) - 1, loss), lr=0.1)


def runs(diverged=lambda settings, seed: False, table=lambda settings, seed: steps(seed)):
    def one(variant, seed):
        gone = diverged(variant.settings, seed)
        losses = pd.DataFrame({"step": [0], "loss": [1.0]})
        read = lambda measure, name: losses if gone else table(variant.settings, seed)  # noqa: E731
        return Run(
            variant.label,
            variant.settings,
            variant.names,
            seed,
            "f",
            gone,
            pd.DataFrame(),
            {},
            FIGURE.columns,
            read,
            None,
        )

    return [one(variant, seed) for variant in FIGURE.variants for seed in range(5)]


def is_batch(settings):
    return settings["model.norm"] == "batch"


def straight_or_wandering(settings, seed):
    """A table: noise with a pull that differs from seed to seed, and that batch norm makes stronger."""
    pull = (2.0 if is_batch(settings) else 0.3) + 0.1 * seed
    rng = np.random.default_rng([seed, is_batch(settings)])
    return of_path(rng.normal(loc=pull, size=(21, 4)).cumsum(axis=0), loss=0.5 if is_batch(settings) else 1 + seed)


def rows(table, phase="whole", split="directedness", where="VGG-11"):
    """The rows of a comparison by their part."""
    chosen = (table["phase"] == phase) & (table["split"] == split) & (table["where"] == where)
    return table[chosen].set_index("part")


def test_each_pair_once_in_every_open_setting_phase_split_and_part():
    table = decomposition(FIGURE, runs())
    assert list(table) == COLUMNS
    wanted = [
        (where, phase, split, part)
        for where in ("VGG-11", "VGG-16")
        for phase in PHASES
        for split, parts in SPLITS.items()
        for part in ("total", *parts)
    ]
    assert list(zip(table["where"], table["phase"], table["split"], table["part"], strict=True)) == wanted
    assert set(table["treatment"]) == {"batch norm"}


def test_the_parts_add_up_to_the_total_and_to_the_means_of_both_sides():
    table = decomposition(FIGURE, runs(table=straight_or_wandering))
    for _, group in table.groupby(["where", "phase", "split"]):
        by_part = group.set_index("part")
        assert by_part["log10"].drop("total").sum() == pytest.approx(by_part.loc["total", "log10"], abs=1e-12)
        ratios = np.log10(by_part["treatment_mean"] / by_part["control_mean"])
        signs = np.where(by_part.index == "loss", -1, 1)
        np.testing.assert_allclose(by_part["log10"], signs * ratios, atol=1e-12)
    assert (table["log10"].abs() > 0.01).any()
    assert (rows(table).loc["directedness", ["treatment_mean", "control_mean"]] > [10, 1]).all()


def test_the_interval_is_that_of_students_t():
    table = decomposition(FIGURE, runs(table=straight_or_wandering))
    known = [
        [straight_or_wandering({"model.norm": norm}, s)["loss"].mean() for s in range(5)] for norm in ("none", "batch")
    ]
    logs = np.log10(known[0]) - np.log10(known[1])
    expected = stats.t.interval(0.95, 4, loc=logs.mean(), scale=stats.sem(logs))
    assert rows(table).loc["loss", ["low", "high"]].tolist() == pytest.approx(expected)
    few = decomposition(FIGURE, runs(lambda s, seed: seed > 1, straight_or_wandering))
    assert few["log10"].notna().all()
    assert few[["low", "high"]].isna().all(axis=None)


def test_any_two_variants_can_be_compared_and_the_other_way_round():
    some = runs(table=lambda s, seed: steps(seed, loss=0.1 if s["model.name"] == "vgg16" else 1.0))
    deeper = {"model.name": "vgg16"}, {"model.name": "vgg11"}  # no claim is about them
    both = {"model.name": "vgg16", "model.norm": "none"}, {"model.name": "vgg11", "model.norm": "batch"}
    table = decomposition(FIGURE, some, [deeper, deeper[::-1], both])
    total = table[(table["phase"] == "whole") & (table["split"] == "directedness") & (table["part"] == "total")]
    assert list(zip(total["where"], total["treatment"], strict=True)) == [
        ("batch norm", "VGG-16"),
        ("no batch norm", "VGG-16"),
        ("batch norm", "VGG-11"),
        ("no batch norm", "VGG-11"),
        ("", "VGG-16, no batch norm"),
    ]
    np.testing.assert_allclose(total["log10"], [1, 1, -1, -1, 1], atol=1e-12)
    for wrong, message in (
        (
            ({"model.name": "vgg13"}, {"model.name": "vgg11"}),
            r"model.name = 'vgg13' is no variant of this figure",
        ),
        ((deeper[0], deeper[0]), "must give different values to the same keys"),
        ((deeper[0], {"model.norm": "none"}), "must give different values to the same keys"),
    ):
        with pytest.raises(InputError, match=message):
            decomposition(FIGURE, some, [wrong])


def test_identical_variants_do_not_differ():
    table = decomposition(FIGURE, runs())
    assert (table[["log10", "low", "high"]] == 0).all(axis=None)
    assert (table["treatment_mean"] == table["control_mean"]).all()


def test_a_tenth_of_the_loss_is_all_loss():
    table = decomposition(FIGURE, runs(table=lambda s, seed: steps(seed, loss=0.1 if is_batch(s) else 1.0)))
    expected = table["part"].isin(["total", "loss"]).astype(float)
    for column in ("log10", "low", "high"):
        np.testing.assert_allclose(table[column], expected, atol=1e-12)


def test_the_central_value_is_the_mean_of_the_logarithms():
    scale = {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 1e5}
    table = decomposition(FIGURE, runs(table=lambda s, seed: steps(seed, loss=1 if is_batch(s) else scale[seed])))
    assert rows(table).loc["loss", "log10"] == pytest.approx(1)


def test_diverged_and_unrecorded_runs_are_left_out_and_counted():
    table = decomposition(FIGURE, runs(diverged=lambda s, seed: not is_batch(s) and seed < 2))
    assert set(zip(table["seeds"], table["left_out"], strict=True)) == {(3, 2)}
    epochs = lambda s, seed: steps(seed).assign(update_norm=np.nan, cosine=np.nan)  # noqa: E731
    table = decomposition(FIGURE, runs(table=epochs))
    assert set(zip(table["seeds"], table["left_out"], table["undefined"], strict=True)) == {(0, 5, 0)}
    assert table[["log10", "low", "high", "treatment_mean", "control_mean"]].isna().all(axis=None)


@pytest.mark.parametrize("side", [True, False], ids=["treatment", "control"])
def test_a_pair_without_a_logarithm_counts_in_no_part_of_its_split(side):
    away = lambda s, seed: steps(seed, loss=1 + seed, away=is_batch(s) is side and seed == 3)  # noqa: E731
    table = decomposition(FIGURE, runs(table=away))
    for split in SPLITS:
        early = rows(table, "early", split)
        assert set(zip(early["seeds"], early["undefined"], strict=True)) == {(5, 1)}
        assert (early[["log10", "low", "high"]] == 0).all(axis=None)  # of the other pairs, which are equal
        assert early.loc["loss", "control_mean"] == pytest.approx((1 * 2 * 3 * 5) ** (1 / 4))
    assert (rows(table, "late")["undefined"] == 0).all()


def test_controls_of_negative_gamma_have_the_second_split_alone():
    past_the_end = of_path(np.outer([0.0, *[2.5] * 4, 1.0], np.ones(4)))  # its first step is aligned, and leads too far
    table = decomposition(FIGURE, runs(table=lambda s, seed: steps(seed) if is_batch(s) else past_the_end))
    first, second = rows(table, "early"), rows(table, "early", "alignment")
    assert (first["undefined"] == 5).all()
    assert first[["log10", "low", "high", "treatment_mean", "control_mean"]].isna().all(axis=None)
    assert (second["undefined"] == 0).all()
    assert second["log10"].notna().all()
    assert (rows(table)["undefined"] == 0).all()


def test_a_figure_without_contrasts_compares_nothing():
    assert decomposition(any_figure({"contrasts": {}}), []).empty


def test_which_side_does_not_train_is_told_as_in_the_ledger():
    battery = battery_of(speed={"metric": "steps_to_loss", "direction": "lower"})
    vary = {"model.name": ["vgg11", "vgg16"], "model.norm": ["batch", "none"]}
    spec = any_figure(batteries=battery, thresholds={"steps_to_loss": 0.5}, vary=vary)

    def with_losses(run):
        losses = [1.0, 0.9, 0.4 if run.settings["model.norm"] == "batch" else 0.8]
        return replace(
            run, epochs=pd.DataFrame({"step": [1]}), own={"steps": pd.DataFrame({"loss": losses})}.__getitem__
        )

    some = [with_losses(run) for run in runs()]
    assert set(decomposition(spec, some)["reason"]) == {"control does not train"} == set(ledger(spec, some)["reason"])
    assert set(decomposition(FIGURE, runs())["reason"]) == {""}
