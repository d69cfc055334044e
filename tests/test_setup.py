"""Setting up: what `make env` refuses, says and mends, and the order of goals, with a Python that installs nothing."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A Python whose venv is another of its kind, and whose pip says what the test wants, or waits as long as `hold` is there.
PYTHON = """
import os, pathlib, runpy, shutil, sys, time, types
sys.executable, *sys.argv = sys.argv[1:]
sys.version_info = tuple(map(int, os.environ.get("VERSION_OF_PYTHON", "3.12.1").split(".")))
if "FREE" in os.environ:
    shutil.disk_usage = lambda path: types.SimpleNamespace(free=int(os.environ["FREE"]))
if sys.argv[0] == "-c":
    open("checked", "a").write(sys.argv[1] + "\\n")
    sys.exit(os.environ.get("NO_MODULE"))
elif sys.argv[0] != "-m":
    pathlib.Path("set_up.pid").write_text(str(os.getpid()))
    runpy.run_path(sys.argv[0], run_name="__main__")
elif sys.argv[1] == "trajreg":
    print("begin", sys.argv[2], flush=True)
    time.sleep(0.05)
    print("end", sys.argv[2], flush=True)
elif sys.argv[1] == "venv":
    target = pathlib.Path(sys.argv[2], "bin")
    target.mkdir()
    shutil.copy(sys.executable, target / "python")
else:
    with open("installed", "a") as file:
        file.write(" ".join(sys.argv[2:]) + "\\n")
    for path in map(pathlib.Path, sys.argv[2:]):
        if path.suffix in (".lock", ".txt"):
            shutil.copy(path, "pins-" + path.name)
    print(os.environ.get("SAID", "WARNING: a script is not on PATH"))
    while pathlib.Path("hold").exists():
        time.sleep(0.01)
    sys.exit("SAID" in os.environ)
