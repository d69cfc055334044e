"""The shape of the library: layers that import downwards only, small files, short functions."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_FILE_LINES = 250
MAX_FUNCTION_LINES = 40
# functions that pass options on, to a library or to what they wrap, and hooks that are given more than they need
PASS_ON = {("processes.py", "Process"), ("report/render.py", "_environment"), ("errors.py", "call")} | {
    ("trajectory/transformers.py", name)
    for name in ("watched", "told", "on_train_begin", "on_pre_optimizer_step", "on_step_end", "on_save", "on_train_end")
}
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """The layer contract of pyproject.toml, checked on the checkout at `root`."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def long_functions(source: str) -> dict[str, int]:
    """The functions of `source` over the limit, with their lines; docstrings are free, so that nobody saves on them."""
    found = {}
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = [node for node in ast.walk(function) if isinstance(node, DOCUMENTED)]
            docstrings = [node.body[0] for node in documented if ast.get_docstring(node) is not None]
            num_lines = sum(_num_lines(node) * sign for node, sign in [(function, 1), *((d, -1) for d in docstrings)])
            if num_lines > MAX_FUNCTION_LINES:
                found[function.name] = num_lines
    return found


def _num_lines(node: ast.stmt) -> int:
    return node.end_lineno - node.lineno + 1


@pytest.fixture
def copy(tmp_path):
    """A copy of the library and its contract, to be spoilt."""
    shutil.copytree(ROOT / "trajreg", tmp_path / "trajreg", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_layers_hold():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_upward_import_breaks_the_contract(copy):
    with (copy / "trajreg" / "errors.py").open("a") as file:
        file.write("\nimport trajreg.metrics.regularity\n")
    done = lint_imports(copy)
    assert done.returncode != 0
    assert "trajreg.errors is not allowed to import trajreg.metrics" in done.stdout


def test_the_index_may_import_anything_and_is_no_way_around_the_contract(copy):
    index, errors = copy / "trajreg" / "__init__.py", copy / "trajreg" / "errors.py"
    index.write_text("from trajreg.metrics import regularity\n")
    assert lint_imports(copy).returncode == 0
    errors.write_text(errors.read_text(encoding="utf-8") + "\nimport trajreg\n", encoding="utf-8")
    assert lint_imports(copy).returncode != 0


def test_a_folder_without_a_layer_breaks_the_contract(copy):
    (copy / "trajreg" / "utils.py").touch()
    done = lint_imports(copy)
    assert done.returncode != 0
    assert "trajreg.utils" in done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "trajreg").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_small(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MAX_FILE_LINES
    assert long_functions(source) == {}


def test_types_are_strict():
    """What is not strict concerns packages without types only."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert (settings["strict"], settings["files"]) == (True, ["trajreg"])
    assert {name for name, value in settings.items() if value is False} == {
        "warn_return_any",
        "disallow_subclassing_any",
        "disallow_untyped_calls",
    }
    assert "overrides" not in settings


def test_functions_name_their_options():
    """So that a wrong one is found where it is written; those that pass them on to a library are listed."""
    found = {
        (path.relative_to(ROOT / "trajreg").as_posix(), node.name)
        for path in (ROOT / "trajreg").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.args.kwarg
    }
    assert found == PASS_ON


def test_planning_and_the_command_line_need_no_torch():
    code = "import sys, trajreg.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_long_function_is_found_and_a_long_docstring_is_free():
    body = "    x = 1\n" * (MAX_FUNCTION_LINES - 1)
    docstring = '    """One.\n\n    Two.\n    """\n'
    assert long_functions(f"def f():\n{docstring}{body}") == {}
    assert long_functions(f"def f():\n{docstring}{body}    x = 2\n") == {"f": MAX_FUNCTION_LINES + 1}
