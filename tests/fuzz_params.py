"""Params files as nobody means them: endless mutations of a text, the same for the same `rng`. For tests and longer soak runs."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random

from ruamel.yaml import YAML

SCALARS = [
    "0", "-1", "1e-3", "1e400", "-1e400", ".nan", ".inf", "-.inf", "true", "null", "''", "[]", "{}", "[1, 2]", "[[]]", "{a: 1}",
    "{name: x}", "9" * 30, "9" * 5000, "0x" + "f" * 5000, "2020-13-01", "2020-01-01", "1_000", "0o17", "yes", "~", "=", "<<", "!foo x",
    "!!set {a}", "!!python/object:os.system {}", "*nowhere", "&a [*a]", "'{treatment:>99999999}'", "'{treatment.__class__}'", "'{'",
    '"\\ud800"', '"\\0"', '"two\\nlines\\e[31m"', "γ → ∞", "\U0001f600", "x" * 3000, "a.b.c", ".", "x" * 40_000, "'" + "y " * 4000 + "'",
]  # fmt: skip
LINES = [
    "---", "...", "%YAML 1.1", "\tx: 1", "- x", ": ", "? [a]", "1: x", "null: x", "{a: b}: x", "<<: 1", "<<: {seeds: 3}", "&a : b", "x: |",
]  # fmt: skip
WHOLE = [
    "", "\n", "null", "[]", "just text", "- a\n- b", "'", '"', "a: b\0", "%YAML 3.0\n---\na: 1", "%FOO\n---\na: 1",
    "[" * 9000, "{a: " * 3000, "- " * 3000, "\n".join(" " * n + "a:" for n in range(300)),
    "a: " + ".".join("a" * 5000), "".join(f"k{n}: 1\n" for n in range(4000)),
]  # fmt: skip


def mutations(text: str, rng: Random) -> Iterator[bytes]:
    """Endless mutated files, each one to three mutations away from `text`."""
    while True:
        changed = text
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            changed = rng.choice(TEXTS)(changed, rng)
        content = changed.encode(errors="surrogatepass")
        yield rng.choice(BYTES)(content, rng) if rng.random() < 0.1 else content


def _lines(text: str, rng: Random) -> str:
    """Lines deleted, doubled, swapped, indented, or put in between."""
    lines = text.split("\n")
    here, there = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            del lines[here : here + rng.randint(1, 3)]
        case 1:
            lines[there:there] = lines[here : here + rng.randint(1, 3)]
        case 2:
            lines[here], lines[there] = lines[there], lines[here]
        case 3:
            lines[here] = " " * rng.randint(1, 4) + lines[here]
        case 4:
            lines[here] = lines[here].removeprefix("  ")
        case _:
            lines.insert(here, rng.choice(LINES))
    return "\n".join(lines)


def _value(text: str, rng: Random) -> str:
    """Another value in place of one that a line or a list has."""
    found = list(re.finditer(r"(?<=: )[^\n,{}\[\]]+|(?<=[\[,])[^\[\]{},\n]+|\[[^\[\]\n]*\]|\{[^{}\n]*\}", text))
    if not found:
        return text
    one = rng.choice(found)
    return text[: one.start()] + rng.choice(SCALARS) + text[one.end() :]


def _letters(text: str, rng: Random) -> str:
    """A few letters cut out, doubled or exchanged."""
    here = rng.randrange(len(text) + 1)
    there = here + rng.randint(0, 4)
    return (
        text[:here]
        + rng.choice(["", text[here:there] * 2, rng.choice("\t :-[]{}&*!|>'\"%@`#,?\x00\x07\x85\u2028γ")])
        + text[there:]
    )


def _tree(text: str, rng: Random) -> str:
    """A well-formed file, in which a part of the values has a wrong place or type."""
    if "&" in text or "0x" in text:  # an earlier mutation's: a bomb, or a number too long for JSON
        return text
    try:
        values = YAML(typ="safe", pure=True).load(text)
    except Exception:  # an earlier mutation is no YAML
        return text
    places = list(_places(values))
    if not places:
        return text
    (owner, key), (other, another) = rng.choice(places), rng.choice(places)
    match rng.randrange(6):
        case 0:
            del owner[key]
        case 1:
            owner[key] = rng.choice(
                [None, True, 0, -1, 10**30, 1e308, -0.5, "", "x", [], {}, [[]], {"name": None}, [None], {"": 1}]
            )
        case 2:
            owner[key] = [owner[key]]
        case 3:
            owner[key] = {"name": owner[key]}
        case 4:
            owner[key], other[another] = copy.deepcopy((other[another], owner[key]))  # else circles
        case _:
            if isinstance(owner, dict):
                owner[
                    rng.choice(
                        ["seeds", "name", "kind", "measures.x", "data.name", "a..b", "x" * 150, ".".join("a" * 90)]
                    )
                ] = owner.pop(key)
    return json.dumps(values, ensure_ascii=False, default=str, skipkeys=True)  # JSON is YAML


def _places(values: object) -> Iterator[tuple[dict | list, object]]:
    for key, value in list(
        values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    ):
        yield values, key
        yield from _places(value)


def _aliases(text: str, rng: Random) -> str:
    """A value that stands for very many, or for itself; or one deep within others; or a harmless alias."""
    each, levels = rng.randint(1, 10), rng.randint(1, 60)
    bomb = "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * each)}]\n" for n in range(1, levels))
    head = rng.choice(
        [
            "b0: &b0 x\n" + bomb,
            "b0: &b0 [*b0]\n",
            f"b0: &b0 {'[' * levels}{']' * levels}\n",
            "b0: &b0 {seeds: 3}\n<<: *b0\n",
        ]
    )
    return head + re.sub(r"(?<=: )[^\n]+", f"*b{rng.choice((0, levels - 1))}", text, count=1)


def _cut(text: str, rng: Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _other(text: str, rng: Random) -> str:
    return rng.choice(WHOLE)


TEXTS: list[Callable[[str, Random], str]] = [
    _lines,
    _lines,
    _value,
    _value,
    _value,
    _letters,
    _tree,
    _tree,
    _aliases,
    _cut,
    _other,
]
BYTES: list[Callable[[bytes, Random], bytes]] = [
    lambda content, rng: content.decode(errors="replace").encode("utf-16"),
    lambda content, rng: content.decode(errors="replace").encode("utf-16-le"),
    lambda content, rng: b"\xef\xbb\xbf" + content,
    lambda content, rng: content.replace(b"\n", b"\r\n"),
    lambda content, rng: content[: len(content) // 2] + rng.randbytes(4) + content[len(content) // 2 :],
    lambda content, rng: content * (1 + 200_000 // (1 + len(content))),
]
