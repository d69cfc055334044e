"""The whole report of a small tree: what a reader finds in it, and that nothing leaves the folder."""

import csv
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat import v4
from report_trees import OPEN, READING, ROW, STUCK, UNKNOWN, add_figure, add_product, add_shares, record, shares, write
from sealed import rewrite

from trajreg.errors import InputError
from trajreg.files import write_sealed
from trajreg.report.checkout import Checkout
from trajreg.report.ledger import Claim
from trajreg.report.publish import publish
from trajreg.report.render import render
from trajreg.runs.products import Cells, SavedHeadline
from trajreg.runs.tree import ResultsTree

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("style.css", "script.js")  # of all pages


@pytest.fixture
def tree(tmp_path):
    """Two finished figures, one of them without claims, and a failed one."""
    add_figure(tmp_path, "fig04", [ROW, OPEN, UNKNOWN])
    add_figure(tmp_path, "fig05")
    failed = {"figure": "fig06", "title": "Skips", "cell": 7, "exception": "ValueError", "notebook": "fig06.ipynb"}
    write_sealed(
        tmp_path / "failed/fig06.json", failed | {"message": "\x1b[31mshapes <3>\x1b[0m differ", "outputs": {}}
    )
    return tmp_path


def rendered(tree, profile="digits", **provenance):
    """All written files by name: text, or the bytes of a picture."""
    checkout = Checkout(reading=READING)
    paths = render(tree, profile=profile, version="local", checkout=checkout, provenance=provenance)
    return {path.relative_to(tree).as_posix(): content(path) for path in paths}


def texts(files):
    return {name: text for name, text in files.items() if not name.startswith("overview.")}


def content(path):
    return path.read_bytes() if path.suffix == ".png" else path.read_text(encoding="utf-8")


def test_everything_is_written_and_nothing_half(tree):
    pages = {f"pages/{name}.html" for name in ("fig04", "fig05", "fig06", "reading-a-figure")}
    assert set(rendered(tree)) == {*SHARED, "index.html", "claims.csv", "overview.png", "overview.svg"} | pages
    assert not list(tree.rglob("*.part"))


def test_the_ledger_shows_every_claim_with_its_verdict(tree):
    files = rendered(tree)
    for page in (files["index.html"], files["pages/fig04.html"]):
        assert page.count("<svg") == 3
        for text in ("×2.5", "×1.3 to ×4.5", "≥ ×1.7", "interval unknown", "2 censored", "3 diverged"):
            assert text in page
        for verdict in ("replicated", "reversed", "inconclusive"):
            assert f'<span class="verdict {verdict}">' in page
        assert "γ, early: ×1.7 (×1.2 to ×2)" in page
        assert "another verdict:</strong>" in page  # of the second row, not of the first
        assert page.count("another verdict:</strong>") == 1
    assert "1 claim of 1 figure here" in files["index.html"]


def test_primary_claims_stand_first_and_are_judged_over_all_figures(tree):
    add_figure(tree, "fig05", [ROW | {"claim": "skip"}, STUCK])
    files = rendered(tree)
    index, page = files["index.html"], files["pages/fig05.html"]
    first, then = index.index('<h3 id="primary">'), index.index('id="exploratory"')
    said = '<span class="verdict inconclusive"><span class="icon" aria-hidden="true">?</span> inconclusive</span>'
    assert index[first:then].count(said) == 2  # 0.03125 · 2 > 5 %
    assert index[first:then].count("taken alone: replicated") == 2
    assert "p = 0.0312 (0.0625 in the family)" in page
    assert "2 claims of 2 figures here" in index
    assert "1 more row" in index
    assert index[then:].count("control does not train") == 1
    assert "≥ ×2.5" in page
    assert page.count("bound set by <code>num_epochs</code>") == 1
    assert page.count("⊘</span> not comparable") == 2  # in the legend, and in the row
    rows = list(csv.DictReader(files["claims.csv"].splitlines()))
    assert [row["verdict"] for row in rows] == [
        "inconclusive",
        "inconclusive",
        "reversed",
        "inconclusive",
        "not comparable",
    ]
    assert [row["p_holm"] for row in rows] == ["0.0625", "", "", "0.0625", ""]
    assert (rows[0]["verdict_alone"], rows[4]["reached_treatment"]) == ("replicated", "5")
    glance = re.findall(r'<span class="big">(\d+)</span>', index)
    assert glance == ["0", "0", "0", "2"]


