"""Two results trees: what counts as the same, on the same machine and on another."""

import pandas as pd
import pytest
from small_trees import claim, provenance, values, write

from trajreg.runs.compare import compare, tolerance
from trajreg.runs.tree import ResultsTree, is_reference, newest_reference


def tree(root, losses, verdict="replicated", machine="A", run="relu", diverged=False, figures=("fig04",)):
    """One variant, one claim, and nothing known of the settings."""
    rows = values(losses, run=run, diverged=diverged)
    return write(root, {figure: (rows, claim(verdict), None) for figure in figures}, machine)


LOSSES = [0.10, 0.11, 0.12, 0.09, 0.08]
MOVED = [0.11, 0.10, 0.12, 0.10, 0.085]


@pytest.fixture
def reference(tmp_path):
    return tree(tmp_path / "v1", LOSSES)


def test_the_same_numbers_agree(tmp_path, reference):
    result = compare(tree(tmp_path / "local", LOSSES), reference)
    assert (result.problems, result.notes, result.same_bytes, result.num_compared) == ([], [], 1, 1)


def test_same_machine_must_give_the_same_numbers(tmp_path, reference):
    result = compare(tree(tmp_path / "local", MOVED), reference)
    assert result.problems == ["fig04: same hardware and versions, but other numbers in final_train_loss"]


def test_another_machine_may_move_within_the_spread_over_seeds(tmp_path, reference):
    assert compare(tree(tmp_path / "local", MOVED, machine="B"), reference).problems == []
    far = [loss + 0.2 for loss in LOSSES]
    (problem,) = compare(tree(tmp_path / "far", far, machine="B"), reference).problems
    assert "fig04, ReLU: final_train_loss = 0.3, 0.1 in the reference" in problem


def test_verdicts(tmp_path, reference):
    drift = compare(tree(tmp_path / "a", LOSSES, "inconclusive", machine="B"), reference)
    assert drift.problems == []
    assert "claim c (): inconclusive, replicated in the reference" in drift.notes[0]
    assert compare(tree(tmp_path / "d", LOSSES, "not comparable", machine="B"), reference).problems == []
    for other in ("reversed", "negligible"):
        assert compare(tree(tmp_path / other, LOSSES, other, machine="B"), reference).problems
    assert compare(tree(tmp_path / "c", LOSSES, "inconclusive", machine="A"), reference).problems


def test_other_runs_of_unknown_settings_are_noted_as_long_as_something_else_was_compared(tmp_path, reference):
    both = tree(tmp_path / "v2", LOSSES, figures=("fig04", "fig05"))
    mine = write(
        tmp_path / "local",
        {"fig04": (values(LOSSES), claim(), None), "fig05": (values(MOVED, run="other"), claim(), None)},
    )
    result = compare(mine, both)
    assert result.problems == []
    assert result.notes == ["fig05: its runs differ from the reference's, a tree does not say its settings"]
    (change,) = result.changes
    assert (change.keys, change.held, change.variants["old"].tolist()) == ([], False, [pytest.approx(0.1)])
    (problem,) = compare(tree(tmp_path / "other", MOVED, run="other"), reference).problems
    assert problem.startswith("nothing was compared: fig04: its runs differ from the reference's")


def test_comparing_nothing_is_a_problem(tmp_path, reference):
    empty = ResultsTree(tmp_path / "empty")
    assert compare(empty, empty).problems[0].startswith("nothing was compared: no figure is there")
    one_seed = tree(tmp_path / "v2", LOSSES[:1])
    (problem,) = compare(tree(tmp_path / "local", MOVED[:1], machine="B"), one_seed).problems
    assert "none has a metric with two seeds or more" in problem


def test_a_figure_that_only_one_has_is_a_problem_unless_others_were_asked_for(tmp_path, reference):
    more = tree(tmp_path / "local", LOSSES, figures=("fig04", "fig05"))
    new = "fig05: is not in v1: make a new reference that has it, or name the others by FIGURES"
    assert compare(more, reference).problems == [new]
    assert compare(reference, more).problems == [new]  # here the tree
    assert compare(more, reference, ["fig04"]).problems == []
    assert [one.partition(":")[2][:16] for one in compare(more, reference, ["fig09"]).problems] == [
        " is not in local",
        " is not in v1: m",
    ]


def test_figures_are_compared_by_word_and_number(tmp_path):
    figures = ("fig10", "fig9", "table1")
    reference = tree(tmp_path / "v1", LOSSES, figures=figures)
    result = compare(tree(tmp_path / "local", MOVED, figures=figures), reference)
    assert [problem.partition(":")[0] for problem in result.problems] == ["fig9", "fig10", "table1"]


def test_a_column_that_is_gone_is_a_problem(tmp_path, reference):
    rows = values(LOSSES).drop(columns="final_train_loss")
    (problem,) = compare(write(tmp_path / "local", {"fig04": (rows, claim(), None)}, "B"), reference).problems
    assert "final_train_loss = nan, 0.1 in the reference" in problem


def test_another_number_of_diverged_runs_is_a_problem(tmp_path, reference):
    result = compare(tree(tmp_path / "local", LOSSES, machine="B", diverged=True), reference)
    assert result.problems == ["fig04, ReLU: 5 runs diverged, 0 in the reference"]


def test_tolerance_comes_from_the_spread_and_covers_other_seeds():
    assert tolerance(pd.Series([1.0, 1.0, 1.0])) < 1e-5
    assert tolerance(pd.Series(LOSSES)) == pytest.approx(8.610 * pd.Series(LOSSES).std() * (2 / 5) ** 0.5, rel=1e-3)


def test_the_newest_reference_is_the_highest_finished_one(tmp_path):
    assert newest_reference(tmp_path) is None
    for version in ("v2", "v10"):
        tree(tmp_path / version, LOSSES)
    (tmp_path / "v11").mkdir()
    assert newest_reference(tmp_path).root.name == "v10"
    assert is_reference("v3")
    assert not is_reference("local")


def test_a_changed_product_makes_a_figure_count_as_absent(tmp_path, reference):
    assert reference.figures() == ["fig04"]
    reference.product("fig04", "values").write_text("variant\n")
    assert reference.figures() == []


def test_a_figure_that_saved_no_values_or_claims_has_nothing_to_compare(tmp_path):
    for version in ("v1", "local"):
        bare = ResultsTree(tmp_path / version)
        bare.promote("fig04", bare.staging("fig04"), provenance())
    result = compare(ResultsTree(tmp_path / "local"), ResultsTree(tmp_path / "v1"))
    assert (result.num_compared, result.notes) == (0, [])
