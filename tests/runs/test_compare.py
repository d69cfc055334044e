"""Two results trees: what counts as the same, on the same machine and on another."""

import pandas as pd
import pytest

from trajreg.files import write_json
from trajreg.runs.compare import compare, tolerance
from trajreg.runs.tree import ResultsTree, is_reference, newest_reference


def tree(root, losses, verdict="replicated", machine="A", runs=("r1", "r2"), diverged=False, figures=("fig04",)):
    one = ResultsTree(root)
    for figure in figures:
        staging = one.staging(figure)
        for folder in ("values", "claims"):
            (staging / folder).mkdir()
        values = {"variant": "ReLU", "seed": range(len(losses)), "diverged": diverged, "final_train_loss": losses}
        pd.DataFrame(values).to_csv(staging / "values" / f"{figure}.csv", index=False)
        claims = pd.DataFrame({"claim": ["c"], "where": [None], "verdict": [verdict]})
        claims.to_csv(staging / "claims" / f"{figure}.csv", index=False)
        one.promote(figure, staging, {"key": "k", "runs": list(runs)})
    write_json(root / "manifest.json", {"machine": machine})
    return one


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
    assert compare(tree(tmp_path / "b", LOSSES, "not replicated", machine="B"), reference).problems
    assert compare(tree(tmp_path / "c", LOSSES, "inconclusive", machine="A"), reference).problems


def test_changed_params_are_noted_as_long_as_something_else_was_compared(tmp_path, reference):
    both = tree(tmp_path / "v2", LOSSES, figures=("fig04", "fig05"))
    mine = tree(tmp_path / "local", LOSSES, figures=("fig04", "fig05"))
    mine.promote("fig05", mine.staging("fig05"), {"key": "k", "runs": ["r3"]})
    result = compare(mine, both)
    assert result.problems == []
    assert result.notes == ["fig05: its runs differ from the reference's (changed params or numerics), not compared"]
    (problem,) = compare(tree(tmp_path / "other", MOVED, runs=("r3",)), reference).problems
    assert problem.startswith("nothing was compared: fig04: its runs differ from the reference's")


def test_comparing_nothing_is_a_problem(tmp_path, reference):
    empty = ResultsTree(tmp_path / "empty")
    assert compare(empty, empty).problems[0].startswith("nothing was compared: no figure is there")
    one_seed = tree(tmp_path / "v2", LOSSES[:1])
    (problem,) = compare(tree(tmp_path / "local", MOVED[:1], machine="B"), one_seed).problems
    assert "none has a metric with two seeds or more" in problem


def test_a_figure_that_only_one_has_is_a_problem_unless_others_were_asked_for(tmp_path, reference):
    more = tree(tmp_path / "local", LOSSES, figures=("fig04", "fig05"))
    assert compare(more, reference).problems == ["fig05: missing or changed since it was made in v1"]
    assert compare(reference, more).problems == ["fig05: missing or changed since it was made in v1"]  # here the tree
    assert compare(more, reference, ["fig04"]).problems == []
    (problem,) = compare(more, reference, ["fig09"]).problems
    assert problem == "fig09: missing or changed since it was made in local and in v1"


def test_a_column_that_is_gone_is_a_problem(tmp_path, reference):
    other = tree(tmp_path / "local", LOSSES, machine="B")
    staging = other.staging("fig04")
    for folder in ("values", "claims"):
        (staging / folder).mkdir()
    table = pd.read_csv(reference.root / "values" / "fig04.csv").drop(columns="final_train_loss")
    table.to_csv(staging / "values" / "fig04.csv", index=False)
    (staging / "claims" / "fig04.csv").write_bytes((reference.root / "claims" / "fig04.csv").read_bytes())
    other.promote("fig04", staging, {"key": "k", "runs": ["r1", "r2"]})
    (problem,) = compare(other, reference).problems
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
    (reference.root / "values" / "fig04.csv").write_text("variant\n")
    assert reference.figures() == []
