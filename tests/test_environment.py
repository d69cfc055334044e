"""What a fresh clone relies on: the lock file, environment.yml, the Makefile, and imports that stay light."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from trajreg.environment import environment_yaml, pins

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [
    *PROJECT["dependencies"],
    *(one for extra in EXTRAS.values() for one in extra if not one.startswith("trajreg[")),  # an extra of its own
]
LOCKED = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))

# Executing notebooks, drawing and rendering may need the extras; nothing else does.
NEEDS_EXTRAS = (
    "trajreg.plots",
    "trajreg.products",
    "trajreg.report",
    "trajreg.cli",
    "trajreg.__main__",
    "trajreg.runs.notebooks",
    "trajreg.trajectory.lightning",
    "trajreg.trajectory.transformers",
)

# For make, which would take PROFILE and the rest from the caller.
CLEAN = {"PATH": os.environ["PATH"]}


def shell(*command: str, cwd: Path, env: dict[str, str] = CLEAN) -> str:
    """The output of `command`, which has to succeed."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(code: str) -> str:
    """The output of `code` in a fresh interpreter at the root of the checkout."""
    return shell(sys.executable, "-c", code, cwd=ROOT, env=dict(os.environ))


def modules() -> list[str]:
    """The dotted name of every module of the library."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / "trajreg").rglob("*.py")))
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


def test_pins_keep_order_and_markers_and_drop_comments():
    lock_text = "# resolved\nb==2\n\na==1 ; sys_platform == 'linux'\n    # via b\n"
    assert pins(lock_text) == ["b==2", "a==1 ; sys_platform == 'linux'"]


def test_environment_yml_holds_exactly_the_lock():
    environment_text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert environment_text == environment_yaml(LOCKED), "run `make lock`"
    environment = YAML(typ="safe").load(environment_text)
    python_version, pip, from_pip = environment["dependencies"]
    assert (environment["name"], python_version, pip) == ("trajreg", "python=3.11", "pip")
    assert from_pip["pip"] == [*LOCKED, "-e ."]


@pytest.mark.parametrize("dependency", DIRECT)
def test_direct_dependency_is_locked_and_says_why(dependency):
    wanted = Requirement(dependency)
    locked = [pin for pin in map(Requirement, LOCKED) if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
    assert locked, f"{wanted.name} is not in requirements.lock; run `make lock`"
    for pin in locked:
        (version,) = pin.specifier
        assert version.operator == "=="
        assert wanted.specifier.contains(version.version), f"{pin} does not satisfy {dependency}"
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(rf'^ +"{re.escape(dependency)}", +# \w', text, re.MULTILINE), "no comment gives its reason"


def test_help_lists_every_documented_target_in_full():
    documented = re.findall(r"^([\w-]+):.*?## *(.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    listed = dict(re.findall(r"^ +make ([\w-]+) +(.+)$", shell("make", "help", cwd=ROOT), re.MULTILINE))
    assert {"all", "runs", "test", "lint", "clean", "help"} <= dict(documented).keys()
    assert listed == dict(documented)


@pytest.mark.parametrize("goal", ["all", "runs", "figures"])
def test_offline_is_an_option_of_what_reads_data(goal):
    assert "--offline" in shell("make", "-n", goal, "OFFLINE=1", cwd=ROOT).split()
    assert "--offline" not in shell("make", "-n", goal, cwd=ROOT).split()


def test_clean_deletes_local_results_and_never_a_named_version(tmp_path):
    for name in ("Makefile", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    results, elsewhere = tmp_path / "results" / "digits", tmp_path / "another disk" / "y"
    named = [results / "v1" / "x", results / "v2" / "x", elsewhere]
    local = [results / "local" / "y", results / "v1" / "failed" / "y", tmp_path / ".venv" / "built-from"]
    for path in (*named, *local):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
    (results / "runs").symlink_to(elsewhere.parent)

    shell("make", "clean", cwd=tmp_path)  # needs no git: a checkout may have come as an archive

    assert all(path.read_text() == "content" for path in named)
    assert not any(path.exists() for path in (*local, results / "runs"))


def test_specs_import_without_torch():
    # planning, status and why read specs only: they answer at once, without the seconds torch takes to load
    assert python("import sys, trajreg.data.spec, trajreg.models.spec; print('torch' in sys.modules)") == "False\n"


def test_library_imports_without_the_extras():
    extras = [one for name in ("plots", "notebooks", "vision") for one in EXTRAS[name] if one in DIRECT]
    blocked = [Requirement(dependency).name for dependency in extras]
    wanted = [name for name in modules() if not f"{name}.".startswith(tuple(f"{top}." for top in NEEDS_EXTRAS))]
    assert "trajreg.metrics.regularity" in wanted
    code = f"import importlib, sys\nsys.modules.update(dict.fromkeys({[*blocked, 'IPython']}))\n"
    python(code + f"for name in {wanted}:\n    importlib.import_module(name)\n")
