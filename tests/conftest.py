"""A copy of the project in which tests may run the pipeline, spoil things and repair them."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

# as workers have it: sums over more threads have other last bits, and nets of this size are slower with them
os.environ["OMP_NUM_THREADS"] = "1"

ROOT = Path(__file__).resolve().parent.parent


def copy_project(target: Path) -> Path:
    """What the pipeline reads, in a folder of its own: params, notebooks, the library's text, the docs, the lock file."""
    for folder in ("params", "notebooks", "trajreg", "docs"):
        shutil.copytree(
            ROOT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        )
    shutil.copy(ROOT / "requirements.lock", target)
    return target


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> Path:
    """A project copy in which the whole smoke profile has been made. Read only: take `project` to change things."""
    from trajreg.pipeline import Pipeline

    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent  # tests that run side by side share it
    top, done = shared / "finished", shared / "finished.done"
    with FileLock(shared / "finished.lock"):
        if not done.exists():
            assert Pipeline(copy_project(top), "smoke").all()
            done.touch()
    return top


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """A copy of the finished project, to be spoilt. Nothing in it depends on where it lies: here its path has a blank and umlauts."""
    return Path(shutil.copytree(finished, tmp_path / "träj reg ü"))
