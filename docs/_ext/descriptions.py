"""What a docstring says of each of some names, and the Markdown that shows it."""

import inspect
import re
from collections.abc import Iterable, Sequence

SENTENCE = re.compile(r"(?<=[.;:)])\s+(?=[A-Z`])")
CODE = re.compile(r"(`+[^`]+`+)")


def describe(docstring: str | None, names: Iterable[str]) -> dict[str, str]:
    """Name → its description: what follows `name: ` or `name (remark): `, else the first sentence with the name in backticks.

    Several names may share one description (`lr, gap: …`). A description ends where the next one or a new paragraph begins.
    """
    names = list(names)
    found: dict[str, str] = {}
    for paragraph in _paragraphs(docstring):
        starts = list(_key(names).finditer(paragraph))
        ends = [*(match.start() for match in starts[1:]), len(paragraph)]
        for match, end in zip(starts, ends, strict=False):
            remark = f"({match['remark']}) " if match["remark"] else ""
            text = remark + paragraph[match.end() : end].strip()
            found |= {name: text for name in re.findall(r"\w+", match["names"]) if name not in found}
    sentences = [one for paragraph in _paragraphs(docstring) for one in SENTENCE.split(paragraph)]
    for name in (name for name in names if name not in found):
        if told := [one for one in sentences if f"`{name}`" in one]:
            found[name] = told[0].rstrip(";")
    return found


def introduction(docstring: str | None, names: Iterable[str]) -> str:
    """What a docstring says before it comes to the first of these names."""
    kept = []
    for paragraph in _paragraphs(docstring):
        match = _key(list(names)).search(paragraph)
        kept.append(paragraph[: match.start() if match else None].strip())
        if match:
            break
    return escaped("\n\n".join(one for one in kept if one))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def escaped(text: str) -> str:
    """Text of a docstring as Markdown: asterisks outside code are asterisks."""
    return "".join(part if CODE.fullmatch(part) else re.sub(r"([*<])", r"\\\1", part) for part in CODE.split(text))


def _key(names: list[str]) -> re.Pattern[str]:
    one = f"`?(?:{'|'.join(map(re.escape, names)) or '(?!)'})`?"
    return re.compile(rf"(?:^|(?<=[.;] ))(?P<names>{one}(?:, {one})*)(?: \((?P<remark>[^)]*)\))?: ")


def _paragraphs(docstring: str | None) -> list[str]:
    """Paragraphs and list items, each on one line."""
    text = re.sub(r"\n\s*- ", "\n\n", inspect.cleandoc(docstring or ""))
    return [" ".join(one.split()) for one in re.split(r"\n\s*\n", text) if one.strip()]
