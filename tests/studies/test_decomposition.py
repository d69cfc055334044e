"""The decomposition over paired seeds: which pairs, which phases, and what is said where there is nothing to split."""

import math

import numpy as np
import pandas as pd
import pytest
from figures import figure as any_figure

import trajreg
from trajreg.errors import InputError
from trajreg.metrics.factors import PARTS, PHASES
from trajreg.studies.decomposition import COLUMNS, decomposition
from trajreg.studies.run import Run

FIGURE = any_figure(vary={"model.name": ["vgg11", "vgg16"], "model.norm": ["batch", "none"]})


def steps(seed, loss=1.0, away=False):
    """The table of a short trajectory; with `away` it walks away from its end before it turns."""
    theta = np.random.default_rng(seed).normal(loc=1.0, size=(21, 4)).cumsum(axis=0)
    theta[-1] = theta[0] - 1.0 if away else theta[-1]
    squares = ((theta - theta[-1]) ** 2).sum(axis=1), ((theta[1:] - theta[:-1]) ** 2).sum(axis=1)
    return trajreg.regularity(distance_sq=squares[0], update_sq=squares[1], loss=np.full(20, loss), lr=0.1)


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


def test_each_pair_once_in_every_open_setting_phase_and_part():
    table = decomposition(FIGURE, runs())
    assert list(table) == COLUMNS
    wanted = [(where, phase, part) for where in ("VGG-11", "VGG-16") for phase in PHASES for part in ("total", *PARTS)]
    assert list(zip(table["where"], table["phase"], table["part"], strict=True)) == wanted
    assert set(table["treatment"]) == {"batch norm"}


def test_any_two_variants_can_be_compared_and_the_other_way_round():
    some = runs(table=lambda s, seed: steps(seed, loss=0.1 if s["model.name"] == "vgg16" else 1.0))
    deeper = {"model.name": "vgg16"}, {"model.name": "vgg11"}  # no claim is about them
    both = {"model.name": "vgg16", "model.norm": "none"}, {"model.name": "vgg11", "model.norm": "batch"}
    table = decomposition(FIGURE, some, [deeper, deeper[::-1], both])
    total = table[(table["phase"] == "whole") & (table["part"] == "total")]
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


def test_identical_variants_have_nothing_to_explain():
    table = decomposition(FIGURE, runs())
    assert (table[["log10", "low", "high"]] == 0).all(axis=None)
    assert table["share"].isna().all()
    assert (table["walk_treatment"] == table["walk_control"]).all()


def test_a_tenth_of_the_loss_is_all_loss():
    table = decomposition(FIGURE, runs(table=lambda s, seed: steps(seed, loss=0.1 if is_batch(s) else 1.0)))
    by_part = table[table["phase"] == "late"].groupby("part")
    for part, expected in {"total": 1, "loss": 1, "alignment": 0, "distance": 0, "update": 0}.items():
        for column in ("log10", "low", "high", "share", "share_low", "share_high"):
            np.testing.assert_allclose(by_part.get_group(part)[column], expected, atol=1e-12)
    assert (table["confidence"] == 1 - 2 / 32).all()


def test_parts_are_medians_with_the_interval_of_the_claims():
    scale = {0: 1.0, 1: 10.0, 2: 100.0, 3: 1000.0, 4: 1e4}
    table = decomposition(FIGURE, runs(table=lambda s, seed: steps(seed, loss=1 if is_batch(s) else scale[seed])))
    row = table[(table["phase"] == "whole") & (table["part"] == "loss")].iloc[0]
    assert tuple(row[["log10", "low", "high"]]) == pytest.approx((2, 0, 4))
    assert math.isnan(row["share"])  # the interval touches no difference


def test_diverged_and_unrecorded_runs_are_left_out_and_counted():
    table = decomposition(FIGURE, runs(diverged=lambda s, seed: not is_batch(s) and seed < 2))
    assert set(zip(table["seeds"], table["left_out"], strict=True)) == {(3, 2)}
    epochs = lambda s, seed: steps(seed).assign(update_norm=np.nan, cosine=np.nan)  # noqa: E731
    table = decomposition(FIGURE, runs(table=epochs))
    assert set(zip(table["seeds"], table["left_out"], table["undefined"], strict=True)) == {(0, 5, 0)}
    assert table[["log10", "low", "high", "share", "walk_control"]].isna().all(axis=None)


def test_a_pair_without_a_logarithm_may_lie_anywhere():
    table = decomposition(FIGURE, runs(table=lambda s, seed: steps(seed, away=is_batch(s) and seed == 3)))
    early = table[(table["phase"] == "early") & (table["where"] == "VGG-11")].set_index("part")
    for part in ("total", "alignment"):
        assert math.isnan(early.loc[part, "log10"])
        assert (early.loc[part, "low"], early.loc[part, "high"]) == (-math.inf, math.inf)
        assert early.loc[part, "undefined"] == 1
    assert early.loc["loss", ["log10", "undefined"]].tolist() == [0, 0]
    assert early["share"].isna().all()


def test_a_figure_without_contrasts_compares_nothing():
    assert decomposition(any_figure({"contrasts": {}}), []).empty
