"""BibTeX entries say what CITATION.cff says."""

from pathlib import Path

from trajreg.report.bibtex import bibtex

ROOT = Path(__file__).resolve().parents[2]
OWN = """
title: A & B_1
version: 2.0
authors:
  - name: The group
  - {given-names: Ada, family-names: Love}
url: https://example.org/a_b
"""


def test_the_paper_and_the_software_are_cited():
    text = bibtex((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    for line in (
        "@misc{chen2020,",
        "author = {Chen, Cheng and Yang, Junjie and Zhou, Yi}",
        "eprint = {2011.06702}",
        "year = {2020}",
        "@software{trajreg,",
        "author = {{The trajreg authors}}",
    ):
        assert line in text
    assert text.count("{") == text.count("}")


def test_what_tex_would_read_is_escaped_but_in_addresses():
    text = bibtex(OWN)
    for line in (
        "title = {{A \\& B\\_1}}",
        "author = {{The group} and Love, Ada}",
        "url = {https://example.org/a_b}",
        "version = {2.0}",
    ):
        assert line in text


def test_without_a_citation_there_is_no_entry():
    assert bibtex("") == ""
