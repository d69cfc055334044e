"""The whole report of a small tree: what a reader finds in it, and that nothing leaves the folder."""

import csv
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from trajreg.errors import InputError
from trajreg.files import file_checksum
from trajreg.report.ledger import Claim
from trajreg.report.render import render
from trajreg.report.splits import read_splits
from trajreg.runs.tree import FOLDERS

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
ROW = {
    "figure": "fig04", "claim": "bn", "text": "Loss < 1 & <b>γ</b> larger", "source": "paper", "metric": "gamma", "where": "VGG-11",
    "treatment": "batch norm", "control": "none", "seeds": "5", "effect_kind": "ratio", "effect": "2.5", "low": "1.3", "high": "4.5",
    "confidence": "0.9375", "smallest_effect": "1.1", "p_value": "0.03125", "censored": "0", "diverged": "0", "verdict": "replicated",
}  # fmt: skip
OPEN = ROW | {
    "effect": "inf",
    "low": "1.7",
    "high": "inf",
    "censored": "2",
    "source": "ours",
    "verdict": "inconclusive",
}
UNKNOWN = ROW | {"effect": "", "low": "", "high": "", "p_value": "", "diverged": "3", "verdict": "not replicated"}


SHARES = {"total": 1.0, "alignment": -0.05, "distance": 0.4, "update": 0.35, "loss": 0.3}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def record(tree, name, **changed):
    """The figure's provenance, with the checksums of the products that are there."""
    path = tree / f"provenance/{name}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    products = [one for folder in FOLDERS for one in (tree / folder).glob(f"{name}[._]*")]
    outputs = {one.relative_to(tree).as_posix(): file_checksum(one) for one in products}
    write(path, json.dumps(known | changed | {"outputs": outputs}))


def add_figure(tree, name, rows=()):
    """A finished figure, as the pipeline leaves it."""
    for suffix in ("png", "svg"):
        write(tree / f"figures/{name}.{suffix}", "")
    write(tree / f"tables/{name}.csv", "variant,runs,γ\nNone,5,1.5\n<i>x</i>,5,\n")
    (tree / "claims").mkdir(exist_ok=True)
    with (tree / f"claims/{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ROW)
        writer.writeheader()
        writer.writerows(row | {"figure": name} for row in rows)
    table = v4.new_output("display_data", {"text/html": "<table><tr><td>a table</td></tr></table>"})
    widget = v4.new_output("display_data", {"application/javascript": "load()", "text/plain": "a still"})
    picture = v4.new_output("display_data", {"image/png": PNG})
    latex = v4.new_output("display_data", {"text/latex": r"$\eta$", "text/plain": "Math"})
    code = v4.new_code_cell("print('code')", outputs=[table, widget, picture, latex], id="b")
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(r"# Title" + "\n" + r"About $\lambda_1$.", id="a"), code])
    write(tree / f"notebooks/{name}.ipynb", nbformat.writes(notebook))
    known = {"figure": name, "title": f"A <figure> {name}", "status": "reconstructed", "caption": "Loss & γ"}
    known |= {"params": f"params/digits/{name}.yaml", "notebook": f"notebooks/{name}.ipynb", "key": "k"}
    record(tree, name, **known, runs=["abc123"], num_diverged=1, seconds=2.0)


def add_splits(tree, name, where="VGG-11", total=3.0, **shares):
    """A decomposition, as the pipeline leaves it: every part with a fixed share of the log-ratio, the same in all phases."""
    for suffix in ("png", "svg"):
        write(tree / f"figures/{name}_decomposition.{suffix}", "")
    columns = "figure,where,treatment,control,phase,part,log10,low,high,share,share_low,share_high,confidence,seeds,left_out,undefined"
    rows = [f"{columns},walk_treatment,walk_control"]
    for phase in ("early", "late", "whole"):
        for part, share in (SHARES | shares).items():
            value, known = share * total, f"{share},{share - 0.1},{share + 0.1}" if total else ",,"
            rows.append(
                f"{name},{where},<batch>,none,{phase},{part},{value},{value - 0.1},{value + 0.1},{known},0.9375,5,1,0,0.42,0.5"
            )
    write(tree / f"decomposition/{name}.csv", "\n".join(rows) + "\n")
    record(tree, name)


