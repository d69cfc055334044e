"""New files and lines added to others, held in memory until all is known to be possible: a refusal leaves nothing half-written."""

from pathlib import Path

from trajreg.errors import InputError
from trajreg.files import write_text


class Changes:
    """What is to be written below `top`: path → text."""

    def __init__(self, top: Path):
        self._top = top
        self._texts: dict[str, str] = {}

    def add(self, path: str, text: str) -> None:
        """A new file; InputError where there is one already."""
        if (self._top / path).exists():
            raise InputError(f"{path} is there already: choose another name, or delete it first")
        self._texts[path] = text

    def insert(self, path: str, before: str, lines: str) -> None:
        """Lines before the first place where `before` stands; InputError where it does not stand any more."""
        self._edit(path, before, lines + before)

    def replace(self, path: str, old: str, new: str) -> None:
        """`new` in place of the first `old`; InputError where it does not stand any more."""
        self._edit(path, old, new)

    def add_import(self, path: str, line: str) -> None:
        """An import of the package that the line's neighbours import from, in their order."""
        package = line.split(" import ")[0].rpartition(".")[0]  # "from trajreg.measures"
        lines = self.text(path).splitlines()
        imports = [number for number, one in enumerate(lines) if one.startswith(f"{package}.")]
        if not imports:
            raise InputError(f"{path} has no line that begins with {package!r}: add {line!r} yourself")
        first, last = imports[0], imports[-1]
        lines[first : last + 1] = sorted([*lines[first : last + 1], line], key=lambda one: one.split(" import ")[0])
        self._texts[path] = "\n".join(lines) + "\n"

    def text(self, path: str) -> str:
        """A file as it will be."""
        return self._texts.get(path) or (self._top / path).read_text(encoding="utf-8")

    def write(self) -> list[Path]:
        """Write everything; returns the paths."""
        return [write_text(self._top / path, text) for path, text in self._texts.items()]

    def _edit(self, path: str, old: str, new: str) -> None:
        text = self.text(path)
        if old not in text:
            raise InputError(f"{path} does not hold {old.strip()!r} any more: nothing was written")
        self._texts[path] = text.replace(old, new, 1)
