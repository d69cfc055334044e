"""Execute a figure's notebook with papermill: under a staging name, promoted on success, kept under `failed/` otherwise."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trajreg.errors import InputError
from trajreg.files import CannotWrite, write_text, writing
from trajreg.runs.keys import digest, library_files, notebook_cells, parameter_names
from trajreg.runs.pictures import show_by_name
from trajreg.runs.plan import each_once, plan
from trajreg.runs.store import RunStore
from trajreg.runs.tree import NOTEBOOK, ResultsTree
from trajreg.studies.figure import Figure

PARAMETERS = {"profile", "setting", "output_dir"}  # what a notebook's parameters cell assigns
CELL_TIMEOUT = 3600  # seconds; a notebook only draws, its runs are ready when it starts


@dataclass(frozen=True)
class FigureJob:
    """A figure of a profile with everything that is needed to execute its notebook."""

    top: Path
    profile: str
    notebook: Path
    figure: Figure
    store: RunStore
    tree: ResultsTree

    @classmethod
    def of(cls, top: Path, profile: str, figure: Figure, store: RunStore, tree: ResultsTree) -> "FigureJob":
        """Find the notebook named like the figure; InputError when it is absent or takes other parameters."""
        notebook = top / "notebooks" / f"{figure.id}.ipynb"
        if not notebook.exists():
            raise InputError(f"params/{figure.id}.yaml has no notebook: {notebook.relative_to(top)} does not exist")
        names = set(parameter_names(notebook))
        if names != PARAMETERS:
            raise InputError(
                f"notebooks/{notebook.name}: the parameters cell must assign {', '.join(sorted(PARAMETERS))}; "
                f"missing: {sorted(PARAMETERS - names) or 'none'}, unknown: {sorted(names - PARAMETERS) or 'none'}"
            )
        return cls(top, profile, notebook, figure, store, tree)

    def fingerprints(self) -> list[str]:
        """The runs this figure shows, each once."""
        return list(each_once(self.figure.wanted()))

    def are_runs_there(self) -> bool:
        """Whether every run and every measurement that this figure shows is stored."""
        return not plan(self.figure.wanted(), self.store)

    def key(self) -> str:
        """What the figure depends on, by content; changes when any of it does."""
        cells = notebook_cells(self.notebook)
        code = "\n".join(source for kind, source in cells if kind == "code")
        return digest(
            {
                "notebook": cells,
                "figure": self.figure.content(),
                "library": library_files(code, self.top),
                "lock": digest((self.top / "requirements.lock").read_text()),
                "runs": self._contents(),
            }
        )

    def _contents(self) -> dict[str, Any]:
        """What is stored of each run and each of its measurements, by checksums; None where there is nothing to be believed."""
        keys = [(name, key) for name, one in each_once(self.figure.wanted()).items() for key in (None, *one.measures)]
        stored = {f"{name}/{key or ''}": self.store.believed(name, key) for name, key in keys}
        return {name: one and one.manifest["files"] for name, one in stored.items()}

    def is_ready(self) -> bool:
        """Whether the tree holds this figure as it would come out now."""
        known = self.tree.provenance(self.figure.id)
        return known is not None and known["key"] == self.key()

    def parameters(self, output: Path) -> dict[str, Any]:
        """What papermill injects: the profile, the figure's setting as plain values, and where figures' folders are written."""
        return {"profile": self.profile, "setting": self._injected(), "output_dir": self.output(output)}

    def output(self, folder: Path) -> str:
        """A folder as a notebook is told of it, from the project's top folder: it tells nothing of the machine it ran on."""
        return Path(os.path.relpath(folder, self.top)).as_posix()

    def _injected(self) -> dict[str, Any] | None:
        """The figure's setting as its params files have it; None for a figure that shows the runs of others."""
        setting = self.figure.setting
        return None if setting is None else setting.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True)
class Drawn:
    """What came of a notebook: the provenance of its products, or its failure (figure, title, cell, exception, message)."""

    provenance: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None


