"""The front page's sentences follow from the numbers: none, one, some and all; and its table has every comparison."""

import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from report_claims import METRICS, claim, figure

from trajreg.report.answers import answers, caption, premise
from trajreg.report.comparisons import asked, comparisons, drawn, picture


def many(*verdicts, metric="gamma", **changed):
    """A figure with a comparison a verdict."""
    return figure(*(claim(metric, one, pair=f"x{index}", **changed) for index, one in enumerate(verdicts)))


def said(*figures, tree=None):
    """Question → sentences."""
    return {one.asked: one.text for one in answers(comparisons(figures), figures, tree)}


YES, NO, SAME, OPEN = "replicated", "reversed", "negligible", "inconclusive"


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        ([YES, YES, NO, OPEN],
         "Of 4 comparisons, γ is larger with the technique in 2 (as the paper says), smaller in 1, about the same in none; "
         "it is open in 1."),
        ([NO, SAME],
         "Of 2 comparisons, γ is larger with the technique in none, smaller in 1, about the same in 1; it is open in none."),
        ([YES, YES], "In both comparisons γ is larger with the technique (as the paper says)."),
        ([NO, NO], "In both comparisons γ is smaller with the technique."),
        ([SAME], "In the one comparison γ is about the same with the technique."),
        ([OPEN, OPEN], "In both comparisons it is open whether γ is larger or smaller with the technique."),
        ([OPEN], "In the one comparison it is open whether γ is larger or smaller with the technique."),
    ],
)  # fmt: skip
def test_an_answer_counts_the_verdicts(verdicts, text):
    assert said(many(*verdicts))["Does it raise γ?"].startswith(text)


def test_the_paper_is_named_only_where_it_says_so_and_is_right():
    mixed = figure(claim(pair="x1"), claim(pair="x2", source="ours"), claim(pair="x3", verdict=NO))
    assert "in 2 (1 of them as the paper says), smaller in 1" in said(mixed)["Does it raise γ?"]
    ours = said(many(YES, NO, source="ours"))["Does it raise γ?"]
    assert "as the paper says" not in ours
    assert ours.endswith("The question is ours, not the paper’s.")


def test_effects_are_told_from_the_smallest_to_the_largest():
    spread = figure(claim(pair="x1", effect=0.5), claim(pair="x2", effect_bound="≥"), claim(pair="x3", effect=math.nan))
    assert "Median effects: ×0.5 to ≥ ×2." in said(spread)["Does it raise γ?"]
    assert "Median effect: ×2." in said(many(YES))["Does it raise γ?"]
    assert "Median" not in said(many(OPEN, effect=math.nan))["Does it raise γ?"]


def test_exploratory_questions_say_that_they_are():
    told = said(figure(*(claim(metric) for metric in METRICS)))
    assert len(told) == 4
    assert told["Does a technique speed up training?"].startswith("In the one comparison training is faster")
    path = told["Does it make the path more directed?"]
    assert path.startswith("Exploratory, each verdict taken alone: in the one comparison the directedness D is larger")


@pytest.mark.parametrize(
    ("others", "text"),
    [
        ([YES, YES], "the same."),
        ([YES, NO], "another in 1 of 2 comparisons (Figure 4: x1 against y, ×1.1, reversed)."),
        ([NO, OPEN],
         "another in both comparisons (Figure 4: x0 against y, ×1.1, reversed; Figure 4: x1 against y, ×1.1, inconclusive)."),
        ([None, None], None),
    ],
)  # fmt: skip
def test_the_other_end_of_gamma_stands_beside_it(others, text):
    measured = {"beside_metric": "gamma_endpoint", "beside_effect": 1.1}
    beside = [measured | {"beside_verdict": one} if one else {} for one in others]
    told = said(figure(*(claim(pair=f"x{index}", **one) for index, one in enumerate(beside))))["Does it raise γ?"]
    expected = f"By “γ, ℓ* at the end point” instead, the verdict, taken alone, is {text}"
    assert told.endswith(expected) if text else "instead" not in told


def test_it_is_said_in_how_many_comparisons_the_other_end_was_measured():
    beside = claim(pair="x2", beside_metric="gamma_endpoint", beside_verdict=YES)
    told = said(figure(claim(), beside))["Does it raise γ?"]
    assert told.endswith(
        "By “γ, ℓ* at the end point” (measured in 1 of 2 comparisons) instead, the verdict, taken alone, is the same."
    )


def test_few_exceptions_are_named_with_their_effects():
    told = said(many(YES, YES, NO, OPEN, effect=0.9))["Does it raise γ?"]
    assert "The rest: Figure 4: x2 against y, ×0.9; Figure 4: x3 against y, ×0.9." in told
    for verdicts in ([YES, YES], [NO, NO], [YES, *[OPEN] * 4]):  # none, all, too many
        assert "The rest" not in said(many(*verdicts))["Does it raise γ?"]


