"""`trajreg new`: what it writes is whole, lints, and passes the tests at once; a refusal writes nothing."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, copy_project

from trajreg.errors import InputError
from trajreg.scaffold.new import new
from trajreg.studies.params import figure_ids, load_figure, profiles

NEW = [("figure", "trial98"), ("model", "trial_net"), ("measure", "trial_norm"), ("activation", "trial_gate")]
LONG = "a_name_of_24_characters_"


@pytest.fixture
def checkout(tmp_path):
    """A copy of the project with its tests."""
    top = copy_project(tmp_path / "copy")
    shutil.copytree(ROOT / "tests", top / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", top)
    return top


def files(top):
    return {path: path.read_bytes() for path in top.rglob("*") if path.is_file()}


def run(top, *command):
    settings = os.environ | {"PYTHONPATH": str(top), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", *command], cwd=top, env=settings, capture_output=True, text=True)


def complaints(top, before):
    """What ruff says of the Python files that are other than before."""
    changed = [str(path) for path, text in files(top).items() if path.suffix == ".py" and before.get(path) != text]
    assert len(changed) > 1
    done = [run(top, "ruff", *command, "--no-cache", *changed) for command in (["check"], ["format", "--check"])]
    return [one.stdout for one in done if one.returncode]


def test_what_is_written_lints_and_passes_its_tests_and_the_contracts(checkout):
    before = files(checkout)
    for what, name in NEW:
        done = run(checkout, "trajreg", "new", what, name)
        assert done.returncode == 0, done.stderr
        assert name in done.stdout
    written = files(checkout).keys() - before.keys()
    assert {path.name for path in written if path.name.startswith("test_")} == {
        "test_trial98.py", "test_trial_net.py", "test_trial_norm_measure.py", "test_trial_gate.py",
    }  # fmt: skip
    assert complaints(checkout, before) == []
    chosen = ["-k", " or ".join(name for _, name in NEW), "-p", "no:cacheprovider"]
    tests = [checkout / "tests" / folder for folder in ("models", "measures", "studies")]
    done = run(checkout, "pytest", *chosen, *map(str, tests))
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40  # the contracts of nets and measures took them in


def test_there_may_be_many(checkout):
    for number in range(5):
        assert run(checkout, "trajreg", "new", "model", f"net_number_{number}").returncode == 0
    known = run(checkout, "trajreg", "new", "model", "net_number_4")
    assert known.returncode == 2
    assert "this name is taken" in known.stderr


def test_a_new_figure_is_in_every_profile_and_shares_the_runs_of_its_model(checkout):
    new(checkout, "figure", "table3", like="fig04")
    for profile in profiles(checkout / "params"):
        assert figure_ids(checkout / "params", profile, ["table3"]) == ["table3"]
        copied, like = (load_figure(checkout / "params", profile, one) for one in ("table3", "fig04"))
        assert copied.wanted() == like.wanted()
        assert copied.facets == like.facets
        assert (copied.question.status, copied.question.study) == ("ours", "ours")


def test_the_notebook_of_a_new_figure_runs(project):
    new(project, "figure", "trial98")
    done = run(project, "trajreg", "figure", "--profile", "smoke", "--figures", "trial98")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 wanted, 1 drawn, 0 failed" in done.stdout
    assert (project / "results" / "smoke" / "local" / "trial98" / "provenance.json").exists()


@pytest.mark.parametrize("what", ["model", "measure", "activation"])
def test_long_names_lint_as_well(checkout, what):
    before = files(checkout)
    new(checkout, what, LONG)
    assert complaints(checkout, before) == []


@pytest.mark.parametrize(
    ("what", "name", "like", "message"),
    [
        ("figure", "Fig6", None, "figure 'Fig6': the name must be a lower-case word and a number, as fig17 or table2"),
        ("figure", "fig04", None, "params/fig04.yaml is there already: choose another name"),
        ("figure", "trial98", "fig97", "figure 'fig97' has no question: params/fig97.yaml does not exist"),
        ("model", "Net", None, "model 'Net': the name must be at most 24 lower-case letters, digits and _"),
        ("model", "a" * 25, None, "the name must be at most 24 lower-case letters"),
        ("model", "vgg11", None, "model 'vgg11': this name is taken"),
        ("model", "conv", None, "model 'conv': this name is taken"),  # the base of all convolutional nets
        ("model", "class", None, "model 'class': this name is taken"),
        ("model", "layers", None, "trajreg/models/layers.py is there already"),
        ("measure", "sharpness", None, "measure 'sharpness': this name is taken"),
        ("measure", "gamma", None, "measure 'gamma': this name is taken"),  # a column's
        ("activation", "none", None, "activation 'none': this name is taken"),  # its class would be called None
        ("activation", "relu", None, "activation 'relu': this name is taken"),
        ("model", "net", "fig02", "--like is for figures only, not for a model"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_written(checkout, what, name, like, message):
    before = files(checkout)
    with pytest.raises(InputError, match=message):
        new(checkout, what, name, like)
    assert files(checkout) == before


def test_a_registry_that_was_changed_beyond_recognition_is_named(checkout):
    catalogue = checkout / "trajreg" / "measures" / "catalogue.py"
    catalogue.write_text("MEASURES = dict()\n")
    before = files(checkout)
    with pytest.raises(InputError, match=r"catalogue.py has no line that begins with 'from trajreg.measures'"):
        new(checkout, "measure", "norms")
    assert files(checkout) == before
