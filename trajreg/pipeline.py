"""The whole way for one profile and version: runs, notebooks, report, comparison. Each stage does only what content asks for."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from trajreg.errors import InputError
from trajreg.files import write_json
from trajreg.runs.fingerprint import differences, identity
from trajreg.runs.keys import digest, library_files
from trajreg.runs.launch import RunsFailed, launch
from trajreg.runs.notebooks import FigureJob, execute_notebook
from trajreg.runs.plan import each_once
from trajreg.runs.provenance import machine, num_cores, source
from trajreg.runs.store import RunStore
from trajreg.runs.tree import ResultsTree, is_reference, newest_reference
from trajreg.studies.params import figure_files, load_figure


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
        return ResultsTree(self.top / "results" / self.profile / self.version)

    @cached_property
    def jobs(self) -> list[FigureJob]:
        """The figures asked for; every params file and notebook is checked before anything is done."""
        files = figure_files(self.top / "params", self.profile, self.figures)
        return [FigureJob.of(self.top, path, load_figure(path), self.store, self.tree) for path in files.values()]

    def all(self) -> bool:
        """Runs, notebooks, report, comparison; True when all is well."""
        self._refuse_finished_reference()
        started = time.perf_counter()
        well = self.run()
        well &= self.figure()
        self.report()
        well &= self.verify()
        state, seconds = "done" if well else "NOT all well", time.perf_counter() - started
        self.say(f"{state} after {seconds:.0f} s: {self._shown(self.tree.root / 'index.html')}")
        return well

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
        """Execute the notebooks whose figure is not in the tree as it would come out now."""
        self._refuse_finished_reference()
        todo = [job for job in self.jobs if not job.is_ready()]
        lacking = [job for job in todo if not job.are_runs_there()]
        for job in lacking:
            self.say(
                f"error: {job.figure.figure} is left out: some of its runs are missing (`make runs PROFILE={self.profile}`)"
            )
        todo = [job for job in todo if job not in lacking]
        failures = list(self._execute(todo))
        self.say(f"figures: {len(self.jobs)} wanted, {len(todo) - len(failures)} drawn, {len(failures)} failed")
        return not failures and not lacking

    def _execute(self, jobs: list[FigureJob]) -> Iterator[dict[str, Any]]:
        if not jobs:
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(self.workers or num_cores(), len(jobs)), mp_context=context) as pool:
            futures = {pool.submit(execute_notebook, job): job for job in jobs}
            for future in as_completed(futures):
                job, failure = futures[future], future.result()
                if failure is None:
                    self.say(f"  {job.figure.figure} {job.figure.title}")
                    continue
                cell = "" if failure["cell"] is None else f", cell {failure['cell']}"
                self.say(
                    f"error: {job.figure.figure}{cell}: {failure['exception']}: {failure['message']}\n"
                    f"       executed notebook: {self._shown(Path(failure['notebook']))}"
                )
                yield failure

    def report(self) -> None:
        """Render the report and write the manifest, unless both are there for just these figures."""
        from trajreg.report.render import render  # imports nbconvert and jinja2: only where something is rendered

        figures = {name: known for name in self.tree.figures() for known in [self.tree.provenance(name)] if known}
        failed = {path.name: path.read_text() for path in sorted((self.tree.root / "failed").glob("*.json"))}
        if not failed and not any((self.tree.root / "provenance").glob("*.json")):
            raise InputError(
                f"nothing to report in {self._shown(self.tree.root)}: run `make all PROFILE={self.profile}` first"
            )
        key = digest(
            [
                figures,
                failed,
                library_files("import trajreg.report.render, trajreg.studies.claims", self.top),
                self._templates(),
            ]
        )
        known = self.tree.manifest()
        if known and known["key"] == key and (self.tree.root / "index.html").exists():
            return
        (self.tree.root / "manifest.json").unlink(missing_ok=True)
        manifest = self._manifest(key, figures)
        pages = render(
            self.tree.root, profile=self.profile, version=self.version, rule=self._rule(), provenance=_flat(manifest)
        )
        write_json(self.tree.root / "manifest.json", manifest)
        self.say(f"report: {len(pages)} pages")

    def verify(self) -> bool:
        """Compare with the newest committed reference of the profile; True when they agree or there is none."""
        if is_reference(self.version):
            return True
        reference = newest_reference(self.tree.root.parent)
        if reference is None:
            self.say(f"verify: profile {self.profile} has no committed reference to compare with")
            return True
        return self._compare(self.tree, reference)

    def diff(self, one: str, other: str) -> bool:
        """Compare two versions of this profile."""
        trees = [ResultsTree(self.tree.root.with_name(version)) for version in (one, other)]
        for tree in trees:
            if not tree.figures():
                raise InputError(f"{self._shown(tree.root)} holds no finished figure")
        return self._compare(*trees)

    def status(self) -> bool:
        """Say which runs and figures are there; True when none is missing."""
        for job in self.jobs:
            names = job.fingerprints()
            stored = sum(self.store.load(name) is not None for name in names)
            state = "ready" if job.is_ready() else "to be drawn"
            self.say(f"{job.figure.figure}  {stored:3d}/{len(names):<3d} runs  {state:12} {job.figure.title}")
        return all(job.is_ready() for job in self.jobs)

    def why(self, run: str) -> bool:
        """Say why a run is wanted, and which part of its identity sets it apart from the nearest stored one."""
        wanted = {name: one.spec for job in self.jobs for name, one in each_once(job.figure.wanted()).items()}
        matches = [name for name in wanted if name.startswith(run)]
        if len(matches) != 1:
            raise InputError(
                f"{run!r} names {len(matches)} of the {len(wanted)} runs that profile {self.profile} wants"
            )
        name, spec = matches[0], wanted[matches[0]]
        users = [job.figure.figure for job in self.jobs if name in job.fingerprints()]
        self.say(f"run {name}, wanted by {', '.join(users)}: {'stored' if self.store.load(name) else 'not stored'}")
        others = [self.store.get(other) for other in self.store.fingerprints() if other != name]
        if others:
            nearest = min(others, key=lambda other: len(differences(identity(spec), other.manifest["identity"])))
            self.say(f"nearest stored run: {nearest.folder.name}")
            for key, here, there in differences(identity(spec), nearest.manifest["identity"]):
                shown = ["its default" if value is None else repr(value) for value in (here, there)]
                self.say(f"  {key}: {shown[0]} here, {shown[1]} there")
        return True

    def _compare(self, tree: ResultsTree, reference: ResultsTree) -> bool:
        from trajreg.runs.compare import compare  # imports pandas and scipy

        result = compare(tree, reference, self.figures)
        for note in result.notes:
            self.say(f"  note: {note}")
        for problem in result.problems:
            self.say(f"  DIFFERS: {problem}")
        self.say(
            f"verify: {self._shown(tree.root)} against {self._shown(reference.root)}: "
            f"{result.num_compared} means compared, {result.same_bytes} figures with the same bytes, {len(result.problems)} problems"
        )
        return not result.problems

    def _manifest(self, key: str, figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
        return {
            "profile": self.profile,
            "version": self.version,
            "key": key,
            "source": source(self.top),
            "machine": machine(),
            "cores": num_cores(),
            "figures": {figure: known["key"] for figure, known in figures.items()},
            "seeds": {figure: known["seeds"] for figure, known in figures.items()},
            "num_runs": len({run for known in figures.values() for run in known["runs"]}),
            "data_checksums": sorted({checksum for known in figures.values() for checksum in known["data_checksums"]}),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }

    def _rule(self) -> str:
        import pandas as pd

        from trajreg.studies.claims import describe_rule

        paths = [self.tree.root / "claims" / f"{figure}.csv" for figure in self.tree.figures()]
        ledgers = [pd.read_csv(path) for path in paths if path.exists()]  # a notebook may have saved none
        ledgers = [table for table in ledgers if len(table)]
        return describe_rule(pd.concat(ledgers) if ledgers else pd.DataFrame())

    def _templates(self) -> list[str]:
        folder = self.top / "trajreg" / "report"
        return [path.read_text() for path in sorted(folder.iterdir()) if path.suffix in (".html", ".css")]

    def _refuse_finished_reference(self) -> None:
        if is_reference(self.version) and self.tree.manifest():
            raise InputError(
                f"{self._shown(self.tree.root)} is a finished reference and never overwritten; choose another VERSION"
            )

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix() if path.is_relative_to(self.top) else str(path)


def _flat(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the report shows of a manifest: one level, nothing internal."""
    flat = {name: manifest[name] for name in ("profile", "version", "finished", "num_runs", "cores")}
    flat |= manifest["source"] | manifest["machine"]
    flat["seeds"] = ", ".join(f"{figure}: {count}" for figure, count in manifest["seeds"].items())
    flat["data checksums"] = ", ".join(checksum[:16] for checksum in manifest["data_checksums"])
    return flat
