"""Every variant under the choices that papers make silently: which universes there are, and what is refused."""

import itertools

import pytest
from figures import SETTING, figure

from trajreg.errors import InputError
from trajreg.studies.choices import UNIVERSE, ChoicesSpec

FACTORS = {
    "learning rate": {"η": {}, "η ÷ 4": {"optimizer.lr": {"times": 0.25}}, "2 η": {"optimizer.lr": {"times": 2}}},
    "optimiser": {"SGD": {}, "Adam": {"optimizer.name": "adam", "optimizer.lr": 0.004}},
    "length": {"3 epochs": {}, "6 epochs": {"num_epochs": {"times": 2}}},
}
OTHERS = 3 * 2 * 2 - 1 - (2 + 1 + 1)  # combinations of two or more changes


def universes(factors=FACTORS, **changes):
    return ChoicesSpec.parse({"factors": factors} | changes, "choices").universes()


def specs(**changes):
    """Universe → spec, of the variant with batch norm."""
    made = figure(choices={"factors": FACTORS, "sample": OTHERS}, **changes)
    return {one.settings[UNIVERSE]: one.spec for one in made.variants if one.settings.get("model.norm") == "batch"}


def test_without_a_sample_there_is_the_base_and_every_other_choice_alone():
    assert [(one.name, one.kind) for one in universes()] == [
        ("base", "base"), ("η ÷ 4", "one at a time"), ("2 η", "one at a time"), ("Adam", "one at a time"), ("6 epochs", "one at a time"),
    ]  # fmt: skip
    assert universes()[3].chosen == {"learning rate": "η", "optimiser": "Adam", "length": "3 epochs"}


def test_the_largest_sample_is_every_other_combination_once():
    made = universes(sample=OTHERS)
    everything = itertools.product(*FACTORS.values())
    assert sorted(tuple(one.chosen.values()) for one in made) == sorted(everything)
    assert {one.kind for one in made[5:]} == {"sampled"}


def test_a_sample_is_the_beginning_of_a_larger_one_of_the_same_seed():
    names = [one.name for one in universes(sample=OTHERS, seed=3)]
    assert [one.name for one in universes(sample=4, seed=3)] == names[:9]
    assert sorted(names) == sorted(one.name for one in universes(sample=OTHERS, seed=4)) != names


def test_a_sample_does_not_depend_on_what_alternatives_are_called():
    renamed = {
        factor: {f"{name}!": keys for name, keys in alternatives.items()} for factor, alternatives in FACTORS.items()
    }
    made = universes(renamed, sample=4)
    assert [one.name.replace("!", "") for one in made] == [one.name for one in universes(sample=4)]


def test_each_combination_is_drawn_as_often_as_any_other():
    drawn = [universes(sample=1, seed=seed)[-1].name for seed in range(700)]
    counts = [drawn.count(name) for name in set(drawn)]
    assert len(counts) == OTHERS
    assert min(counts) > 65  # 100 are expected of each, with a standard deviation of 9.3
    assert max(counts) < 135


def test_every_variant_stands_in_every_universe():
    made = figure(choices={"factors": FACTORS, "sample": 3})
    assert len(made.variants) == 2 * (5 + 3)
    assert [one.label for one in made.variants[:4]] == [
        "batch norm, base",
        "batch norm, η ÷ 4",
        "batch norm, 2 η",
        "batch norm, Adam",
    ]
    assert made.facets == [UNIVERSE]
    assert len(made.wanted()) == 2 * 8 * SETTING["seeds"]


def test_a_factor_multiplies_what_the_optimiser_has_whatever_stands_first():
    for order in (FACTORS, dict(reversed(FACTORS.items()))):
        made = figure(choices={"factors": order, "sample": OTHERS}).variants
        rates = {one.settings[UNIVERSE]: one.spec.optimizer.lr for one in made}
        assert (rates["base"], rates["η ÷ 4"], rates["Adam"]) == (0.1, 0.025, 0.004)
        assert rates.get("η ÷ 4, Adam", rates.get("Adam, η ÷ 4")) == 0.001


def test_a_whole_number_stays_one():
    assert specs()["6 epochs"].num_epochs == 6
    halved = {"length": {"3 epochs": {}, "half": {"num_epochs": {"times": 0.5}}}}
    with pytest.raises(InputError, match=r"universe = half: num_epochs = 1.5: input should be a valid integer"):
        figure(choices={"factors": halved})


