"""Docstrings here are plain text with `code`; autodoc reads reStructuredText. What means something else there is said in its way."""

import re
from typing import Any

from numpy.typing import ArrayLike
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

CODE = re.compile(r"(?<!`)(`[^`\n]+`)(?!`)")
# a bar begins a substitution, a lone asterisk emphasis, a trailing underscore a link
SPECIAL = re.compile(r"(\||(?<!\*)\*(?!\*)|(?<=\w)_(?!\w))")

HIDDEN_COLON = "\N{RATIO}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Translate every docstring before napoleon (priority 500) reads its sections."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-docstring", _finish, priority=600)
    app.connect("autodoc-process-signature", _short_signature)
    return {"parallel_read_safe": True}


def as_rst(lines: list[str]) -> list[str]:
    """The same text as reStructuredText; examples (`>>>` and what they print) and formulas set off by indentation stay as they are."""
    translated: list[str] = []
    in_example = in_formula = False
    for number, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        in_formula = _begins_formula(lines, number) or (in_formula and not line[:1].strip())
        if _begins_formula(lines, number):
            translated += ["::", ""]
        translated.append(line if in_example or in_formula else _line(line))
    return translated


def _begins_formula(lines: list[str], number: int) -> bool:
    """Whether this line is indented, and after a blank line text that is not: else it would belong to a section or a list."""
    if number < 2 or not lines[number].startswith("    ") or lines[number - 1].strip() or not lines[number].strip():
        return False
    before = next((line for line in reversed(lines[:number]) if line.strip()), " ")
    return not before.startswith(" ")


def _line(line: str) -> str:
    if line == "Returns:":  # napoleon would take what stands before a colon for a type
        return ":returns:"
    parts = CODE.split(line)
    return "".join(f"`{part}`" if CODE.fullmatch(part) else SPECIAL.sub(r"\\\1", part) for part in parts)


def _process(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(lines)
    if what in ("property", "attribute"):  # napoleon would take what stands before a colon for its type
        lines[:] = [line.replace(":", HIDDEN_COLON) for line in lines]


def _finish(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [line.replace(HIDDEN_COLON, ":") for line in lines]


def _short_signature(
    app: Sphinx, what: str, name: str, found: Any, options: Any, arguments: str | None, result: str | None
) -> Any:
    """NumPy's alias by its name: spelt out it fills a page."""
    spelt_out = stringify_annotation(ArrayLike, "smart")
    return arguments and arguments.replace(spelt_out, "ArrayLike"), result
