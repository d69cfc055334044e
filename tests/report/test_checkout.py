"""What a report takes from the checkout around its tree, and that it is made anew when any of that changes."""

import csv
import re
import shutil
from pathlib import Path

import pytest
from report_trees import ROW, add_figure, record, write
from sealed import rewrite

from trajreg.report.publish import publish
from trajreg.report.references import SAID
from trajreg.runs.tree import ResultsTree

ROOT = Path(__file__).resolve().parents[2]


class Around:
    """A checkout with trees of a figure or two."""

    def __init__(self, top):
        self.top = top
        (top / "trajreg").symlink_to(ROOT / "trajreg")
        write(top / "docs/reading-a-figure.md", "# How to read\n\nSo.\n")
        write(top / "CITATION.cff", (ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    def tree(self, profile, version, *rows, others=(), publish=True):
        """A tree whose Figure 4 has these rows, published."""
        root = self.top / "results" / profile / version
        for name, own in (("fig04", rows), *((other, ()) for other in others)):
            add_figure(root, name, own)
            if not (root / name / "values.csv").exists():
                rewrite(root / name / "provenance.json", setting={})
        if publish:
            self.publish(profile, version)
        return root

    def publish(self, profile="digits", version="local"):
        return publish(ResultsTree(self.top / "results" / profile / version), self.top, profile, version)

    def index(self, profile="digits", version="local"):
        return (self.top / "results" / profile / version / "index.html").read_text(encoding="utf-8")


@pytest.fixture
def around(tmp_path):
    return Around(tmp_path)


REVERSED = ROW | {"verdict": "reversed", "p_replicated": "1", "p_reversed": "0.01", "effect": "0.5"}


def test_the_front_page_says_where_verdicts_differ(around):
    around.tree("cifar_cpu", "v1", ROW)
    around.tree("cifar_cpu", "v2", REVERSED)
    around.tree("cifar_cpu", "local", ROW)
    around.tree("digits", "v1", ROW)
    around.tree("digits", "local", ROW)
    index = around.index()
    assert "In cifar_cpu v2 the verdict differs in the one claim, in 1 of them one finding from another" in index
    section = index[index.index('<h2 id="profiles">') : index.index('<h2 id="comparisons">')]
    assert re.findall(r'data-value="(\w+)"', section) == ["replicated", "reversed"]
    assert 'href="../../cifar_cpu/v2/pages/fig04.html"' in section
    assert "differs between profiles" in index
    assert 'data-verdict="replicated|reversed|differs"' in section
    others = index[index.index('<h2 id="comparisons">') :]
    assert (
        others.count('data-verdict="replicated|differs"') == 2
    )  # the comparison and the claim; the card is found by its claims


def test_without_another_profile_nothing_is_said_of_any(around):
    around.tree("digits", "v1", ROW)
    around.tree("digits", "local", ROW)
    index = around.index()
    assert 'id="profiles"' not in index
    assert 'id="history"' not in index
    assert "differs between profiles" not in index


def test_a_report_is_made_anew_when_another_profile_changes_and_only_then(around):
    around.tree("digits", "local", ROW)
    assert around.publish() == []
    other = around.tree("cifar_cpu", "v1", ROW)
    assert around.publish()
    assert around.publish() == []
    (other / "index.html").write_text("another page")
    assert around.publish() == []
    with (other / "claims.csv").open("a") as file:
        file.write("\n")
    assert around.publish()
    assert "Left out is cifar_cpu v1: claims.csv was changed since it was written." in around.index()
    (other / "manifest.json").write_text("{}")
    assert around.publish()
    assert "Left out is cifar_cpu v1: manifest.json is not as it was written." in around.index()


def test_two_profiles_that_show_each_other_come_to_rest(around):
    for profile in ("digits", "cifar_cpu"):
        around.tree(profile, "v1", ROW)
    assert around.publish("digits", "v1")
    assert around.publish("cifar_cpu", "v1") == around.publish("digits", "v1") == []


def test_choices_under_which_a_claim_holds_are_counted(around):
    other = around.tree("multiverse", "v1", ROW, publish=False)
    table = other / "fig04/firmness.csv"
    head = "figure,claim,measure," + ",".join(f"{kind}_{one}" for kind in ("alone", "sampled") for one in SAID)
    write(table, f"{head}\nfig04,bn,gamma,1,0,1,1,0,0\nfig04,bn,gamma_endpoint,9,0,0,0,0,0\n")
    record(other, "fig04")
    around.publish("multiverse", "v1")
    around.tree("digits", "local", ROW)
    assert ">2 of 3</a>" in around.index()
    write(table, f"{head}\nfig04,bn,gamma,3,0,0,0,0,0\n")  # it is believed no more
    assert around.publish()
    assert "of 3</a>" not in around.index()


def test_what_a_figure_was_made_from_is_linked_where_it_is_there(around):
    write(around.top / "params/fig04.yaml", "title: t")
    write(around.top / "notebooks/fig04.ipynb", "{}")
    root = around.tree("digits", "local", ROW)
    page = (root / "pages/fig04.html").read_text(encoding="utf-8")
    for name in ("params/fig04.yaml", "notebooks/fig04.ipynb"):
        assert f'<a href="../../../../{name}"><code>{name}</code></a>' in page
        assert (root / "pages" / f"../../../../{name}").exists()
    assert "<code>params/digits/fig04.yaml</code>" in page
    assert 'digits/fig04.yaml"' not in page
    write(around.top / "params/digits/fig04.yaml", "seeds: 1")
    assert around.publish()


def test_how_to_cite_is_taken_from_the_citation_file(around):
    around.tree("digits", "local", ROW)
    assert "@software{trajreg," in around.index()
    (around.top / "CITATION.cff").unlink()
    assert around.publish()
    assert "@software" not in around.index()


def test_the_change_log_tells_from_each_reference_to_the_next(around):
    around.tree("digits", "v1", ROW, ROW | {"claim": "gone"}, others=["fig05"])
    around.tree("digits", "v2", REVERSED, others=["fig06"])
    index = around.index("digits", "v2")
    log = index[index.index('<h2 id="history">') : index.index('<h2 id="cite">')]
    assert "<h3>v1 → v2</h3>" in log
    assert "New: Figure 6. Gone: Figure 5. Of one claim that both judge, 1 has another verdict." in log
    assert re.findall(r'<td data-value="([\w ]+)"', log) == ["inconclusive", "reversed"]
    assert 'id="history"' not in around.index("digits", "v1")
    around.tree("digits", "local", ROW)
    assert "<h3>v1 → v2</h3>" in around.index()


def test_the_change_log_follows_the_earlier_reference(around):
    old = around.tree("digits", "v1", ROW)
    around.tree("digits", "v2", REVERSED)
    assert around.publish("digits", "v2") == []
    add_figure(old, "fig04", [REVERSED])
    shutil.rmtree(old / "pages")
    assert around.publish("digits", "v1")
    assert around.publish("digits", "v2")
    assert "Of one claim that both judge, 0 have another verdict." in around.index("digits", "v2")
    rows = list(csv.DictReader((old / "claims.csv").read_text().splitlines()))
    assert [row["verdict"] for row in rows] == ["reversed"]
