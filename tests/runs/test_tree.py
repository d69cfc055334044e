"""The results tree: a folder a figure, there whole or not at all; nothing of an earlier execution stays behind."""

import json
import os
import re
import shutil
import threading

import pytest
from sealed import rewrite
from small_trees import provenance

from trajreg.errors import InputError
from trajreg.files import remove, write_sealed
from trajreg.runs.products import ProductFolder
from trajreg.runs.tidy import tidy
from trajreg.runs.tree import ResultsTree, newest_reference
from trajreg.studies.product import Product


def promote(tree, figure, *names):
    staging = tree.staging(figure)
    for name in names:
        (staging / name).write_text(name)
    tree.promote(figure, staging, provenance())


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_every_product_of_an_earlier_execution_goes(tmp_path):
    tree = ResultsTree(tmp_path / "local")
    promote(tree, "fig02", "panels.svg", "nulls.svg", "nulls.csv")
    promote(tree, "fig03", "panels.svg", "nulls.svg")
    promote(tree, "fig02", "panels.svg")
    assert names(tree.root / "fig02") == {"panels.svg", "provenance.json"}
    assert names(tree.root / "fig03") == {"panels.svg", "nulls.svg", "provenance.json"}
    assert tree.figures() == ["fig02", "fig03"]
    assert names(tmp_path) - {".locks"} == {"local"}


def test_a_figure_appears_in_one_step_with_its_provenance(tmp_path, monkeypatch):
    tree = ResultsTree(tmp_path / "local")
    promote(tree, "fig02", "old.csv")
    seen, rename = [], os.rename

    def watched(source, target):
        rename(source, target)
        seen.append(sorted(names(tree.root / "fig02")) if (tree.root / "fig02").exists() else None)

    monkeypatch.setattr(os, "rename", watched)
    promote(tree, "fig02", "a.csv", "b.csv")
    assert seen == [None, ["a.csv", "b.csv", "provenance.json"]]


def test_what_was_interrupted_is_in_nobodys_way(tmp_path):
    tree = ResultsTree(tmp_path / "local")
    promote(tree, "fig02", "a.csv")
    (tmp_path / "local.partial/fig02.old").mkdir(parents=True)
    (tmp_path / "local.partial/fig02.old/a.csv").touch()
    (tree.staging("fig02") / "half.csv").touch()
    (tree.root / ".index.html.7.partial").touch()
    assert tree.figures() == ["fig02"]
    tidy(tree, print)
    assert names(tmp_path) - {".locks"} == {"local"}
    assert names(tree.root) == {"fig02"}
    promote(tree, "fig02", "b.csv")
    assert names(tree.root / "fig02") == {"b.csv", "provenance.json"}


def stop_at(monkeypatch, call):
    """Nothing is renamed from this call of os.rename on."""
    rename, calls = os.rename, []

    def killed(source, target):
        calls.append(target)
        if len(calls) >= call:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", killed)


def test_killed_between_the_renames_the_figure_that_was_there_comes_back(tmp_path, monkeypatch):
    tree = ResultsTree(tmp_path / "local")
    promote(tree, "fig02", "old.csv")
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            promote(tree, "fig02", "new.csv")
    assert "fig02.old" in names(tmp_path / "local.partial")
    tidy(tree, print)
    assert names(tree.root / "fig02") == {"old.csv", "provenance.json"}
    assert tree.figures() == ["fig02"]
    promote(tree, "fig02", "new.csv")
    assert names(tree.root / "fig02") == {"new.csv", "provenance.json"}
    assert names(tmp_path) - {".locks"} == {"local"}


def test_a_product_without_its_file_is_refused_and_what_is_there_stays(tmp_path):
    tree = ResultsTree(tmp_path / "local")
    promote(tree, "fig02", "old.csv")
    staging = tree.staging("fig02")
    ProductFolder(staging).save("other", frame())
    (staging / "other.csv").unlink()
    with pytest.raises(InputError, match=r"fig02: other\.csv was saved as a product, but is not in its folder"):
        tree.promote("fig02", staging, provenance())
    assert names(tree.root / "fig02") == {"old.csv", "provenance.json"}


def test_one_process_writes_into_a_tree_and_the_next_waits(tmp_path):
    said, entered = [], threading.Event()

    def second():
        with ResultsTree(tmp_path / "smoke/local").lock(said.append):
            entered.set()

    with ResultsTree(tmp_path / "smoke/local").lock(said.append), ResultsTree(tmp_path / "smoke/v1").lock(said.append):
        other = threading.Thread(target=second)
        other.start()
        assert not entered.wait(0.3)
    assert entered.wait(10)
    other.join()
    assert len(said) == 1
    assert re.fullmatch(rf"waiting for process {os.getpid()} \(.*\), who is at results/smoke/local", said[0])
    assert names(tmp_path / "smoke") == {".locks"}


