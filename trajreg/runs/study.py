"""A figure's runs, ready for its notebook; what is missing is trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from trajreg.columns import Columns
from trajreg.errors import InputError
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.launch import launch
from trajreg.runs.products import ProductFolder
from trajreg.runs.store import RunStore, Stored
from trajreg.studies.figure import Figure
from trajreg.studies.params import load_figure, make_figure, refuse_anothers_data
from trajreg.studies.run import Run
from trajreg.studies.setting import Variant

Setting = dict[str, Any]


class Study:
    """A figure, its runs in a store, and where its products go: `output`/<figure>/. A notebook makes its own by `Study.of`."""

    def __init__(self, figure: Figure, store: RunStore, output: Path):
        self.figure = figure
        self.store = store
        self.products = ProductFolder(output / figure.id)

    @classmethod
    def of(cls, figure: str, setting: Setting | None, profile: str, output_dir: str) -> "Study":
        """The study of a figure in this setting.

        Args:
            figure: its id; what it asks is read from params/<figure>.yaml.
            setting: plain keys as in params/<profile>/<figure>.yaml (`studies.setting.SettingSpec`); None for a figure that shows
                the runs of others, whose settings are those of the profile.
            profile: the runs in results/<profile>/runs are used, and what is missing is added there.
            output_dir: where products go; counts from the project's top folder.

        Raises:
            InputError: a key or a value of the setting is wrong, or does not fit the question, or its data is that of another profile.
        """
        top = project_folder()
        if setting is None:
            made = load_figure(top / "params", profile, figure)
        else:
            made = make_figure(top / "params", figure, setting, f"setting of {figure} in its notebook")
            if made.setting is not None:
                refuse_anothers_data(top / "params", profile, figure, made.setting)
        return cls(made, RunStore(top / "results" / profile / "runs"), top / output_dir)

    def runs(self) -> list[Run]:
        """The runs on true labels, variant by variant, seed by seed; trains whatever of the figure the store lacks."""
        return self._runs(self.figure)

    def null_runs(self) -> list[Run]:
        """The same for the runs on random labels: the first `random_label_seeds` of each variant that primary
        claims compare, none where that is 0."""
        seeds = self.figure.random_label_seeds
        return self._all(self.figure, [(variant, seeds) for variant in self.figure.null_variants])

    def source_runs(self) -> dict[str, list[Run]]:
        """The runs on true labels of each figure whose runs this one shows, by its id; trains whatever is missing."""
        return {source.id: self._runs(source) for source in self.figure.sources}

    def save(
        self, name: str, content: Any, *, title: str = "", caption: str = "", alt: str = ""
    ) -> pd.DataFrame | None:
        """Save a product of the figure, what a page of the report then shows in the order of saving: a Product, a matplotlib Figure or a
        DataFrame; returns what is shown of its table. `runs.products.ProductFolder.save` says what the arguments are, and what is refused.
        """
        return self.products.save(name, content, title=title, caption=caption, alt=alt)

    def _runs(self, figure: Figure) -> list[Run]:
        return self._all(figure, [(variant, figure.seeds_of(variant)) for variant in figure.variants])

    def _all(self, figure: Figure, counts: Sequence[tuple[Variant, int]]) -> list[Run]:
        launch(self.figure.wanted(), self.store)  # of all kinds: one pool for all that is missing
        return [self._run(variant, seed, figure.columns) for variant, seeds in counts for seed in range(seeds)]

    def _run(self, variant: Variant, seed: int, columns: Columns) -> Run:
        name = fingerprint(variant.seeded(seed))
        stored = self.store.get(name)
        found = (
            {}
            if stored.diverged
            else {measure: self.store.get(name, one.key(measure)) for measure, one in variant.measures.items()}
        )
        return as_run(stored, found, variant, seed, columns)


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
        names=variant.names,
        seed=seed,
        fingerprint=stored.folder.name,
        diverged=stored.diverged,
        epochs=epochs,
        summary=summary,
        tables=lambda measure, name: measured[measure].table(name),
        arrays=lambda measure, name: measured[measure].array(name),
        measured="–" if stored.diverged else "; ".join(one.manifest["how"] for one in measured.values()),
        columns=columns,
        own=stored.table,
        num_weights=stored.manifest.get("num_weights"),
    )


def project_folder(start: Path | None = None) -> Path:
    """The nearest folder at or above `start` (the working directory) that holds `params` and `notebooks`."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "params").is_dir() and (folder / "notebooks").is_dir():
            return folder
    raise InputError(f"{here} is not inside a trajreg checkout: no folder above it holds params/ and notebooks/")
