"""A minute of the soak test (`make soak` is an hour of it): a few of each attack, always the same ones."""

import sys
import tempfile
from pathlib import Path

import pytest
from soak import corruptions, disks, interrupts, kills, mutations, pairs
from soak.reference import Reference
from soak.running import kill_marked
from soak.trial import Trial

SEED = 1
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(sys.platform != "linux", reason="processes, disks and limits are Linux's"),
]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The undisturbed project."""
    return Reference(tmp_path_factory.mktemp("soak")).make()


@pytest.fixture
def folder():
    """Where victims are; another user has to reach them, and `tmp_path` is its owner's alone."""
    with tempfile.TemporaryDirectory(prefix="trajreg-soak-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def attack(reference, folder):
    """Make a trial of an attack, which must withstand it."""

    def withstood(name, number, trial, *options, state=None):
        one = Trial(name, number, SEED, folder, reference, state)
        try:
            trial(one, *options)
        except disks.Impossible as error:
            pytest.skip(str(error))
        finally:
            kill_marked()
            disks.unmount_all()
        assert one.tries
        assert [(tried.what, tried.wrong) for tried in one.tries if tried.wrong] == []

    return withstood


def test_kills(attack):
    attack("kills", 1, kills.trial, 2, state="the runs")


def test_interrupts(attack):
    attack("interrupts", 1, interrupts.trial, 2, state="all but the report")


def test_pairs(attack):
    attack("pairs", 1, pairs.trial, "two all", state="the runs")


@pytest.mark.parametrize("number", [7, 52, 61])
def test_corruptions(attack, number):
    attack("corruptions", number, corruptions.trial)


@pytest.mark.parametrize("kind", ["read-only", "no temporary folder"])
def test_lacks(attack, kind):
    attack("disks", 0, disks.trial, kind, state="all but the report")


def test_slips(attack):
    for number in range(50):
        attack("mutations", number, mutations.trial)
