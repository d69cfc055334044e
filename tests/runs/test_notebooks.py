"""Executing a figure's notebook: into a folder of its own, from what was there when it began."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import papermill
import pytest
from sealed import rewrite

from trajreg.files import CannotWrite
from trajreg.pipeline import Pipeline
from trajreg.runs.figures import make_figures
from trajreg.runs.notebooks import draw, place
from trajreg.runs.tree import ResultsTree
from trajreg.studies.figure import Figure


@pytest.fixture
def job(project):
    """A figure that is to be drawn again."""
    rewrite(project / "results/smoke/local/fig04/provenance.json", key="another")
    (job,) = Pipeline(project, "smoke", figures=["fig04"]).jobs
    return job


def drawing(monkeypatch, meanwhile=lambda staging: None):
    """Papermill's place is taken by what copies the products that are there, and does something more; returns the calls."""
    calls = []

    def execute(source, target, **options):
        staging = Path(target).parent
        tree = staging.parents[1].with_name(staging.parents[1].name.removesuffix(".partial"))
        shutil.copytree(tree / staging.name, staging, dirs_exist_ok=True)
        (staging / "provenance.json").unlink()
        calls.append(options)
        meanwhile(staging)

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    return calls


def execute(job):
    """As `make_figures`, in this process."""
    staging = job.tree.staging(job.figure.id)
    return place(job, staging, draw(job, staging))


def test_provenance_holds_the_whole_setting_and_the_notebook_gets_what_its_params_say(job, monkeypatch):
    calls = drawing(monkeypatch)
    assert execute(job) is None
    (options,) = calls
    injected, kept = options["parameters"]["setting"], job.tree.provenance("fig04")["setting"]
    assert injected == job.figure.setting.model_dump(mode="json", exclude_unset=True)
    assert kept == job.figure.setting.model_dump(mode="json")
    assert set(kept) > set(injected)


def test_provenance_of_a_figure_that_shows_the_runs_of_others_holds_their_settings(job, monkeypatch):
    figure = Figure.of_sources("fig04", job.figure.question, [job.figure, replace(job.figure, id="fig02")])
    drawing(monkeypatch)
    assert execute(replace(job, figure=figure)) is None
    setting = job.figure.setting.model_dump(mode="json")
    assert job.tree.provenance("fig04")["setting"] == {"fig04": setting, "fig02": setting}


def test_what_is_edited_during_the_execution_leaves_the_figure_to_be_drawn(job, monkeypatch):
    def edit(staging):
        cells = json.loads(job.notebook.read_text())
        cells["cells"][-1]["source"] = "# edited\n"
        job.notebook.write_text(json.dumps(cells))

    drawing(monkeypatch, edit)
    assert execute(job) is None
    assert job.tree.figures()
    assert not job.is_ready()


def test_an_executed_notebook_names_the_tree_not_the_folder_where_it_was_staged(job, monkeypatch):
    def write_where(staging):
        path = staging / "notebook.ipynb"
        content = json.loads(path.read_text())
        content["cells"][0]["source"] = f"output_dir = {os.path.relpath(staging.parent, job.top)!r}"
        path.write_text(json.dumps(content))

    drawing(monkeypatch, write_where)
    assert execute(job) is None
    text = (job.tree.root / "fig04/notebook.ipynb").read_text()
    assert "output_dir = 'results/smoke/local'" in text
    assert "partial" not in text


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), CannotWrite("product 'panels': a line")])
def test_a_full_disk_is_no_failure_of_the_notebook_and_the_figure_stays(job, monkeypatch, error):
    def full(staging):
        raise error

    before = job.tree.provenance("fig04")
    drawing(monkeypatch, full)
    with pytest.raises(CannotWrite, match=r"the notebook of fig04|a line"):
        execute(job)
    assert job.tree.provenance("fig04") == before
    assert job.tree.failures() == {}


def test_where_its_process_is_killed_a_figure_is_named_and_the_others_are_drawn(project, monkeypatch):
    """The notebook itself ends the process that executes it, as the system would for want of memory."""
    path = project / "notebooks/fig04.ipynb"
    text = path.read_text()
    path.write_text(
        text.replace(
            "from trajreg.products.ledger", "import os\\nos.kill(os.getppid(), 9)\\nfrom trajreg.products.ledger"
        )
    )
    assert path.read_text() != text
    rewrite(project / "results/smoke/local/fig01/provenance.json", key="another")
    jobs = Pipeline(project, "smoke", figures=["fig01", "fig04"]).jobs
    made = {one.figure.id: failure for one, failure in make_figures(jobs, workers=2)}
    assert made["fig01"] is None
    assert "its process" in made["fig04"]["message"] or "was killed (out of memory?)" in made["fig04"]["message"]
    assert jobs[0].tree.figures().count("fig01") == 1
    assert [*jobs[0].tree.failures()] == ["fig04"]


def test_a_product_that_a_notebook_deletes_is_its_failure(job, monkeypatch):
    drawing(monkeypatch, lambda staging: (staging / "values.csv").unlink())
    failure = execute(job)
    assert (failure["exception"], failure["cell"]) == ("InputError", None)
    assert "fig04: values.csv was saved as a product, but is not in its folder" in failure["message"]
    assert "fig04" not in ResultsTree(job.tree.root).figures()
    assert (job.tree.root / "failed/fig04.json").exists()
