"""What a figure depends on, by content: its notebook, its params, the library code the notebook imports, the lock, its runs."""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from trajreg.errors import InputError

PACKAGE = "trajreg"


def digest(parts: Any) -> str:
    """20 hexadecimal digits of the SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def notebook_cells(path: Path) -> list[list[str]]:
    """[kind, source] of each cell: outputs, execution counts and editors' metadata are no content."""
    return [[cell["cell_type"], "".join(cell["source"])] for cell in _cells(path)]


def parameter_names(path: Path) -> list[str]:
    """The variables assigned in the cell with the tag `parameters`, in order; InputError without such a cell."""
    for cell in _cells(path):
        if "parameters" in cell["metadata"].get("tags", ()):
            assigned = [node for node in _parsed(cell, path).body if isinstance(node, ast.Assign)]
            return [target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)]
    raise InputError(f"notebooks/{path.name} has no cell with the tag `parameters`: copy it from another notebook")


def _cells(path: Path) -> list[dict[str, Any]]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"notebooks/{path.name} is no notebook: its text is not what Jupyter writes") from None


def _parsed(cell: dict[str, Any], path: Path) -> ast.Module:
    try:
        return ast.parse("".join(cell["source"]))
    except SyntaxError as error:
        raise InputError(f"notebooks/{path.name}: the parameters cell is no Python: {error}") from None


def library_files(code: str, top: Path) -> dict[str, str]:
    """Path → checksum of the library's files that `code` imports, directly or through others."""
    found: dict[str, str] = {}
    open_code = [code]
    while open_code:
        for path in _imported(open_code.pop(), top):
            name = path.relative_to(top).as_posix()
            if name not in found:
                text = path.read_text()
                found[name] = digest(text)
                open_code.append(text)
    return dict(sorted(found.items()))


def _imported(code: str, top: Path) -> list[Path]:
    return [path for module in _modules(code) for path in _files(module, top)]


@cache
def _modules(code: str) -> tuple[str, ...]:
    """The modules of the library that `code` may import."""
    modules = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(module for module in modules if module.split(".")[0] == PACKAGE)


def _files(module: str, top: Path) -> list[Path]:
    base = top / module.replace(".", "/")
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
