"""The results tree: a folder a figure, there whole or not at all; nothing of an earlier execution stays behind."""

import json
import os

import pytest
from filelock import Timeout
from small_trees import provenance

from trajreg.errors import InputError
from trajreg.runs.products import ProductFolder
from trajreg.runs.tree import ResultsTree
from trajreg.studies.product import Product


def promote(tree, figure, *names):
    staging = tree.staging(figure)
    for name in names:
        (staging / name).write_text(name)
    tree.promote(figure, staging, provenance())


def leave_out(path, *keys):
    known = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in known.items() if key not in keys}))


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
    assert names(tmp_path) == {"local"}


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
    assert tree.figures() == ["fig02"]
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
    assert names(tmp_path / "local.partial") == {"fig02", "fig02.old"}
    tree.staging("fig02")
    assert names(tree.root / "fig02") == {"old.csv", "provenance.json"}
    assert tree.figures() == ["fig02"]
    promote(tree, "fig02", "new.csv")
    assert names(tree.root / "fig02") == {"new.csv", "provenance.json"}
    assert names(tmp_path) == {"local"}


def test_a_product_without_its_file_is_refused_and_what_is_there_stays(tmp_path):
    tree = ResultsTree(tmp_path / "local")
    promote(tree, "fig02", "old.csv")
    staging = tree.staging("fig02")
    ProductFolder(staging).save("other", frame())
    (staging / "other.csv").unlink()
    with pytest.raises(InputError, match=r"fig02: other\.csv was saved as a product, but is not in its folder"):
        tree.promote("fig02", staging, provenance())
    assert names(tree.root / "fig02") == {"old.csv", "provenance.json"}


def test_a_staging_folder_is_made_though_its_parent_is_tidied_away_meanwhile(tmp_path, monkeypatch):
    mkdir, tidied = os.mkdir, []

    def racing(path, mode=0o777):
        mkdir(path, mode)
        if str(path).endswith(".partial") and not tidied:
            tidied.append(os.rmdir(path))

    monkeypatch.setattr(os, "mkdir", racing)
    assert ResultsTree(tmp_path / "local").staging("fig02").is_dir()
    assert tidied


def test_the_lock_of_a_figure_is_its_own_and_lies_beside_the_tree(tmp_path):
    one, other = ResultsTree(tmp_path / "local"), ResultsTree(tmp_path / "local")
    with one.lock("fig02"), other.lock("fig03"):
        with pytest.raises(Timeout), other.lock("fig02").acquire(timeout=0.01):
            pass
        with ResultsTree(tmp_path / "v1").lock("fig02").acquire(timeout=0.01):
            pass
    assert names(tmp_path) == {".locks"}


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
            "fig02/provenance.json is missing or cannot be read",
        ),
        (
            lambda folder: (folder / "provenance.json").write_text("[]"),
            "fig02/provenance.json is missing or cannot be read",
        ),
        (lambda folder: leave_out(folder / "provenance.json", "seeds"), "fig02/provenance.json lacks seeds"),
        (
            lambda folder: leave_out(folder / "provenance.json", "title", "outputs"),
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
    assert json.loads(kept.with_suffix(".json").read_text()) == {"cell": 3, "notebook": "fig02.ipynb"}
    assert tree.made() == []
    assert names(tmp_path) == {"local"}
    promote(tree, "fig02", "a.csv")
    assert names(tree.root / "failed") == set()
