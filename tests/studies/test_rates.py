"""Each variant at the shared learning rate and at its own: which variants there are, how many seeds, and what is refused."""

import math

import pytest
from figures import battery_of, contrast, figure

from trajreg.errors import InputError
from trajreg.studies.rates import RATE, best_rates

TUNED = {"grid": [0.1, 0.4], "seeds": [1000, 1001], "best": {"batch norm": 0.4, "no batch norm": 0.1}}


def rates(made):
    return [(one.label, one.spec.optimizer.lr) for one in made.variants]


def test_a_variant_stands_at_the_shared_rate_and_at_its_own():
    made = figure(tuned=TUNED)
    assert rates(made) == [
        ("batch norm, shared η", 0.1),
        ("batch norm, own η", 0.4),
        ("no batch norm, shared η", 0.1),
        ("no batch norm, own η", 0.1),  # its own is the shared one: the same run, made once
    ]
    assert made.facets == [RATE]
    assert len({one.spec for one in made.wanted()}) == 15


def test_a_variant_without_a_best_rate_stands_at_the_shared_one_alone():
    made = figure(tuned=TUNED | {"best": {"batch norm": 0.4}}, question={"contrasts": {}})
    assert rates(made) == [("batch norm, shared η", 0.1), ("batch norm, own η", 0.4), ("no batch norm, shared η", 0.1)]


def test_primary_claims_have_more_seeds_and_the_random_labels():
    made = figure(
        tuned=TUNED, primary={"rate": ["own"]}, seeds=6, other_seeds=2, random_label_seeds=1,
    )  # fmt: skip
    assert [made.seeds_of(one) for one in made.variants] == [2, 6, 2, 6]
    assert [one.label for one in made.null_variants] == [
        "batch norm, own η, random labels",
        "no batch norm, own η, random labels",
    ]
    assert len(made.wanted()) == 2 + 6 + 2 + 6 + 2
    assert figure(seeds=6, other_seeds=2).seeds_of(figure().variants[0]) == 6  # all cells are primary


def test_what_no_contrast_compares_has_the_other_seeds():
    made = figure(vary={"model.norm": ["batch", "none"], "model.activation": ["relu", "tanh"]}, other_seeds=2,
                  primary={"model.activation": ["tanh"]})  # fmt: skip
    assert {one.label: made.seeds_of(one) for one in made.variants} == {
        "batch norm, ReLU": 2, "batch norm, tanh": 5, "no batch norm, ReLU": 2, "no batch norm, tanh": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tuned", "message"),
    [
        ({"grid": [0.1]}, r"tuned.grid = \[0.1\]: .*at least 2 items"),
        ({"grid": [0.1, 0.0]}, r"tuned.grid.1 = 0.0: input should be greater than 0"),
        ({"grid": [0.1, 0.1]}, r"grid = \[0.1, 0.1\] has a value twice"),
        ({"seeds": [7, 7]}, r"seeds = \[7, 7\] has a value twice"),
        ({"seeds": [4]}, r"setting: tuned.seeds: 4 is shown as well \(seeds: 5\): choose seeds from 5 on"),
        ({"best": {"batch norm": 0.2}}, r"best: batch norm: 0.2 is not in the grid, 0.1, 0.4"),
        ({"best": {"bach norm": 0.4}}, r"tuned.best: 'bach norm' is no variant, choose from batch norm; no batch norm"),
        ({"best": {"batch norm": 0.4}},
         r"setting: tuned.best lacks 'no batch norm', with which batch norm is compared: python -m trajreg tune finds it"),
    ],
)  # fmt: skip
def test_what_cannot_be_tuned_is_refused(tuned, message):
    with pytest.raises(InputError, match=message):
        figure(tuned=TUNED | tuned)


def test_rate_is_no_key_of_a_run():
    with pytest.raises(InputError, match=r"setting: vary.rate is not a known key: rates of each variant's own stand"):
        figure(vary={"rate": ["own"], "model.norm": ["batch", "none"]})