"""


class Checkout:
    """A checkout that has nothing but its set-up, in a place with blanks and umlauts."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "träj reg"
        (self.top / ".ci").mkdir(parents=True)
        for name in ("Makefile", "requirements.lock", ".ci/set_up.py"):
            shutil.copy(ROOT / name, self.top / name)
        self.python = folder / "python"
        (folder / "python.py").write_text(PYTHON)
        self.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder}/python.py" "$0" "$@"\n')
        self.python.chmod(0o755)
        self.hold, self.installed = self.top / "hold", self.top / "installed"

    def begin(self, *goals: str, nobody: bool = False, **env: str) -> subprocess.Popen[str]:
        """`make` with this Python; a group of processes of its own, as a terminal has it; `nobody`: not as root."""
        return subprocess.Popen(
            ["make", f"PYTHON={self.python}", *goals],
            cwd=self.top,
            env={"PATH": os.environ["PATH"], **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            user=65534 if nobody and os.geteuid() == 0 else None,
        )

    def make(self, *goals: str, **env: str) -> tuple[int, list[str]]:
        """Its exit status, and what was said, less what make itself says of a failure."""
        return finish(self.begin(*goals, **env))

    def wait_until_pip(self) -> None:
        while not self.installed.exists():
            time.sleep(0.01)


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    said = process.communicate(timeout=60)[0]
    return process.returncode, [line for line in said.splitlines() if not line.startswith("make: ***")]


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be root")
BEGUN, READY = "setting up .venv with Python", [".venv is ready"]


def test_it_says_what_it_will_take_installs_from_the_lock_and_then_is_ready(checkout):
    status, (begun, *rest) = checkout.make("env", HOME="/nonexistent", TMPDIR="/nonexistent")
    assert (status, rest) == (0, READY)
    assert re.fullmatch(
        rf"{BEGUN} [\d.]+, once: some minutes, [\d.]+ GB to download, [\d.]+ GB of disk( \(.*TORCH_INDEX, see README.md\))?",
        begun,
    )
    from_lock, editable = checkout.installed.read_text().splitlines()
    assert from_lock.endswith("--requirement requirements.lock")
    assert editable.endswith("--editable .")
    assert "not on PATH" in (checkout.top / ".venv" / "set-up.log").read_text()
    assert checkout.make("env") == (0, [])


def test_a_changed_lock_is_set_up_anew(checkout):
    checkout.make("env")
    (checkout.top / ".venv" / "old").touch()
    (checkout.top / "requirements.lock").write_text("other==1\n")
    assert checkout.make("env")[1][1:] == READY
    assert not (checkout.top / ".venv" / "old").exists()


@pytest.fixture
def path(tmp_path):
    """A PATH on which there is no Python: what the Makefile calls, and what a test adds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("make", "cat", "cksum"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


TRIED = "3.11, 3.12 and 3.13"
REFUSED = {
    "3.6.15": f"Python 3.6 is too old; {TRIED} work: ",
    "3.10.13": f"Python 3.10 is too old; {TRIED} work: ",
    "3.15.0": f"the locked PyTorch has no build for Python 3.15 yet; {TRIED} work: ",
}


@pytest.mark.parametrize("version", REFUSED)
def test_a_python_that_cannot_work_is_refused_before_anything_is_made(checkout, path, version):
    status, said = checkout.make("env", VERSION_OF_PYTHON=version, PATH=str(path))
    assert status != 0
    assert said == [f"error: {REFUSED[version]}name one of them, make PYTHON=python3.12"]
    assert not (checkout.top / ".venv").exists()


def test_one_that_works_is_named_where_it_is_here(checkout, path):
    """Not one that is a version manager's name for nothing."""
    (path / "python3.12").write_text("#!/bin/sh\nexit 127\n")
    (path / "python3.13").symlink_to(sys.executable)
    (path / "python3.12").chmod(0o755)
    said = checkout.make("env", VERSION_OF_PYTHON="3.10.13", PATH=str(path))[1]
    assert said == [f"error: {REFUSED['3.10.13']}python3.13 is here, make PYTHON=python3.13"]


def test_a_python_that_nobody_tried_is_allowed_and_called_so(checkout, path):
    status, (note, *_) = checkout.make("env", VERSION_OF_PYTHON="3.14.0", PATH=str(path))
    assert status == 0
    assert note == f"Python 3.14 was not tried ({TRIED} were); where it fails, name one of them, make PYTHON=python3.12"


@pytest.mark.parametrize(
    ("index", "source"),
    [("https://a.b/cpu", "--index-url https://a.b/cpu"), ("ä dir", "--no-index --find-links ä dir")],
)
def test_pytorch_is_taken_from_where_it_is_named_and_what_cuda_needs_left_out(checkout, index, source):
    (checkout.top / "ä dir").mkdir()
    status, (begun, *rest) = checkout.make("env", f"TORCH_INDEX={index}")
    assert (status, rest) == (0, READY)
    assert "CUDA" not in begun
    torch, others, _ = checkout.installed.read_text().splitlines()
    assert f"{source} --requirement" in torch
    assert index not in others
    pins = {name: (checkout.top / f"pins-{name}.txt").read_text().splitlines() for name in ("torch", "others")}
    assert [pin.split("==")[0] for pin in pins["torch"]] == ["torch", "torchvision"]
    locked = (ROOT / "requirements.lock").read_text().splitlines()
    left_out = {*locked} - {*pins["torch"], *pins["others"]}
    assert {re.split("[-=]", pin)[0] for pin in left_out} == {"cuda", "nvidia", "triton"}
    assert (checkout.top / "checked").read_text() == "import torchvision\n"


def test_where_pytorch_comes_from_is_kept_until_another_place_is_named(checkout):
    checkout.make("env", "TORCH_INDEX=https://a.b/cpu")
    assert checkout.make("env") == (0, [])
    (checkout.top / "requirements.lock").write_text("torch==1\n")
    checkout.make("env", SAID="ERROR: no network")
    assert checkout.make("env")[1][1:] == READY
    assert [line.count("https://a.b/cpu") for line in checkout.installed.read_text().splitlines()] == [
        1,
        0,
        0,
        1,
        1,
        0,
        0,
    ]
    assert checkout.make("env", "TORCH_INDEX=")[1][1:] == READY
    assert checkout.installed.read_text().splitlines()[-2].endswith("--requirement requirements.lock")
    assert checkout.make("env") == (0, [])


def test_a_place_that_is_none_and_a_build_that_needs_cuda_are_told_in_a_line(checkout):
    status, said = checkout.make("env", "TORCH_INDEX=cpu")
    assert status != 0
    assert said == ["error: TORCH_INDEX=cpu is neither an address (https://…) nor a folder that is here"]
    assert not (checkout.top / ".venv").exists()
    status, said = checkout.make("env", "TORCH_INDEX=https://a.b", NO_MODULE="ImportError: libcublas.so: cannot open")
    assert status != 0
    assert said[1:] == ["error: ImportError: libcublas.so: cannot open; all that was said is in .venv/set-up.log"]
    assert checkout.make("env")[1][1:] == READY


def test_old_pythons_can_read_what_refuses_them():
    ast.parse((ROOT / ".ci" / "set_up.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_a_full_disk_is_refused_before_anything_is_installed(checkout):
    status, said = checkout.make("env", FREE=str(10**9))
    assert status != 0
    assert len(said) == 1
    assert re.fullmatch(r"error: 1\.0 GB of disk are free here, the set-up takes [\d.]+ GB while it runs", said[0])
    assert not checkout.installed.exists()
    assert checkout.make("env")[0] == 0


def test_a_checkout_that_cannot_be_written_to_is_refused_and_can_be_looked_at(checkout):
    checkout.make("env")
    (checkout.top / ".venv" / "bin" / "python").write_text("#!/bin/sh\necho looked at\n")
    checkout.top.chmod(0o555)
    try:
        assert finish(checkout.begin("status", nobody=True)) == (0, ["looked at"])
        (checkout.top / "requirements.lock").write_text("other==1\n")
        for goals in (["env"], ["status"], ["lint"], ["status", "all"], ["clean"]):
            status, said = finish(checkout.begin(*goals, nobody=True))
            assert status != 0
            assert said == [
                "error: this folder cannot be written to: clone trajreg into one that can, and run make there"
            ]
    finally:
        checkout.top.chmod(0o755)


@pytest.mark.parametrize(
    ("said_by_pip", "reason"),
    [
        ("ERROR: No matching distribution found for a==1", "No matching distribution found for a==1"),
        ("Collecting a==1\n  WARNING: Retrying (Retry(…))\nERROR: No matching …", "no connection to the package index"),
        ("Killed", "Killed"),
    ],
)
def test_a_failure_of_pip_is_a_line_and_a_log_and_is_mended(checkout, said_by_pip, reason):
    status, (_, *said) = checkout.make("env", SAID=said_by_pip)
    assert status != 0
    assert said == [f"error: {reason}; all that was said is in .venv/set-up.log"]
    assert said_by_pip in (checkout.top / ".venv" / "set-up.log").read_text()
    assert checkout.make("env")[1][1:] == READY


@pytest.mark.parametrize(
    ("sent", "said"), [(signal.SIGINT, ["stopped; the next make begins the set-up anew"]), (signal.SIGKILL, [])]
)
def test_an_interrupted_set_up_says_so_in_a_line_and_is_mended(checkout, sent, said):
    checkout.hold.touch()
    process = checkout.begin("env")
    checkout.wait_until_pip()
    os.killpg(process.pid, sent)
    status, lines = finish(process)
    assert status != 0
    assert lines[1:] == said
    checkout.hold.unlink()
    status, (begun, *rest) = checkout.make("env")
    assert (status, begun[: len(BEGUN)], rest) == (0, BEGUN, READY)


def test_of_two_at_once_one_waits_and_finds_it_ready(checkout):
    checkout.hold.touch()
    first = checkout.begin("env")
    checkout.wait_until_pip()
    second = checkout.begin("env")
    assert second.stdout.readline() == "waiting for another set-up of the same environment\n"
    checkout.hold.unlink()
    assert finish(second) == (0, READY)
    assert finish(first)[0] == 0
    assert len(checkout.installed.read_text().splitlines()) == 2


def test_a_pip_that_outlives_its_set_up_is_waited_for(checkout):
    checkout.hold.touch()
    first = checkout.begin("env")
    checkout.wait_until_pip()
    os.kill(int((checkout.top / "set_up.pid").read_text()), signal.SIGKILL)
    assert finish(first)[0] != 0
    second = checkout.begin("env")
    assert second.stdout.readline() == "waiting for another set-up of the same environment\n"
    checkout.hold.unlink()
    status, (begun, *rest) = finish(second)
    assert (status, begun[: len(BEGUN)], rest) == (0, BEGUN, READY)


def order_of(checkout, *goals: str) -> list[str]:
    """The commands that `make -j4 GOALS` would run, in their order."""
    status, lines = checkout.make("--dry-run", "-j4", *goals)
    assert status == 0
    return [command for line in lines for command in re.findall(r"-m trajreg (\w+)", line)]


@pytest.mark.parametrize(
    ("goals", "order"),
    [
        ("all report status", "all report status"),
        ("status report all", "all report status"),
        ("verify report figures runs all status", "run figure all report verify status"),
        ("status", "status"),
        ("report runs", "run report"),
    ],
)
def test_goals_named_together_run_in_the_order_of_what_they_need(checkout, goals, order):
    checkout.make("env")
    assert order_of(checkout, *goals.split()) == order.split()


def test_goals_named_together_run_one_after_another_whatever_the_jobs(checkout):
    """Each leaves a line when it begins and when it is done."""
    checkout.make("env")
    said = finish(checkout.begin("-j4", "status", "all", "report"))[1]
    assert said == [f"{what} {goal}" for goal in ("all", "report", "status") for what in ("begin", "end")]


def test_clean_keeps_its_place_among_the_goals(checkout):
    checkout.make("env")
    (checkout.top / ".gitignore").touch()
    assert checkout.make("-j4", "clean", "env")[1][1:] == READY
    assert checkout.make("-j4", "env", "clean") == (0, [])
    assert not (checkout.top / ".venv").exists()


@pytest.mark.parametrize(("nobody", "options"), [(True, []), pytest.param(False, ["--allow-root"], marks=AS_ROOT)])
def test_lab_opens_for_root_as_well_and_asks_jupyter_for_nothing_else(checkout, nobody, options):
    checkout.make("env")
    python = checkout.top / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    checkout.top.chmod(0o777)
    assert finish(checkout.begin("lab", nobody=nobody)) == (
        0,
        [" ".join(["-m jupyterlab --notebook-dir .", *options])],
    )


def test_a_link_to_an_environment_that_does_not_fit_leaves_that_one_alone(checkout):
    other = checkout.top.parent / "other"
    other.mkdir()
    (other / "built-from").write_text("another lock\n")
    (checkout.top / ".venv").symlink_to(other)
    assert checkout.make("env")[0] == 0
    assert [path.name for path in other.iterdir()] == ["built-from"]
    assert not (checkout.top / ".venv").is_symlink()


def test_what_the_makefile_calls_works_where_a_checkout_was_moved_with_its_environment():
    """Scripts name the Python that they were installed with by its place; modules and binaries do not."""
    called = set(re.findall(r"^\t\$\(BIN\)/([\w-]+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert called == {"python", "ruff", "uv"}
    assert not (Path(sys.prefix) / "bin" / "ruff").read_bytes().startswith(b"#!")
