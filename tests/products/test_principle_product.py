"""Whether the principle holds: which runs obey it at every step, and of how many Theorem 1 says anything."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from figures import figure, names

import trajreg
from trajreg.metrics.aggregate import summarise
from trajreg.products.principle import principle, principle_table
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.run import Run


def run(path, variant="batch norm", diverged=False):
    """A run along points of a line, at loss 1 and learning rate 1."""
    theta, settings = np.array(path, float), {"model.norm": "batch"}
    steps = trajreg.regularity(
        distance_sq=(theta - theta[-1]) ** 2, update_sq=np.diff(theta) ** 2, loss=np.ones(len(theta) - 1), lr=1.0
    )
    known = {} if diverged else summarise(steps) | {"obeys_epochs": 1.0}
    return Run(
        variant, settings, names(settings), 0, "f", diverged, pd.DataFrame(), known, COLUMNS, lambda m, n: steps, None
    )


STRAIGHT, BACK = [3, 2, 1, 0], [3, 4, 1, 0]


def test_a_run_obeys_when_every_step_comes_nearer_the_end():
    (row,) = principle_table([run(STRAIGHT), run(BACK), run(STRAIGHT, diverged=True)]).to_dict("records")
    assert (row["runs"], row["obey"], row["bound"]) == (3, 1, 1)
    assert row["steps"] == pytest.approx((1 + 2 / 3) / 2)
    # d_0² = 9, γ_min = ½ at the last step, three steps: the bound is 9 / (2 · ½ · 3) = 3 times the loss of 1
    assert row["slack"] == pytest.approx(3)


def test_a_row_a_variant_and_one_on_the_front_page():
    product = principle(figure(), [run(STRAIGHT), run(BACK, "no batch norm")])
    assert product.shown["Variant"].tolist() == ["batch norm", "no batch norm"]
    assert product.shown["Runs that obey"].tolist() == ["1 of 1", "0 of 1"]
    assert product.shown["Steps with γ > 0"].tolist() == ["100 %", "66.7 %"]
    (row,) = product.headline.rows.to_dict("records")
    assert row["Steps with γ > 0"] == "66.7 % to 100 %"
    assert row["Theorem 1 says something of"] == "1 of 2"


def test_runs_on_random_labels_have_rows_of_their_own_and_count_nowhere_else():
    product = principle(figure(), [run(BACK)], [run(STRAIGHT, "batch norm, random labels")])
    assert product.table["labels"].tolist() == ["true labels", "random labels"]
    assert product.shown["Variant"].tolist() == ["batch norm", "batch norm, random labels"]
    assert product.shown["Runs that obey"].tolist() == ["0 of 1", "1 of 1"]
    assert product.headline.rows["Runs that obey"].tolist() == ["0 of 1"]
    assert product.headline.rows["Steps with γ > 0"].tolist() == ["66.7 %"]


def test_only_all_steps_are_100_percent():
    steps = run(STRAIGHT)
    for share, shown in ((0.9996, "99.9 %"), (1.0, "100 %"), (0.99951, "99.9 %"), (0.0004, "0.04 %"), (0.0, "0 %")):
        some = replace(steps, summary=steps.summary | {"gamma_positive": share})
        assert principle(figure(), [some]).shown["Steps with γ > 0"].tolist() == [shown]


@pytest.mark.parametrize("watched", [lambda s: s.assign(update_norm=np.nan), lambda s: s[s["step"] != 1]])
def test_of_runs_of_which_not_every_step_was_watched_nothing_is_said(watched):
    one = run(STRAIGHT)
    some = replace(one, tables=lambda m, n: watched(one.steps()), summary={"gamma": 1.0, "obeys_epochs": 1.0})
    (row,) = principle_table([some]).to_dict("records")
    assert (row["runs"], row["watched"], row["bound"]) == (1, 0, 0)
    product = principle(figure(), [some])
    for shown in (product.shown, product.headline.rows):
        assert shown[["Runs that obey", "Theorem 1 says something of"]].to_numpy().tolist() == [["–", "–"]]
    product = principle(figure(), [some, run(BACK, "no batch norm")])
    assert product.headline.rows["Runs that obey"].tolist() == ["0 of 1"]


@pytest.mark.parametrize("estimated", [{"gamma_stderr": 0.1}, {"optimum": "endpoint_eval (approximate)"}])
def test_what_rests_on_estimated_steps_is_marked(estimated):
    one = run(STRAIGHT)
    some = replace(one, tables=lambda m, n: one.steps().assign(**estimated))
    product = principle(figure(), [some, run(BACK, "no batch norm")])
    assert product.shown["Runs that obey"].tolist() == ["≈1 of 1", "0 of 1"]
    assert product.shown["Steps with γ > 0"].tolist() == ["≈100 %", "66.7 %"]
    assert product.headline.rows["Theorem 1 says something of"].tolist() == ["≈1 of 2"]
    assert "≈ marks" in product.caption
    exact = replace(one, tables=lambda m, n: one.steps().assign(optimum="endpoint"))
    assert principle(figure(), [exact]).shown["Runs that obey"].tolist() == ["1 of 1"]


def test_where_every_run_diverged_nothing_is_known():
    (row,) = principle(figure(), [run(STRAIGHT, diverged=True)]).shown.to_dict("records")
    assert (row["Steps with γ > 0"], row["Runs that obey"]) == ("–", "0 of 1")
