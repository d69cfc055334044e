"""The standard products: words for every picture, the numbers of the studies, and what of them stands on the front page."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import figure as any_figure

import trajreg
from trajreg.metrics.aggregate import over_stretches, summarise
from trajreg.products.decomposition import READINGS, decomposition, readings
from trajreg.products.ledger import ledger
from trajreg.products.nulls import nulls
from trajreg.products.panels import panels
from trajreg.products.summary import summary
from trajreg.products.values import values
from trajreg.runs.products import ProductFolder
from trajreg.studies import claims, null_table, tables
from trajreg.studies.decomposition import COLUMNS
from trajreg.studies.run import Run
from trajreg.studies.setting import RANDOM_LABELS

FIGURE = any_figure({"title": "Norms"}, seeds=2, random_label_seeds=1)
SHARES = {"total": 1.0, "alignment": -0.05, "distance": 0.4, "update": 0.35, "loss": 0.3}


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


def split(where="VGG-11", total=3.0, left_out=0, **shares):
    """A decomposition: every part with a fixed share of the log-ratio, the same in all phases."""
    rows = []
    for phase in ("early", "late", "whole"):
        for part, share in (SHARES | shares).items():
            value = share * total
            row = {"log10": value, "low": value - 0.1, "high": value + 0.1}
            if total:
                row |= {"share": share, "share_low": share - 0.1, "share_high": share + 0.1}
            rows.append(row | {"phase": phase, "part": part})
    shared = {"where": where, "treatment": "batch", "control": "none", "seeds": 5, "left_out": left_out}
    table = pd.DataFrame(rows).assign(**shared, walk_treatment=0.42, walk_control=0.5)
    return table.reindex(columns=COLUMNS)


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


def test_a_comparison_is_told_with_ratio_shares_and_pairs():
    (row,) = readings(split(left_out=1)).to_dict("records")
    assert row == {
        "Reading": "✗ does not hold",
        "Comparison": "VGG-11\nbatch against none\nn = 5, 1 left out; walk’s share 42 % and 50 %",
        "Ratio": "×1,000\n×794 to ×1,260",
        "Alignment": "−5 %\n−15 % to 5 %\nearly −5 %, late −5 %",
        "Distance": "40 %",
        "Update": "35 %",
        "Loss": "30 %",
    }
    (row,) = readings(split(where="")).to_dict("records")
    assert row["Comparison"].startswith("batch against none\n")


@pytest.mark.parametrize(
    ("total", "alignment", "reading"),
    [
        (3.0, 0.8, "✓ holds"),
        (3.0, 0.2, "✗ does not hold"),
        (3.0, 0.45, "? open"),
        (-2.0, 0.9, "✓ holds"),
        (0, 0, "= no difference"),
        (math.nan, 0, "? open"),
    ],
)
def test_the_reading_follows_from_the_share_of_alignment(total, alignment, reading):
    (row,) = readings(split(total=total, alignment=alignment)).to_dict("records")
    assert row["Reading"] == reading
    assert row["Ratio"].startswith("not defined") == math.isnan(total)


def test_all_readings_are_counted_and_the_caption_tells_the_share_of_alignment():
    product = decomposition(FIGURE, RUNS)
    assert product.headline.counted == "Reading"
    assert list(product.headline.rows["Reading"].cat.categories) == list(READINGS)
    assert "alignment makes" in product.caption
    assert len(product.shown) == 1


def test_a_figure_without_comparisons_has_an_empty_decomposition():
    bare = any_figure({"contrasts": {}}, seeds=2)
    product = decomposition(bare, RUNS)
    assert product.shown.empty
    assert product.headline is None
    assert "nothing to explain" in product.caption


def test_any_two_variants_may_be_compared():
    turned = [({"model.norm": "none"}, {"model.norm": "batch"})]
    assert decomposition(FIGURE, RUNS, pairs=turned).shown["Comparison"].str.startswith("no batch norm against").all()


def test_nulls_have_a_row_a_variant_and_one_on_the_front_page():
    product = nulls(FIGURE, RUNS, RANDOM)
    assert product.shown["Variant"].tolist() == ["batch norm", "no batch norm"]
    assert product.shown["γ, true ÷ random"].tolist() == ["×4", "×4"]
    (row,) = product.headline.rows.to_dict("records")
    assert row["Variants"] == "2\nrandom: 1 of 2 seeds"
    assert row["γ, true ÷ random"] == "×4"
    low, high = (f"{value:.3g}" for value in sorted(product.table["cosine"])[:: len(product.table) - 1])
    assert row["cosine"] == (low if low == high else f"{low} to {high}")
    assert "random labels: 1 of 2" in product.caption


def test_without_random_labels_nulls_say_nothing_on_the_front_page():
    product = nulls(FIGURE, RUNS)
    assert product.headline is None
    assert product.shown["γ, true ÷ random"].tolist() == ["–", "–"]
    assert "random labels:" not in product.caption
