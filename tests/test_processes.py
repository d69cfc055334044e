"""How processes end: whatever ends a parent, its workers and what they started end with it; a signal ends all with one line."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
SIGNALS = {"SIGKILL": -9, "SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
# two workers, each with a process of its own in a session of its own, as a notebook's kernel is
COMMAND = """
import subprocess, sys, time
from concurrent.futures import ProcessPoolExecutor
from trajreg.processes import Context, end_on_signals

def sleep(seconds):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    print("up", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    end_on_signals("stopped; all is well")
    with ProcessPoolExecutor(2, mp_context=Context()) as pool:
        list(pool.map(sleep, [60, 60]))
"""


@pytest.fixture
def command(tmp_path):
    """A command whose workers and their children are up."""
    (tmp_path / "command.py").write_text(COMMAND)
    process = subprocess.Popen(
        [sys.executable, "command.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert [process.stdout.readline() for _ in range(2)] == ["up\n"] * 2
    yield process
    for one in living(process.args, tmp_path):
        one.kill()
    process.stdout.close()
    process.stderr.close()


def living(command, folder):
    """Processes that were started in a folder; zombies, which only wait to be noticed, do not live."""
    found = []
    for one in psutil.process_iter():
        try:
            if one.cwd() == str(folder) and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except psutil.Error:
            continue
    return found


# a kernel, unlike the child here, notices itself that its worker was ended together with everything else
@pytest.mark.parametrize(("whom", "name"), [*(("process", one) for one in SIGNALS), ("group", "SIGINT")])
def test_nothing_outlives_a_command(command, tmp_path, whom, name):
    number = getattr(signal, name)
    assert len(living(command.args, tmp_path)) >= 5  # itself, two workers, and a child of each
    (os.kill if whom == "process" else os.killpg)(command.pid, number)
    started = time.monotonic()
    assert command.wait(timeout=20) == SIGNALS[name]
    while living(command.args, tmp_path) and time.monotonic() - started < 3:
        time.sleep(0.02)
    assert living(command.args, tmp_path) == []
    said = command.stderr.read()
    assert said == ("" if name == "SIGKILL" else "\nstopped; all is well\n")


@pytest.mark.parametrize("ignored", [False, True])
def test_a_hangup_that_was_ignored_from_the_start_stays_so(tmp_path, ignored):
    """As `nohup` has it; a SIGINT ends the command in any case."""
    code = (
        "import signal, os; from trajreg.processes import end_on_signals; end_on_signals('stopped');"
        "os.kill(os.getpid(), signal.SIGHUP); print('still here', flush=True); os.kill(os.getpid(), signal.SIGINT)"
    )
    ignore = (
        (lambda: [signal.signal(one, signal.SIG_IGN) for one in (signal.SIGHUP, signal.SIGINT)]) if ignored else None
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        preexec_fn=ignore,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == ((130, "still here\n") if ignored else (129, ""))
    assert done.stderr == "\nstopped\n"


def test_where_make_is_killed_the_command_that_it_started_ends(tmp_path):
    code = "from trajreg.processes import end_on_signals; end_on_signals('stopped'); print('up', flush=True); import time; time.sleep(60)"
    (tmp_path / "slow.py").write_text(code)
    (tmp_path / "Makefile").write_text(
        f"export TRAJREG_MADE_BY := $(shell echo $$PPID)\nall:\n\t@{sys.executable} slow.py\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    make = subprocess.Popen(
        ["make"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert make.stdout.readline() == "up\n"
    make.kill()
    started = time.monotonic()
    while living(make.args, tmp_path) and time.monotonic() - started < 3:
        time.sleep(0.02)
    assert living(make.args, tmp_path) == []
    assert make.communicate()[1] == "\nstopped\n"