def test_the_front_page_says_that_the_smallest_effects_are_ours(tree):
    index = " ".join(rendered(tree)["index.html"].split())
    assert "“large” or “small” and gives no number" in index
    assert "the smallest effect that counts in every claim" in index


def test_a_page_says_what_it_is_about_and_where_to_change_it(tree):
    page = rendered(tree)["pages/fig04.html"]
    assert "about arXiv 1234.56789" in page
    assert "<code>params/fig04.yaml</code> (what it asks) or <code>params/digits/fig04.yaml</code>" in " ".join(
        page.split()
    )


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
    assert "fig06/curves.png" not in index
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


def test_no_page_fetches_anything_from_elsewhere(tree):
    for name, text in texts(rendered(tree)).items():
        assert len(re.findall("<script", text)) == len(
            re.findall(r'<script src="(\.\./)?script\.js" defer></script>', text)
        )
        assert text.count("<script") == name.endswith(".html"), name
        assert not re.search(r"""(src|srcset)=["']?(https?:)?//|<link[^>]*href=["']?(https?:)?//""", text), name
        assert not re.search(r"""@import|url\(["']?(https?:)?//""", text), name


def test_every_picture_has_an_alternative_text(tree):
    add_shares(tree, "fig05", ["✓ holds", "50 %"])
    for name, text in texts(rendered(tree)).items():
        pictures = re.findall(r"<img[^>]*>|<svg[^>]*role[^>]*>", text)
        assert all(re.search(r'(alt|aria-label)="[^"]+"', picture) for picture in pictures), name
        assert pictures or name not in ("index.html", "pages/fig04.html", "pages/fig05.html")


def test_without_the_script_everything_is_in_view_but_what_it_serves(tree):
    files = rendered(tree)
    hidden = re.findall(r"<(\w+)[^>]* hidden>", "".join(text for name, text in files.items() if name.endswith(".html")))
    assert hidden == ["form"]
    paper = files["style.css"].partition("@media print")[2]
    assert re.search(r"\.finder[^{]*\{ display: none; \}", paper)
    assert "--ground: #fff" in paper


def test_what_can_be_filtered_names_its_technique_and_its_verdicts(tree):
    add_figure(
        tree,
        "fig05",
        [ROW | {"varied": "model.norm"}, ROW | {"varied": "model.skip", "claim": "skip", "verdict": "reversed"}],
    )
    index = rendered(tree)["index.html"]
    form = re.search(r"<form class=\"finder\".*?</form>", index, re.DOTALL)[0]
    assert re.findall(r"<option>([^<]+)</option>", form)[:2] == ["normalization", "skip connections"]
    assert form.count("<label>") == 3
    assert len(re.findall(r'<tr role="row" data-technique="[a-z ]+" data-verdict="[a-z ]+">', index)) == 5
    assert 'class="card" data-figure="fig05"' in index
    assert index.count('<tbody role="rowgroup" data-figure="fig05">') == 1


def test_tables_and_ledgers_can_be_sorted_by_numbers(tree):
    files = rendered(tree)
    assert files["pages/fig04.html"].count('<table class="sortable">') == 1
    assert '<table class="ledger sortable" role="table">' in files["pages/fig04.html"]
    assert re.findall(r'class="measured" data-value="([^"]*)"', files["pages/fig04.html"]) == ["2.5", "inf", "nan"]


def test_a_picture_that_the_notebook_names_is_not_shown_twice(tree):
    notebook = nbformat.read(tree / "fig04/notebook.ipynb", as_version=4)
    named = v4.new_output(
        "display_data", {"text/html": '<img src="curves.png" alt="c">'}, metadata={"product": "curves"}
    )
    notebook.cells[1].outputs.append(named)
    write(tree / "fig04/notebook.ipynb", nbformat.writes(notebook))
    record(tree, "fig04")
    page = rendered(tree)["pages/fig04.html"]
    assert 'The picture <a href="#product-curves">curves</a>, shown above.' in page
    assert 'src="curves.png"' not in page