def test_what_the_exploratory_comparisons_show_stands_apart():
    shared = [
        claim("directedness", one, "exploratory", pair=f"z{i}", where="shared η")
        for i, one in enumerate([YES, YES, NO])
    ]
    made = figure(claim("gamma"), claim("directedness"), *shared)
    told = said(made)["Does it make the path more directed?"]
    assert told.endswith(
        "Exploratory, at shared η: of 3 comparisons, the directedness D is larger with the technique in 2, smaller in 1, about the same "
        "in none; it is open in none."
    )


def test_it_is_counted_where_speed_and_gamma_come_out_together():
    made = [claim(metric, verdict, pair=pair) for pair, verdict in (("x1", YES), ("x2", NO)) for metric in ("gamma",)]
    made += [claim("steps_to_loss ≤ 0.3", YES, pair=pair) for pair in ("x1", "x2")]
    assert "Faster and with a larger γ, both at once: 1 of 2 comparisons." in said(figure(*made))["Does it raise γ?"]
    assert "both at once" not in said(many(YES))["Does it raise γ?"]


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ([], "No figure here compares a technique with a control."),
        ([figure()], "No figure here compares a technique with a control."),
        ([figure(claim(), status="illustration")], "No figure here compares a technique with a control."),
        ([many(YES, NO)],
         "2 comparisons of a technique with its control were declared beforehand, each side at its own best learning rate "
         "of a small grid, chosen on other seeds. Both sides train, at least 9 of 10 runs down to the figure’s training loss, in both "
         "comparisons. The paper gives no numbers: the smallest effect that counts is ours."),
        ([many(YES, where="", reaches="", pair_source="ours")],
         "One comparison of a technique with its control was declared beforehand. The paper gives no numbers: the smallest effect that "
         "counts is ours, and so is the choice of what is compared in the one comparison."),
        ([figure(claim(), claim(pair="x2", stuck="control", verdict=OPEN))],
         "2 comparisons of a technique with its control were declared beforehand, each side at its own best learning rate "
         "of a small grid, chosen on other seeds. Both sides train, at least 9 of 10 runs down to the figure’s training loss, in 1 of 2 "
         "comparisons; where a side does not, nothing is found. The paper gives"),
        ([figure(claim(role="exploratory", source="ours"))],
         "One comparison of a technique with its control was made, none of them declared beforehand: all is exploratory, each verdict "
         "taken alone, each side at its own best learning rate of a small grid, chosen on other seeds. Both sides train, at least 9 of 10 "
         "runs down to the figure’s training loss, in the one comparison. What is asked here is our"),
        ([figure(claim(role="not comparable", verdict="not comparable", stuck="control"))],
         "In the one comparison of a technique with its control a side does not train: nothing is found."),
    ],
)  # fmt: skip
def test_the_premise_says_what_is_compared(figures, text):
    assert premise(comparisons(figures)).startswith(text)


def test_where_a_side_does_not_train_nothing_is_answered_or_drawn():
    stuck = figure(
        claim(stuck="control", verdict=OPEN), claim("directedness", "not comparable", "not comparable", stuck="control")
    )
    (found,) = comparisons([stuck])
    assert (found.role, found.note) == ("primary", "control does not train (3 of 10 runs)")
    assert said(stuck) == {}
    assert drawn([found]) == []
    assert picture([found]) is None


@pytest.mark.parametrize(
    ("reason", "note"),
    [
        ("", ""),
        ("treatment does not train", "treatment does not train (1 of 10 runs)"),
        ("neither trains", "neither trains (1 and 0 of 10 runs)"),
    ],
)
def test_a_side_that_does_not_train_is_named_with_its_runs(reason, note):
    one = claim(role="not comparable", reason=reason, reached_treatment=1, reached_control=0)
    assert comparisons([figure(one)])[0].note == note


def test_comparisons_stand_by_role_and_are_told_apart_by_what_differs():
    cells = [("VGG-11, LSUV init, own η", "primary", ""), ("VGG-16, LSUV init, own η", "primary", "")]
    cells += [
        ("VGG-11, LSUV init, shared η", "exploratory", ""),
        ("VGG-11, PyTorch init, own η", "not comparable", "control"),
    ]
    claims = [claim(where=where, role=role, stuck=stuck) for where, role, stuck in cells]
    found = comparisons([figure(*reversed(claims)), figure(claim(where=""), name="fig05")])
    assert [one.name for one in found] == [
        "Figure 4, VGG-16: x against y",
        "Figure 4, VGG-11: x against y",
        "Figure 5: x against y",
        "Figure 4, VGG-11, shared η: x against y",
        "Figure 4, VGG-11, PyTorch init, own η: x against y",
    ]


