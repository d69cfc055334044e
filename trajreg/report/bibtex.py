"""How to cite: BibTeX entries from CITATION.cff, the paper's first."""

from __future__ import annotations

from typing import Any

import yaml

_SPECIAL = {character: f"\\{character}" for character in "&%$#_"}
_ARXIV = "arXiv:"


def bibtex(citation: str) -> str:
    """The entries of the text of a CITATION.cff: what it refers to, then the software itself. Empty for an empty text."""
    known = yaml.safe_load(citation)
    if not known:
        return ""
    references = [_entry(_key(one), "misc", one) for one in known.get("references", ())]
    return "\n\n".join([*references, _entry(known["title"], "software", known)])


def _entry(key: str, kind: str, known: dict[str, Any]) -> str:
    fields = {"title": f"{{{_escaped(known['title'])}}}", "author": " and ".join(map(_author, known["authors"]))}
    fields |= {name: _escaped(str(known[name])) for name in ("year", "version") if name in known}
    for one in known.get("identifiers", ()):
        if one["value"].startswith(_ARXIV):
            fields |= {"eprint": one["value"].removeprefix(_ARXIV), "archiveprefix": "arXiv"}
    fields |= {"url": known["url"]} if "url" in known else {}
    return f"@{kind}{{{key},\n" + ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items()) + "\n}"


def _key(known: dict[str, Any]) -> str:
    """chen2020 for a work of Chen and others of 2020."""
    first = known["authors"][0]
    return f"{first.get('family-names', first.get('name', ''))}{known.get('year', '')}".replace(" ", "").lower()


def _author(known: dict[str, str]) -> str:
    """Family name first; a group's name stays as it is."""
    if "name" in known:
        return f"{{{_escaped(known['name'])}}}"
    return _escaped(f"{known['family-names']}, {known['given-names']}")


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)
