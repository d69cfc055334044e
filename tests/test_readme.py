"""The README does what it says: its Python runs, its commands run, its links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
IN_CI = ("make all", "make test")  # the first is too long for a test, the second would run itself


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


COMMANDS = [line.partition("#")[0].strip() for block in blocks("bash") for line in block.splitlines() if line.strip()]


def test_the_loop_runs_as_written(tmp_path):
    (code,) = blocks("python")
    env = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "γ walk" in done.stdout
    assert "TheoremBound" in done.stdout
    assert (tmp_path / "gamma.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in IN_CI])
def test_commands_run(command, project):
    shutil.copy(ROOT / "Makefile", project)
    (project / ".venv").symlink_to(sys.prefix)
    done = subprocess.run(command, shell=True, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_lab_has_what_it_needs():
    shown = subprocess.run(["make", "-n", "lab"], cwd=ROOT, capture_output=True, text=True).stdout
    assert "bin/python -m jupyterlab" in shown
    assert find_spec("jupyterlab") is not None


def test_the_two_commands_are_the_first():
    assert COMMANDS[:2] == list(IN_CI)


def test_links_and_folders_exist():
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    for name in re.findall(r"^\| `([a-z]+)/", TEXT, flags=re.MULTILINE):
        assert (ROOT / name).is_dir()
