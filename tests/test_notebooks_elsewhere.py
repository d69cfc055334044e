"""The notebooks that need no checkout begin with a cell that installs trajreg where it is not, or says what it has to be told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# IPython where trajreg is missing, or is not, and whose %pip says what it would install
SHELL = """
import importlib.util, sys
from IPython.core.interactiveshell import InteractiveShell

code, missing, place = sys.argv[1:]
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "trajreg" and missing else find(name)
shell = InteractiveShell()
shell.register_magic_function(lambda line: print("pip", line), "line", "pip")
assert 'trajreg_from = ""' in code
result = shell.run_cell(code.replace('trajreg_from = ""', f"trajreg_from = {place!r}"))
sys.exit(not result.success)
"""
SAYS = "trajreg is not installed here: say in this cell, in trajreg_from, where it is"


@pytest.mark.parametrize("name", ["own_training_loop", "gamma_explained"])
@pytest.mark.parametrize(
    ("missing", "place", "said"),
    [
        ("", "", ""),
        ("missing", "", SAYS),
        ("missing", "git+https://a.b/c", 'pip install --quiet "git+https://a.b/c" matplotlib'),
        ("missing", "/träj reg", 'pip install --quiet "/träj reg" matplotlib'),
    ],
)
def test_what_is_missing_is_installed_from_where_it_is_said_to_be(name, missing, place, said, tmp_path):
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    environ = os.environ | {"IPYTHONDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SHELL, code, missing, place]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == (said == SAYS), done.stderr
    assert said in done.stdout
    assert bool(said) == bool(done.stdout)
