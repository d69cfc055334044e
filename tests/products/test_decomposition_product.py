"""What γ is made of, in words: both D, the factors, and what is said where there is none."""

import math

import pandas as pd
from figures import figure as any_figure

from trajreg.metrics.factors import PHASES
from trajreg.products.decomposition import COLUMNS, SHOWN, both_splits, comparisons, decomposition
from trajreg.studies import decomposition as studies

LOGS = {
    "directedness": {"total": 3.0, "directedness": 0.5, "energy": 1.5, "loss": 1.0},
    "alignment": {"total": 2.8, "alignment": -0.1, "distance": 1.0, "update": 0.9, "loss": 1.0},
}


def table(where="VGG-11", half=0.1, seeds=5, left_out=0, undefined=0, reason="", **of_d):
    """The decomposition of one comparison; `of_d` replaces numbers of D's row."""
    rows = []
    for phase in PHASES:
        for split, parts in LOGS.items():
            for part, value in parts.items():
                row = {"phase": phase, "split": split, "part": part, "log10": value}
                row |= {"low": value - half, "high": value + half, "treatment_mean": 3.0, "control_mean": 1.15}
                row["undefined"] = undefined if split == "directedness" else 0
                rows.append(row | (of_d if part == "directedness" else {}))
    shared = {"where": where, "treatment": "batch", "control": "none", "seeds": seeds, "left_out": left_out}
    shared["reason"] = reason
    return pd.DataFrame(rows).assign(**shared).reindex(columns=studies.COLUMNS)


def test_a_comparison_is_told_with_both_d_the_ratio_and_its_factors():
    (row,) = comparisons(table(left_out=1)).to_dict("records")
    assert row == {
        "Comparison": "VGG-11\nbatch against none\nn = 5, 1 left out",
        "D": "3\nagainst 1.15",
        "Ratio of γ": "×1,000\n794 to 1,260",
        "× D": "×3.16\n2.51 to 3.98",
        "× step energy": "×31.6",
        "× 1/loss": "×10",
    }
    (row,) = comparisons(table(where="")).to_dict("records")
    assert row["Comparison"].startswith("batch against none\n")


def test_a_figure_shows_a_row_a_product_with_all_its_factors():
    first, second = both_splits(table()).to_dict("records")
    assert first == {
        "Comparison": "VGG-11\nbatch against none\nn = 5",
        "Ratio": "γ ×1,000\n794 to 1,260",
        "Direction": "D ×3.16\n2.51 to 3.98",
        "Distance": "",
        "Steps": "step energy ×31.6\n25.1 to 39.8",
        "1/loss": "×10\n7.94 to 12.6",
    }
    assert second == {
        "Comparison": "n = 5",
        "Ratio": "γ + γ walk ×631\n501 to 794",
        "Direction": "alignment ×0.794\n0.631 to 1",
        "Distance": "×10\n7.94 to 12.6",
        "Steps": "update ×7.94\n6.31 to 10",
        "1/loss": "×10\n7.94 to 12.6",
    }


def test_a_comparison_of_which_a_side_does_not_train_says_so():
    (row,) = comparisons(table(reason="control does not train")).to_dict("records")
    assert row["Comparison"] == "VGG-11\nbatch against none\ncontrol does not train\nn = 5"
    assert row["× D"] == "×3.16\n2.51 to 3.98"


def test_what_has_no_logarithm_is_counted_and_not_defined():
    first, second = both_splits(table(undefined=2))["Comparison"]
    assert (first.splitlines()[-1], second) == ("n = 5, 2 without a logarithm", "n = 5")
    unknown = ["log10", "low", "high", "treatment_mean", "control_mean"]
    none = table(undefined=5).assign(**dict.fromkeys(unknown, math.nan))
    (row,) = comparisons(none).to_dict("records")
    assert row["D"] == "–\nagainst –"
    assert {row[title] for title in ("Ratio of γ", "× D", "× step energy", "× 1/loss")} == {"not defined"}
    assert both_splits(none)["Direction"].tolist() == ["D not defined", "alignment not defined"]


def test_without_an_interval_the_factor_stands_alone():
    (row,) = comparisons(table(seeds=2, half=math.nan)).to_dict("records")
    assert row["× D"] == "×3.16"


def test_the_front_page_has_no_second_verdict_and_the_figure_shows_both_splits(monkeypatch):
    found = pd.concat([table(), table(where="VGG-16", log10=-0.3, low=-0.4, high=-0.2)])
    monkeypatch.setattr(studies, "decomposition", lambda *given: found)
    product = decomposition(any_figure(), [])
    assert product.title == "What γ is made of"
    assert product.headline.counted is None
    assert product.headline.rows["Comparison"].str.startswith("VGG-1").tolist() == [True, True]
    assert list(product.headline.rows) == list(COLUMNS)
    assert list(product.shown) == list(SHOWN)
    assert len(product.shown) == 4
    assert "the factor of D is ×0.501 to ×3.16" in product.caption
    for words in (product.caption, product.headline.caption):
        assert "Student’s t" in words
        assert "not the sign test" in words


def test_a_figure_without_comparisons_has_an_empty_decomposition():
    product = decomposition(any_figure({"contrasts": {}}, seeds=2), [])
    assert product.shown.empty
    assert product.headline is None
    assert "no D to compare" in product.caption
