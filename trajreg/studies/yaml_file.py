"""Plain values of a YAML 1.2 file. What is no small tree is refused before any is made: aliases can stand for billions."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError

from trajreg.errors import InputError, shown

MAX_SIZE = 50_000  # bytes of a file, and characters of its values when each alias is written out
MAX_DEPTH = 32  # lists and mappings within each other
MAX_KEY = 200  # characters of a key
MAX_DIGITS = 100  # of a number
TEXT, NUMBERS, OTHERS = ("str", "merge"), ("int", "float"), ("bool", "null")  # what a value may be; merge is the key <<


def read_yaml(path: Path, where: str) -> Any:
    """The values of the file at `path`; None for an empty one. Raises InputError, naming `where` and the line where it is known."""
    return copy.deepcopy(_values(_text(path, where), where))


@lru_cache(maxsize=256)  # a figure that shows others reads the files of all of them again
def _values(text: str, where: str) -> Any:
    try:
        for reason in _refusals(text):
            raise InputError(f"{where}: {reason}")
        return YAML(typ="safe", pure=True).load(text)
    except InputError:
        raise
    except Exception as error:  # not YAML's own errors only: a 13th month, say, is a ValueError
        raise InputError(f"{where} is not valid YAML: {_why(error, text)}") from None


def _text(path: Path, where: str) -> str:
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{where} is no file")
        with path.open("rb") as file:
            content = file.read(MAX_SIZE + 1)
        if len(content) > MAX_SIZE:
            raise InputError(f"{where} has {path.stat().st_size:,} bytes; a params file has at most {MAX_SIZE:,}")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{where} does not exist") from None
    except OSError as error:
        raise InputError(f"{where} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start + 1}): save it as UTF-8") from None


def _why(error: Exception, text: str) -> str:
    """What the parser found and where, in a line; it adds advice that is not for the writer of the file."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"the character {text[error.position]!r} (line {line}): save it as UTF-8 text without control characters"
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        advice = ": indent with spaces" if "'\\t'" in str(error.problem) else ""
        return f"{error.problem}{advice} (line {error.problem_mark.line + 1})"
    return str(error)


def _refusals(text: str) -> Iterator[str]:
    """Why the values of a file are not to be made; it need not go on after the first reason, which bounds all work so far."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("%") and not re.fullmatch(r"%YAML\s+1\.2\s*(#.*)?", line):
            yield f"the directive {shown(line)}: params are YAML 1.2, leave it out (line {number})"
        elif line.strip() and not line.startswith(("#", "%")):
            break  # a directive stands before everything else
    yaml = YAML(typ="safe", pure=True)
    scan = _Scan(yaml)
    for event in yaml.parse(text):
        if reason := scan.refusal(event):
            yield f"{reason} (line {event.start_mark.line + 1})"


@dataclass
class _Node:
    """A list, a mapping or a scalar. size: its characters and parts, aliases written out. height: the collections within each other."""

    anchor: str | None = None
    is_mapping: bool = False
    size: int = 1
    height: int = 0
    parts: int = 0  # keys and values, of a mapping


@dataclass
class _Scan:
    """Goes through the events of a file, in their order."""

    yaml: YAML
    documents: int = 0
    under_way: list[_Node] = field(default_factory=list)
    anchors: set[str | None] = field(default_factory=set)
    anchored: dict[str, _Node] = field(default_factory=dict)

    def refusal(self, event: Event) -> str | None:
        """Why the file is refused at this event; None where it is not."""
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            return "a second document begins here: one a file" if self.documents > 1 else None
        if isinstance(event, CollectionEndEvent):
            return self._closed(self.under_way.pop())
        if not isinstance(event, AliasEvent | ScalarEvent | CollectionStartEvent):
            return None
        if reason := self._bad_key(event):
            return reason
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor)
        if reason := self._bad_names(event):
            return reason
        if isinstance(event, ScalarEvent):
            return self._scalar(event) or self._closed(_Node(event.anchor, size=1 + len(event.value)))
        self.under_way.append(_Node(event.anchor, isinstance(event, MappingStartEvent), height=1))
        return self._too_deep(0)

    def _bad_key(self, event: Event) -> str | None:
        if not (self.under_way and self.under_way[-1].is_mapping):
            return None
        self.under_way[-1].parts += 1
        if self.under_way[-1].parts % 2 == 0:
            return None
        if not isinstance(event, ScalarEvent):
            return "a key must be text"
        if self._kind(event) not in TEXT:
            return f"the key {event.value or 'null'} must be text: write it in quotes"
        return f"a key has {len(event.value)} characters, at most {MAX_KEY}" if len(event.value) > MAX_KEY else None

    def _bad_names(self, event: ScalarEvent | CollectionStartEvent) -> str | None:
        """Tags and anchors that are not to be there."""
        if event.tag:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            return f"the tag {tag}: params are plain text, numbers, lists and mappings, leave it out"
        if event.anchor and event.anchor in self.anchors:
            return f"the anchor &{event.anchor} is there twice: give one of them another name"
        self.anchors.add(event.anchor)
        return None

    def _alias(self, name: str) -> str | None:
        if any(node.anchor == name for node in self.under_way):
            return f"the alias *{name} stands within what it stands for: write out what is meant"
        if name not in self.anchored:
            return f"the alias *{name} has no anchor &{name} before it"
        node = self.anchored[name]
        return self._too_deep(node.height) or self._closed(_Node(None, size=node.size, height=node.height))

    def _scalar(self, event: ScalarEvent) -> str | None:
        kind = self._kind(event)
        if kind not in TEXT + NUMBERS + OTHERS:  # a date, say
            return f"{shown(event.value)} is neither a number nor text: write it in quotes"
        if kind in NUMBERS and len(event.value) > MAX_DIGITS:
            return f"a number of {len(event.value):,} characters, at most {MAX_DIGITS}: as 1e-3, or in quotes if it is text"
        try:
            event.value.encode()
        except UnicodeEncodeError:
            return f"{shown(event.value)} is no text: half of a pair of surrogates"
        return None

    def _kind(self, event: ScalarEvent) -> str:
        return str(self.yaml.resolver.resolve(ScalarNode, event.value, event.implicit)).rpartition(":")[2]

    def _too_deep(self, height: int) -> str | None:
        if len(self.under_way) + height > MAX_DEPTH:
            return f"more than {MAX_DEPTH} lists and mappings within each other: params need a few"
        return None

    def _closed(self, node: _Node) -> str | None:
        """A node is whole: its anchor is known from now on, and it counts for the one it is in."""
        if node.anchor:
            self.anchored[node.anchor] = node
        if self.under_way:
            outer = self.under_way[-1]
            outer.size, outer.height = outer.size + node.size, max(outer.height, node.height + 1)
            if outer.size > MAX_SIZE:
                return f"its aliases stand for more than {MAX_SIZE:,} characters: write out what is needed"
        return None
