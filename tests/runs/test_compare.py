"""Two results trees: what counts as the same, on the same machine and on another."""

import pandas as pd
import pytest

from trajreg.runs.compare import compare, tolerance
from trajreg.runs.tree import ResultsTree, is_reference, newest_reference, write_json


def tree(root, losses, verdict="replicated", machine="A", runs=("r1", "r2"), diverged=False):
    one = ResultsTree(root)
    staging = one.staging("fig04")
    for folder in ("values", "claims"):
        (staging / folder).mkdir()
    values = {"variant": "ReLU", "seed": range(len(losses)), "diverged": diverged, "final_train_loss": losses}
    pd.DataFrame(values).to_csv(staging / "values" / "fig04.csv", index=False)
    pd.DataFrame({"claim": ["c"], "where": [None], "verdict": [verdict]}).to_csv(
        staging / "claims" / "fig04.csv", index=False
    )
    one.promote("fig04", staging, {"key": "k", "runs": list(runs)})
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


def test_changed_params_are_not_compared(tmp_path, reference):
    result = compare(tree(tmp_path / "local", MOVED, runs=("r3",)), reference)
    assert result.problems == []
    assert "its runs differ from the reference's" in result.notes[0]


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