def add_nulls(tree, name, ratios=(2.5, 40.0)):
    """A table of nulls with a variant for each ratio, and one of which nothing is known, with its pictures."""
    for suffix in ("png", "svg"):
        write(tree / f"figures/{name}_nulls.{suffix}", "")
    rows = ["variant,seeds,random_seeds,gamma,walk,random_gamma,ratio,cosine,cosine_walk,random_cosine"]
    rows += [f"<v{place}>,5,1,2.0,1.5,0.4,{ratio},0.1{place},0.09,0.08" for place, ratio in enumerate(ratios)]
    write(tree / f"nulls/{name}.csv", "\n".join([*rows, "gone,5,1,,,,,,,"]) + "\n")
    record(tree, name)


@pytest.fixture
def tree(tmp_path):
    """Two finished figures, one of them without claims, and a failed one."""
    add_figure(tmp_path, "fig04", [ROW, OPEN, UNKNOWN])
    add_figure(tmp_path, "fig05")
    failed = {"figure": "fig06", "title": "Skips", "cell": 7, "exception": "ValueError", "notebook": "fig06.ipynb"}
    write(tmp_path / "failed/fig06.json", json.dumps(failed | {"message": "\x1b[31mshapes <3>\x1b[0m differ"}))
    return tmp_path