def test_beside_a_figure_stands_what_it_was_made_from(tree):
    page = rendered(tree)["pages/fig04.html"]
    chain = re.search(r'<details class="chain">.*?</details>', page, re.DOTALL)[0]
    words = [
        "params/fig04.yaml",
        "params/digits/fig04.yaml",
        "notebooks/fig04.ipynb",
        "../fig04/notebook.ipynb",
        "abc123",
    ]
    assert [chain.index(word) for word in words] == sorted(chain.index(word) for word in words)
    assert "2 params files, a notebook and 1 run<" in chain
    assert 'href="../../' not in chain  # nothing of that is in this checkout


def test_every_relative_link_leads_somewhere(tree):
    add_shares(tree, "fig04", ["✓ holds", "50 %"])
    rows = Cells(["Loss"], [["1"]])
    add_figure(tree, "fig07")
    headline = SavedHeadline(rows, "", None, [])
    add_product(tree, "fig07", "picture", picture=True, caption="c", alt="a", headline=headline)
    add_product(tree, "fig04", "values", table="variant\n", role="values", headline=headline)
    write(tree / "failed/fig06.ipynb", "{}")
    files = rendered(tree)
    for name, text in texts(files).items():
        for link, anchor in re.findall(r"""(?:href|src)="([^"#:]*)(?:#([^"]*))?\"""", text):
            target = (tree / name).parent.joinpath(link).resolve() if link else tree / name
            assert target.exists(), f"{name}: {link}"
            if anchor:
                assert f'id="{anchor}"' in target.read_text(), f"{name}: {link}#{anchor}"


def test_the_first_picture_has_its_anchor_where_it_has_no_section(tree):
    page = rendered(tree)["pages/fig04.html"]
    assert page.count('id="product-curves"') == 1


def test_the_same_tree_gives_the_same_bytes(tree, tmp_path_factory):
    copy = shutil.copytree(tree, tmp_path_factory.mktemp("other") / "tree")
    assert rendered(tree) == rendered(copy) == rendered(tree)


def test_the_picture_of_all_comparisons_is_on_top_while_there_is_something_to_compare(tree):
    index = rendered(tree)["index.html"]
    assert index.index('src="overview.png"') < index.index('class="answers"') < index.index('id="comparisons"')
    assert "Figure 4: batch norm against none" in index
    assert 'href="pages/fig04.html#claim-1">×2.5</a><span class="detail">×1.3 to ×4.5</span>' in index
    add_figure(tree, "fig04", [STUCK])
    files = rendered(tree)
    assert "overview.png" not in files
    assert not list(tree.glob("overview.*"))
    assert 'src="overview.png"' not in files["index.html"]
    assert "control does not train (0 of 5 runs)" in files["index.html"]
    add_figure(tree, "fig04")
    index = rendered(tree)["index.html"]
    assert "No figure here compares a technique with a control." in index
    assert 'id="comparisons"' not in index


def test_a_report_without_its_picture_is_not_up_to_date(tree):
    def made():
        return publish(ResultsTree(tree), ROOT, "digits", "local")

    assert {"overview.png", "overview.svg"} < set(made())
    assert made() == []
    for picture in ("overview.png", "overview.svg"):
        (tree / picture).unlink()
        assert picture in made()
        assert (tree / picture).exists()


def test_pages_of_figures_that_are_gone_are_removed(tree):
    rendered(tree)
    (tree / "fig05/provenance.json").unlink()
    assert "pages/fig05.html" not in rendered(tree)
    assert not (tree / "pages/fig05.html").exists()


def test_smoke_and_uncommitted_changes_are_said_aloud(tree):
    clean, loud = rendered(tree, dirty=False)["index.html"], rendered(tree, profile="smoke", dirty=True)["index.html"]
    assert "scientific content" not in clean
    assert "uncommitted changes" not in clean
    assert "scientific content" in loud
    assert "uncommitted changes" in loud


