"""A figure's runs, ready for its notebook; what is missing is trained."""

from pathlib import Path
from typing import Any

import pandas as pd

from trajreg.columns import Columns
from trajreg.errors import InputError
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.launch import launch
from trajreg.runs.store import RunStore, Stored
from trajreg.studies.claims import ledger
from trajreg.studies.decomposition import decomposition
from trajreg.studies.null_table import nulls
from trajreg.studies.run import Run
from trajreg.studies.spec import FigureSpec, Variant

PATHS = ("runs_dir", "output_dir")  # the two keys of a parameters cell that are no part of the figure


class Study:
    """One figure: its spec, its runs, and where its table, claims and picture go.

    Args:
        parameters: the variables of a notebook's parameters cell: the keys of FigureSpec, `runs_dir` and `output_dir`
            (relative paths count from the project's top folder). Other variables of the notebook are ignored.

    Raises:
        InputError: a parameter is missing or wrong.
    """

    def __init__(self, parameters: dict[str, Any]):
        absent = [name for name in PATHS if name not in parameters]
        if absent:
            raise InputError(f"the parameters cell lacks {', '.join(absent)}")
        values = {key: parameters[key] for key in FigureSpec.model_fields if key in parameters}
        self.figure = FigureSpec.parse(values, "parameters cell")
        top = project_folder()
        self.store = RunStore(top / parameters["runs_dir"])
        self.output = top / parameters["output_dir"]

    def runs(self) -> list[Run]:
        """The runs on true labels, variant by variant, seed by seed; trains whatever of the figure the store lacks."""
        return self._runs(self.figure.variants(), self.figure.seeds)

    def null_runs(self) -> list[Run]:
        """The same for the runs on random labels: the first `random_label_seeds` of each variant, none where that is 0."""
        return self._runs(self.figure.null_variants(), self.figure.random_label_seeds)

    def save_table(self, table: pd.DataFrame) -> pd.DataFrame:
        """Write the figure's summary table and return it."""
        return self._write(table, "tables", index=True)

    def save_values(self, table: pd.DataFrame) -> None:
        """Write the numbers of each run, from which another results tree is compared with this one."""
        self._write(table, "values", index=False)

    def save_claims(self, runs: list[Run]) -> pd.DataFrame:
        """Evaluate the claims, write the figure's ledger and return it."""
        return self._write(ledger(self.figure, runs), "claims", index=False)

    def save_decomposition(self, runs: list[Run]) -> pd.DataFrame:
        """Split each compared log-ratio of γ into its parts, write the table and return it."""
        return self._write(decomposition(self.figure, runs), "decomposition", index=False)

    def save_nulls(self, runs: list[Run], random_runs: list[Run]) -> pd.DataFrame:
        """Compare γ with its nulls, write the table and return it."""
        return self._write(nulls(runs, random_runs), "nulls", index=False)

    def path(self, folder: str, suffix: str) -> Path:
        """Where a product of this figure goes: output/<folder>/<figure><suffix>; the folder is made. A suffix begins with "." or "_"."""
        (self.output / folder).mkdir(parents=True, exist_ok=True)
        return self.output / folder / f"{self.figure.figure}{suffix}"

    def _write(self, table: pd.DataFrame, folder: str, index: bool) -> pd.DataFrame:
        table.to_csv(self.path(folder, ".csv"), index=index)
        return table

    def _runs(self, variants: list[Variant], seeds: int) -> list[Run]:
        launch(self.figure.wanted(), self.store)  # of both kinds: one pool for all that is missing
        return [self._run(variant, seed) for variant in variants for seed in range(seeds)]

    def _run(self, variant: Variant, seed: int) -> Run:
        name = fingerprint(variant.seeded(seed))
        stored = self.store.get(name)
        found = (
            {}
            if stored.diverged
            else {measure: self.store.get(name, one.key(measure)) for measure, one in variant.measures.items()}
        )
        return as_run(stored, found, variant, seed, self.figure.columns)


def as_run(stored: Stored, measured: dict[str, Stored], variant: Variant, seed: int, columns: Columns) -> Run:
    """A stored run and what was measured of it, by the names of the measures, as the studies see it."""
    epochs, summary = stored.table("epochs"), stored.summary
    for one in measured.values():
        if "epochs" in one.tables():
            epochs = epochs.merge(one.table("epochs"), on="epoch", how="left", validate="one_to_one")
        summary |= one.summary

    return Run(
        variant=variant.label,
        settings=variant.settings,
        seed=seed,
        fingerprint=stored.folder.name,
        diverged=stored.diverged,
        epochs=epochs,
        summary=summary,
        tables=lambda measure, name: measured[measure].table(name),
        arrays=lambda measure, name: measured[measure].array(name),
        measured="–" if stored.diverged else "; ".join(one.manifest["how"] for one in measured.values()),
        columns=columns,
    )


def project_folder(start: Path | None = None) -> Path:
    """The nearest folder at or above `start` (the working directory) that holds `params` and `notebooks`."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "params").is_dir() and (folder / "notebooks").is_dir():
            return folder
    raise InputError(f"{here} is not inside a trajreg checkout: no folder above it holds params/ and notebooks/")
