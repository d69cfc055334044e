"""`status` says what is there and what to do next; what is missing is no failure, what failed or was damaged is one."""

import shutil

import pytest

from trajreg.cli import main
from trajreg.runs.tree import ResultsTree
from trajreg.studies.params import figure_ids


@pytest.fixture
def status(project, monkeypatch, capsys):
    """The exit status and what was said of the smoke profile's figures 2 and 4, or of all."""
    monkeypatch.chdir(project)

    def run(*options):
        code = main(["status", "--profile", "smoke", *options])
        return code, capsys.readouterr().out.splitlines()

    return run


TWO = ("--figures", "fig02", "fig04")
NEXT = 'next: `make all PROFILE=smoke FIGURES="fig02 fig04"`'


def test_where_all_is_there_nothing_is_missing(status, project):
    code, lines = status()
    assert (code, lines[-1]) == (0, "nothing is missing")
    assert len(lines) == 1 + len(figure_ids(project / "params", "smoke"))


def test_of_what_is_missing_it_says_how_much_and_the_command(status, project):
    smoke = project / "results" / "smoke"
    shutil.rmtree(smoke / "local" / "fig04")
    assert status(*TWO)[1][-1] == f"missing: 1 figure; {NEXT}"
    runs = ResultsTree(smoke / "local").provenance("fig02")["runs"]
    shutil.rmtree(smoke / "runs" / runs[0])
    code, lines = status(*TWO)
    assert code == 0
    assert [line.split("  ")[0] for line in lines[:-1]] == ["fig02", "fig04"]
    assert lines[-1].startswith(
        f"missing: 1 run and 2 figures; {NEXT}; `make runs PLAN=1 PROFILE=smoke FIGURES="
    )  # figure 2 would come out otherwise


def test_a_run_that_several_figures_share_counts_once(status, project):
    shutil.rmtree(project / "results" / "smoke")
    code, lines = status("--figures", "fig04", "fig16")
    figures, wanted = lines[:-1], int(lines[-1].split()[1])
    assert code == 0
    shown = [int(line.partition("/")[2].split()[0]) for line in figures]
    assert wanted == max(shown) < sum(shown)  # figure 16 shows all of figure 4's


def test_another_version_and_a_reference_lead_to_a_command_that_works(status, project):
    assert status("--version", "mine", *TWO)[1][-1].startswith(
        "missing: 2 figures; next: `make all PROFILE=smoke VERSION=mine FIG"
    )
    trees = project / "results" / "smoke"
    (trees / "local").rename(trees / "v1")
    shutil.rmtree(trees / "v1" / "fig04")
    assert status("--version", "v1", *TWO)[1][-1] == f"missing: 1 figure; {NEXT}"


def test_a_figure_that_failed_is_named_with_its_notebook(status, project):
    tree = ResultsTree(project / "results" / "smoke" / "local")
    staging = tree.staging("fig04")
    shutil.copy(project / "notebooks" / "fig04.ipynb", staging / "notebook.ipynb")
    tree.fail("fig04", staging, {})
    code, lines = status(*TWO)
    assert code == 1
    assert "fig04 failed when it was drawn last; executed notebook: results/smoke/local/failed/fig04.ipynb" in lines
    assert lines[-1] == f"failed: 1 figure; {NEXT}"


def test_what_was_changed_is_named_and_a_failure(status, project):
    smoke = project / "results" / "smoke"
    name = ResultsTree(smoke / "local").provenance("fig04")["runs"][0]
    (smoke / "local" / "fig04" / "values.csv").write_text("changed")
    code, lines = status(*TWO)
    assert code == 1
    assert any(line.startswith("fig04/values.csv was changed") for line in lines)
    assert lines[-1] == f"damaged: 1 figure; {NEXT}"
    (smoke / "runs" / name / "manifest.json").write_text("{}")
    code, lines = status(*TWO)
    assert code == 1
    assert sum(line.startswith(f"run {name}") for line in lines) == 1
    assert lines[-1] == f"damaged: 1 run and 1 figure; {NEXT}"
