"""TeX formulas as MathML, which browsers draw themselves: no script, no font from elsewhere."""

import re

from latex2mathml.converter import convert
from markupsafe import Markup, escape

# Code comes first, so that its dollars stay; prices do not match: a formula's dollars touch it, and no digit follows.
_FORMULA = re.compile(
    r"(?P<code>(?P<ticks>`+).+?(?P=ticks))"
    r"|(?<!\\)\$\$(?P<block>.+?)\$\$"
    r"|(?<![\\$])\$(?=[^\s$])(?P<inline>(?:[^$\n]|\n(?!\s*\n))*?[^\s\\$])\$(?!\d)",
    re.DOTALL,
)


def with_mathml(text: str) -> str:
    """`text`, Markdown or HTML, with its $inline$ and $$block$$ formulas as MathML."""
    return _FORMULA.sub(_replace, text)


def caption_html(text: str) -> Markup:
    """A caption: plain text, escaped, with `code` and its formulas as MathML."""
    pieces, place = [], 0
    for match in _FORMULA.finditer(text):
        pieces += [escape(text[place : match.start()]), _piece(match)]
        place = match.end()
    return Markup().join([*pieces, escape(text[place:])])


def _piece(match: re.Match[str]) -> Markup:
    if match["code"]:
        return Markup("<code>{}</code>").format(match["code"].strip("`"))
    return Markup(_replace(match))


def mathml(latex: str, display: str = "inline") -> str:
    """One formula as `<math>`, or as `<code>` where the converter does not know it."""
    try:
        converted = convert(latex.strip(), display=display)
    except Exception:  # its errors share no base class, and a half-typed formula also gives IndexError
        return _as_code(latex)
    # unknown commands pass through it silently, backslash and all
    return _as_code(latex) if "\\" in converted else converted


def _replace(match: re.Match[str]) -> str:
    if match["code"]:
        return match[0]
    return mathml(match["block"], "block") if match["block"] else mathml(match["inline"])


def _as_code(latex: str) -> str:
    # as entities, since Markdown would read the underscores and asterisks inside as emphasis
    return "<code>" + "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in latex.strip()) + "</code>"
