"""Many trials of each attack, a line each in a log, and the counts at the end."""

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from soak import corruptions, disks, interrupts, kills, mutations, pairs
from soak.reference import Reference
from soak.running import kill_marked
from soak.trial import Trial


@dataclass(frozen=True)
class Attack:
    """A kind of attack: one trial of it, how many are made, and how many a trial makes."""

    trial: Callable[[Trial], None]
    default: int
    each: int = 1
    needs_reference: bool = True


ATTACKS = {
    "kills": Attack(kills.trial, 200, kills.KILLS),
    "interrupts": Attack(interrupts.trial, 60, interrupts.INTERRUPTS),
    "pairs": Attack(pairs.trial, 20),
    "corruptions": Attack(corruptions.trial, 100),
    "disks": Attack(disks.trial, 10),
    "mutations": Attack(mutations.trial, 1000, needs_reference=False),
}


@dataclass
class Counts:
    """What came of the trials of one attack."""

    tries: int = 0
    failures: int = 0
    seconds: list[float] = field(default_factory=list)
    kinds: dict[str, list[str]] = field(default_factory=dict)  # what was wrong → [times, how to repeat it, detail]
    impossible: dict[str, int] = field(default_factory=dict)

    def add(self, trial: Trial) -> None:
        """Count the attacks of a trial."""
        for one in trial.tries:
            self.tries += 1
            self.failures += bool(one.wrong)
            self.seconds += [] if one.seconds is None else [one.seconds]
            for kind, detail in one.wrong:
                self.kinds.setdefault(kind, []).append(f"{trial.repeat}  ({detail})")

    def row(self, name: str) -> str:
        """Its line of the table."""
        times = (
            f"{statistics.median(self.seconds):8.2f} {max(self.seconds):8.2f}" if self.seconds else f"{'–':>8} {'–':>8}"
        )
        return f"{name:12} {self.tries:6} {self.failures:9} {times}"


def main(arguments: list[str] | None = None) -> int:
    """Soak; 0 where nothing was wrong, 1 where something was, 130 where it was stopped."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # clean up in any case
    folder = Path(options.folder or tempfile.mkdtemp(prefix="trajreg-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # attacks by another user have to reach it
    wanted = {name: _numbers(name, options) for name in (options.only or ATTACKS)}
    print(f"soak: seed {options.seed}, in {folder}")
    counts: dict[str, Counts] = {}
    started, stopped = time.perf_counter(), False
    try:
        soak({name: numbers for name, numbers in wanted.items() if numbers}, options.seed, folder, counts)
    except KeyboardInterrupt:
        stopped = True
        print("stopped; counts up to here:", file=sys.stderr)
    print("\n".join(table(counts)))
    print(
        f"{time.perf_counter() - started:.0f} s; each attack: {folder / 'log.txt'}; failed victims are kept beside it"
    )
    return 130 if stopped else int(any(one.failures for one in counts.values()))


def soak(wanted: dict[str, Iterable[int]], seed: int, folder: Path, counts: dict[str, Counts]) -> None:
    """Make these trials (by their numbers) of each attack; `counts` grows meanwhile. Nothing that it started outlives it."""
    reference = Reference(folder)
    try:
        if any(ATTACKS[name].needs_reference for name in wanted):
            reference.make()
        with (folder / "log.txt").open("a", encoding="utf-8") as log:
            for name, numbers in wanted.items():
                count = counts.setdefault(name, Counts())
                for number in tqdm(numbers, desc=name, unit="trial"):
                    one = Trial(name, number, seed, folder, reference)
                    attempt(one, ATTACKS[name].trial, count)
                    log.writelines(line + "\n" for line in told(one))
                    log.flush()
    finally:
        kill_marked()
        disks.unmount_all()


def attempt(one: Trial, trial: Callable[[Trial], None], count: Counts) -> None:
    """Make a trial and count what came of it."""
    try:
        trial(one)
        count.add(one)
    except disks.Impossible as error:
        count.impossible[str(error)] = count.impossible.get(str(error), 0) + 1
        one.tries.clear()
    finally:
        kill_marked()
        disks.unmount_all()
        one.finish()


def told(trial: Trial) -> list[str]:
    """What a trial's attacks came to, a line each."""
    name = f"{trial.attack} {trial.number}"
    ways = [(one.what, "" if one.seconds is None else f" ({one.seconds:.2f} s)", one.wrong) for one in trial.tries]
    return [
        f"{name}: {what}: {'; '.join(f'{kind} [{detail}]' for kind, detail in wrong) or 'ok'}{seconds}"
        for what, seconds, wrong in ways
    ]


def table(counts: dict[str, Counts]) -> list[str]:
    """Attack, tries, failures, seconds; then each kind of failure with how to repeat the first of it."""
    lines = [f"{'attack':12} {'tries':>6} {'failures':>9} {'median s':>8} {'max s':>8}"]
    lines += [one.row(name) for name, one in counts.items()]
    for name, one in counts.items():
        lines += [f"{name}: {times} skipped: {why}" for why, times in one.impossible.items()]
        most_first = sorted(one.kinds.items(), key=lambda item: -len(item[1]))
        lines += [f"{name}: {len(repeats)} × {kind}\n    {repeats[0]}" for kind, repeats in most_first]
    return lines


def _numbers(name: str, options: argparse.Namespace) -> range:
    if options.trial is not None:
        return range(options.trial, options.trial + 1)
    return range(-(-getattr(options, name) // ATTACKS[name].each))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python tests/soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws all attacks")
    for name, attack in ATTACKS.items():
        parser.add_argument(
            f"--{name}", type=int, default=attack.default, metavar="N", help=f"(default: {attack.default})"
        )
    parser.add_argument("--only", nargs="+", choices=list(ATTACKS), help="these attacks alone")
    parser.add_argument("--trial", type=int, help="one trial alone, by its number")
    parser.add_argument("--folder", help="where the victims are (default: a new temporary folder)")
    return parser