@pytest.mark.parametrize(
    "replace", [lambda path: path.mkdir(), lambda path: path.symlink_to("elsewhere"), lambda path: path.write_text("")]
)
@pytest.mark.parametrize(
    "name", ["index.html", "fig02", "fig02/a.csv", "failed", "failed/fig03.json", "pages", "manifest.json"]
)
def test_what_stands_in_the_place_of_something_else_is_set_aside(tmp_path, name, replace):
    tree, said = ResultsTree(tmp_path / "local"), []
    promote(tree, "fig02", "a.csv")
    promote(tree, "fig04", "a.csv")
    tree.fail("fig03", tree.staging("fig03"), {"cell": 3})
    remove(tree.root / name)
    replace(tree.root / name)
    tidy(tree, said.append)
    fits = (tree.root / name).exists()  # an empty page is a file all the same, an empty folder of pages a folder
    assert len(said) == (not fits)
    assert fits or f"; set aside as corrupt/local-{name.replace('/', '-')}" in said[0]
    assert tree.figures() == (["fig04"] if name.startswith("fig02") else ["fig02", "fig04"])
    promote(tree, "fig02", "a.csv")
    tree.fail("fig03", tree.staging("fig03"), {"cell": 4})
    assert (tree.figures(), [*tree.failures()]) == (["fig02", "fig04"], ["fig03"])
    tidy(tree, said.append)
    assert len(said) == (not fits)


def test_a_figure_copied_to_another_name_is_not_believed(tmp_path):
    tree = ResultsTree(tmp_path / "local")
    promote(tree, "fig02", "a.csv")
    shutil.copytree(tree.root / "fig02", tree.root / "fig03")
    assert tree.figures() == ["fig02"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("{}"),
        lambda path: rewrite(path, key="k") or path.write_text(path.read_text().replace('"k"', '"l"')),
    ],
)
def test_a_reference_whose_manifest_was_changed_is_an_error_not_an_absence(tmp_path, spoil):
    tree = ResultsTree(tmp_path / "v1")
    promote(tree, "fig02", "a.csv")
    write_sealed(tree.root / "manifest.json", {"key": ""})
    assert newest_reference(tmp_path).root == tree.root
    spoil(tree.root / "manifest.json")
    with pytest.raises(InputError, match=r"v1/manifest.json is not as it was written: nothing is compared with it"):
        newest_reference(tmp_path)
    assert tree.is_finished


def test_provenance_tells_products_and_checksums(tmp_path):
    tree = ResultsTree(tmp_path / "local")
    staging = tree.staging("bep02")
    folder = ProductFolder(staging)
    folder.save("values", Product("Values", table=frame(), role="values"))
    folder.save("other", frame())
    tree.promote("bep02", staging, provenance())
    known = json.loads((tree.root / "bep02/provenance.json").read_text())
    assert known["key"] == "k"
    assert known["products"] == ["values", "other"]
    assert set(known["outputs"]) == {"values.csv", "other.csv", "products.json"}
    assert tree.product("bep02", "values") == tree.root / "bep02/values.csv"
    assert tree.product("bep02", "claims") is None
    assert tree.product("bep03", "values") is None


def frame():
    import pandas as pd

    return pd.DataFrame({"variant": ["a"], "seed": [0]})


def test_figures_are_found_by_their_provenance_and_sorted_by_word_and_number(tmp_path):
    tree = ResultsTree(tmp_path / "local")
    for figure in ("table1", "fig10", "fig9", "bep02", "fig04"):
        promote(tree, figure, "a.csv")
    (tree.root / "pages").mkdir()
    (tree.root / "fig11").mkdir()
    assert tree.figures() == ["bep02", "fig04", "fig9", "fig10", "table1"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "a.csv").write_text("b"), "fig02/a.csv was changed since the figure was made"),
        (lambda folder: (folder / "a.csv").unlink(), "fig02/a.csv was deleted since the figure was made"),
        (
            lambda folder: (folder / "provenance.json").write_text("{"),
            "fig02/provenance.json is missing, or not as it was written",
        ),
        (
            lambda folder: (folder / "provenance.json").write_text("[]"),
            "fig02/provenance.json is missing, or not as it was written",
        ),
        (lambda folder: rewrite(folder / "provenance.json", without=["seeds"]), "fig02/provenance.json lacks seeds"),
        (
            lambda folder: rewrite(folder / "provenance.json", without=["title", "outputs"]),
            "fig02/provenance.json lacks title, outputs",
        ),
    ],
)
def test_a_figure_that_is_not_whole_does_not_count(tmp_path, spoil, said):
    tree = ResultsTree(tmp_path / "local")
    promote(tree, "fig02", "a.csv")
    spoil(tree.root / "fig02")
    assert tree.damage("fig02") == [said]
    assert (tree.figures(), tree.made()) == ([], ["fig02"])


def test_a_failed_notebook_is_kept_and_its_figure_goes_until_it_succeeds(tmp_path):
    tree = ResultsTree(tmp_path / "local")
    promote(tree, "fig02", "a.csv")
    staging = tree.staging("fig02")
    (staging / "notebook.ipynb").write_text("as far as it got")
    kept = tree.fail("fig02", staging, {"cell": 3})
    assert kept.read_text() == "as far as it got"
    known = tree.failures()["fig02"]
    assert (known["cell"], known["notebook"], [*known["outputs"]]) == (3, "fig02.ipynb", ["fig02.ipynb"])
    assert tree.made() == []
    assert names(tmp_path) - {".locks"} == {"local"}
    promote(tree, "fig02", "a.csv")
    assert names(tree.root / "failed") == set()
