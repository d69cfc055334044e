"""Whether early numbers foretell: what is built to be found is found, what is not is not."""

import math

import numpy as np
import pandas as pd
import pytest

from trajreg.studies.prediction import BASE, LOSS, MAIN, MODELS, errors_by_fold, foreseeable, prediction_table

FAMILIES = ("activation", "norm", "skip", "optimizer")


def runs(by, seed=0, figures=12, techniques=4):
    """Runs whose log10 steps are a figure's own number and 0.5 times this early number of each technique (and a little noise)."""
    random, rows = np.random.default_rng(seed), []
    for figure in range(figures):
        for technique in range(techniques):
            early = {name: random.normal() for name in MODELS["early loss, D and c⁺"]}
            for number in range(3):
                log_steps = 2 + 0.1 * figure + 0.5 * early.get(by, random.normal() / 2) + 0.05 * random.normal()
                numbers = {name: value if "cosine" in name else 10**value for name, value in early.items()}
                rows.append(
                    {"figure": f"fig{figure}", "family": FAMILIES[figure % 4], "technique": f"fig{figure}: {technique}",
                     "seed": number, "ahead": True, "diverged": False, "steps": 10**log_steps} | numbers
                )  # fmt: skip
    return pd.DataFrame(rows)


def judged(table, left_out="family"):
    found = prediction_table(foreseeable(table))
    return found[found["left_out"] == left_out].set_index("model")


@pytest.mark.parametrize("left_out", ["family", "figure"])
def test_what_early_d_alone_tells_is_found_on_techniques_that_were_left_out(left_out):
    found = judged(runs(by="early_directedness"), left_out)
    assert found.loc[MAIN, "low"] > 0.1
    assert found.loc[MAIN, "p"] == pytest.approx(1 / 500)
    assert found.loc[MAIN, "r2"] > 0.9 > 0.3 > found.loc[BASE, "r2"]
    assert found.loc[MAIN, "error"] < 0.1
    assert found.loc["early loss and c⁺", "high"] < 0.1  # the other number has nothing of it
    assert set(found["folds"]) == {4 if left_out == "family" else 12}


def test_what_d_does_not_tell_is_not_found():
    found = [judged(runs(by="nothing", seed=seed)).loc[MAIN] for seed in range(10)]
    assert sum(one["low"] > 0 and one["p"] <= 0.05 for one in found) <= 1


def test_what_early_loss_tells_already_is_no_gain_of_d():
    for by in LOSS:
        found = judged(runs(by=by, seed=4))
        assert found.loc[BASE, "r2"] > 0.9
        assert abs(found.loc[MAIN, "gain"]) < 0.02


def test_runs_without_a_future_and_figures_without_a_difference_say_nothing():
    table = runs(by="early_directedness", figures=4)
    table.loc[table["figure"] == "fig0", "ahead"] = False
    table.loc[(table["figure"] == "fig1") & ~table["technique"].str.endswith(": 0"), "early_directedness"] = math.nan
    units = foreseeable(table)
    assert sorted(set(units["figure"])) == ["fig2", "fig3"]
    assert units.groupby("figure")["target"].median().abs().max() < 1e-12
    assert len(units) == 8


def test_errors_by_fold_are_those_of_the_table():
    units = foreseeable(runs(by="early_forward_cosine"))
    folds, found = errors_by_fold(units, "family"), prediction_table(units).set_index(["left_out", "model"])
    assert list(folds["fold"]) == list(FAMILIES)
    for name in MODELS:
        mean = (folds[name] * folds["techniques"]).sum() / folds["techniques"].sum()
        assert mean == pytest.approx(found.loc[("family", name), "error"])


@pytest.mark.parametrize("figures", [1, 2])
def test_with_too_few_techniques_nothing_is_said(figures):
    found = prediction_table(foreseeable(runs(by="early_directedness", figures=figures, techniques=2)))
    assert found["error"].isna().all()
    assert found["p"].isna().all()
