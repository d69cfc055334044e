"""The launcher's devices, and what Ctrl-C leaves."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from conftest import ROOT, copy_project
from doomed_walk import DoomedWalkSpec

from trajreg.errors import InputError, is_lack_of_memory
from trajreg.files import CannotWrite
from trajreg.models.spec import FUNCTIONS, Function
from trajreg.runs.execute import execute
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.launch import RunsFailed, _devices, launch
from trajreg.runs.memory import need
from trajreg.runs.plan import each_once, plan
from trajreg.runs.store import RunStore
from trajreg.runs.training import memory
from trajreg.studies.kinds import Wanted
from trajreg.training.spec import TrainSpec


def todos(tmp_path, device, **changes):
    values = {
        "data": {"name": "digits10"}, "model": {"name": "mlp"}, "optimizer": {"lr": 0.1}, "num_epochs": 1, "device": device,
    }  # fmt: skip
    return plan([Wanted(TrainSpec.parse(values | changes, "test"), {})], RunStore(tmp_path))


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


def test_a_run_whose_process_is_killed_is_named_and_the_others_are_made(tmp_path):
    """As the system ends one for want of memory: a kind of run that does it to itself."""
    store, specs = RunStore(tmp_path), [DoomedWalkSpec(num_steps=5, seed=seed) for seed in range(4)]
    with pytest.raises(RunsFailed) as told:
        launch([Wanted(one, {}, where=f"fig0{one.seed}.yaml: walk") for one in specs], store, workers=2)
    lines = str(told.value).splitlines()
    assert lines[0] == "1 of 4 runs failed, the others are stored:"
    assert re.fullmatch(
        rf"run {fingerprint(specs[1])}: its process was killed \(out of memory\?\); it \(fig01.yaml: walk\) "
        r"needs more memory than a process gets here; use fewer workers \(--workers 1\), .*",
        lines[1],
    )
    assert store.fingerprints() == sorted(fingerprint(one) for one in specs if one.seed != 1)


def test_what_a_process_needs_is_estimated_from_its_net_and_batch(tmp_path):
    (todo,) = todos(tmp_path, "cpu")
    assert 2**27 < memory(todo) < 2**33
    assert re.search(r"^it needs about [\d,]{9,} bytes of memory; use fewer workers", need(todo))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_lack_of_memory_is_told_in_many_words(error):
    assert is_lack_of_memory(error)
    assert not is_lack_of_memory(RuntimeError("shapes differ"))


def test_many_failures_are_a_few_lines(tmp_path):
    walks = [DoomedWalkSpec(num_steps=5, seed=seed, fails=True) for seed in range(9)]
    with pytest.raises(RunsFailed) as told:
        launch([Wanted(one, {}) for one in walks], RunStore(tmp_path), workers=1)
    lines = str(told.value).splitlines()
    assert lines[0] == "9 of 9 runs failed, the others are stored:"
    assert len(lines) == 7
    assert lines[-1] == "… and 4 more"


def test_a_disk_that_takes_nothing_ends_all_at_once(tmp_path, monkeypatch):
    walks = [DoomedWalkSpec(num_steps=5, seed=seed, disk_is_full=True) for seed in range(9)]
    with pytest.raises(CannotWrite, match=r"^run \w+ cannot be written: No space left on device in .*make room"):
        launch([Wanted(one, {}) for one in walks], RunStore(tmp_path), workers=1)
    assert RunStore(tmp_path).fingerprints() == []
    assert not list(tmp_path.glob(".[0-9a-f]*"))


def walks(*pieces, **options):
    return [
        Wanted(DoomedWalkSpec(num_steps=5, seed=seed, pieces=one, **options), {}) for seed, one in enumerate(pieces)
    ]


def test_pieces_come_in_their_order(tmp_path):
    assert launch(walks("fine", "fine"), RunStore(tmp_path), workers=2) == 2


@pytest.mark.parametrize("others", [["kill"], ["raise"], ["kill", "raise"], ["raise", "kill", "fine"]])
def test_where_a_piece_raises_or_is_killed_the_launch_ends(tmp_path, others):
    with pytest.raises(RunsFailed) as told:
        launch(walks("fine", *others), RunStore(tmp_path), workers=2)
    said = str(told.value)
    assert said.count("its process was killed") == others.count("kill")
    # a walk that is stored when another's process is killed is not walked again
    assert said.count("stumbled") == 1 or "kill" in others


@pytest.mark.parametrize("spoil", [lambda path: path.write_text(""), lambda path: path.symlink_to("nowhere")])
def test_what_stands_in_the_place_of_the_store_is_set_aside(tmp_path, capfd, spoil):
    spoil(tmp_path / "runs")
    assert launch(walks(""), RunStore(tmp_path / "runs"), workers=1) == 1
    assert len(RunStore(tmp_path / "runs").fingerprints()) == 1
    assert "runs is no folder; set aside as corrupt/runs" in "".join(capfd.readouterr())


def test_where_nobody_can_be_told_the_runs_are_made_all_the_same(tmp_path, monkeypatch):
    """The log may be on the disk that is full, or its reader gone."""

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    for method in ("write", "update", "set_postfix_str"):
        monkeypatch.setattr(f"trajreg.runs.display.tqdm.{method}", full)
    assert launch(walks("fine", "fine"), RunStore(tmp_path), workers=2) == 2


def test_a_full_disk_ends_pieces_of_other_runs_too(tmp_path):
    started = time.monotonic()
    with pytest.raises(CannotWrite):
        launch(walks(*["fine"] * 3) + walks("", disk_is_full=True), RunStore(tmp_path), workers=2)
    assert time.monotonic() - started < 30


NOTEBOOK = """
import faulthandler, psutil
from trajreg.runs.launch import launch
from trajreg.runs.store import RunStore
from trajreg.studies.kinds import Wanted
from trajreg.training.spec import TrainSpec
values = {{"data": {{"name": "digits10"}}, "model": {{"name": "mlp"}}, "optimizer": {{"lr": 0.1}}, "num_epochs": 100000, "batch_size": 10}}
if __name__ == "__main__":
    faulthandler.dump_traceback_later(40, exit=True)
    store = RunStore({root!r})
    with store.lock({held!r}, print):  # another process holds the lock of one of the runs
        try:
            launch([Wanted(TrainSpec.parse(values | {{"seed": seed}}, "test"), {{}}) for seed in range(4)], store, workers=2)
        except KeyboardInterrupt:
            living = [one for one in psutil.Process().children() if one.status() != "zombie" and "tracker" not in str(one.cmdline())]
            print("interrupted", len(living))
