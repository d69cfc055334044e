"""What a figure depends on, by content: its notebook, its params, the library code the notebook imports, the lock, its runs."""

import ast
import hashlib
import json
from pathlib import Path
from typing import Any

PACKAGE = "trajreg"


def digest(parts: Any) -> str:
    """20 hexadecimal digits of the SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def notebook_cells(path: Path) -> list[list[str]]:
    """[kind, source] of each cell: outputs, execution counts and editors' metadata are no content."""
    cells = json.loads(path.read_text())["cells"]
    return [[cell["cell_type"], "".join(cell["source"])] for cell in cells]


def parameter_names(path: Path) -> list[str]:
    """The variables assigned in a notebook's parameters cell, in order; empty without such a cell."""
    for cell in json.loads(path.read_text())["cells"]:
        if "parameters" in cell["metadata"].get("tags", ()):
            assigned = [node for node in ast.parse("".join(cell["source"])).body if isinstance(node, ast.Assign)]
            return [target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)]
    return []


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
    modules = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [path for module in modules if module.split(".")[0] == PACKAGE for path in _files(module, top)]


def _files(module: str, top: Path) -> list[Path]:
    base = top / module.replace(".", "/")
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
