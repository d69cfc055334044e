"""`run --plan`: what it says is what a run then takes, and it leaves no trace."""

import socket

import pandas as pd
import pytest
import torch
from conftest import ROOT, copy_project

from trajreg.cli import main
from trajreg.models.build import build
from trajreg.runs.forecast import forecast
from trajreg.runs.forecast_text import duration, size, told
from trajreg.runs.store import RunStore
from trajreg.studies.kinds import Wanted
from trajreg.studies.params import figure_ids, load_figure
from trajreg.training.spec import TrainSpec

FIGURES = {one: load_figure(ROOT / "params", "smoke", one).wanted() for one in figure_ids(ROOT / "params", "smoke")}


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """The plan of the whole smoke profile for an empty store."""
    return forecast(FIGURES, RunStore(tmp_path_factory.mktemp("empty") / "runs"), 2, lambda line: None)


def test_what_is_missing_and_its_steps_are_what_a_run_then_makes(planned, finished):
    runs = finished / "results" / "smoke" / "runs"
    made = list(runs.glob("*/steps.parquet"))
    measured = [path for path in runs.glob("*/*/manifest.json") if path.parent.name != "snapshots"]
    whole = planned.whole
    assert whole.missing == whole.wanted == (len(made), len(measured))
    assert whole.steps == sum(len(pd.read_parquet(path)) for path in made)


def test_its_bytes_are_about_those_that_a_run_stores(planned, finished):
    files = (finished / "results" / "smoke" / "runs").rglob("*")
    stored = sum(path.stat().st_size for path in files if path.is_file() and ".locks" not in path.parts)
    assert 0.5 < planned.whole.stored / stored < 2
    assert planned.whole.peak >= planned.whole.stored


def test_times_are_quartiles_and_runs_of_all_figures_are_each_counted_once(planned):
    low, middle, high = planned.whole.seconds
    assert 0 < low <= middle <= high
    assert planned.whole.seconds[1] <= sum(one.seconds[1] for one in planned.figures.values()) * (1 + 1e-9)
    assert planned.whole.wanted[0] <= sum(one.wanted[0] for one in planned.figures.values())


def test_of_a_finished_profile_nothing_is_missing(finished):
    said = []
    plan = forecast(FIGURES, RunStore(finished / "results" / "smoke" / "runs"), 1, said.append)
    assert plan.whole.missing == (0, 0)
    assert not said  # nothing had to be timed
    assert "time:" not in "\n".join(told(plan))


def test_it_writes_and_downloads_nothing(tmp_path, monkeypatch, capsys):
    top = copy_project(tmp_path / "project")
    before = {path: path.stat().st_mtime_ns for path in top.rglob("*")}
    monkeypatch.chdir(top)
    assert main(["run", "--profile", "smoke", "--plan", "--figures", "fig02", "fig01"]) == 0
    assert {path: path.stat().st_mtime_ns for path in top.rglob("*")} == before
    assert "9/9" in capsys.readouterr().out


CIFAR = {
    "data": {"name": "cifar10"},
    "model": {"name": "resnet18", "width": 0.0625},
    "optimizer": {"lr": 0.1},
    "batch_size": 128,
    "num_epochs": 2,
    "device": "cuda",
}


def test_data_that_are_not_there_are_stood_in_for_and_a_missing_gpu_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("asked the network"))
    wanted = [Wanted(TrainSpec.parse(CIFAR, "test"), {}, keep_snapshots=1)]
    plan = forecast({"fig": wanted}, RunStore(tmp_path / "runs"), 1, lambda line: None)
    assert plan.whole.steps == 2 * (50_000 // 128)
    weights = 4 * sum(one.numel() for one in build(wanted[0].spec.model, (3, 32, 32), 10).parameters())
    assert 3 * weights < plan.whole.stored < 3 * (weights + 150_000)  # snapshots 0, 1 and 2
    assert "unknown here (no GPU), this is what they would take on this CPU" in "\n".join(told(plan))
    assert not [*tmp_path.iterdir()]


def test_seeds_rates_and_labels_share_a_trial(tmp_path):
    values = {"data": {"name": "digits10", "num_train": 40}, "model": {"name": "mlp", "hidden": [4]}, "num_epochs": 1}
    specs = [
        TrainSpec.parse(values | {"optimizer": {"lr": lr}, "seed": seed, "data": values["data"] | labels}, "test")
        for lr, seed, labels in ((0.1, 0, {}), (0.2, 0, {}), (0.1, 1, {"shuffle_targets": True, "deal": 1}))
    ]
    said = []
    plan = forecast({"fig": [Wanted(one, {}) for one in specs]}, RunStore(tmp_path / "runs"), 1, said.append)
    assert "1 kinds of training" in said[0]
    assert plan.whole.missing == (3, 0)


@pytest.mark.parametrize(("num", "text"), [(0, "0 B"), (999, "999 B"), (12_300, "12.3 kB"), (4.5e12, "4.5 TB")])
def test_bytes_in_words(num, text):
    assert size(num) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ((30, 40, 50), "40 (30 … 50) s"),
        ((3600, 7200, 9000), "2 (1 … 2.5) h"),
        ((8e7, 9e7, 1e8), "1,042 (926 … 1,157) d"),
    ],
)
def test_times_in_words(seconds, text):
    assert duration(seconds) == text
