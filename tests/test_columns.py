"""Columns: one name, one column; bounds; and the slip of a name."""

import json
import math

import pytest

from trajreg.columns import Bound, Column, Columns, as_plain, from_plain
from trajreg.errors import InputError, nearest_first

ONE = Columns((Column("a", "A", claimable=True),), (Column("loss", "loss"),))
OTHER = Columns((Column("b", "B", shown=True),), (Column("gamma", "γ"),))


def test_a_column_of_both_counts_once_and_the_first_come_first():
    both = ONE + OTHER + ONE
    assert [column.name for column in both.summary] == ["a", "b"]
    assert [column.name for column in both.epochs] == ["loss", "gamma"]
    assert (list(both.claimable), list(both.shown), list(both.compared)) == (["a"], ["b"], [])
    assert (both.title("b"), both.title("c")) == ("B", "c")


def test_columns_without_some_keep_their_order():
    assert (ONE + OTHER).without({"a", "gamma"}) == Columns(OTHER.summary, ONE.epochs)
    assert ONE.without(()) == ONE


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two columns have one name: a"):
        ONE + Columns((Column("a", "another"),))


def test_an_unknown_column_of_epochs_names_the_nearest_first():
    with pytest.raises(InputError, match="'gama' is no column of epochs, choose from gamma, loss"):
        (ONE + OTHER).of_epochs("gama")
    assert nearest_first("x", ["b", "a"]) == ["b", "a"]


@pytest.mark.parametrize("value", [0.1, Bound(low=4.0), Bound(high=-1.0), Bound(0.5, 1.0)])
def test_values_survive_json(value):
    assert from_plain(json.loads(json.dumps(as_plain(value), allow_nan=False))) == value


def test_what_is_unknown_is_null():
    assert as_plain(math.nan) is as_plain(math.inf) is None
    assert math.isnan(from_plain(None))


def test_bounds_the_wrong_way_round_are_refused():
    with pytest.raises(ValueError, match="low must not be above high"):
        Bound(2.0, 1.0)
