"""The whole way for one profile and version: runs, notebooks, report, comparison. Each stage does only what content asks for."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from trajreg.errors import InputError
from trajreg.runs.figures import make_figures
from trajreg.runs.launch import RunsFailed, launch
from trajreg.runs.nearest import told as told_nearest
from trajreg.runs.notebooks import FigureJob
from trajreg.runs.plan import each_once
from trajreg.runs.status import is_stored, tell_status
from trajreg.runs.store import RunStore
from trajreg.runs.tidy import tidy
from trajreg.runs.tree import ResultsTree, is_reference, newest_reference
from trajreg.runs.tune import told as told_rates
from trajreg.runs.tune import tune
from trajreg.studies.params import declares_grid, figure_ids, is_on_request, load_figure
from trajreg.studies.question import in_order

SHOWN_ROWS = 18  # of each table of what was changed, at the end of `make all`


@dataclass
class Pipeline:
    """One profile, one version, some figures. `top` is the checkout; `say` takes each line meant for the console."""

    top: Path
    profile: str
    version: str = "local"
    figures: list[str] | None = None
    workers: int | None = None
    anew: bool = False
    say: Callable[[str], None] = field(default=lambda line: print(line, flush=True))

    @cached_property
    def store(self) -> RunStore:
        """The profile's runs, shared by all versions."""
        return RunStore(self.top / "results" / self.profile / "runs")

    @cached_property
    def tree(self) -> ResultsTree:
        """The results tree of this version."""
        return self._tree(self.version)

    @cached_property
    def jobs(self) -> list[FigureJob]:
        """The figures asked for; every params file and notebook is checked before anything is done."""
        params = self.top / "params"
        figures = [load_figure(params, self.profile, one) for one in figure_ids(params, self.profile, self.figures)]
        return [FigureJob.of(self.top, self.profile, figure, self.store, self.tree) for figure in figures]

    def all(self) -> bool:
        """Runs, notebooks, report, comparison; True when all is well. Waits while another process writes into the tree."""
        self._refuse_finished_reference()
        started = time.perf_counter()
        with self.tree.lock(self.say):
            well = self.run()
            well &= self._figure()
            if self._is_anything_there:  # else all runs, say, have failed, which was told
                self._report()
                well &= self.verify()
        state, seconds = "done" if well else "NOT all well", time.perf_counter() - started
        self.say(f"{state} after {seconds:.0f} s: {self._shown(self.tree.root / 'index.html')}")
        return well

    def tune(self) -> bool:
        """Choose the learning rates of the figures whose setting declares a grid, and write them into their params."""
        params = self.top / "params"
        figures = self.figures or [
            one for one in figure_ids(params, self.profile) if declares_grid(params, self.profile, one)
        ]
        if not figures:
            raise InputError(
                f"no figure of profile {self.profile} declares a grid of learning rates: `tuned` in its setting does"
            )
        for one in figure_ids(params, self.profile, figures):
            self.say(f"{one}: final training loss at each learning rate, the median over the seeds of `tuned`")
            try:
                losses = tune(params, self.profile, one, self.store, self.workers)
            except RunsFailed as error:
                self.say(f"error: {error}")
                return False
            for line in told_rates(losses):
                self.say(line)
            self.say(f"  written into params/{self.profile}/{one}.yaml")
        return True

    def run(self) -> bool:
        """Make the runs and measurements that are missing, each once however many figures want it."""
        wanted = [one for job in self.jobs for one in job.figure.wanted()]
        total = len(each_once(wanted))
        try:
            made = launch(wanted, self.store, self.workers, self.anew)
        except RunsFailed as error:
            self.say(f"error: {error}")
            return False
        self.say(f"runs: {total} wanted, {made} made or measured, {total - made} were there")
        return True

    def figure(self) -> bool:
        """Execute the notebooks whose figure is not in the tree as it would come out now; waits as `all`."""
        self._refuse_finished_reference()
        with self.tree.lock(self.say):
            return self._figure()

    def _figure(self) -> bool:
        tidy(self.tree, self.say)
        todo = [job for job in self.jobs if not job.is_ready()]
        lacking = [job for job in todo if not job.are_runs_there()]
        for job in lacking:
            self.say(
                f"error: {job.figure.id} is left out: some of its runs are missing (`make runs PROFILE={self.profile}`)"
            )
        todo = [job for job in todo if job not in lacking]
        failures = 0
        for job, failure in make_figures(todo, self.workers):
            if failure is None:
                self.say(f"  {job.figure.id} {job.figure.question.title}")
                continue
            failures += 1
            cell = "" if failure["cell"] is None else f", cell {failure['cell']}"
            self.say(
                f"error: {job.figure.id}{cell}: {failure['exception']}: {failure['message']}\n"
                f"       executed notebook: {self._shown(Path(failure['notebook']))}"
            )
        self.say(f"figures: {len(self.jobs)} wanted, {len(todo) - failures} drawn, {failures} failed")
        return not failures and not lacking

    def report(self) -> None:
        """Render the report and write the manifest, unless both are there and would come out the same; waits as `all`."""
        with self.tree.lock(self.say):
            self._report()

    def _report(self) -> None:
        from trajreg.report.publish import publish  # imports nbconvert and jinja2, which only this needs

        tidy(self.tree, self.say)
        if not self._is_anything_there:
            raise InputError(
                f"nothing to report in {self._shown(self.tree.root)}: run `make all PROFILE={self.profile}` first"
            )
        if pages := publish(self.tree, self.top, self.profile, self.version):
            self.say(f"report: {len(pages)} pages")

    @property
    def _is_anything_there(self) -> bool:
        return bool(self.tree.made() or self.tree.failures())

    def verify(self) -> bool:
        """Compare with the newest committed reference of the profile; True when they agree or there is none."""
        if is_reference(self.version):
            return True
        reference = newest_reference(self.tree.root.parent)
        if not self.tree.root.exists():
            raise InputError(
                f"{self._shown(self.tree.root)} does not exist: run `make all PROFILE={self.profile}` first"
            )
        if reference is None:
            self.say(f"verify: profile {self.profile} has no committed reference to compare with")
            return True
        return self._compare(self.tree, reference, SHOWN_ROWS)

    def diff(self, one: str, other: str) -> bool:
        """Compare two versions of this profile, an old one and a new one, and show all that was changed."""
        old, new = trees = [self._tree(version) for version in (one, other)]
        for tree in trees:
            if not tree.figures():
                raise InputError(f"{self._shown(tree.root)} holds no finished figure")
        return self._compare(new, old)

    def status(self) -> bool:
        """Say which runs and figures are there, and what to do next; False only where something failed or is damaged. Reads only."""
        options = f"PROFILE={self.profile}"
        if self.version != "local" and not (is_reference(self.version) and self.tree.is_finished):
            options += f" VERSION={self.version}"
        if self.figures:
            options += f' FIGURES="{" ".join(self.figures)}"'
        return tell_status(self.jobs, options, self.say)

    def why(self, run: str) -> bool:
        """Say why a run is wanted, and which part of its identity sets it apart from the nearest stored one."""
        wanted = {name: one.spec for job in self.jobs for name, one in each_once(job.figure.wanted()).items()}
        matches = [name for name in wanted if name.startswith(run)]
        if len(matches) != 1:
            raise InputError(
                f"{run!r} names {len(matches)} of the {len(wanted)} runs that profile {self.profile} wants"
            )
        name, spec = matches[0], wanted[matches[0]]
        users = [job.figure.id for job in self.jobs if name in job.fingerprints()]
        self.say(
            f"run {name}, wanted by {', '.join(users)}: {'stored' if is_stored(self.store, name, self.say) else 'not stored'}"
        )
        for line in told_nearest(name, spec, self.store):
            self.say(line)
        return True

    def _compare(self, tree: ResultsTree, reference: ResultsTree, most: int | None = None) -> bool:
        from trajreg.runs.compare import compare  # these import pandas and scipy
        from trajreg.runs.compare_text import told

        with tree.still(), reference.still():
            result = compare(tree, reference, self._compared(tree, reference))
        for line in told(result, most):
            self.say(line)
        if result.changes and most is not None:
            versions = f"{reference.root.name} {tree.root.name}"
            self.say(f"  all of what was changed: python -m trajreg diff {versions} --profile {self.profile}")
        self.say(
            f"{'diff' if most is None else 'verify'}: {self._shown(tree.root)} against {self._shown(reference.root)}: "
            f"{result.num_compared} means compared, {result.same_bytes} figures with the same bytes, {len(result.problems)} problems"
        )
        return not result.problems

    def _compared(self, tree: ResultsTree, reference: ResultsTree) -> list[str]:
        """The figures to compare; without a choice all that either has, but for those on request that only one has."""
        if self.figures:
            return self.figures
        here, there = {*tree.figures()}, {*reference.figures()}
        left = {one for one in here ^ there if is_on_request(self.top / "params", self.profile, one)}
        return in_order((here | there) - left)

    def _tree(self, version: str) -> ResultsTree:
        if not re.fullmatch(r"[^./][^/]*", version) or re.fullmatch(
            r"runs|corrupt|.*\.(partial|still|holder)", version
        ):
            raise InputError(
                f"version {version!r} must be the name of a folder of results/{self.profile}: without /, no dot first, "
                "and none that is taken (runs, corrupt, ….partial)"
            )
        return ResultsTree(self.top / "results" / self.profile / version)

    def _refuse_finished_reference(self) -> None:
        if is_reference(self.version) and self.tree.is_finished:
            raise InputError(
                f"{self._shown(self.tree.root)} is a finished reference and never overwritten; choose another VERSION"
            )

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix() if path.is_relative_to(self.top) else str(path)
