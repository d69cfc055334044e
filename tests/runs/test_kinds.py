"""A kind of run that is no training goes the whole way: plan, store, launcher, notebook, claims, report."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, copy_project
from figures import figure
from random_walk import RandomWalkSpec
from ruamel.yaml import YAML

from trajreg.columns import Bound
from trajreg.errors import InputError
from trajreg.runs.execute import execute
from trajreg.runs.fingerprint import fingerprint, identity
from trajreg.runs.launch import launch
from trajreg.runs.plan import announcement, plan
from trajreg.runs.store import RunStore
from trajreg.runs.study import Study
from trajreg.studies.claims import ledger
from trajreg.studies.kinds import KINDS, Wanted
from trajreg.studies.tables import run_table, summary_table

QUESTION = {
    "title": "Random walks", "caption": "c", "study": "ours", "status": "illustration", "panels": ["distance"],
    "contrasts": {"drift": {"treatment": {"drift": 0.5}, "control": {"drift": 0.0}, "battery": ["away", "sooner"]}},
    "success": {
        "away": {
            "text": "Drift leads away", "source": "ours", "metric": "final_distance", "direction": "higher",
            "effect": "difference", "smallest_effect": 1.0,
        },
        "sooner": {
            "text": "With drift it is far sooner", "source": "ours", "metric": "steps_to_far", "direction": "lower",
            "effect": "ratio", "smallest_effect": 1.1,
        },
    },
}  # fmt: skip
SETTING = {"base": {"kind": "random_walk", "num_steps": 100}, "vary": {"drift": [0.0, 0.5]}, "seeds": 5, "measures": {}}


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The kind is known as long as a test runs."""
    monkeypatch.setitem(KINDS, "random_walk", RandomWalkSpec)


def walks(question=None, **changes):
    return figure(QUESTION | (question or {}), SETTING | changes)


def test_its_identity_is_kind_options_and_numerics():
    spec = RandomWalkSpec(num_steps=100, drift=0.5)
    assert identity(spec) == {
        "kind": "random_walk", "spec": {"num_steps": 100, "drift": 0.5}, "sources": {}, "numerics": identity(spec)["numerics"],
    }  # fmt: skip
    assert fingerprint(spec) == fingerprint(RandomWalkSpec(num_steps=100, drift=0.5, seed=0, far=20.0))
    assert fingerprint(spec) != fingerprint(spec.model_copy(update={"seed": 1}))


def test_it_is_planned_and_executed(tmp_path, capsys):
    store, one = RunStore(tmp_path), Wanted(RandomWalkSpec(num_steps=5), {})
    todos = plan([one], store)
    assert announcement(todos) == "1 run to make"
    execute(todos[0].name, one, store)
    stored = store.get(todos[0].name)
    assert len(stored.table("epochs")) == 5
    assert stored.summary["steps_to_far"] == Bound(low=6.0)
    assert stored.manifest["identity"]["kind"] == "random_walk"
    assert plan([one], store) == []


def test_it_is_launched_shown_in_tables_and_claimed(tmp_path):
    study = Study(walks(), RunStore(tmp_path / "runs"), tmp_path / "results")
    assert launch(study.figure.wanted(), study.store, workers=2) == 10
    runs = study.runs()
    table = run_table(runs)
    assert len(table) == 10
    assert table.loc[table["variant"] == "drift = 0.0", "steps_to_far_low"].dropna().eq(101).all()
    assert "distance at the end" in summary_table(runs)
    rows = ledger(study.figure, runs).set_index("claim")
    assert rows["verdict"].to_dict() == {"drift-away": "replicated", "drift-sooner": "replicated"}
    assert rows.loc["drift-sooner", "censored"] > 0