def rendered(tree, profile="digits", **provenance):
    """All written files by name."""
    paths = render(tree, profile=profile, version="local", rule="One.\n\nTwo & three.", provenance=provenance)
    return {path.relative_to(tree).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_everything_is_written_and_nothing_half(tree):
    pages = {f"pages/{name}.html" for name in ("fig04", "fig05", "fig06")}
    assert set(rendered(tree)) == {"index.html", "style.css", "claims.csv"} | pages
    assert not list(tree.rglob("*.part"))


def test_the_ledger_shows_every_claim_with_its_verdict(tree):
    files = rendered(tree)
    for page in (files["index.html"], files["pages/fig04.html"]):
        assert page.count("<svg") == 3
        for text in ("×2.5", "×1.3 to ×4.5", "≥ ×1.7", "interval unknown", "2 censored", "3 diverged"):
            assert text in page
        for verdict in ("replicated", "not replicated", "inconclusive"):
            assert verdict in page
    assert "Two &amp; three." in files["index.html"]


def test_text_is_escaped(tree):
    files = rendered(tree)
    assert "Loss &lt; 1 &amp; &lt;b&gt;γ&lt;/b&gt; larger" in files["index.html"]
    for text in ("A &lt;figure&gt; fig04", "&lt;i&gt;x&lt;/i&gt;"):
        assert text in files["pages/fig04.html"]


def test_the_summary_keeps_a_variant_called_none(tree):
    assert re.search(r"<td[^>]*>None</td>", rendered(tree)["pages/fig04.html"])


def test_a_failed_figure_is_shown_on_the_front_page_without_escape_codes_or_old_claims(tree):
    add_figure(tree, "fig06", [ROW])
    index = rendered(tree)["index.html"]
    for text in ("Skips", "ValueError", "shapes &lt;3&gt; differ"):
        assert text in index
    assert "figures/fig06.png" not in index
    assert index.count("<svg") == 3


def test_merged_claims_keep_their_numbers_and_have_a_header_when_empty(tree):
    rows = list(csv.DictReader(rendered(tree)["claims.csv"].splitlines()))
    assert [row["effect"] for row in rows] == ["2.5", "inf", ""]
    add_figure(tree, "fig04")
    assert rendered(tree)["claims.csv"] == ",".join(Claim.__dataclass_fields__) + "\n"


def test_the_notebook_is_static_with_formulas_as_mathml(tree):
    page = rendered(tree)["pages/fig04.html"]
    notebook = page[page.index("About") :]
    assert notebook.count("<math") == 2
    for text in ("a table", "a still", "<details"):
        assert text in notebook
    assert "$" not in re.sub(r"<pre.*?</pre>", "", notebook, flags=re.DOTALL)


def test_no_page_runs_a_script_or_fetches_from_the_network(tree):
    for name, text in rendered(tree).items():
        assert "<script" not in text, name
        assert not re.search(r"""(src|srcset)=["']?(https?:)?//|<link[^>]*href=["']?(https?:)?//""", text), name
        assert not re.search(r"""@import|url\(["']?(https?:)?//""", text), name


def test_every_relative_link_leads_somewhere(tree):
    add_splits(tree, "fig04")
    add_nulls(tree, "fig04")
    write(tree / "failed/fig06.ipynb", "{}")
    write(tree / "values/fig04.csv", "")
    write(tree / "values/fig05.csv", "")
    for name, text in rendered(tree).items():
        for link in re.findall(r"""(?:href|src)="([^"#:]+)(?:#[^"]*)?\"""", text):
            assert (tree / name).parent.joinpath(link).exists(), f"{name}: {link}"


def test_the_same_tree_gives_the_same_bytes(tree, tmp_path_factory):
    copy = shutil.copytree(tree, tmp_path_factory.mktemp("other") / "tree")
    assert rendered(tree) == rendered(copy) == rendered(tree)


def test_pages_of_figures_that_are_gone_are_removed(tree):
    rendered(tree)
    (tree / "provenance/fig05.json").unlink()
    assert "pages/fig05.html" not in rendered(tree)
    assert not (tree / "pages/fig05.html").exists()


def test_smoke_and_uncommitted_changes_are_said_aloud(tree):
    clean, loud = rendered(tree, dirty=False)["index.html"], rendered(tree, profile="smoke", dirty=True)["index.html"]
    assert "scientific content" not in clean
    assert "uncommitted changes" not in clean
    assert "scientific content" in loud
    assert "uncommitted changes" in loud


def test_how_far_alignment_goes_is_said_on_the_front_page_and_the_figures_own(tree):
    add_splits(tree, "fig04")
    files = rendered(tree)
    for page in (files["index.html"], files["pages/fig04.html"]):
        for text in (
            "×1,000",
            "×794 to ×1,260",
            "−5 %",
            "−15 % to 5 %",
            "does not hold",
            "42 % and 50 %",
            "1 left out",
            "&lt;batch&gt;",
        ):
            assert text in page
    assert "makes −5 % of the log-ratio" in files["pages/fig04.html"]
    assert "Of 1 comparison this" in files["index.html"]
    assert "fig05_decomposition" not in files["pages/fig05.html"]
    assert "better alignment" not in rendered_without(tree, "fig04")


def rendered_without(tree, name):
    (tree / f"decomposition/{name}.csv").unlink()
    record(tree, name)
    return rendered(tree)["index.html"]


@pytest.mark.parametrize(
    ("total", "alignment", "reading"),
    [
        (3.0, 0.8, "holds"),
        (3.0, 0.2, "does not hold"),
        (3.0, 0.45, "open"),
        (-2.0, 0.9, "holds"),
        (0, 0, "no difference"),
    ],
)
def test_the_reading_follows_from_the_share_of_alignment(tree, total, alignment, reading):
    add_splits(tree, "fig04", total=total, alignment=alignment)
    (split,) = read_splits(tree / "decomposition/fig04.csv")
    assert split.reading == reading


def test_a_ratio_without_a_logarithm_leaves_the_reading_open(tree):
    add_splits(tree, "fig04", total=float("nan"))
    (split,) = read_splits(tree / "decomposition/fig04.csv")
    assert split.reading == "open"
    assert "not defined" in rendered(tree)["index.html"]


def test_random_labels_are_on_the_front_page_and_every_variant_on_the_figures_own(tree):
    add_nulls(tree, "fig04")
    files = rendered(tree)
    assert "×2.5 to ×40" in files["index.html"]
    assert "0.1 to 0.11" in files["index.html"]
    assert "3 variants, random labels at 1 of 5 seeds" in files["index.html"]
    assert files["index.html"].count("#nulls") == 2  # from the top, and the row of the one figure
    page = files["pages/fig04.html"]
    for text in ("&lt;v0&gt;", "×2.5", "×40", "0.4", "gone", "–"):
        assert text in page
    assert "Against nulls" not in files["pages/fig05.html"]


def test_without_nulls_the_front_page_is_silent_about_them(tree):
    assert "random labels" not in rendered(tree)["index.html"].partition('id="origins"')[0]


PRODUCTS = [
    *(f"figures/fig04{end}" for end in (".png", ".svg", "_decomposition.png", "_nulls.svg")),
    *(f"{folder}/fig04.csv" for folder in ("claims", "tables", "values", "decomposition", "nulls")),
    "notebooks/fig04.ipynb",
]


def change(path):
    path.write_bytes(path.read_bytes().replace(b"replicated", b"REPLICATED") + b"\n")


@pytest.fixture
def full(tree):
    """The same tree; the first figure has all that a figure can have."""
    write(tree / "values/fig04.csv", "variant\n")
    add_splits(tree, "fig04")
    add_nulls(tree, "fig04")
    return tree


@pytest.mark.parametrize(("spoil", "what"), [(change, "changed"), (Path.unlink, "deleted")])
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_figure_with_an_altered_product_is_not_believed(full, product, spoil, what):
    assert "×2.5" in rendered(full)["index.html"]
    spoil(full / product)
    files = rendered(full)
    said = f"{product} was {what} since the figure was made; <code>make figures FIGURES=fig04 PROFILE=digits</code> makes it anew"
    for page in (files["index.html"], files["pages/fig04.html"]):
        assert said in page
        for believed in ("×2.5", "<svg", 'src="figures/fig04', 'src="../figures/fig04', "does not hold"):
            assert believed not in page
    assert files["claims.csv"] == ",".join(Claim.__dataclass_fields__) + "\n"
    assert "A &lt;figure&gt; fig05" in files["index.html"]


def test_made_anew_it_is_believed_again(full):
    before = rendered(full)
    kept = (full / "claims/fig04.csv").read_bytes()
    change(full / "claims/fig04.csv")
    assert rendered(full)["index.html"] != before["index.html"]
    (full / "claims/fig04.csv").write_bytes(kept)
    assert rendered(full) == before


def test_a_provenance_that_cannot_be_read_takes_its_figure_out(full):
    write(full / "provenance/fig04.json", "{")
    files = rendered(full)
    assert "provenance/fig04.json is missing or cannot be read" in files["pages/fig04.html"]
    assert "<svg" not in files["index.html"]


def test_what_a_notebook_never_saved_is_named(tree):
    (tree / "figures/fig04.svg").unlink()
    known = json.loads((tree / "provenance/fig04.json").read_text())
    known.pop("caption")
    write(tree / "provenance/fig04.json", json.dumps(known))
    record(tree, "fig04")
    page = rendered(tree)["pages/fig04.html"]
    assert "This figure is incomplete" in page
    assert "saved no figures/fig04.svg, no caption in its provenance" in page
    add_figure(tree, "fig05")
    add_nulls(tree, "fig05")
    (tree / "figures/fig05_nulls.png").unlink()
    record(tree, "fig05")
    assert "saved no figures/fig05_nulls.png" in rendered(tree)["pages/fig05.html"]


def test_a_table_that_is_no_product_of_the_figure_is_not_shown(tree):
    write(tree / "nulls/fig04.csv", "whatever\n")
    assert "Against nulls" not in rendered(tree)["pages/fig04.html"]


def test_a_metric_tells_its_title(tree):
    assert '<abbr title="γ, whole run"><code>gamma</code></abbr>' in rendered(tree)["index.html"]


def test_an_empty_tree_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no figure yet"):
        rendered(tmp_path)
