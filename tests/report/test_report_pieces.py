"""The pieces of a page: numbers in words, interval plots, formulas."""

import math
from xml.etree import ElementTree

import pytest
from report_trees import ROW

from trajreg.report.cells import cell_html, number_columns
from trajreg.report.contents import label
from trajreg.report.intervals import WIDTH, interval_svg
from trajreg.report.ledger import Claim, in_family, verdict_counts
from trajreg.report.mathml import caption_html, mathml, with_mathml
from trajreg.report.reading import read_reading, slug
from trajreg.studies.numbers import number

INF, NAN = math.inf, math.nan


def claim(**changed) -> Claim:
    """A claim that was replicated, but for what is changed."""
    text = dict.fromkeys(
        (
            "figure",
            "claim",
            "text",
            "metric",
            "where",
            "treatment",
            "control",
            "treatment_variant",
            "control_variant",
            "direction",
        ),
        "x",
    )
    numbers = {"seeds": 5, "effect": 2.0, "low": 1.5, "high": 3.0, "confidence": 0.9375, "smallest_effect": 1.1}
    numbers |= {"p_replicated": 0.03, "p_reversed": 1.0, "p_negligible": 0.9, "censored": 0, "diverged": 0}
    rest = {"effect_kind": "ratio", "effect_bound": "", "source": "paper", "pair_source": "ours", "role": "exploratory"}
    rest |= {"reaches": "", "reached_treatment": None, "reached_control": None, "reason": ""}
    verdict = changed.get("verdict", "replicated")
    return Claim(**(text | numbers | rest | {"verdict": verdict, "verdict_alone": verdict} | changed))


def plotted(low: float, high: float, effect: float = 2.0, kind: str = "ratio") -> ElementTree.Element:
    return ElementTree.fromstring(interval_svg(kind=kind, effect=effect, low=low, high=high, smallest=1.1, label="a<b"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.2345, "1.23"),
        (-0.5, "−0.5"),
        (12345, "12,300"),
        (0, "0"),
        (4.2e-7, "4.2×10⁻⁷"),
        (INF, "∞"),
        (-INF, "−∞"),
        (NAN, "unknown"),
    ],
)
def test_numbers_read_well(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("kind", "low", "high", "text"),
    [
        ("ratio", 1.5, 3, "×1.5 to ×3"),
        ("ratio", 1.5, INF, "≥ ×1.5"),
        ("ratio", 0, 3, "≤ ×3"),
        ("ratio", 0, INF, "unbounded"),
        ("ratio", NAN, 3, "interval unknown"),
        ("ratio", INF, INF, "all ∞"),
        ("difference", -0.1, 0.2, "−0.1 to +0.2"),
        ("difference", -INF, 0.2, "≤ +0.2"),
    ],
)
def test_an_interval_with_an_open_end_is_an_inequality(kind, low, high, text):
    assert claim(effect_kind=kind, low=low, high=high).interval_text == text


def test_a_metric_is_told_with_its_threshold():
    assert claim(metric="steps_to_loss ≤ 0.3").metric_title == "steps to a training loss ≤ 0.3"
    assert claim(metric="unheard_of").metric_title == "unheard_of"


def test_an_effect_that_is_a_bound_is_shown_as_one_with_what_sets_it():
    bound = claim(effect=5.3, effect_bound="≥", metric="steps_to_loss ≤ 0.3")
    assert (bound.effect_text, bound.bound_by_epochs) == ("≥ ×5.3", True)
    below = claim(effect=0.2, effect_bound="≤")  # of a metric that epochs do not bound
    assert (below.effect_text, below.bound_by_epochs) == ("≤ ×0.2", False)
    assert (claim().effect_text, claim().bound_by_epochs, claim().notes) == ("×2", False, [])
    stuck = claim(verdict="inconclusive", reason="control does not train")
    assert stuck.notes == ["control does not train"]


@pytest.mark.parametrize(
    ("source", "pair", "text"),
    [
        ("paper", "paper", "the paper’s claim"),
        ("paper", "ours", "the paper’s claim, our pair"),
        ("ours", "paper", "our question"),
        ("ours", "ours", "our question"),
    ],
)
def test_a_row_says_whose_it_is(source, pair, text):
    assert claim(source=source, pair_source=pair).origin == text


def test_primary_claims_are_judged_together_and_others_are_left_alone():
    one, other = claim(role="primary", p_replicated=0.03), claim(role="primary", p_replicated=0.001)
    alone = claim(p_replicated=0.03)
    judged = in_family([one, alone, other])
    assert [row.verdict for row in judged] == ["replicated", "replicated", "replicated"]
    assert [row.p_holm for row in judged] == pytest.approx([0.03, NAN, 0.002], nan_ok=True)
    assert [row.p_text for row in judged] == [
        "p = 0.03 (0.03 in the family)",
        "p = 0.03",
        "p = 0.001 (0.002 in the family)",
    ]
    lost, *_ = in_family([one, one, alone])
    assert (lost.verdict, lost.verdict_alone, lost.p_holm) == ("inconclusive", "replicated", 0.06)
    assert lost.notes == ["taken alone: replicated"]
    stuck = claim(role="primary", p_replicated=1.0, p_negligible=1.0, verdict="inconclusive")
    assert [row.verdict for row in in_family([one, stuck])] == [
        "inconclusive",
        "inconclusive",
    ]  # it counts all the same
    assert in_family([alone]) == [alone]
    assert verdict_counts(judged) == {
        "replicated": 3, "reversed": 0, "negligible": 0, "inconclusive": 0, "not comparable": 0,
    }  # fmt: skip


