"""The standard products: words for every picture, the numbers of the studies, and what of them stands on the front page."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import figure as any_figure

import trajreg
from trajreg.metrics.aggregate import over_stretches, summarise
from trajreg.products.decomposition import decomposition
from trajreg.products.ledger import ledger
from trajreg.products.nulls import nulls
from trajreg.products.panels import panels
from trajreg.products.summary import summary
from trajreg.products.values import values
from trajreg.runs.products import ProductFolder
from trajreg.studies import claims, null_table, tables
from trajreg.studies.run import Run
from trajreg.studies.setting import RANDOM_LABELS

FIGURE = any_figure({"title": "Norms"}, seeds=2, random_label_seeds=1)


def run(variant, seed):
    """A random path of twenty steps; on random labels its losses are larger."""
    theta = np.random.default_rng(seed).normal(loc=1.0, size=(21, 4)).cumsum(axis=0)
    squares = ((theta - theta[-1]) ** 2).sum(axis=1), ((theta[1:] - theta[:-1]) ** 2).sum(axis=1)
    loss = (4.0 if RANDOM_LABELS in variant.settings else 1.0) * (3 if variant.settings["model.norm"] == "none" else 1)
    steps = trajreg.regularity(distance_sq=squares[0], update_sq=squares[1], loss=np.full(20, loss), lr=0.1)
    epochs = pd.DataFrame({"epoch": [1, 2, 3, 4], "step": [5, 10, 15, 20], "train_loss": loss})
    epochs = epochs.join(over_stretches(steps, 1 + steps["step"].to_numpy() // 5), on="epoch")
    settings, known = variant.settings, summarise(steps, 20)
    return Run(
        variant.label,
        settings,
        variant.names,
        seed,
        "f",
        False,
        epochs,
        known,
        FIGURE.columns,
        lambda m, n: steps,
        None,
    )


RUNS = [run(variant, seed) for variant in FIGURE.variants for seed in range(2)]
RANDOM = [run(variant, 0) for variant in FIGURE.null_variants]


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("make", [panels, summary, values, ledger, decomposition, nulls])
def test_every_product_can_be_saved_with_words_and_without_random_runs(tmp_path, make):
    for random_runs in (RANDOM, []):
        product = make(FIGURE, RUNS, random_runs)
        assert product.title
        assert product.caption
        assert "{" not in product.caption.replace("^{walk}", "")
        assert (product.picture is None) == (not product.alt)
        if product.picture is not None:
            assert product.alt.startswith("Norms: ")
        ProductFolder(tmp_path / "fig04").save("one", product)


def test_tables_are_those_of_the_studies():
    pd.testing.assert_frame_equal(summary(FIGURE, RUNS).table, tables.summary_table(RUNS))
    pd.testing.assert_frame_equal(values(FIGURE, RUNS, RANDOM).table, tables.run_table([*RUNS, *RANDOM]))
    pd.testing.assert_frame_equal(ledger(FIGURE, RUNS).table, claims.ledger(FIGURE, RUNS))
    pd.testing.assert_frame_equal(nulls(FIGURE, RUNS, RANDOM).table, null_table.nulls(RUNS, RANDOM))
    assert (values(FIGURE, RUNS).role, ledger(FIGURE, RUNS).role) == ("values", "claims")


def test_panels_may_be_chosen_and_laid_out_in_rows():
    grid = {"model.init": ["default", "kaiming"], "model.norm": ["batch", "none"]}
    chosen = any_figure({"title": "Norms", "panels": ["gamma"]}, vary=grid, seeds=1)
    product = panels(chosen, [run(variant, 0) for variant in chosen.variants])
    assert [axis.get_title() for axis in product.picture.axes] == [
        "PyTorch init: regularity γ",
        "Kaiming init: regularity γ",
    ]
    assert product.alt == "Norms: regularity γ against epochs, a line a variant."


def test_any_two_variants_may_be_compared():
    turned = [({"model.norm": "none"}, {"model.norm": "batch"})]
    assert decomposition(FIGURE, RUNS, pairs=turned).shown["Comparison"][0].startswith("no batch norm against")


def test_nulls_have_a_row_a_variant_and_one_on_the_front_page():
    product = nulls(FIGURE, RUNS, RANDOM)
    assert product.shown["Variant"].tolist() == ["batch norm", "no batch norm"]
    assert product.shown["γ, true ÷ random"].tolist() == ["×4", "×4"]
    (row,) = product.headline.rows.to_dict("records")
    assert row["Variants"] == "2\nrandom: 1 of 2 seeds"
    assert row["γ, true ÷ random"] == "×4"
    assert "random labels, at 1 of 2 seeds" in product.caption
    assert "accuracy, random" not in product.shown  # of runs without an accuracy


def test_how_far_random_labels_were_memorised_is_shown():
    some = [replace(run, summary=run.summary | {"final_train_accuracy": 0.36}) for run in RANDOM]
    product = nulls(FIGURE, RUNS, some)
    for shown in (product.shown, product.headline.rows):
        assert set(shown["accuracy, random"]) == {"0.36"}


def test_the_front_page_has_the_smallest_and_largest_of_the_variants():
    directed = [replace(run, summary=run.summary | {"directedness": 1.5 + i}) for i, run in enumerate(RUNS)]
    (row,) = nulls(FIGURE, directed, RANDOM).headline.rows.to_dict("records")
    assert row["D"] == "2 to 4"


def test_what_was_not_compared_is_neither_shown_nor_told():
    product = nulls(FIGURE, RUNS)
    assert product.headline is None
    for words in (product.caption.lower(), " ".join(product.shown).lower()):
        assert "random labels" not in words
        assert "other end" not in words
    assert not [title for title in product.shown if "random" in title]
    assert list(product.table) == null_table.COLUMNS


def test_the_way_to_other_ends_is_on_the_front_page_without_random_labels_too():
    def arrays(measure, name):
        return np.array([1.0, 0.0]) if name == "start" else np.array([0.0, 0.0])

    ended = [replace(run, summary=run.summary | {"gamma_endpoint": 1.0}, arrays=arrays) for run in RUNS]
    product = nulls(FIGURE, ended)
    (row,) = product.headline.rows.to_dict("records")
    assert row["Variants"] == "2"
    assert row["displacement’s cosine, other end"] == "1"  # all end at the same point
    assert "“Other end” is" in product.caption
    assert product.shown["γ, other end"].tolist() == product.shown["γ"].tolist()