def test_the_best_rate_has_the_smallest_loss_and_what_diverged_never_is():
    assert best_rates({"a": {0.1: 0.5, 0.2: 0.3, 0.4: math.inf}, "b": {0.1: math.inf, 0.2: math.nan, 0.4: 9.0}}) == {
        "a": 0.2,
        "b": 0.4,
    }
    with pytest.raises(InputError, match=r"b diverged at every learning rate of the grid, 0.1: declare smaller ones"):
        best_rates({"b": {0.1: math.inf}})


def test_only_one_thing_decides_the_learning_rate():
    with pytest.raises(InputError, match=r"setting: vary.optimizer.lr and tuned both decide the learning rate"):
        figure(tuned=TUNED, vary={"model.norm": ["batch", "none"], "optimizer.lr": [0.1, 0.4]})


OPTIMISERS = {"SGD": {"optimizer": {"name": "sgd", "lr": 0.1}}, "Adam": {"optimizer": {"name": "adam", "lr": 0.001}}}
OWN_GRIDS = {"grids": {"SGD": [0.1, 0.4], "Adam": [0.001, 0.004]}, "seeds": [1000], "shared": False}


def optimisers(tuned, **changes):
    question = {"contrasts": {"adam": contrast({"variant": "Adam"}, {"variant": "SGD"})}}
    return figure(question, vary={}, variants=OPTIMISERS, tuned=tuned, **changes)


def test_optimisers_have_grids_of_their_own_and_no_shared_rate():
    made = optimisers(OWN_GRIDS | {"best": {"SGD": 0.4, "Adam": 0.001}}, primary={"rate": ["own"]})
    assert rates(made) == [("SGD, own η", 0.4), ("Adam, own η", 0.001)]
    assert rates(optimisers(OWN_GRIDS)) == [("SGD", 0.1), ("Adam", 0.001)]  # before any is chosen: as they are written


@pytest.mark.parametrize(
    ("tuned", "message"),
    [
        ({"grids": {"SDG": [0.1, 0.4]}}, r"setting: tuned.grids: 'SDG' is no variant, choose from SGD; Adam"),
        ({"grids": {"SGD": [0.1, 0.1]}}, r"grids.SGD = \[0.1, 0.1\] has a value twice"),
        ({"best": {"SGD": 0.4}}, r"setting: tuned.best lacks 'Adam', and without the shared rate it would not be shown"),
        ({"best": {"SGD": 0.4, "Adam": 0.4}}, r"tuned.best: Adam: 0.4 is not in the grid, 0.001, 0.004"),
        ({"grids": {"SGD": [0.1, 0.4]}, "best": {"SGD": 0.4, "Adam": 0.4}},
         r"Adam: 0.4 is not in the grid, which has no rate for it"),
        ({"grid": [0.1, 0.4]}, r"tuned: needs a grid of learning rates for all variants, or grids of their own, and not both"),
        ({"shared": True}, r"variants.SGD.optimizer and tuned both decide the learning rate: .* or say tuned.shared: false"),
    ],
)  # fmt: skip
def test_what_does_not_fit_grids_of_their_own_is_refused(tuned, message):
    with pytest.raises(InputError, match=message):
        optimisers(OWN_GRIDS | tuned)


def test_a_pair_beside_those_the_figure_is_about_has_exploratory_claims_and_the_other_seeds():
    beside = contrast({"variant": "AdamW"}, {"variant": "SGD"}) | {"primary": False}
    question = {"contrasts": {"adam": contrast({"variant": "Adam"}, {"variant": "SGD"}), "adamw": beside}}
    every = OPTIMISERS | {"AdamW": {"optimizer": {"name": "adamw", "lr": 0.001}}}
    success = battery_of(gamma={"primary": True})
    made = figure(question, None, success, vary={}, variants=every, seeds=5, other_seeds=2)
    assert {claim.id: claim.primary for claim in made.claims} == {"adam-gamma": True, "adamw-gamma": False}
    assert [made.seeds_of(one) for one in made.variants] == [5, 5, 2]
    assert [made.is_compared(one) for one in made.variants] == [True] * 3
