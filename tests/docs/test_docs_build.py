"""The documentation builds without a warning, needs no network, and says everything that it promises to say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import trajreg
from trajreg.measures.catalogue import MEASURES
from trajreg.studies.question import Batteries, QuestionSpec
from trajreg.studies.setting import SettingSpec

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page in this language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


CODE = {page.stem: "\n".join(blocks(page, "python")) for page in PAGES if blocks(page, "python")}
PARAMS = [(page.stem, block) for page in PAGES for block in blocks(page, "yaml")]


def python(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """An interpreter of its own that finds this checkout, and what its documentation is written by."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "docs" / "_ext")])}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The built pages."""
    folder = tmp_path_factory.mktemp("docs")
    strict = ("-q", "-n", "-W", "--keep-going")
    done = python("-m", "sphinx", *strict, "-d", folder / "doctrees", ROOT / "docs", folder / "html")
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_built_pages_fetch_nothing(built):
    pages = {path: path.read_text(encoding="utf-8") for path in built.rglob("*.html")}
    assert len(pages) >= len(PAGES)
    for path, text in pages.items():
        for tag in re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", text):
            assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", tag), f"{path.name}: {tag}"
    for path in built.rglob("*.css"):
        assert not re.search(r"@import|url\([\"']?(?:https?:)?//", path.read_text(encoding="utf-8")), path.name


def test_formulas_are_mathml(built):
    text = (built / "gamma.html").read_text(encoding="utf-8")
    assert text.count("<math") > 10
    assert "$" not in re.sub(r"<(script|pre|code)\b.*?</\1>", "", text, flags=re.DOTALL)


def test_the_references_have_what_the_library_has(built):
    api, params, data, commands = (
        (built / "reference" / f"{page}.html").read_text(encoding="utf-8")
        for page in ("api", "params", "data", "command-line")
    )
    assert all(f'id="trajreg.{name}"' in api for name in trajreg.__all__)
    named = (set(re.findall(r'<span class="pre">([^<]*)</span>', page)) for page in (params, data))
    options, words = named
    assert {"digits_seg", "resnet34", "max_norm", "weight_decay", "num_sketch", "thresholds"} <= options
    columns = [column.name for measure in MEASURES.values() for column in measure.COLUMNS.summary]
    assert {*columns, "update_norm", "p_replicated", "treatment_mean", "random_cosine"} <= words
    words = re.sub(r"<[^>]+>", "", commands)
    assert words.index("make docs") < words.index("--figures FIG …") < words.index("train, draw, report and compare")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_links_also_work_where_the_pages_are_not_built(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", CODE)
def test_the_python_of_a_page_runs(page, tmp_path):
    done = python("-c", CODE[page], cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "text"), PARAMS)
def test_the_params_of_a_page_are_as_the_specs_want_them(page, text):
    values = YAML(typ="safe", pure=True).load(text)
    (kind,) = (one for one in (QuestionSpec, SettingSpec, Batteries) if values.keys() <= one.model_fields.keys())
    if {name for name, field in kind.model_fields.items() if field.is_required()} <= values.keys():
        assert kind.parse(values, page)
    if kind is SettingSpec and "vary" in values:
        assert len(kind.parse(values, page).resolved(page)) == 4  # as the page says


def test_a_writer_or_a_formula_that_is_unknown_is_told(tmp_path):
    (tmp_path / "conf.py").write_text(
        'extensions = ["myst_parser", "mathml_renderer", "generated"]\n'
        'myst_enable_extensions = ["dollarmath"]\nhtml_math_renderer = "mathml"\n'
    )
    (tmp_path / "index.md").write_text("# Title\n\n$\\nosuch{a}$\n\n```{generated} nothing\n```\n")
    done = python("-m", "sphinx", "-q", tmp_path, tmp_path / "html")
    assert "latex2mathml does not know this formula: \\nosuch{a}" in done.stderr
    assert "nothing is called 'nothing', choose from command_line," in done.stderr
