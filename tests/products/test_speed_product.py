"""Speed against γ and direction: known orders are found, what has no speed is counted, and the answer comes out either way."""

import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import figure

from trajreg.errors import InputError
from trajreg.products.speed import answers, foretold, speed, speeds
from trajreg.products.trainings import trainings
from trajreg.products.values import source_values
from trajreg.runs.products import ProductFolder
from trajreg.studies.figure import Figure
from trajreg.studies.question import QuestionSpec
from trajreg.studies.run import Run
from trajreg.studies.speed import correlations, family_of, found_in, speed_table, technique_table

COMPARED = {
    "activation": ("model.activation", ["relu", "tanh", "sigmoid", "identity"]),
    "norm": ("model.init", ["default", "kaiming", "xavier", "lsuv"]),
    "skip": ("model.width", [0.25, 0.5, 1.0, 2.0]),
}
STEPS, EPOCH = 100, 5
LOSS = 0.5  # the threshold


def source(number, key, values):
    one = figure(
        {"contrasts": {"a": {"treatment": {key: values[0]}, "control": {key: values[1]}, "battery": "usual"}}},
        vary={key: values}, seeds=3, measures={"regularity": {}, "early": {}}, thresholds={"steps_to_loss": LOSS},
    )  # fmt: skip
    return Figure(f"fig{number:02}", one.question, one.setting, one.variants, one.claims, where=f"fig{number:02}")


def sources():
    return [source(2 + number, *compared) for number, compared in enumerate(COMPARED.values())]


