"""The launcher's devices, and what Ctrl-C leaves."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from conftest import ROOT, copy_project

from trajreg.errors import InputError
from trajreg.models.spec import FUNCTIONS, Function
from trajreg.runs.execute import execute
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.launch import _devices, launch
from trajreg.runs.plan import each_once, plan
from trajreg.runs.store import RunStore
from trajreg.studies.kinds import Wanted
from trajreg.training.spec import TrainSpec


def todos(tmp_path, device):
    values = {
        "data": {"name": "digits10"}, "model": {"name": "mlp"}, "optimizer": {"lr": 0.1}, "num_epochs": 1, "device": device,
    }  # fmt: skip
    return plan([Wanted(TrainSpec.parse(values, "test"), {})], RunStore(tmp_path), print)


@pytest.mark.parametrize(
    ("visible", "count", "slots"),
    [("2,3", 2, ["2", "3"]), (None, 2, ["0", "1"]), ("1", 1, ["1"]), ("GPU-a, GPU-b", 2, ["GPU-a", "GPU-b"])],
)
def test_the_gpus_that_the_user_made_visible_are_used(tmp_path, monkeypatch, visible, count, slots):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert _devices(todos(tmp_path, "cuda")) == slots


def test_runs_on_the_cpu_get_a_slot_a_core_and_ask_for_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: pytest.fail("asked"))
    monkeypatch.setattr("trajreg.runs.launch.num_cores", lambda: 3)
    assert _devices(todos(tmp_path, "cpu")) == ["", "", ""]


def test_without_a_gpu_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match="device = 'cuda', but PyTorch sees no GPU here"):
        _devices(todos(tmp_path, "cuda"))


@pytest.mark.parametrize("where", ["", "fig02.yaml: SiLU"])
def test_what_cannot_be_built_is_refused_before_anything_is_made(tmp_path, monkeypatch, where):
    monkeypatch.setitem(FUNCTIONS, "silu", Function("torch.nn.Sliu", "SiLU"))
    values = {
        "data": {"name": "digits10"}, "model": {"name": "mlp", "activation": "silu"}, "optimizer": {"lr": 0.1}, "num_epochs": 1,
    }  # fmt: skip
    good, bad = (TrainSpec.parse(values | {"model": model}, "test") for model in ({"name": "mlp"}, values["model"]))
    wanted = [Wanted(good, {}), *(Wanted(bad.model_copy(update={"seed": seed}), {}, where=where) for seed in range(2))]
    message = f"^{where + ': ' if where else ''}activation 'silu' is torch.nn.Sliu in .*$"
    with pytest.raises(InputError, match=message) as error:
        launch(wanted, RunStore(tmp_path), workers=1)
    assert len(str(error.value).splitlines()) == 1
    assert RunStore(tmp_path).fingerprints() == []


def test_who_wants_a_run_tells_no_runs_apart(tmp_path):
    (todo,) = todos(tmp_path, "cpu")
    one = replace(todo.wanted, where="fig01.yaml: a")
    assert one == todo.wanted
    merged = each_once([one, replace(one, where="fig02.yaml: b", keep_snapshots=1)])
    assert [(each.where, each.keep_snapshots) for each in merged.values()] == [("fig01.yaml: a", 1)]


def test_launching_what_is_there_imports_no_torch(tmp_path):
    values = {
        "data": {"name": "digits10", "num_train": 20, "num_test": 5}, "model": {"name": "mlp", "hidden": [4]},
        "optimizer": {"lr": 0.1}, "num_epochs": 1,
    }  # fmt: skip
    code = [
        "import sys",
        "from trajreg.runs.launch import launch",
        "from trajreg.runs.store import RunStore",
        "from trajreg.studies.kinds import Wanted",
        "from trajreg.training.spec import TrainSpec",
        f"assert launch([Wanted(TrainSpec.parse({values!r}, 'test'), {{}})], RunStore({str(tmp_path)!r})) == 0",
        "sys.exit('torch' in sys.modules)",
    ]
    spec = TrainSpec.parse(values, "test")
    execute(fingerprint(spec), Wanted(spec, {}), RunStore(tmp_path))
    assert subprocess.run([sys.executable, "-c", "\n".join(code)], cwd=ROOT).returncode == 0


def children(group):
    """The processes of a process group that are still there, zombies aside."""
    shown = subprocess.run(["ps", "-eo", "pid,pgid,stat"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in shown.splitlines()[1:]]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == group and not state.startswith("Z")]


@pytest.mark.skipif(sys.platform == "win32", reason="process groups and signals of POSIX")
@pytest.mark.parametrize(("whom", "when"), [("group", "stored"), ("parent", "stored"), ("workers first", "starting")])
def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(tmp_path, whom, when):
    top = copy_project(tmp_path)
    runs = top / "results" / "smoke" / "runs"
    command = [sys.executable, "-m", "trajreg", "run", "--profile", "smoke", "--workers", "2"]
    settings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(command, cwd=top, env=settings, stderr=err, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        reached = (
            (lambda: RunStore(runs).fingerprints())
            if when == "stored"
            else (lambda: "runs to make" in (tmp_path / "err").read_text())
        )
        while not reached() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if when == "starting":  # the workers are importing
            time.sleep(0.5)
            for pid in children(process.pid):
                if pid != process.pid:
                    os.kill(pid, signal.SIGINT)
            time.sleep(0.5)
        started = time.monotonic()
        (os.killpg if whom == "group" else os.kill)(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert time.monotonic() - started < 10
        while children(process.pid) and time.monotonic() - started < 10:
            time.sleep(0.05)  # what they leave to the system ends after them
        assert children(process.pid) == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    shown = (tmp_path / "err").read_text()
    assert "Traceback" not in shown
    assert shown.splitlines()[-1] == "stopped; finished runs are stored, the same command goes on from there"
    stored = RunStore(runs).fingerprints()
    assert (len(stored) >= 1) == (when == "stored")
    assert len(stored) < 10
    assert all(RunStore(runs).load(name) for name in stored)
