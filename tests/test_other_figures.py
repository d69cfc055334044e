"""Named variants, other panels, the runs of other figures: each by params and a short notebook alone."""

import json

import pandas as pd
import pytest
from conftest import copy_project

from trajreg.errors import InputError
from trajreg.pipeline import Pipeline
from trajreg.runs.products import read_products
from trajreg.runs.tree import ResultsTree
from trajreg.scaffold.new import new

BASE = {
    "data": {"name": "digits10", "num_train": 60, "num_test": 30}, "model": {"name": "mlp", "hidden": [8]},
    "optimizer": {"name": "sgd", "lr": 0.05}, "batch_size": 20, "num_epochs": 2,
}  # fmt: skip
OPTIMISERS = {
    "title": "Optimisers", "caption": "c", "study": "ours", "status": "ours", "panels": ["train_loss", "rate"],
    "contrasts": {"adam": {"treatment": {"variant": "Adam"}, "control": {"variant": "SGD"}, "battery": ["loss"]}},
}  # fmt: skip
SETTING = {
    "base": BASE, "measures": {"regularity": {}}, "seeds": 2,
    "variants": {"SGD": {}, "Adam": {"optimizer": {"name": "adam", "lr": 0.001}}}, "vary": {"model.activation": ["relu", "tanh"]},
}  # fmt: skip
TABLE = {"title": "All of it", "caption": "c", "study": "ours", "status": "ours", "sources": ["fig02", "trial98"]}
CELL = """
import pandas as pd

from trajreg.runs.study import Study
from trajreg.studies.tables import summary_table

study = Study.of("table1", setting, profile, output_dir)
tables = {figure: summary_table(runs) for figure, runs in study.source_runs().items()}
study.save("summaries", pd.concat(tables, names=["figure"]), title="All variants", caption="Of two figures.")
"""


def dump(path, values):
    path.write_text(json.dumps(values))  # JSON is YAML


def cell(source, *tags):
    kind = {"cell_type": "code", "metadata": {"tags": list(tags)}, "outputs": [], "execution_count": None}
    return kind | {"id": f"cell{len(source)}", "source": source}


@pytest.fixture
def optimisers(project):
    """The project with a figure of named variants in a grid."""
    new(project, "figure", "trial98")
    dump(project / "params" / "trial98.yaml", OPTIMISERS)
    dump(project / "params" / "smoke" / "trial98.yaml", SETTING)
    for other in ("digits", "paper"):
        (project / "params" / other / "trial98.yaml").unlink()
    return project


def made(top, figure):
    said = []
    pipeline = Pipeline(top, "smoke", figures=[figure], say=said.append)
    assert pipeline.run(), said
    assert pipeline.figure(), said
    pipeline.report()
    return ResultsTree(top / "results" / "smoke" / "local")


def test_an_optimiser_figure_needs_its_question_and_setting_only(optimisers):
    tree = made(optimisers, "trial98")
    values = pd.read_csv(tree.product("trial98", "values"))
    assert list(dict.fromkeys(values["variant"])) == ["SGD, ReLU", "SGD, tanh", "Adam, ReLU", "Adam, tanh"]
    claims = pd.read_csv(tree.product("trial98", "claims"))
    assert claims["where"].tolist() == ["ReLU", "tanh"]
    assert set(claims["treatment"]) == {"Adam"}
    panels = next(one for one in read_products(tree.root / "trial98") if one.name == "panels")
    assert panels.alt == "Optimisers: training loss, ηγ against epochs, a line a variant."
    picture = (tree.root / "trial98" / "panels.svg").read_text()
    assert "ReLU: training loss" in picture  # what no contrast compares has its own row
    assert "Adam against SGD" in (tree.root / "pages" / "trial98.html").read_text().replace("<b>", "").replace(
        "</b>", ""
    )


def test_a_table_shows_the_runs_of_other_figures(optimisers):
    dump(optimisers / "params" / "table1.yaml", TABLE)
    given = "profile = 'digits'\nsetting = None\noutput_dir = 'results/digits/scratch'"
    notebook = {"cells": [cell(given, "parameters"), cell(CELL.strip())], "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"] = {"language_info": {"name": "python"}}
    (optimisers / "notebooks" / "table1.ipynb").write_text(json.dumps(notebook))
    made(optimisers, "trial98")
    tree = made(optimisers, "table1")
    table = pd.read_csv(tree.root / "table1" / "summaries.csv", keep_default_na=False)
    assert table["figure"].tolist() == ["fig02"] * 3 + ["trial98"] * 4
    page = (tree.root / "pages" / "table1.html").read_text()
    assert "Table 1" in page
    assert "All variants" in page
    known = tree.provenance("table1")
    assert known["params"] == ["params/table1.yaml"]
    assert set(known["runs"]) == {run for one in ("fig02", "trial98") for run in tree.provenance(one)["runs"]}


def test_a_figure_whose_sources_the_profile_lacks_is_left_out_and_refused_by_name(optimisers):
    dump(optimisers / "params" / "table1.yaml", TABLE)
    notebook = optimisers / "notebooks" / "table1.ipynb"
    notebook.write_text(json.dumps({"cells": [cell("profile = setting = output_dir = None", "parameters")]}))
    assert "table1" not in [job.figure.id for job in Pipeline(optimisers, "digits").jobs]
    with pytest.raises(InputError, match="figure 'table1' is unknown in profile 'digits', choose from "):
        Pipeline(optimisers, "digits", figures=["table1"]).jobs  # noqa: B018 - a property that reads


def test_a_profile_of_choices_shows_how_firm_its_verdicts_are(tmp_path):
    top = copy_project(tmp_path / "project")
    factors = {
        "learning rate": {"η": {}, "2 η": {"optimizer.lr": {"times": 2}}},
        "init": {"a": {}, "b": {"model.init": "lsuv"}},
    }
    setting = {
        "base": BASE, "measures": {"regularity": {}, "endpoint": {}}, "seeds": 2, "vary": {"model.norm": ["batch", "none"]},
        "choices": {"factors": factors, "sample": 1}, "thresholds": {"steps_to_loss": 2.0}, "on_request": True,
    }  # fmt: skip
    for path in (top / "params" / "multiverse").iterdir():
        path.unlink()
    for figure in ("fig04", "fig05"):
        dump(top / "params" / "multiverse" / f"{figure}.yaml", setting)
    said = []
    pipeline = Pipeline(top, "multiverse", say=said.append)
    assert pipeline.all(), said
    assert pipeline.tree.figures() == ["multiverse1"]
    folder = pipeline.tree.root / "multiverse1"
    assert (folder / "curves_fig04.svg").exists()
    assert (folder / "curves_fig05.svg").exists()
    assert set(pd.read_csv(folder / "firmness.csv")["figure"]) == {"fig04", "fig05"}
    table = pd.read_csv(folder / "curves_fig04.csv")
    assert table["universe"].unique().tolist() == ["base", "2 η", "b", "2 η, b"]
    assert set(pd.read_csv(folder / "values.csv")["seed"]) == {0, 1}
    assert "How firm is a verdict?" in (pipeline.tree.root / "index.html").read_text()
