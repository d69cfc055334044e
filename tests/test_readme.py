"""The README does what it says: its Python runs, its commands run, its links lead somewhere."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
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
    _leave_checkpoints(project)
    env = os.environ | {"PATH": f"{sys.prefix}/bin{os.pathsep}{os.environ['PATH']}"}  # as where trajreg was installed
    done = subprocess.run(command, shell=True, cwd=project, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _leave_checkpoints(folder):
    """What a training of three steps left."""
    import torch

    (folder / "checkpoints").mkdir()
    for step in (0, 1, 3):
        torch.save({"weight": torch.full((2,), 3.0 - step)}, folder / "checkpoints" / f"step_{step}.pt")
    (folder / "losses.csv").write_text("step,loss\n0,2.0\n1,1.0\n2,0.5\n")


def test_make_lab_has_what_it_needs():
    shown = subprocess.run(["make", "-n", "lab"], cwd=ROOT, capture_output=True, text=True).stdout
    assert "bin/python -m jupyterlab" in shown
    assert find_spec("jupyterlab") is not None


def test_what_the_set_up_takes_is_what_it_says_itself():
    """The table's row of it, and that of one without CUDA."""
    set_up = runpy.run_path(str(ROOT / ".ci" / "set_up.py"))
    for name in ("WITH_CUDA", "WITHOUT_CUDA"):
        download, disk = set_up[name]
        whole = f"{disk + download:.1f}".removesuffix(".0")
        assert f"{disk} GB, {whole} GB while it runs; {download} GB to download" in TEXT


@pytest.mark.parametrize("profile", [path.name for path in (ROOT / "params").iterdir() if path.is_dir()])
def test_the_table_has_a_row_of_every_profile(profile):
    assert re.search(rf"^\| `(PROFILE={profile}`|make all` \(`{profile}`\))", TEXT, flags=re.MULTILINE)


OPTIMISERS = ("fig10", "fig11", "fig12", "fig13")


@pytest.mark.parametrize(
    ("metric", "numbers"),
    [
        ("steps_to_loss", {"replicated": 12}),
        ("gamma", {"replicated": 13}),
        ("directedness", {"replicated": 4, "reversed": 6}),
        ("rate", {"replicated": 11, "reversed": 4}),
    ],
)
def test_the_result_is_that_of_the_committed_ledger(metric, numbers):
    ledger = pd.read_csv(ROOT / "results" / "digits" / "v1" / "claims.csv", dtype={"reason": str})
    own = ledger[ledger["where"].fillna("").str.endswith("own η") & ~ledger["figure"].isin(OPTIMISERS)]
    trained = own[~own["reason"].fillna("").str.contains("does not train")]
    found = trained.loc[trained["metric"].str.partition(" ")[0] == metric, "verdict"]
    assert len(found) == 15
    assert {verdict: sum(found == verdict) for verdict in numbers} == numbers
    for number in numbers.values():
        assert re.search(rf"^[12]\. .*\b{number}\b", TEXT, flags=re.MULTILINE)


def test_the_two_commands_are_the_first():
    assert COMMANDS[:2] == list(IN_CI)


def anchors(text):
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.*)", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_links_and_folders_exist():
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        page = ROOT / (path or "README.md")
        assert page.exists(), target
        assert not anchor or anchor in anchors(page.read_text(encoding="utf-8")), target
    for name in re.findall(r"^\| `([a-z]+)/", TEXT, flags=re.MULTILINE):
        assert (ROOT / name).is_dir()