def run_of(variant, seed, columns, reached, numbers, diverged=False):
    """A loss of 1 that falls to 0.1 so that the mean over an epoch is at the threshold after `reached` steps."""
    below = reached - EPOCH + 2  # three of five steps have to be below it
    losses = pd.DataFrame({"loss": np.where(np.arange(STEPS) < below, 1.0, 0.1), "lr": 0.1})
    epochs = pd.DataFrame({"epoch": range(1, 1 + STEPS // EPOCH), "step": range(EPOCH, STEPS + 1, EPOCH)})
    return Run(
        variant.label, variant.settings, variant.names, seed, f"{variant.label} {seed}", diverged, epochs,
        {} if diverged else numbers, columns, None, None, own=lambda name: losses, num_weights=1234,
    )  # fmt: skip


def made(direction=True, reached=lambda place, seed: 30 + 10 * place + seed):
    """A figure with three sources of four techniques: D of the first fifth goes with the steps, or is noise. γ is 1/steps, D steps²."""
    random, found, runs = np.random.default_rng(3), sources(), {}
    for one in found:
        runs[one.id] = []
        for place, variant in enumerate(one.variants):
            early = [random.normal() for _ in range(3)]
            for seed in range(3):
                steps = reached(place, seed)
                told = steps**-2.0 if direction else math.exp(early[0])
                numbers = {
                    "gamma": 1 / steps, "rate": 0.1 / steps, "gamma_walk": 2.0, "directedness": steps**2, "forward_cosine": 0.01 * place,
                    "initial_distance": 3.0, "early_gamma": 1 / steps, "early_directedness": told,
                    "early_forward_cosine": early[1], "early_loss": math.exp(early[2]), "early_loss_end": math.exp(early[2] / 2),
                    "early_steps": STEPS / 5, "final_train_loss": 0.1, "final_test_accuracy": 0.9,
                }  # fmt: skip
                runs[one.id].append(run_of(variant, seed, one.columns, steps, numbers))
    asked = QuestionSpec.parse(
        {"title": "All", "caption": "c", "study": "s", "status": "ours", "sources": [one.id for one in found]}, "q"
    )
    return Figure.of_sources("fig16", asked, found), runs


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def test_steps_and_what_goes_with_them(tmp_path):
    asked, runs = made()
    table = speed_table(asked.sources, runs)
    assert table["steps"].tolist()[:4] == [30, 31, 32, 40]
    found = correlations(table)
    assert found_in(found, "gamma").rho == pytest.approx(-1)
    assert found_in(found, "directedness").rho == pytest.approx(1)
    assert found_in(found, "gamma", "within a technique").rho == pytest.approx(-1)
    assert math.isnan(found_in(found, "gamma_walk").rho)  # it does not vary
    product = speed(asked, runs)
    ProductFolder(tmp_path).save("speed", product)
    titles = [axis.get_title() for axis in product.picture.axes]
    assert titles[0].startswith("γ\nρ = −1.00 [−1.00, −1.00]")
    assert titles[2].startswith("D\nρ = 1.00 ")
    assert "figures 2, 3, 4 on true labels" in product.caption
    first, second = product.headline.rows["Answer"]
    assert "Over 12 techniques of 3 figures, those with a larger γ reach their figure’s loss sooner (ρ = −1.00" in first
    assert "those with a larger D later (1.00" in first
    assert second.startswith("D of the first fifth adds to what its losses foretell")
    assert product.caption.endswith(f"{first} {second}")


def test_the_other_answer_is_possible():
    question = "Does early direction foretell it?"
    asked, runs = made(direction=False)
    assert "does not measurably add to" in answers(speed_table(asked.sources, runs))[question]
    at_once = made(reached=lambda place, seed: 6 + place)
    said = answers(speed_table(at_once[0].sources, at_once[1]))[question]
    assert "cannot be asked here: 0 techniques of 0 families" in said
    never = made(reached=lambda place, seed: 200)
    said = answers(speed_table(never[0].sources, never[1]))["Does γ go with speed?"]
    assert said.startswith("Whether γ goes with speed cannot be asked here")


def test_runs_without_a_future_are_counted():
    asked, runs = made(reached=lambda place, seed: (20, 40, 60, 200)[place] + seed * (place != 0))
    table = speed_table(asked.sources, runs)
    assert table.groupby("variant", sort=False)["ahead"].mean().tolist()[:4] == [0, 1, 1, 0]
    never = table[table["steps"] == math.inf]
    assert len(never) == 9
    assert set(never["known"]) == {STEPS + 1}
    assert set(technique_table(table)["steps"]) == {20, 41, 61, math.inf}
    assert "9 never reached the loss" in speed(asked, runs).caption
    caption = foretold(asked, runs).caption
    assert "18 of 36 runs have nothing to foretell" in caption
    assert "9 reach the loss within the first fifth, 9 never do" in caption


def test_runs_that_diverged_are_left_out_and_counted():
    asked, runs = made()
    one = asked.sources[0]
    runs[one.id][0] = run_of(one.variants[0], 0, one.columns, 30, {}, diverged=True)
    table = speed_table(asked.sources, runs)
    assert math.isnan(table["steps"][0])
    assert not table["ahead"][0]
    assert found_in(correlations(table), "gamma", "within a technique").num == 35
    assert "1 diverged" in speed(asked, runs).caption
    assert len(speeds(asked, runs).table) == 36


def test_a_run_of_two_variants_counts_once():
    asked, runs = made()
    first, second = asked.sources[0].variants[:2]
    runs["fig02"][3:6] = [replace(run, variant=second.label) for run in runs["fig02"][:3]]  # shared is own
    table = speed_table(asked.sources, runs)
    assert len(table) == 33
    assert first.label not in set(table.loc[table["figure"] == "fig02", "variant"])
    assert (table["variant"] == second.label).sum() == 3


def test_runs_that_nobody_measured_early_can_still_be_shown(tmp_path):
    asked, runs = made()
    for some in runs.values():
        for run in some:
            for name in [name for name in run.summary if name.startswith("early_")]:
                del run.summary[name]
    product = speed(asked, runs)
    ProductFolder(tmp_path).save("speed", product)
    assert "cannot be asked here" in product.caption
    assert product.picture.axes[4].get_title().startswith("γ, first fifth alone\nρ = unknown")
    ProductFolder(tmp_path).save("foretold", foretold(asked, runs))


def test_a_figure_without_a_threshold_is_refused():
    runs = made()[1]
    lacking = figure(vary={"model.norm": ["batch", "none"]}, seeds=1)
    with pytest.raises(InputError, match=r"^setting: thresholds.steps_to_loss is needed"):
        speed_table([lacking], {lacking.id: list(runs["fig02"])})


def test_the_family_is_what_contrasts_compare():
    assert [family_of(one) for one in sources()] == ["activation", "initialization", "architecture"]
    named = figure(
        {"contrasts": {"a": {"treatment": {"variant": "Adam"}, "control": {"variant": "SGD"}, "battery": "usual"}}},
        vary={}, variants={"SGD": {}, "Adam": {"optimizer": {"name": "adam", "lr": 0.01}}},
    )  # fmt: skip
    assert family_of(named) == "optimizer"
    assert family_of(figure({"contrasts": {}})) == "fig04"


def test_the_table_of_all_trainings(tmp_path):
    asked, runs = made()
    product = trainings(asked, runs)
    ProductFolder(tmp_path).save("trainings", product)
    row = product.table.iloc[0]
    assert row[["figure", "model", "weights", "init", "data", "optimizer", "lr", "epochs", "runs"]].tolist() == [
        "fig02", "VGG-11", 1234, "PyTorch", "digits10", "SGD", 0.1, 3, 3,
    ]  # fmt: skip
    assert row["batch"] == "full"
    assert row["gamma"] == pytest.approx((1 / 30 + 1 / 31 + 1 / 32) / 3)
    assert row["gamma_sd"] == pytest.approx(np.std([1 / 30, 1 / 31, 1 / 32], ddof=1))
    shown = product.shown
    assert len(shown) == 12
    assert "Mean IoU" not in shown
    assert "Diverged" not in shown
    assert shown["Accuracy"][0] == "0.9 ± 0"
    assert shown["Weights"][0] == "1,234"


def test_values_are_told_apart_by_figure():
    table = source_values(*made()).table
    assert len(table) == 36
    assert table["variant"][0] == "fig02: ReLU"
    assert table.groupby("variant").size().eq(3).all()
    assert {"fingerprint", "gamma", "steps_to_loss"} <= set(table)
