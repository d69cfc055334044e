"""Data that is not there: one line before anything is trained."""

import pytest
from conftest import copy_project

from trajreg.cli import main
from trajreg.data.download import OFFLINE

CIFAR = "datasets/cifar-10-python.tar.gz"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout in which nothing was made, as the working folder; its smoke profile is on what `on` says."""
    top = copy_project(tmp_path / "checkout")
    monkeypatch.chdir(top)
    monkeypatch.setenv(OFFLINE, "")
    monkeypatch.setattr("trajreg.runs.launch._Crew", lambda *arguments: pytest.fail("runs were begun"))

    def on(data):
        for path in (top / "params" / "smoke").glob("fig0[24].yaml"):
            lines = path.read_text().splitlines()
            path.write_text("\n".join(f"  data: {data}" if line.startswith("  data: ") else line for line in lines))
        return top

    return on


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "{name: archive, path: datasets/cifar10.npz, num_train: 60}",
            "archive datasets/cifar10.npz is missing; this downloads cifar10 and makes it: python -m trajreg fetch cifar10",
        ),
        ("{name: archive, path: mine.npz}", "archive mine.npz is missing: there is no such file"),
        ("{name: cifar10, num_train: 60}", f"cifar10: missing: {CIFAR}, and --offline (TRAJREG_OFFLINE) allows no"),
    ],
)
@pytest.mark.parametrize("command", ["all", "run"])
def test_it_is_one_line_before_anything_is_made(checkout, capsys, data, message, command):
    top = checkout(data)
    assert main([command, "--profile", "smoke", "--figures", "fig02", "fig04", "--offline"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"error: {message}")
    assert len(shown.splitlines()) == 1
    assert not list(top.glob("results/smoke/runs/*"))
    assert not (top / "datasets").exists()


def test_status_needs_no_download(checkout, monkeypatch, capsys):
    checkout("{name: cifar10, num_train: 60}")
    assert main(["status", "--profile", "smoke", "--figures", "fig04", "--offline"]) == 0
    assert "fig04    0/" in capsys.readouterr().out
