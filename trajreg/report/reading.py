"""How a figure is read: one page of Markdown, whose sections the products of that title link to."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from markupsafe import Markup

from trajreg.report.mathml import with_mathml

_HEADING = re.compile(r'<h([1-6])[^>]*>(.*?)(?:<a class="anchor-link".*?</a>)?</h\1>', re.DOTALL)


@dataclass(frozen=True)
class Reading:
    """The page: its title, its body, and the anchors of its sections."""

    title: str
    body: Markup
    anchors: set[str]


def read_reading(markdown: str) -> Reading:
    """The page of a Markdown text that begins with its title as a heading of the first level."""
    from nbconvert.filters import markdown2html  # slow, and only a render needs it

    title, _, rest = markdown.partition("\n")
    body = _HEADING.sub(_heading, markdown2html(with_mathml(rest)))
    return Reading(title.lstrip("# "), Markup(body), set(re.findall(r'<h\d id="([^"]*)"', body)))


def slug(title: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it: small letters, hyphens for spaces, no punctuation."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _heading(match: re.Match[str]) -> str:
    level, text = match[1], match[2]
    return f'<h{level} id="{slug(html.unescape(re.sub("<[^>]*>", "", text)))}">{text}</h{level}>'