def test_universes_compose_with_named_variants():
    named = {"SGD": {}, "Adam": {"optimizer": {"name": "adam", "lr": 0.002}}}
    made = figure(
        {"contrasts": {}}, variants=named, vary={"model.norm": ["batch"]},
        choices={"factors": {"learning rate": FACTORS["learning rate"]}},
    )  # fmt: skip
    assert [(one.label, one.spec.optimizer.lr) for one in made.variants] == [
        ("SGD, batch norm, base", 0.1), ("SGD, batch norm, η ÷ 4", 0.025), ("SGD, batch norm, 2 η", 0.2),
        ("Adam, batch norm, base", 0.002), ("Adam, batch norm, η ÷ 4", 0.0005), ("Adam, batch norm, 2 η", 0.004),
    ]  # fmt: skip


def one_factor(**keys):
    return {
        "factors": {"what": {"as it is": {}, "other": {key.replace("__", "."): value for key, value in keys.items()}}}
    }


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"factors": {}}, r"setting: choices.factors = \{\}: dictionary should have at least 1 item"),
        ({"factors": {"what": {"as it is": {}}}}, r"choices.factors.what = .* should have at least 2 items"),
        ({"factors": FACTORS, "sample": OTHERS + 1}, r"choices: sample = 8: there are 7 combinations of two or more changes"),
        ({"factors": {"what": {"a": {"batch_size": 5}, "b": {}}}}, r"factors.what.a: the first alternative, and no other, is the base"),
        ({"factors": {"what": {"a": {}, "b": {}}}}, r"factors.what.b: the first alternative, and no other, is the base"),
        ({"factors": {"one": {"a": {}, "b": {"batch_size": 5}}, "two": {"c": {}, "b": {"num_epochs": 2}}}},
         r"two alternatives are called 'b': give one of them another name"),
        ({"factors": {str(n): {f"{n}.{m}": {"batch_size": m} if m else {} for m in range(10)} for n in range(5)}},
         r"factors give 100,000 combinations, at most 10,000"),
        (one_factor(optimiser__lr=0.1), r"universe = other: optimiser is not a known key, did you mean optimizer"),
        (one_factor(model__with=0.5), r"universe = other: model.with is not a known key"),
        (one_factor(model__init={"times": 2}), r"universe = other: model.init: there is nothing to multiply by 2: it is None"),
        (one_factor(optimizer__lr={"times": -1}), r"universe = other: optimizer.lr = \{'times': -1\}: input should be a valid number"),
        (one_factor(optimizer__lr=0.1), r"universe = base and model.norm = 'batch', universe = 'other' are the same"),
        (one_factor(seed=1), r"setting: choices.seed is not a known key: `seeds` says how many"),
        (one_factor(universe="x"), r"setting: choices.universe cannot be varied"),
        (one_factor(model__norm="none"), r"choices.factors.what: model.norm is decided by vary as well: leave it out of one, or multiply"),
        (one_factor(model={"name": "vgg16"}), r"choices.factors.what: model is decided by vary as well"),
        ({"factors": {"one": {"a": {}, "b": {"optimizer.lr": 0.2}}, "two": {"c": {}, "d": {"optimizer": {"name": "adam", "lr": 0.001}}}}},
         r"choices.factors.one: optimizer.lr is decided by two as well"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen_is_refused(choices, message):
    with pytest.raises(InputError, match=message.replace("universe = base and", "universe = 'base' and")):
        figure(choices=choices)


def test_a_named_variant_and_a_choice_decide_different_things():
    with pytest.raises(InputError, match=r"choices.factors.what: optimizer.lr is decided by variants.Adam as well"):
        figure({"contrasts": {}}, variants={"SGD": {}, "Adam": {"optimizer": {"name": "adam", "lr": 0.002}}},
               choices=one_factor(optimizer__lr=0.1))  # fmt: skip


def test_choices_and_rates_of_its_own_do_not_go_together():
    with pytest.raises(InputError, match=r"setting: choices and tuned do not go together"):
        figure(choices=one_factor(batch_size=5), tuned={"grid": [0.1, 0.4], "seeds": [1000]})


def test_universes_count_as_variants():
    many = {str(n): {f"{n}.{m}": {f"k{n}": m} if m else {} for m in range(10)} for n in range(3)}
    with pytest.raises(InputError, match=r"vary gives 600 variants, at most 500 can be shown"):
        figure(choices={"factors": many, "sample": 300 - 28})