def test_a_comparison_holds_a_claim_a_question_the_primary_one_first():
    early = replace(claim(), metric="gamma_early", role="exploratory")
    lower = replace(claim(), direction="lower")
    again = claim(role="exploratory", effect=9.0)
    found = comparisons([figure(again, early, lower, claim())])
    assert [one.claims["gamma"].effect for one in found] == [2.0]
    assert found[0].cell(asked(found)[0])[1] == 4
    assert comparisons([figure(early)]) == []


def test_the_caption_counts_what_is_left_out():
    primary, stuck = claim(), claim(where="shared η", role="not comparable", stuck="control")
    illustration = figure(claim(), name="fig01", status="illustration")
    figures = [illustration, figure(primary, claim("directedness"), stuck)]
    told = caption(comparisons(figures), figures)
    assert told.endswith("Left out: one comparison in which a side does not train; Figure 1, an illustration.")
    assert "Their verdicts on γ are corrected" in told
    alone = caption(comparisons([many(YES, role="exploratory")]), [])
    assert "Left out" not in alone
    assert "Bold" not in alone


def held(tree, *rows, name="fig04", runs=("a",), columns="variant,labels,runs,steps,epochs,obey,bound,slack"):
    """A figure with a product that says how far the principle holds."""
    (tree / name).mkdir()
    (tree / name / "principle.csv").write_text("\n".join([columns, *rows]) + "\n")
    product = SimpleNamespace(name="principle", file=lambda suffix: f"principle{suffix}")
    return figure(name=name, runs=runs, products=[product])


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (["ReLU,true labels,100,0.79,1,6,5,3.2", "None,true labels,40,1,1,0,1,40"],
         "It is so at 79 % to 100 % of the steps (the medians of 2 variants) and at every step in 6 of 140 runs. Theorem 1 says something "
         "of 6 of 140 runs: its bound is 3.2 to 40 times the average loss there."),
        (["ReLU,true labels,5,0.8,1,0,0,"],
         "It is so at 80 % of the steps (the median of the one variant) and at every step in none of 5 runs. Theorem 1 says something of "
         "none of 5 runs."),
        (["ReLU,true labels,5,1,1,5,5,2"],
         "It is so at 100 % of the steps (the median of the one variant) and at every step in all 5 runs. Theorem 1 says something of all "
         "5 runs: its bound is 2 times the average loss there."),
        (["ReLU,true labels,1,0.5,1,0,0,"],
         "It is so at 50 % of the steps (the median of the one variant) and at every step in no run. Theorem 1 says something of "
         "no run."),
        (["ReLU,true labels,5,1,1,5,5,2", "ReLU on random labels,random labels,5,0.9,1,1,1,3"],
         "5 runs: its bound is 2 times the average loss there. On random labels 1 of 5 runs have it at every step."),
        (["ReLU,true labels,5,,,0,0,"], "It is so at every step in none of 5 runs. Theorem 1 says something of none of 5 runs."),
    ],
)  # fmt: skip
def test_how_far_the_principle_holds_is_summed_over_variants(tmp_path, rows, text):
    assert said(held(tmp_path, *rows), tree=tmp_path)["Does the regularity principle hold?"].endswith(text)


def test_the_principle_is_summed_over_figures_that_have_its_table(tmp_path):
    one, other = (
        held(tmp_path, "a,true labels,5,1,1,5,5,2", name=name, runs=[name, "shared"]) for name in ("fig04", "fig05")
    )
    told = said(one, other, figure(name="fig06"), tree=tmp_path)["Does the regularity principle hold?"]
    assert "in all 10 runs" in told
    assert told.endswith("A run that two figures show counts in each.")
    odd = held(tmp_path, "1", name="fig07", columns="x")
    assert said(odd, tree=tmp_path) == {}


def test_no_sentence_runs_into_the_next():
    told = said(many(YES, NO, beside_metric="gamma_endpoint", beside_verdict=NO))
    assert not re.search(r"\.[A-Z]|\s{2}|\.\.", " ".join(told.values()))


def test_optimizers_are_not_compared_by_what_depends_on_their_scale_or_momentum(tmp_path):
    net = [claim(metric) for metric in METRICS]
    by_adam = [claim(metric, pair="Adam", varied="optimizer") for metric in METRICS]
    told = said(figure(*net, *by_adam), tree=tmp_path)
    assert told["Does a technique speed up training?"].startswith("In both comparisons ")
    raised = told["Does it raise γ?"]
    assert raised.startswith("In the one comparison ")
    assert raised.endswith(
        "Left out: one comparison of optimizers, since their γ depends on how they scale their updates."
    )
    directed = told["Does it make the path more directed?"]
    assert directed.endswith("Left out: one comparison of optimizers, since momentum alone makes it large.")
