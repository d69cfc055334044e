"""What other profiles say of the primary claims: matched by claim and setting, counted in sentences."""

from types import SimpleNamespace

import pytest
from report_claims import claim, figure

from trajreg.report.profiles import profiles
from trajreg.report.references import Share


def other(*claims, name="cifar_cpu", damage="", **shares):
    """The reference of another profile; shares are of claims of Figure 4."""
    held = {("fig04", key): Share(*counts) for key, counts in shares.items()}
    return SimpleNamespace(
        profile=name, version="v1", damage=damage, claims=lambda: list(claims), shares=lambda: held
    )  # fmt: skip


def one(name, verdict, **changed):
    return claim(verdict=verdict, claim=name, **changed)


HERE = figure(
    one("a", "replicated"), one("b", "replicated"), one("c", "inconclusive"), one("d", "negligible", role="exploratory")
)


def test_a_row_a_primary_claim_with_a_cell_a_profile():
    found = profiles([HERE], [other(one("a", "reversed"), one("b", "replicated")), other(name="paper")])
    assert [row.claim.claim for row in found.rows] == ["a", "b", "c"]
    assert [row.place for row in found.rows] == [1, 2, 3]
    assert [[cell and cell.differs for cell in row.cells] for row in found.rows] == [
        [True, None],
        [False, None],
        [None, None],
    ]
    assert [row.differs for row in found.rows] == [True, False, False]
    assert found.rows[0].cells[0].page == "../../cifar_cpu/v1/pages/fig04.html"


@pytest.mark.parametrize(
    ("theirs", "text"),
    [
        ([("a", "reversed"), ("b", "inconclusive"), ("c", "inconclusive")],
         "In cifar_cpu v1 the verdict differs in 2 of 3 claims, in 1 of them one finding from another (Figure 4, own η: x against y, γ: "
         "replicated here, reversed there; Figure 4, own η: x against y, γ: replicated here, inconclusive there)."),
        ([("b", "inconclusive")],
         "In cifar_cpu v1 the verdict differs in the one claim, never one finding from another (Figure 4, own η: x against y, γ: "
         "replicated here, inconclusive there)."),
        ([("a", "replicated"), ("b", "replicated")], "In cifar_cpu v1 the verdict is the same in both claims that it has too."),
        ([("z", "replicated")], "None of these claims is judged in cifar_cpu v1."),
        ([], "None of these claims is judged in cifar_cpu v1."),
    ],
)  # fmt: skip
def test_the_sentence_counts_where_verdicts_differ(theirs, text):
    assert profiles([HERE], [other(*(one(*each) for each in theirs))]).sentences == [text]


def test_many_differences_are_counted_only():
    here = figure(*(one(name, "replicated") for name in "abcde"))
    (text,) = profiles([here], [other(*(one(name, "inconclusive") for name in "abcde"))]).sentences
    assert text == "In cifar_cpu v1 the verdict differs in all 5 claims, never one finding from another."


def test_the_setting_decides_which_claim_is_the_same():
    here = figure(one("a", "replicated", where="VGG-11"), one("a", "replicated", where="VGG-16"))
    both = [one("a", "inconclusive", where="VGG-16"), one("a", "replicated", where="VGG-11")]
    assert [row.differs for row in profiles([here], [other(*both)]).rows] == [False, True]
    alone = [one("a", "inconclusive", where="width 2"), one("a", "replicated", where="width 1", role="exploratory")]
    assert [row.differs for row in profiles([here], [other(*alone)]).rows] == [True, True]
    unlike = [one("a", "inconclusive", where="width 1"), one("a", "reversed", where="width 2")]
    assert [row.cells for row in profiles([here], [other(*unlike)]).rows] == [[None], [None]]


def test_where_a_side_does_not_train_there_nothing_differs():
    stuck = one("a", "not comparable", role="not comparable")
    found = profiles([HERE], [other(stuck)])
    assert not found.rows[0].differs
    assert found.sentences == ["None of these claims is judged in cifar_cpu v1."]


def test_a_profile_of_choices_tells_under_how_many_a_claim_holds():
    found = profiles([HERE], [other(one("c", "reversed"), name="multiverse", a=(9, 9), b=(2, 9))])
    assert [row.cells[0] and row.cells[0].share for row in found.rows] == [Share(9, 9), Share(2, 9), None]
    assert found.sentences == [
        "In multiverse v1, 1 of 2 claims hold under all choices tried, 1 under less than half of them (Figure 4, own η: x against y, γ)."
    ]


def test_a_damaged_reference_is_left_out_and_named():
    found = profiles([HERE], [other(damage="claims.csv was changed since it was written")])
    assert found.sentences == ["Left out is cifar_cpu v1: claims.csv was changed since it was written."]