def test_what_figures_say_under_one_name_stands_together_on_the_front_page(tree):
    add_shares(tree, "fig04", ["✓ holds", "×2.5\n×1 to ×3"], ["✓ holds", "–"])
    add_shares(tree, "fig05", ["✓ holds", "<50> %"])
    files = rendered(tree)
    index = files["index.html"]
    section = index[index.index('<h2 id="product-shares">') : index.index('<h2 id="claims">')]
    assert index.count('id="product-shares"') == 1
    assert 'href="#product-shares">Shares</a>' in index
    for text in ("How <math", "is &lt;shared&gt;.", '<span class="detail">×1 to ×3</span>', "&lt;50&gt; %"):
        assert text in section
    assert section.count('class="group"') == 2
    assert [f'href="pages/{name}.html#product-shares"' in section for name in ("fig04", "fig05", "fig06")] == [1, 1, 0]
    counts = re.findall(
        r'<li><span class="verdict [\w-]+"><span [^>]*>.</span> (\w+)</span> <b>(\d+)</b></li>', section
    )
    assert counts == [("holds", "3"), ("fails", "0")]
    for name in ("fig04", "fig05"):
        assert 'id="product-shares"' in files[f"pages/{name}.html"]


def test_where_no_figure_has_more_than_a_row_its_name_stands_in_the_row(tree):
    add_shares(tree, "fig04", ["a", "1"], headline=shares(["a", "1"], counted=None))
    index = rendered(tree)["index.html"]
    assert 'class="group"' not in index[index.index('id="product-shares"') :].partition('id="claims"')[0]
    assert '<th scope="col">Figure</th>' in index
    assert "tally" not in index


def test_figures_may_contribute_different_columns(tree):
    add_shares(tree, "fig04", ["a", "1"], headline=shares(["a", "1"], counted=None))
    other = SavedHeadline(Cells(["Reading", "Way"], [["b", "long"]]), "", None, [])
    add_shares(tree, "fig05", ["b", "1"], headline=other)
    index = rendered(tree)["index.html"]
    head = re.search(r"<thead><tr>.*?</tr></thead>", index.partition('id="product-shares"')[2])[0]
    assert re.findall(r">([^<>]+)</th>", head) == ["Figure", "Reading", "Share", "Way"]
    assert re.search(r"<td>b</td><td[^>]*>–</td><td[^>]*>long</td>", index)


def test_without_headlines_the_front_page_has_no_section_for_them(tree):
    assert "product-" not in rendered(tree)["index.html"]


def test_a_page_shows_the_products_in_their_order_each_with_what_it_has(tree):
    add_shares(tree, "fig04", ["✗ fails", "50 %"])
    add_product(tree, "fig04", "values", table="variant\n", role="values", caption="Every number.")
    page = rendered(tree)["pages/fig04.html"]
    assert re.findall(r'<h2 id="product-(\w+)">', page) == ["verdicts", "summary", "shares"]
    shown = page[page.index('<h2 id="product-shares">') : page.index("More tables")]
    for text in (
        'href="../fig04/shares.svg"',
        'src="../fig04/shares.png" alt="Bars of shares."',
        "Bars.",
        "../fig04/shares.csv",
    ):
        assert text in shown
    assert '<td class="number">50 %</td>' in shown
    assert 'verdict reversed"><span class="icon" aria-hidden="true">✗</span> fails' in shown
    rest = page[page.index("More tables") :]
    assert "../fig04/values.csv" in rest
    assert "Every number." in rest


def test_the_first_picture_stands_for_the_figure(tree):
    add_shares(tree, "fig04", ["✓ holds", "50 %"])
    files = rendered(tree)
    assert re.findall(r'<img src="fig04/(\w+).png" alt="([^"]*)"', files["index.html"]) == [
        ("curves", "Lines &lt;of loss&gt;.")
    ]
    page = files["pages/fig04.html"]
    lead = page[page.index('class="lead"') : page.index("<section")]
    for text in ("Loss &amp; γ", 'src="../fig04/curves.png"', "A line &amp; <math"):
        assert text in lead
    assert page.count('src="../fig04/curves.png"') == 1


