"""Params files with slips in them: each makes a figure, or is refused in short clear words, soon and without end of memory."""

import contextlib
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from soak.project import ROOT
from soak.trial import Trial
from trajreg.errors import InputError
from trajreg.pipeline import Pipeline
from trajreg.studies.params import BATTERIES, load_figure, load_question

WITHIN = 2.0  # seconds
MEMORY = 2 * 2**30  # bytes beyond what this process has
MOST_LINES, LONGEST_LINE = 20, 500


def slips(text: str, rng: Random) -> Iterator[bytes]:
    """Files with this text but for a slip, another each time, without end."""
    scalars = ["", "null", "[]", "{}", "-1", "0", "1e308", ".nan", "true", "'x'", "10000000000", "[1, [2]]", "*a", "é"]
    while True:
        lines = text.splitlines(keepends=True)
        here, there = rng.randrange(len(lines)), rng.randrange(len(lines))
        place = rng.randrange(len(text))
        key = lines[here].partition(":")[0]
        changed = {
            "line away": [*lines[:here], *lines[here + 1 :]],
            "line twice": [*lines[:here], lines[here], *lines[here:]],
            "line elsewhere": [*lines[:there], lines[here], *lines[there:]],
            "indented": [*lines[:here], "  " + lines[here], *lines[here + 1 :]],
            "other value": [*lines[:here], f"{key}: {rng.choice(scalars)}\n", *lines[here + 1 :]],
            "character away": [text[:place], text[place + 1 :]],
            "character more": [text[:place], rng.choice("{}[]:,-#&*!|>'\"%@`\t\0é9"), text[place:]],
            "cut": [text[:place]],
        }
        yield "".join(rng.choice(list(changed.values()))).encode()


try:
    from fuzz_params import mutations
except ImportError:  # the tests' own generator of slips, where there is one
    mutations = slips


def trial(one: Trial) -> None:
    """One slip in one of the project's own params files."""
    for folder in ("params", "notebooks"):
        shutil.copytree(ROOT / folder, one.top / folder)
    params = one.top / "params"
    path = one.rng.choice(sorted(params.rglob("*.yaml")))
    profile, figure = _drawn_figure(params, path, one.rng)
    path.write_bytes(next(mutations(path.read_text(encoding="utf-8"), one.rng)))
    one.begin(f"a slip in {path.relative_to(one.top)}, {figure} of {profile}")
    started = time.perf_counter()
    try:
        with _bounded():
            load_figure(params, profile, figure)
            assert Pipeline(one.top, profile, figures=[figure]).jobs
    except InputError as error:
        lines = str(error).splitlines()
        short = len(lines) <= MOST_LINES and all(len(line) <= LONGEST_LINE for line in lines)
        one.expect(short, "a long message", f"{len(lines)} lines, {len(str(error))} characters")
    except Exception as error:  # whatever it is, it is not what a user should see
        one.expect(False, f"a slip raises {type(error).__name__}", str(error).replace("\n", " ")[:200])
    one.took(time.perf_counter() - started)


def _drawn_figure(params: Path, path: Path, rng: Random) -> tuple[str, str]:
    """A (profile, figure) that this file is read for."""
    if path.parent != params:
        return path.parent.name, path.stem
    sources = () if path.name == BATTERIES else load_question(params, path.stem).sources
    name = "*" if path.name == BATTERIES else rng.choice(sources or (path.stem,))
    setting = rng.choice(sorted(params.glob(f"*/{name}.yaml")))
    return setting.parent.name, path.stem if sources else setting.stem


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """No more time and memory than this; TimeoutError and MemoryError where that is not enough."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"no end after {WITHIN:.0f} s")

    limits, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGALRM, stop)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, WITHIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, limits)