def test_a_claim_about_gamma_is_refused_and_says_what_there_is():
    success = {"away": QUESTION["success"]["away"] | {"metric": "gamma"}, "sooner": QUESTION["success"]["sooner"]}
    with pytest.raises(
        InputError,
        match=r"metric = 'gamma' cannot be claimed of drift = 0.0, choose from final_distance, steps_to_far$",
    ):
        walks({"success": success})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measures": {"regularity": {}}}, "measures must be empty: a run of kind 'random_walk' is not watched by any"),
        ({"keep_snapshots": {"every": 1}}, "keep_snapshots must be null: a run of kind 'random_walk' has none"),
        ({"random_label_seeds": 1}, "random_label_seeds = 1 must be 0: drift = 0.0 has no labels"),
        ({"base": {"kind": "random_walk"}}, "num_steps is missing"),
        ({"base": {"kind": "walk"}}, "base.kind = 'walk' is unknown, choose from training, random_walk"),
        ({"base": {"kind": ["walk"]}}, r"base.kind = \['walk'\] is unknown, choose from training"),
    ],
)
def test_what_does_not_fit_it_is_named(changes, message):
    with pytest.raises(InputError, match=f"setting: drift = 0.0: {message}|setting: {message}"):
        walks(**changes)


def cell(source, *tags):
    return {
        "cell_type": "code", "metadata": {"tags": [*tags]}, "source": source, "outputs": [], "execution_count": None,
        "id": f"c{abs(hash(source)) % 10**6}",
    }  # fmt: skip


CELLS = """
from trajreg.runs.study import Study

study = Study.of("fig01", setting, profile, output_dir)
runs = study.runs()
---
from trajreg.products.ledger import ledger
from trajreg.products.panels import panels
from trajreg.products.summary import summary
from trajreg.products.values import values

for name, product in {"panels": panels, "values": values, "summary": summary, "claims": ledger}.items():
    study.save(name, product(study.figure, runs))
"""


def project(top):
    """A copy of the project in which the kind was added as its docstring says, with a figure of it in a profile of its own."""
    copy_project(top)
    shutil.copy(Path(__file__).with_name("random_walk.py"), top)
    kinds = top / "trajreg" / "studies" / "kinds.py"
    text = kinds.read_text().replace("(TrainSpec,)", "(TrainSpec, RandomWalkSpec)")
    kinds.write_text(
        text.replace("from trajreg.training", "from random_walk import RandomWalkSpec\nfrom trajreg.training", 1)
    )
    (top / "params" / "walks").mkdir()
    for path, values in (("fig01.yaml", QUESTION), ("walks/fig01.yaml", SETTING)):
        with (top / "params" / path).open("w") as file:
            YAML(typ="safe", pure=True).dump(values, file)
    given = {"profile": "walks", "setting": SETTING, "output_dir": "results/walks/scratch"}
    parameters = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    cells = [cell(parameters, "parameters"), *(cell(source.strip()) for source in CELLS.split("---"))]
    notebook = {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    (top / "notebooks" / "fig01.ipynb").write_text(json.dumps(notebook))
    return top


def test_it_goes_from_params_to_the_report(tmp_path):
    top = project(tmp_path)
    command = [sys.executable, "-m", "trajreg", "all", "--profile", "walks", "--workers", "2"]
    settings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(top), str(ROOT)])}
    done = subprocess.run(command, cwd=top, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "runs: 10 wanted, 10 made or measured" in done.stdout
    tree = top / "results" / "walks" / "local"
    assert list(pd.read_csv(tree / "fig01" / "claims.csv")["verdict"]) == ["replicated", "replicated"]
    page = (tree / "pages" / "fig01.html").read_text()
    assert "distance at the end" in page
    assert "Drift leads away" in page
    assert "not recorded" not in (tree / "fig01" / "panels.svg").read_text()
    again = subprocess.run(command, cwd=top, env=settings, capture_output=True, text=True)
    assert "10 wanted, 0 made or measured, 10 were there" in again.stdout
    assert "1 wanted, 0 drawn" in again.stdout