def test_a_product_links_to_the_section_that_explains_it_where_there_is_one(tree):
    add_shares(tree, "fig04", ["✓ holds", "50 %"])
    files = rendered(tree)
    page, reading = files["pages/fig04.html"], files["pages/reading-a-figure.html"]
    assert re.findall(r'href="[^"]*reading-a-figure.html#([^"]*)">How to read it', page) == ["shares"]
    assert '<a href="reading-a-figure.html#shares">how</a>' in page
    assert re.findall(r'<h2 id="([^"]*)">', reading) == ["shares", "is-γ-it"]
    assert "<h1>How to read</h1>" in reading
    assert "<math" in reading


def test_a_figure_that_saved_little_is_shown_with_what_there_is(tree):
    for product in (tree / "fig05").glob("*.*"):
        if product.name not in ("provenance.json", "summary.csv"):
            product.unlink()
    record(tree, "fig05")
    files = rendered(tree)
    assert "tests no claim" in files["index.html"]
    assert "No picture" in files["index.html"]
    page = files["pages/fig05.html"]
    assert "Loss &amp; γ" in page
    assert "<h2" in page.partition("Reproduce exactly")[0][-40:]
    assert not re.search(r"<img|<figure>|product-|id=\"notebook\"", page)


def test_other_figures_than_figures_have_names_of_their_own(tree):
    add_figure(tree, "table1")
    add_figure(tree, "bep02")
    add_figure(tree, "fig12")
    cards = rendered(tree)["index.html"].partition('class="gallery"')[2]
    assert re.findall(r'<span class="kicker">(.*?)</span>', cards) == [
        "Bep 2", "Figure 4", "Figure 5", "Figure 6", "Figure 12", "Table 1",
    ]  # fmt: skip


PRODUCTS = [f"{name}{end}" for name in ("curves", "shares") for end in (".png", ".svg")]
PRODUCTS += ["verdicts.csv", "summary.csv", "shares.csv", "notebook.ipynb", "products.json"]


def change(path):
    path.write_bytes(path.read_bytes().replace(b"replicated", b"REPLICATED") + b"\n")


@pytest.fixture
def full(tree):
    """The same tree; the first figure has something for the front page as well."""
    add_shares(tree, "fig04", ["✗ fails", "×2.5"])
    return tree


@pytest.mark.parametrize(("spoil", "what"), [(change, "changed"), (Path.unlink, "deleted")])
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_figure_with_an_altered_product_is_not_believed(full, product, spoil, what):
    assert "×2.5" in rendered(full)["index.html"]
    spoil(full / "fig04" / product)
    files = rendered(full)
    said = f"fig04/{product} was {what} since the figure was made; <code>make figures FIGURES=fig04 PROFILE=digits</code> makes it anew"
    for page in (files["index.html"], files["pages/fig04.html"]):
        assert said in page
        for believed in ("×2.5", "<svg", 'src="fig04', 'src="../fig04', "</span> fails"):
            assert believed not in page
    assert files["claims.csv"] == ",".join(Claim.__dataclass_fields__) + "\n"
    assert "A &lt;figure&gt; fig05" in files["index.html"]


def test_made_anew_it_is_believed_again(full):
    before = rendered(full)
    kept = (full / "fig04/verdicts.csv").read_bytes()
    change(full / "fig04/verdicts.csv")
    assert rendered(full)["index.html"] != before["index.html"]
    (full / "fig04/verdicts.csv").write_bytes(kept)
    assert rendered(full) == before


def test_a_provenance_that_cannot_be_read_takes_its_figure_out(full):
    write(full / "fig04/provenance.json", "{")
    files = rendered(full)
    assert "fig04/provenance.json is missing, or not as it was written" in files["pages/fig04.html"]
    assert "<svg" not in files["index.html"]


def test_what_a_provenance_lacks_is_named(tree):
    rewrite(tree / "fig04/provenance.json", without=["caption"])
    page = rendered(tree)["pages/fig04.html"]
    assert "This figure is not to be believed" in page
    assert "fig04/provenance.json lacks caption" in page


def test_a_metric_tells_its_title(tree):
    assert '<abbr title="γ, whole run"><code>gamma</code></abbr>' in rendered(tree)["index.html"]


def test_an_empty_tree_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no figure yet"):
        rendered(tmp_path)
