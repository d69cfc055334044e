"""How firm a verdict is: shares of choices under which a claim holds, where they are known beforehand."""

import pytest
from figures import figure
from multiverses import made, runs_of

from trajreg.errors import InputError
from trajreg.studies.multiverse import flips, multiverse, shares

SHARES = ["alone_holds", "alone_reversed", "alone_undecided", "alone_not comparable"]
SAMPLED = [name.replace("alone", "sampled") for name in SHARES]


def share(**ratios):
    """The one row of shares of γ where universes have these ratios of γ, and ×2 where none is given."""
    table = shares(multiverse(made(), runs_of(made(), ratios)))
    (row,) = (row for _, row in table.iterrows() if row["measure"] == "gamma")
    return row


def test_what_holds_everywhere_holds_in_all_choices_and_nothing_flips_it():
    row = share()
    assert [*row[SHARES], *row[SAMPLED]] == [5, 0, 0, 0, 3, 0, 0, 0]
    assert (row["base"], row["flips"]) == ("holds", "")


def test_a_share_counts_what_holds_is_reversed_and_is_undecided():
    row = share(Adam=[0.5, 0.5, 0.5], double=[2, 2, 1.05], half=[1.0, 1.0, 1.0])
    assert [*row[SHARES]] == [2, 1, 2, 0]
    assert row["flips"] == "half (undecided); double (undecided); Adam (reversed)"


def test_all_seeds_have_to_be_beyond_the_smallest_effect():
    assert share(base=[1.11, 1.11, 1.11])["base"] == "holds"
    assert share(base=[1.11, 1.11, 1.09])["base"] == "undecided"
    assert share(base=[1 / 1.11] * 3)["base"] == "reversed"


def test_where_a_side_does_not_train_nothing_is_said_nor_flipped():
    row = share(Adam=None)
    assert [*row[SHARES]] == [4, 0, 0, 1]
    assert row["flips"] == ""
    table = multiverse(made(), runs_of(made(), {"Adam": None}))
    assert set(table.loc[table["universe"] == "Adam", "reason"]) == {"control does not train"}


def test_a_base_that_cannot_be_compared_is_flipped_by_nothing():
    row = share(base=None, Adam=[0.5] * 3)
    assert [*row[SHARES]] == [3, 1, 0, 1]
    assert (row["base"], row["flips"]) == ("not comparable", "")
    assert flips(multiverse(made(), runs_of(made(), {"base": None}))).empty


def test_samples_are_counted_apart():
    sampled = [one.name for one in made().setting.choices.universes() if one.kind == "sampled"]
    row = share(**{sampled[0]: [0.5] * 3, sampled[1]: None})
    assert [*row[SHARES], *row[SAMPLED]] == [5, 0, 0, 0, 1, 1, 0, 1]


def test_a_row_says_what_was_chosen_and_how_far_the_seeds_are_apart():
    table = multiverse(made(), runs_of(made(), {"half": [4, 2, 8]}))
    row = table[(table["universe"] == "half") & (table["measure"] == "gamma")].iloc[0]
    assert (row["choice: learning rate"], row["choice: optimiser"], row["kind"]) == ("half", "SGD", "one at a time")
    assert row[["effect", "low", "high"]].tolist() == pytest.approx([4, 2, 8])
    assert (row["comparison"], row["where"], row["seeds"]) == ("batch norm against no batch norm", "", 3)
    assert row["varied"] == "model.norm"


def test_both_values_of_the_least_loss_are_judged():
    table = multiverse(made(), runs_of(made(), {}))
    assert list(table["measure"].unique()) == ["gamma", "gamma_endpoint", "steps_to_loss"]
    row = shares(table).set_index("measure").loc["gamma_endpoint"]
    assert row["alone_undecided"] == 5  # it is the same on both sides here


def test_the_factor_that_flips_most_comes_first():
    found = flips(multiverse(made(), runs_of(made(), {"Adam": [0.5] * 3, "half": [1.0] * 3})))
    assert found["factor"].tolist() == ["optimiser", "learning rate"]
    assert found["flips"].tolist() == [1, 1]
    assert found["of"].tolist() == [3, 9]  # three measures; one choice of optimiser, three of the learning rate


def test_a_setting_without_choices_is_refused():
    with pytest.raises(InputError, match=r"setting: choices is needed: the alternatives under which"):
        multiverse(figure(), [])