def test_the_same_quantity_measured_in_another_way_has_a_line_of_its_own():
    beside = {"beside_effect": 1.7, "beside_low": 1.5, "beside_high": 2.0, "beside_verdict": "replicated"}
    assert claim(beside_metric="final_test_loss", **beside).beside_text == "final test loss: ×1.7 (×1.5 to ×2)"
    bound = claim(beside_metric="final_test_loss", **beside | {"beside_high": INF}, beside_bound="≥")
    assert bound.beside_text == "final test loss: ≥ ×1.7 (≥ ×1.5)"
    assert claim().beside_text == ""


def test_the_plot_of_a_claim_describes_itself():
    assert 'aria-label="Effect ×2, ×1.5 to ×3; the smallest effect that counts is ×1.1"' in claim().plot


def test_an_interval_has_two_caps_and_an_infinite_end_an_arrow():
    def classes(svg):
        return [part.get("class") for part in svg]

    assert classes(plotted(1.5, 3)) == ["band", "null", "bar", "bar", "bar", "dot"]
    assert classes(plotted(1.5, INF)) == ["band", "null", "bar", "bar", "arrow", "dot"]
    assert classes(plotted(NAN, NAN, effect=NAN)) == ["band", "null"]


def test_ratios_are_drawn_on_a_logarithmic_scale_around_no_effect():
    def offset(effect):
        dot = next(part for part in plotted(1 / 8, 8, effect=effect) if part.get("class") == "dot")
        return float(dot.get("cx")) - WIDTH / 2

    assert offset(1) == 0
    assert offset(4) == pytest.approx(-offset(1 / 4), abs=0.2)
    assert offset(4) == pytest.approx(2 * offset(2), abs=0.2)


def test_formulas_become_mathml_and_code_and_prices_stay():
    assert with_mathml(r"so $\gamma_t$ is").startswith("so <math ")
    assert 'display="block"' in with_mathml("$$\na = b\n$$")
    for text in ("`$HOME and $PATH`", "```\n$x$\n```", "between $5 and $6", "a lone $ sign", r"\$x\$"):
        assert with_mathml(text) == text


@pytest.mark.parametrize("latex", [r"\nosuchcommand_x", r"\left( a", "x_"])
def test_a_formula_that_cannot_be_converted_is_shown_as_code(latex):
    shown = mathml(latex)
    assert shown.startswith("<code>")
    assert "_" not in shown  # Markdown would take it for emphasis


def test_a_caption_is_plain_text_with_formulas_and_code():
    shown = caption_html(r"<b> $a < b$ costs $5, `x<y>`")
    assert shown.startswith("&lt;b&gt; <math ")
    assert "<mo>&#x0003C;</mo>" in shown
    assert shown.endswith("costs $5, <code>x&lt;y&gt;</code>")


def test_a_cell_is_escaped_with_small_print_and_verdict():
    assert cell_html("<a>\nb\n<c>") == '&lt;a&gt;<span class="detail">b</span><span class="detail">&lt;c&gt;</span>'
    assert cell_html("? open").startswith('<span class="verdict inconclusive">')
    for text in ("?", "✓", "= 3 <"):
        assert ("verdict" in cell_html(text)) == (text == "= 3 <")


def test_columns_of_numbers_are_told_by_their_first_lines():
    rows = [["ReLU", "×1.2\nx", "–", "−0.5 to 1", "5 runs", "∞"], ["3", "unknown", "–", "–", "≥ ×4", "0"]]
    assert number_columns(rows) == [False, True, False, True, True, True]
    assert number_columns([]) == []


@pytest.mark.parametrize(
    ("figure", "name"),
    [("fig04", "Figure 4"), ("fig12", "Figure 12"), ("table1", "Table 1"), ("bep02", "Bep 2"), ("other", "other")],
)
def test_a_figure_has_a_name_for_readers(figure, name):
    assert label(figure) == name


def test_the_page_on_reading_has_anchors_as_github_makes_them():
    page = read_reading("# A title\n\nText.\n\n## Is a larger γ *better*?\n\n## Two `words`\n")
    assert page.title == "A title"
    assert page.anchors == {"is-a-larger-γ-better", "two-words"}
    assert slug("Is a larger γ better?") in page.anchors


def test_a_ledger_from_before_a_column_is_read_without_it():
    assert Claim.from_row(ROW).technique == "normalization"
    older = {name: text for name, text in ROW.items() if name != "varied" and not name.startswith("beside")}
    read = Claim.from_row(older)
    assert (read.technique, read.beside_text, math.isnan(read.beside_low)) == ("other", "", True)
    with pytest.raises(KeyError):
        Claim.from_row({name: text for name, text in ROW.items() if name != "effect"})
