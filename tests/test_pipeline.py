"""The whole way on the smoke profile: every notebook runs, only what changed is redone, and what fails is told."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from sealed import rewrite

from trajreg.cli import main
from trajreg.errors import InputError
from trajreg.files import file_checksum, read_sealed
from trajreg.pipeline import Pipeline
from trajreg.runs.keys import parameter_names
from trajreg.runs.launch import RunsFailed
from trajreg.runs.notebooks import PARAMETERS
from trajreg.runs.tree import ResultsTree
from trajreg.studies.params import figure_ids, load_figure, load_question, load_yaml

ROOT = Path(__file__).resolve().parent.parent
FIGURES = figure_ids(ROOT / "params", "smoke")
COMPARED = [
    "fig02",
    "fig03",
    "fig04",
    "fig05",
]  # of the paper's figures, those that compare γ and hold it against nulls

SHOWING = [
    one for one in FIGURES if "fig04" in (one, *load_question(ROOT / "params", one).sources)
]  # what is drawn of fig04's runs


class Console:
    """Collects what a pipeline says."""

    def __init__(self, top, **options):
        self.lines = []
        self.pipeline = Pipeline(top, "smoke", say=self.lines.append, **options)

    @property
    def text(self):
        return "\n".join(self.lines)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def stamps(tree):
    return {path: path.stat().st_mtime_ns for path in tree.rglob("*") if path.is_file()}


@pytest.mark.parametrize("figure", FIGURES)
def test_every_notebook_leaves_its_products_and_a_page(finished, figure):
    tree = ResultsTree(finished / "results" / "smoke" / "local")
    known, folder = tree.provenance(figure), tree.root / figure
    assert known["products"]
    assert set(known["outputs"]) == {path.name for path in folder.iterdir()} - {"provenance.json"}
    assert all(path.stat().st_size > 0 for path in (*folder.iterdir(), tree.root / "pages" / f"{figure}.html"))
    assert known["params"][0] == f"params/{figure}.yaml"


@pytest.mark.parametrize("figure", ["fig01", *COMPARED])
def test_the_papers_figures_have_these_products(finished, figure):
    tree = ResultsTree(finished / "results" / "smoke" / "local")
    known, folder = tree.provenance(figure), tree.root / figure
    products = ["plane"] if figure == "fig01" else ["panels", "decomposition", "principle", "nulls"]
    assert sorted(known["products"]) == sorted([*products, "claims", "values", "summary"])
    tables = {tree.product(figure, role) for role in ("values", "claims")}
    assert tables == {folder / "values.csv", folder / "claims.csv"}
    assert known["params"] == [f"params/{figure}.yaml", f"params/smoke/{figure}.yaml"]
    assert set(pd.read_csv(folder / "values.csv")["fingerprint"]) == set(known["runs"])


def test_notebooks_and_pages_link_to_the_page_that_explains_them(finished):
    pages = finished / "results" / "smoke" / "local" / "pages"
    anchors = set(re.findall(r' id="([^"]*)"', (pages / "reading-a-figure.html").read_text()))
    for page in pages.glob("fig*.html"):
        links = re.findall(r'href="(?:\.\./pages/)?reading-a-figure\.html#([^"]*)"', page.read_text())
        assert links
        assert {unquote(link) for link in links} <= anchors
        assert "docs/reading-a-figure.md" not in page.read_text()


def test_the_front_page_puts_together_what_the_figures_say(finished):
    index = (finished / "results" / "smoke" / "local" / "index.html").read_text()
    for name in ("decomposition", "nulls"):
        assert index.count(f'id="product-{name}"') == 1
        assert all(f"pages/{figure}.html#product-{name}" in index for figure in COMPARED)
        assert f"pages/fig01.html#product-{name}" not in index


@pytest.mark.parametrize("figure", COMPARED)
def test_every_variant_is_held_against_its_nulls(finished, figure):
    tree = finished / "results" / "smoke" / "local"
    table = pd.read_csv(tree / figure / "nulls.csv", keep_default_na=False, na_values=[""])
    assert table["variant"].tolist() == [
        variant.label for variant in load_figure(ROOT / "params", "smoke", figure).variants
    ]
    assert set(zip(table["seeds"], table["random_seeds"], strict=True)) == {(2, 1)}
    assert table.notna().all(axis=None)
    values = pd.read_csv(tree / figure / "values.csv")
    assert values["variant"].str.endswith("random labels").sum() == len(table)
    for page in ("index.html", f"pages/{figure}.html"):
        assert "random labels" in (tree / page).read_text()


def test_nothing_in_the_tree_names_a_path_of_the_machine(finished):
    tree = finished / "results" / "smoke" / "local"
    texts = [path for path in tree.rglob("*") if path.suffix in (".ipynb", ".html", ".json", ".csv", ".svg", ".css")]
    assert len(texts) > len(FIGURES)
    assert [path.name for path in texts if str(finished) in path.read_text()] == []


def test_the_manifest_tells_where_the_numbers_come_from(finished):
    tree = finished / "results" / "smoke" / "local"
    manifest = json.loads((tree / "manifest.json").read_text())
    assert manifest["source"].keys() == {"commit", "dirty", "lock"}
    assert manifest["machine"]["torch"]
    assert list(manifest["figures"]) == FIGURES
    assert manifest["data_checksums"]
    assert (tree / "index.html").exists()
    assert not (tree.with_name("local.partial")).exists() or not any(tree.with_name("local.partial").iterdir())


def test_nothing_changed_nothing_done(project):
    before = stamps(project)
    console = Console(project)
    started = time.perf_counter()
    assert console.pipeline.all()
    assert time.perf_counter() - started < 5
    assert "0 made or measured" in console.text
    assert "0 drawn" in console.text
    assert "report:" not in console.text
    assert stamps(project) == before


def test_touching_redoes_nothing(project):
    for path in project.rglob("*"):
        os.utime(path)
    console = Console(project)
    assert console.pipeline.all()
    assert "0 made or measured" in console.text
    assert "0 drawn" in console.text


def test_editing_a_notebooks_plot_code_redraws_that_figure_only(project):
    edit(project / "notebooks" / "fig04.ipynb", "panels(study.figure, runs)", "panels(study.figure, runs[:])")
    console = Console(project)
    assert console.pipeline.all()
    assert "0 made or measured" in console.text
    assert "1 drawn" in console.text
    assert "fig04" in console.text


def test_editing_the_code_of_one_kind_of_plot_redraws_the_figures_that_use_it(project):
    edit(project / "trajreg" / "plots" / "plane.py", "levels=9", "levels=7")
    waiting = [job.figure.id for job in Console(project).pipeline.jobs if not job.is_ready()]
    assert "fig01" in waiting
    assert not set(waiting) & set(COMPARED)


def test_editing_params_redoes_what_depends_on_them(project):
    edit(project / "params" / "smoke" / "fig04.yaml", "seeds: 2", "seeds: 3")
    console = Console(project)
    assert console.pipeline.all()
    assert "2 made or measured" in console.text
    assert f"{len(SHOWING)} drawn" in console.text


def test_a_notebook_that_raises_is_kept_and_the_others_finish(project):
    edit(
        project / "notebooks" / "fig04.ipynb",
        "from trajreg.products.ledger",
        "1 / 0\\nfrom trajreg.products.ledger",
    )
    edit(project / "notebooks" / "fig01.ipynb", "minimiser=np.ones(2)", "minimiser=1.0 * np.ones(2)")
    console = Console(project)
    assert not console.pipeline.all()
    tree = project / "results" / "smoke" / "local"
    assert re.search(
        r"error: fig04, cell \d+: ZeroDivisionError: division by zero\n.*results/smoke/local/failed/fig04.ipynb",
        console.text,
    )
    assert "1 drawn, 1 failed" in console.text
    assert "ZeroDivisionError" in (tree / "failed" / "fig04.ipynb").read_text()
    assert "ZeroDivisionError" in (tree / "index.html").read_text()
    assert ResultsTree(tree).figures() == [figure for figure in FIGURES if figure != "fig04"]
    edit(project / "notebooks" / "fig04.ipynb", "1 / 0\\n", "")
    assert Console(project).pipeline.all()
    assert not list((tree / "failed").glob("fig04*"))


def test_a_corrupt_run_is_trained_again_and_its_figure_comes_out_the_same(project):
    runs = project / "results" / "smoke" / "runs"
    name = ResultsTree(project / "results" / "smoke" / "local").provenance("fig04")["runs"][0]
    (runs / name / "steps.parquet").write_bytes(b"")
    console = Console(project)
    assert console.pipeline.all()
    assert "1 made or measured" in console.text
    assert (runs / "corrupt" / name).is_dir()


def test_where_a_run_fails_in_an_empty_tree_there_is_nothing_to_report_and_no_second_error(project, monkeypatch):
    trees = project / "results" / "smoke"
    shutil.rmtree(trees / "local")
    name = next(trees.glob("runs/[0-9a-f]*/manifest.json")).parent.name
    shutil.rmtree(trees / "runs" / name)
    monkeypatch.setattr("trajreg.pipeline.launch", failing)
    console = Console(project)
    figures = [job.figure.id for job in console.pipeline.jobs if name in job.fingerprints()]
    console = Console(project, figures=figures)
    assert not console.pipeline.all()
    assert console.lines[0] == "error: 1 of 1 runs failed"
    assert [line.partition(":")[0] for line in console.lines[1:-2]] == ["error"] * len(figures)
    assert console.lines[-1].startswith("NOT all well after")


def failing(*arguments):
    raise RunsFailed("1 of 1 runs failed")


def test_a_figure_whose_runs_all_diverge_is_drawn_and_says_so(project):
    edit(project / "params" / "smoke" / "fig01.yaml", "lr: 0.1", "lr: 10.0")
    console = Console(project, figures=["fig01"])
    assert console.pipeline.all()
    tree = project / "results" / "smoke" / "local"
    assert ResultsTree(tree).provenance("fig01")["num_diverged"] == 6
    assert set(pd.read_csv(tree / "fig01" / "claims.csv")["verdict"]) == {"not comparable"}
    assert "diverged" in (tree / "pages" / "fig01.html").read_text()


def test_results_are_compared_with_the_newest_reference(project):
    assert Console(project, version="v1").pipeline.all()
    console = Console(project)
    assert console.pipeline.verify()
    assert "against results/smoke/v1" in console.text
    assert f"{len(FIGURES)} figures with the same bytes, 0 problems" in console.text
    values = project / "results" / "smoke" / "v1" / "fig04" / "values.csv"
    table = pd.read_csv(values)
    table["final_train_loss"] += 1e6 * table["final_train_loss"].std()
    table.to_csv(values, index=False)
    provenance = values.with_name("provenance.json")
    rewrite(provenance, outputs=read_sealed(provenance)["outputs"] | {"values.csv": file_checksum(values)})
    console = Console(project)
    assert not console.pipeline.verify()
    assert "fig04: same hardware and versions, but other numbers in final_train_loss" in console.text
    assert re.search(r"fig04, .*: final_train_loss = .* in the reference, allowed is ±", console.text)


def test_changed_params_are_shown_old_beside_new_and_the_rest_is_held_against_the_reference(
    project, monkeypatch, capsys
):
    trees = project / "results" / "smoke"
    shutil.copytree(trees / "local", trees / "v1")
    edit(project / "params" / "smoke" / "fig04.yaml", "lr: 5e-2", "lr: 0.1")
    console = Console(project)
    assert console.pipeline.all()
    lines = console.lines[console.lines.index("  fig04: other settings (old → new)") :]
    assert lines[1] == "    base.optimizer.lr: 0.05 → 0.1"
    assert lines[3].split() == ["variant", "metric", "old", "new", "ratio", "seeds"]
    assert re.search(r"VGG-11, PyTorch init, batch norm +gamma +\d\S+ +\d\S+ +\d\S+ +2$", lines[4])
    assert "1 figure has other settings than the reference and was not held against it: fig04" in console.text
    assert "python -m trajreg diff v1 local --profile smoke" in console.text
    assert f"{len(FIGURES) - len(SHOWING)} figures with the same bytes, 0 problems" in console.text
    capsys.readouterr()
    monkeypatch.chdir(project)
    assert main(["diff", "v1", "local", "--profile", "smoke"]) == 0
    assert "base.optimizer.lr: 0.05 → 0.1" in capsys.readouterr().out
    assert main(["diff", "local", "v1", "--profile", "smoke", "--figures", "fig04"]) == 0
    assert "base.optimizer.lr: 0.1 → 0.05" in capsys.readouterr().out


def test_a_figure_that_only_one_tree_has_is_no_agreement(project):
    local, reference = (project / "results" / "smoke" / version for version in ("local", "v1"))
    shutil.copytree(local, reference)
    (local / "fig04" / "provenance.json").unlink()
    (reference / "fig02" / "provenance.json").unlink()
    console = Console(project)
    assert not console.pipeline.verify()
    assert "DIFFERS: fig04: is not in local" in console.text
    assert "DIFFERS: fig02: is not in v1" in console.text
    console = Console(project, figures=["fig04"])
    assert not console.pipeline.verify()
    assert "fig02" not in console.text


def test_where_every_figure_was_altered_the_report_says_so_and_has_no_verdict(project):
    tree = project / "results" / "smoke" / "local"
    edit(tree / "fig04" / "claims.csv", "inconclusive", "replicated")
    for figure in FIGURES:
        (tree / figure / "notebook.ipynb").unlink()
    Console(project).pipeline.report()
    assert len((tree / "claims.csv").read_text().splitlines()) == 1
    index = (tree / "index.html").read_text()
    assert index.count("Not to be believed") >= len(FIGURES)
    for figure in FIGURES:
        assert f"{figure}/notebook.ipynb was deleted since the figure was made" in index
    assert set(re.findall(r'<span class="big">(\d+)</span>', index)) == {"0"}
    assert "fig04/claims.csv was changed since the figure was made" in (tree / "pages" / "fig04.html").read_text()


def report(project):
    console = Console(project)
    console.pipeline.report()
    return console.text


def test_the_report_follows_what_becomes_of_the_figures_and_of_its_pages(project):
    tree = project / "results" / "smoke" / "local"
    assert report(project) == ""
    for product in ("claims.csv", "values.csv"):  # one altered product after another
        edit(tree / "fig04" / product, "variant", "VARIANT")
        assert report(project).startswith("report: ")
        assert f"fig04/{product} was changed since the figure was made" in (tree / "pages/fig04.html").read_text()
    shutil.rmtree(tree / "fig04")  # which was no longer believed
    assert report(project).startswith("report: ")
    assert "fig04" not in (tree / "index.html").read_text()
    rewrite(tree / "fig02" / "provenance.json", without=["seeds"])
    assert report(project).startswith("report: ")
    assert "fig02/provenance.json lacks seeds" in (tree / "pages/fig02.html").read_text()
    for page in ("pages/fig02.html", "pages/reading-a-figure.html", "claims.csv", "style.css"):
        (tree / page).unlink()
        assert report(project).startswith("report: ")
        assert (tree / page).exists()
    edit(project / "trajreg" / "report" / "publish.py", '"num_runs", "cores")', '"num_runs")')
    assert report(project).startswith("report: ")
    assert report(project) == ""


def test_a_figure_whose_provenance_lacks_a_key_is_drawn_again_and_no_agreement(project):
    trees = project / "results" / "smoke"
    shutil.copytree(trees / "local", trees / "v1")
    rewrite(trees / "local" / "fig04" / "provenance.json", without=["runs"])
    console = Console(project)
    assert not console.pipeline.verify()
    assert "DIFFERS: fig04: was changed in local since it was made" in console.text
    assert [job.figure.id for job in console.pipeline.jobs if not job.is_ready()] == ["fig04"]


def test_a_stored_training_that_comes_out_otherwise_is_trained_anew_only_when_asked(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    edit(project / "params" / "smoke" / "fig01.yaml", "estimator: store,", "optimum: endpoint,")
    name = ResultsTree(project / "results" / "smoke" / "local").provenance("fig01")["runs"][0]
    manifest = project / "results" / "smoke" / "runs" / name / "manifest.json"
    known = read_sealed(manifest)
    rewrite(manifest, landings=["0" * 64, *known["landings"][1:]])
    command = ["run", "--profile", "smoke", "--figures", "fig01"]
    assert main(command) == 1
    shown = capsys.readouterr().out
    assert "1 of 6 runs failed, the others are stored" in shown
    assert f"run {name}: InputError: regularity-" in shown
    assert "`--train-anew` (make … ANEW=1) sets such runs aside" in shown
    assert main([*command, "--train-anew"]) == 0
    assert "6 wanted, 1 made or measured, 5 were there" in capsys.readouterr().out
    assert (manifest.parents[1] / "corrupt" / name).is_dir()
    assert json.loads(manifest.read_text())["files"] == known["files"]


def test_a_finished_reference_is_never_overwritten(project):
    trees = project / "results" / "smoke"
    (trees / "local").rename(trees / "v1")  # a finished tree of that name is a reference
    with pytest.raises(InputError, match="results/smoke/v1 is a finished reference and never overwritten"):
        Console(project, version="v1").pipeline.all()


def test_status_and_why(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    assert main(["status", "--profile", "smoke"]) == 0
    assert capsys.readouterr().out.count("ready") == len(FIGURES)
    name = ResultsTree(project / "results" / "smoke" / "local").provenance("fig04")["runs"][0]
    assert main(["why", name[:8], "--profile", "smoke"]) == 0
    shown = capsys.readouterr().out
    assert re.search(rf"run {name}, wanted by (\w+, )*fig04(, \w+)*: stored", shown)
    # the other seed, the random labels and the same net in another figure are equally near
    assert re.search(r"nearest stored run: \w+\n  spec\.\S+: .* here, .* there\n", shown)
    assert main(["diff", "local", "v7", "--profile", "smoke"]) == 2
    assert "results/smoke/v7 holds no finished figure" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--profile", "nope"], "error: profile 'nope' is unknown, choose from cifar_cpu, digits, "),
        (
            ["all", "--profile", "smoke", "--figures", "fig77"],
            "error: figure 'fig77' is unknown in profile 'smoke', choose from fig",
        ),
        (["report", "--profile", "smoke", "--version", "other"], "error: nothing to report in results/smoke/other"),
        (
            ["diff", "a/b", "c", "--profile", "smoke"],
            "error: version 'a/b' must be the name of a folder of results/smoke: without /, no dot first",
        ),
        (
            ["report", "--profile", "smoke", "--version", "../v1"],
            "error: version '../v1' must be the name of a folder of results/smoke: without /, no dot first",
        ),
        *(
            (
                ["all", "--profile", "smoke", "--version", taken],
                f"error: version '{taken}' must be the name of a folder of",
            )
            for taken in ("runs", "corrupt", "local.partial")
        ),
        (["run", "--profile", "paper", "--figures", "fig04"], "error: device = 'cuda', but PyTorch sees no GPU here"),
    ],
)
def test_bad_input_is_one_error_and_status_2(finished, monkeypatch, capsys, arguments, message):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.chdir(finished)
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown


def test_outside_a_checkout_the_command_says_so(tmp_path):
    done = subprocess.run([sys.executable, "-m", "trajreg", "status"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "is not inside a trajreg checkout" in done.stderr


@pytest.mark.parametrize("figure", FIGURES)
def test_the_parameters_cell_holds_the_setting_of_digits(figure):
    path = ROOT / "notebooks" / f"{figure}.ipynb"
    code = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    parameters = {}
    exec("".join(next(cell["source"] for cell in code if "parameters" in cell["metadata"].get("tags", ()))), parameters)
    assert set(parameter_names(path)) == PARAMETERS
    path = ROOT / "params" / "digits" / f"{figure}.yaml"
    assert parameters["setting"] == (load_yaml(path, ROOT / "params") if path.exists() else None)  # it has sources
    assert parameters["profile"] == "digits"


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_short_and_carry_no_output(path):
    code = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(code) <= 8
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert max(len("".join(cell["source"]).splitlines()) for cell in code[1:]) <= 15


def test_a_notebook_with_other_parameters_is_refused(project):
    edit(project / "notebooks" / "fig04.ipynb", "setting = {", "settings = {")
    with pytest.raises(
        InputError,
        match=r"fig04.ipynb: the parameters cell must assign .*missing: \['setting'\], unknown: \['settings'\]",
    ):
        Console(project).pipeline.jobs  # noqa: B018 - a property that reads


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{", "[", "notebooks/fig04.ipynb is no notebook"),
        ('"parameters"', '"params"', "notebooks/fig04.ipynb has no cell with the tag `parameters`"),
        ("setting = {", "setting = = {", "notebooks/fig04.ipynb: the parameters cell is no Python: invalid syntax"),
    ],
)
def test_what_is_no_notebook_of_a_figure_is_named(project, old, new, message):
    path = project / "notebooks" / "fig04.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        Console(project).pipeline.jobs  # noqa: B018 - a property that reads