def draw(job: FigureJob, staging: Path) -> Drawn:
    """Execute the notebook into its staging folder, in any process. Raises CannotWrite where the disk takes nothing more."""
    key, started = job.key(), time.perf_counter()  # before: what is edited meanwhile is not in the figure
    try:
        with writing(f"the notebook of {job.figure.id}", staging):
            _run(job, staging)
            _forget_paths(staging / NOTEBOOK, job.output(staging.parent), job.output(job.tree.root))
        return Drawn(provenance=_provenance(job, key, time.perf_counter() - started))
    except Exception as error:  # whatever ends a notebook is reported; the other figures go on
        if isinstance(error, CannotWrite) or getattr(error, "ename", None) == CannotWrite.__name__:
            raise CannotWrite(getattr(error, "evalue", str(error))) from None
        return Drawn(failure=_failure(job.figure, error))


def place(job: FigureJob, staging: Path, drawn: Drawn) -> dict[str, Any] | None:
    """Put the figure into the tree, or keep what failed of it; call it with the tree's lock held. None, or the failure."""
    failure = drawn.failure
    if drawn.provenance is not None:
        try:
            job.tree.promote(job.figure.id, staging, drawn.provenance)
        except CannotWrite:
            raise
        except InputError as error:
            failure = _failure(job.figure, error)
    return failure and failure | {"notebook": str(job.tree.fail(job.figure.id, staging, failure))}


def killed(job: FigureJob) -> Drawn:
    """What to say where the process that executed the notebook ended without a word."""
    message = "the process that executed the notebook was killed (out of memory?); run the same command again"
    return Drawn(failure=_failure(job.figure, MemoryError(message)))


def _run(job: FigureJob, staging: Path) -> None:
    """Execute the notebook into its staging folder."""
    import papermill  # imports the whole notebook stack, which only this needs

    # one thread, as workers have, since notebooks are executed side by side; nothing of the user's own IPython, or of a home
    own = {name: str(staging.parent / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    own |= {"OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1", "JUPYTER_PLATFORM_DIRS": "1"}
    with _environment(own):
        papermill.execute_notebook(
            str(job.notebook),
            str(staging / NOTEBOOK),
            parameters=job.parameters(staging.parent),
            kernel_name="python3",
            cwd=str(job.top),
            progress_bar=False,
            start_timeout=120,
            execution_timeout=CELL_TIMEOUT,
            coalesce_streams=True,
            extra_arguments=["--log-level=CRITICAL"],  # the kernel's own warnings are none of the user's business
        )


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """What a kernel that is started in here has in its environment."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _forget_paths(notebook: Path, staged: str, final: str) -> None:
    """Take out of an executed notebook where papermill read and wrote it (paths of this machine, and of this attempt), and the pictures
    that lie beside it.
    """
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for name in ("input_path", "output_path", "parameters"):
        content["metadata"].get("papermill", {}).pop(name, None)
    show_by_name(content["cells"], notebook.parent)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_text(notebook, text.replace(staged, final))


def _failure(figure: Figure, error: Exception) -> dict[str, Any]:
    """Only what the exception says: after a kernel's death a cell's metadata claims that it was completed."""
    return {
        "figure": figure.id,
        "title": figure.question.title,
        "cell": getattr(error, "cell_index", None),
        "exception": getattr(error, "ename", type(error).__name__),
        "message": str(getattr(error, "evalue", error)),
    }


def _setting(figure: Figure) -> dict[str, Any]:
    """The setting with every default, so that one which changes later is seen; of a figure with sources theirs, by figure."""
    if figure.setting is None:
        return {source.id: _setting(source) for source in figure.sources}
    return figure.setting.model_dump(mode="json")


def _provenance(job: FigureJob, key: str, seconds: float) -> dict[str, Any]:
    figure = job.figure
    stored = [job.store.get(name) for name in job.fingerprints()]
    return {
        "figure": figure.id,
        "title": figure.question.title,
        "study": figure.question.study,
        "status": figure.question.status,
        "caption": figure.question.caption,
        "params": [f"params/{figure.id}.yaml", *([f"params/{job.profile}/{figure.id}.yaml"] if figure.setting else [])],
        "setting": _setting(figure),
        "notebook": job.notebook.relative_to(job.top).as_posix(),
        "key": key,
        "seeds": figure.seeds,
        "runs": [run.folder.name for run in stored],
        "data_checksums": sorted({run.manifest["data_checksum"] for run in stored if "data_checksum" in run.manifest}),
        "num_diverged": sum(run.diverged for run in stored),
        "seconds": round(seconds, 1),
    }
