"""The report in a browser and on paper, where Chromium and pdftotext are there."""

import re
import shutil
import subprocess

import pytest
from report_trees import READING, ROW, add_figure, add_product

from trajreg.report.checkout import Checkout
from trajreg.report.render import render
from trajreg.runs.products import Cells

CHROMIUM = shutil.which("chromium")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
OPTIONS += ("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=5000")
SEARCH = """<script>addEventListener("load", () => {
  const form = document.querySelector("form.finder"), counts = [];
  for (const [name, value] of [["words", "VGG-11 γ"], ["words", "fig05"], ["verdict", "reversed"], ["technique", "normalization"]]) {
    form.reset();
    form.elements[name].value = value;
    form.dispatchEvent(new Event("input"));
    counts.push(form.querySelector("output").textContent);
  }
  document.body.textContent = counts.join(" / ");
});</script>"""

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and shutil.which("pdftotext")), reason="needs chromium and pdftotext, to look at the report"
)


@pytest.fixture
def tree(tmp_path):
    """Two figures with claims; a table of the first has thirty columns, more than a page is wide."""
    add_figure(tmp_path, "fig04", [ROW])
    add_figure(
        tmp_path,
        "fig05",
        [ROW | {"verdict": "reversed", "p_reversed": "0.001", "where": "VGG-16", "varied": "model.skip"}],
    )
    wide = Cells(
        ["variant", *(f"measure {i}" for i in range(29))], [["batch norm", *(f"0.{i:03} ± 0.1" for i in range(29))]]
    )
    add_product(tmp_path, "fig04", "wide", table="variant\n", shown=wide)
    render(tmp_path, profile="digits", version="local", checkout=Checkout(reading=READING), provenance={})
    return tmp_path


def chromium(folder, page, *options):
    """What Chromium prints of a page."""
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'browser'}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_finder_finds_claims_by_row_and_figures_by_their_claims(tree):
    page = tree / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{SEARCH}</body>"), encoding="utf-8")
    found = re.search(r"<body>(.*?)</body>", chromium(tree, page, "--dump-dom"), re.DOTALL)[1].strip()
    counts = [re.findall(r"(\d) of 2 (claims|figures)", part) for part in found.split(" / ")]
    assert [[int(count) for count, _ in pair] for pair in counts] == [[1, 1]] * 4


def test_on_paper_no_column_is_lost(tree):
    printed = tree / "page.pdf"
    chromium(tree, tree / "pages/fig04.html", "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    text, boxes = (
        subprocess.run(["pdftotext", how, printed, "-"], capture_output=True, text=True, check=True).stdout
        for how in ("-raw", "-bbox")
    )
    flat = re.sub(r"\s", "", text)
    for i in range(29):
        assert f"measure{i}" in flat
        assert f"0.{i:03}±0.1" in flat
    for page in boxes.split("<page ")[1:]:
        width = float(re.match(r'width="([\d.]+)"', page)[1])
        assert max(map(float, re.findall(r'xMax="([\d.]+)"', page))) < width
