"""How firm a verdict is, as products: what is told follows from the shares, and all of it is saved."""

from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from figures import contrast
from multiverses import made, runs_of

from trajreg.products.specification import firmness, specification_curve
from trajreg.products.values import source_values
from trajreg.runs.products import ProductFolder

FIGURE = made()
OVER = SimpleNamespace(sources=(FIGURE,))  # a figure that shows the runs of this one
RUNS = {FIGURE.id: runs_of(FIGURE, {"Adam": [0.5] * 3, "half": None})}


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def test_a_comparison_has_the_shares_of_each_measure_the_sample_and_what_is_left_out():
    (row,) = firmness(OVER, RUNS).headline.rows.to_dict("records")
    assert row["Comparison"] == "batch norm against no batch norm"
    assert row["γ"] == "3 of 4\nsampled: 3 of 3\n1 reversed\n1 not comparable"
    assert row["speed"] == "4 of 4\nsampled: 3 of 3\n1 not comparable"


def test_the_sentences_count_what_holds_throughout_and_which_choice_changes_it():
    said = firmness(OVER, RUNS).caption
    assert (
        "hold under every choice that can be judged: 0 of 1 by γ, 0 of 1 by γ with ℓ* at the end, 1 of 1 by speed."
        in said
    )
    # three measures; half the learning rate is not comparable, and only γ is another under Adam
    assert "in so many cases: optimiser in 1 of 3, learning rate in 0 of 6." in said


def test_optimisers_are_counted_only_by_the_measures_that_fit_them():
    key = "optimizer.weight_decay"
    decay = made(question={"contrasts": {"decay": contrast({key: 0.01}, {key: 0.0})}}, vary={key: [0.01, 0.0]})
    other = replace(decay, id="fig10")
    over = SimpleNamespace(sources=(FIGURE, other))
    said = firmness(over, RUNS | {"fig10": runs_of(other, {"half": [0.5] * 3})}).caption
    assert "judged: 0 of 1 by γ, 0 of 1 by γ with ℓ* at the end, 2 of 2 by speed." in said
    assert (
        "in so many cases: optimiser in 1 of 4, learning rate in 0 of 9." in said
    )  # not γ of the other at half the rate
    assert (
        "Left out of these counts: comparisons of optimisers by γ or γ with ℓ* at the end, since their γ depends on how they scale "
        "their updates." in said
    )
    assert "Left out" not in firmness(OVER, RUNS).caption


def test_a_figure_of_curves_has_a_panel_a_measure_and_says_what_changes_a_verdict(tmp_path):
    product = specification_curve(FIGURE, RUNS[FIGURE.id])
    titles = [axis.get_title() for axis in product.picture.axes if axis.get_title()]
    assert titles == ["γ", "γ with ℓ* at the end", "speed"]
    shown = product.shown.set_index("Measure")
    assert shown.loc["γ", "Changed by"] == "Adam (reversed)"
    assert shown.loc["speed", "Changed by"] == "–"
    ProductFolder(tmp_path).save("curves_fig04", product)
    assert (tmp_path / "curves_fig04.svg").exists()
    table = pd.read_csv(tmp_path / "curves_fig04.csv", keep_default_na=False)
    gamma = table[table["claim"].eq("bn-gamma") & table["measure"].eq("gamma")].set_index("universe")["verdict"]
    assert gamma[["base", "Adam", "half"]].tolist() == ["holds", "reversed", "not comparable"]
    assert len(gamma) == 5 + 3


def test_the_values_of_sources_are_told_apart_by_their_figures():
    product = source_values(OVER, RUNS)
    assert product.role == "values"
    assert len(product.table) == 2 * 8 * 3
    assert product.table["variant"].iloc[0] == "fig04: batch norm, base"
