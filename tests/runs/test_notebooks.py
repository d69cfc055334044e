"""Executing a figure's notebook: one process at a time, from what was there when it began."""

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import papermill
import pytest
from small_trees import rewrite

from trajreg.pipeline import Pipeline
from trajreg.runs.notebooks import execute_notebook
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
        tree = staging.parent.with_name(staging.parent.name.removesuffix(".partial"))
        shutil.copytree(tree / staging.name, staging, dirs_exist_ok=True)
        (staging / "provenance.json").unlink()
        calls.append(options)
        meanwhile(staging)

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    return calls


def test_provenance_holds_the_whole_setting_and_the_notebook_gets_what_its_params_say(job, monkeypatch):
    calls = drawing(monkeypatch)
    assert execute_notebook(job) is None
    (options,) = calls
    injected, kept = options["parameters"]["setting"], job.tree.provenance("fig04")["setting"]
    assert injected == job.figure.setting.model_dump(mode="json", exclude_unset=True)
    assert kept == job.figure.setting.model_dump(mode="json")
    assert set(kept) > set(injected)


def test_provenance_of_a_figure_that_shows_the_runs_of_others_holds_their_settings(job, monkeypatch):
    figure = Figure.of_sources("fig04", job.figure.question, [job.figure, replace(job.figure, id="fig02")])
    drawing(monkeypatch)
    assert execute_notebook(replace(job, figure=figure)) is None
    setting = job.figure.setting.model_dump(mode="json")
    assert job.tree.provenance("fig04")["setting"] == {"fig04": setting, "fig02": setting}


def test_what_is_edited_during_the_execution_leaves_the_figure_to_be_drawn(job, monkeypatch):
    def edit(staging):
        cells = json.loads(job.notebook.read_text())
        cells["cells"][-1]["source"] = "# edited\n"
        job.notebook.write_text(json.dumps(cells))

    drawing(monkeypatch, edit)
    assert execute_notebook(job) is None
    assert job.tree.figures()
    assert not job.is_ready()


def test_two_at_once_draw_a_figure_once(job, monkeypatch):
    entered, go_on = threading.Event(), threading.Event()

    def wait(staging):
        entered.set()
        assert go_on.wait(60)

    calls = drawing(monkeypatch, wait)
    both = [threading.Thread(target=execute_notebook, args=(job,)) for _ in range(2)]
    both[0].start()
    assert entered.wait(60)
    both[1].start()
    both[1].join(0.3)
    assert (both[1].is_alive(), len(calls)) == (True, 1)
    go_on.set()
    for thread in both:
        thread.join(60)
    assert len(calls) == 1
    assert job.is_ready()


def test_a_product_that_a_notebook_deletes_is_its_failure(job, monkeypatch):
    drawing(monkeypatch, lambda staging: (staging / "values.csv").unlink())
    failure = execute_notebook(job)
    assert (failure["exception"], failure["cell"]) == ("InputError", None)
    assert "fig04: values.csv was saved as a product, but is not in its folder" in failure["message"]
    assert "fig04" not in ResultsTree(job.tree.root).figures()
    assert (job.tree.root / "failed/fig04.json").exists()
