"""The cells of a table as HTML."""

import re

from markupsafe import Markup

from trajreg.report.ledger import VERDICTS

_STYLES = {icon: name.replace(" ", "-") for name, icon in VERDICTS.items()} | {"=": "inconclusive"}
_NUMBER = re.compile(r"[×≥≤+− -]*(\d|∞)")
_UNKNOWN = {"", "–", "unknown", "not defined"}


def cell_html(text: str) -> Markup:
    """A cell: further lines as small print, and a verdict where it begins with an icon."""
    first, *details = text.split("\n")
    small = Markup().join(Markup('<span class="detail">{}</span>').format(line) for line in details)
    return mark_html(first) + small


def mark_html(text: str) -> Markup:
    """A text, set as a verdict where it begins with an icon."""
    icon, _, rest = text.partition(" ")
    if icon not in _STYLES or not rest:
        return Markup.escape(text)
    return Markup('<span class="verdict {}"><span class="icon" aria-hidden="true">{}</span> {}</span>').format(
        _STYLES[icon], icon, rest
    )


def number_columns(rows: list[list[str]]) -> list[bool]:
    """Which columns hold numbers and what stands for unknown ones, and so are set to the right."""
    return [_are_numbers([text.partition("\n")[0] for text in column]) for column in zip(*rows, strict=True)]


def _are_numbers(texts: list[str]) -> bool:
    known = [text for text in texts if text not in _UNKNOWN]
    return bool(known) and all(_NUMBER.match(text) for text in known)