"""


def test_interrupted_in_a_notebook_it_ends_its_processes_and_waits_for_nobody(tmp_path):
    """There Ctrl-C is an exception, and the process goes on."""
    values = {
        "data": {"name": "digits10"}, "model": {"name": "mlp"}, "optimizer": {"lr": 0.1}, "num_epochs": 100000, "batch_size": 10,
    }  # fmt: skip
    held = fingerprint(TrainSpec.parse(values | {"seed": 0}, "test"))
    (tmp_path / "notebook.py").write_text(NOTEBOOK.format(root=str(tmp_path / "runs"), held=held))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "notebook.py"],
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=err,
        )
    deadline = time.monotonic() + 120
    while "waiting for process" not in (tmp_path / "err").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(3)  # others are being trained, or soon will be
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, _ = process.communicate(timeout=60)
    assert time.monotonic() - started < 5
    assert (process.returncode, out) == (0, "interrupted 0\n")
    assert "Traceback" not in (tmp_path / "err").read_text()
    assert "waiting for process" in (tmp_path / "err").read_text()


def children(group):
    """The processes of a process group that are still there, zombies aside."""
    shown = subprocess.run(["ps", "-eo", "pid,pgid,stat"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in shown.splitlines()[1:]]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == group and not state.startswith("Z")]


@pytest.mark.skipif(sys.platform == "win32", reason="process groups and signals of POSIX")
@pytest.mark.parametrize(
    ("whom", "when", "number"),
    [
        ("group", "stored", signal.SIGINT),
        ("parent", "stored", signal.SIGTERM),
        ("workers first", "starting", signal.SIGINT),
    ],
)
def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(tmp_path, whom, when, number):
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
        (os.killpg if whom == "group" else os.kill)(process.pid, number)
        assert process.wait(timeout=30) == 128 + number
        assert time.monotonic() - started < 3
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
