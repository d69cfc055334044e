"""Execute a figure's notebook with papermill: under a staging name, promoted on success, kept under `failed/` otherwise."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trajreg.errors import InputError
from trajreg.runs.keys import digest, library_files, notebook_cells, parameter_names
from trajreg.runs.plan import each_once, plan
from trajreg.runs.store import RunStore
from trajreg.runs.study import PATHS
from trajreg.runs.tree import ResultsTree
from trajreg.studies.spec import FigureSpec

CELL_TIMEOUT = 3600  # seconds; a notebook only draws, its runs are ready when it starts


@dataclass(frozen=True)
class FigureJob:
    """A figure of a profile with everything that is needed to execute its notebook."""

    top: Path
    params: Path
    notebook: Path
    figure: FigureSpec
    store: RunStore
    tree: ResultsTree

    @classmethod
    def of(cls, top: Path, params: Path, figure: FigureSpec, store: RunStore, tree: ResultsTree) -> "FigureJob":
        """Find the notebook named like the params file; InputError when it is absent or takes other parameters than the figure has."""
        notebook = top / "notebooks" / f"{params.stem}.ipynb"
        if not notebook.exists():
            raise InputError(f"{params.name} has no notebook: {notebook.relative_to(top)} does not exist")
        names, wanted = set(parameter_names(notebook)), {*FigureSpec.model_fields, *PATHS}
        if names != wanted:
            raise InputError(
                f"notebooks/{notebook.name}: the parameters cell must assign {', '.join(sorted(wanted))}; "
                f"missing: {sorted(wanted - names) or 'none'}, unknown: {sorted(names - wanted) or 'none'}"
            )
        return cls(top, params, notebook, figure, store, tree)

    def fingerprints(self) -> list[str]:
        """The runs this figure shows, each once."""
        return list(each_once(self.figure.wanted()))

    def are_runs_there(self) -> bool:
        """Whether every run and every measurement that this figure shows is stored."""
        return not plan(self.figure.wanted(), self.store, lambda text: None)

    def key(self) -> str:
        """What the figure depends on, by content; changes when any of it does."""
        cells = notebook_cells(self.notebook)
        code = "\n".join(source for kind, source in cells if kind == "code")
        return digest(
            {
                "notebook": cells,
                "figure": self.figure.model_dump(),
                "library": library_files(code, self.top),
                "lock": digest((self.top / "requirements.lock").read_text()),
                "runs": self._contents(),
            }
        )

    def _contents(self) -> dict[str, Any]:
        """What is stored of each run and each of its measurements, by checksums; None where there is nothing."""
        keys = [(name, key) for name, one in each_once(self.figure.wanted()).items() for key in (None, *one.measures)]
        stored = {f"{name}/{key or ''}": self.store.load(name, key) for name, key in keys}
        return {name: one and one.manifest["files"] for name, one in stored.items()}

    def is_ready(self) -> bool:
        """Whether the tree holds this figure as it would come out now."""
        known = self.tree.provenance(self.figure.figure)
        return known is not None and known["key"] == self.key()

    def parameters(self, output: Path) -> dict[str, Any]:
        """What papermill injects: the figure's keys as plain values, and where runs are read and products written.

        Paths count from the project's top folder: an executed notebook tells nothing of the machine it ran on.
        """
        paths = {"runs_dir": self.store.root, "output_dir": output}
        relative = {name: Path(os.path.relpath(path, self.top)).as_posix() for name, path in paths.items()}
        return self.figure.model_dump(mode="json") | relative


def execute_notebook(job: FigureJob) -> dict[str, Any] | None:
    """Run the notebook and promote its products. Returns None, or what failed: figure, title, cell, exception, message, notebook."""
    import papermill  # imports the whole notebook stack, which only this needs

    # the kernel runs one thread, as workers do: notebooks are executed side by side
    os.environ.update(OMP_NUM_THREADS="1", PYDEVD_DISABLE_FILE_VALIDATION="1", JUPYTER_PLATFORM_DIRS="1")
    figure, staging, started = job.figure, job.tree.staging(job.figure.figure), time.perf_counter()
    (staging / "notebooks").mkdir()
    try:
        papermill.execute_notebook(
            str(job.notebook),
            str(staging / "notebooks" / f"{figure.figure}.ipynb"),
            parameters=job.parameters(staging),
            kernel_name="python3",
            cwd=str(job.top),
            progress_bar=False,
            start_timeout=120,
            execution_timeout=CELL_TIMEOUT,
            coalesce_streams=True,
            extra_arguments=["--log-level=CRITICAL"],  # the kernel's own warnings are none of the user's business
        )
    except Exception as error:  # whatever ends a notebook is reported; the other figures go on
        failure = _failure(figure, error)
        kept = job.tree.fail(figure.figure, staging, failure)
        return failure | {"notebook": str(kept)}
    _forget_paths(staging / "notebooks" / f"{figure.figure}.ipynb")
    job.tree.promote(figure.figure, staging, _provenance(job, time.perf_counter() - started))
    return None


def _forget_paths(notebook: Path) -> None:
    """Take out of an executed notebook where papermill read and wrote it: paths of this machine."""
    content = json.loads(notebook.read_text())
    for name in ("input_path", "output_path", "parameters"):
        content["metadata"].get("papermill", {}).pop(name, None)
    notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _failure(figure: FigureSpec, error: Exception) -> dict[str, Any]:
    """Only what the exception says: after a kernel's death a cell's metadata claims that it was completed."""
    return {
        "figure": figure.figure,
        "title": figure.title,
        "cell": getattr(error, "cell_index", None),
        "exception": getattr(error, "ename", type(error).__name__),
        "message": str(getattr(error, "evalue", error)),
    }


def _provenance(job: FigureJob, seconds: float) -> dict[str, Any]:
    figure = job.figure
    stored = [job.store.get(name) for name in job.fingerprints()]
    return {
        "figure": figure.figure,
        "title": figure.title,
        "status": figure.status,
        "caption": figure.caption,
        "params": job.params.relative_to(job.top).as_posix(),
        "notebook": job.notebook.relative_to(job.top).as_posix(),
        "key": job.key(),
        "seeds": figure.seeds,
        "runs": [run.folder.name for run in stored],
        "data_checksums": sorted({run.manifest["data_checksum"] for run in stored if "data_checksum" in run.manifest}),
        "num_diverged": sum(run.diverged for run in stored),
        "seconds": round(seconds, 1),
    }
