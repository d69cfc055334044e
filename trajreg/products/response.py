"""What the learning rate does to whole runs."""

import math
from collections.abc import Sequence

import pandas as pd

from trajreg.errors import InputError
from trajreg.plots.response import response_panels
from trajreg.studies.effects import steps_to
from trajreg.studies.figure import Figure
from trajreg.studies.names import Name, label
from trajreg.studies.product import Product
from trajreg.studies.run import Run
from trajreg.studies.tables import columns_of

RATE = "optimizer.lr"  # the varied key
COLUMNS = ("final_train_loss", "steps_to_loss", "gamma", "directedness", "forward_cosine_late")
DRAWN = COLUMNS[:-1]  # the last one has either sign
CAPTION = (
    "Whole runs against the learning rate, all axes logarithmic: medians over the seeds, bands from the smallest to the largest. A star "
    "stands at the learning rate with the smallest final training loss; dashed: $D = 1$, which a random walk has. Steps are those to a "
    "training loss of {threshold}. The table is at the star, with the ends of $D$ over the seeds."
)


def response(figure: Figure, runs: list[Run], random_runs: Sequence[Run] = (), *, rows: str = "") -> Product:
    """Final loss, steps to the threshold, γ and D of whole runs against their learning rate, in rows of the varied key `rows`.

    Raises InputError where the learning rate or that key is not varied, or the figure has no threshold.
    """
    for key in filter(None, (RATE, rows)):
        if key not in figure.variants[0].settings:
            raise InputError(
                f"{figure.id}: {key} is not varied; what is varied: {', '.join(figure.variants[0].settings)}"
            )
    table = response_table(figure, runs, rows)
    best = best_rows(table)
    known, threshold = columns_of(runs), figure.setting.thresholds["steps_to_loss"] if figure.setting else math.nan
    columns = [known.of_summary(name) for name in DRAWN]
    hues = [_hue(run, rows) for run in runs]
    return Product(
        title="Against the learning rate",
        caption=CAPTION.format(threshold=f"{threshold:g}"),
        picture=response_panels(table, columns, list(dict.fromkeys(hues)), best, "learning rate η"),
        alt=f"{figure.question.title}: {', '.join(column.title for column in columns)} against the learning rate.",
        table=table,
        shown=at_best(table, best),
    )


def response_table(figure: Figure, runs: list[Run], rows: str) -> pd.DataFrame:
    """One row a run: row, name (in words), x (the learning rate), seed, and COLUMNS; infinite where a loss was never reached, and
    where the run diverged.
    """
    thresholds = figure.setting.thresholds if figure.setting else {}
    if "steps_to_loss" not in thresholds:
        raise InputError(f"{figure.where}: thresholds.steps_to_loss is needed: the training loss that is to be reached")
    where = f"{figure.id}: thresholds.steps_to_loss"
    return pd.DataFrame(
        [
            {
                "row": run.names[rows].text if rows else "",
                "name": _hue(run, rows).text,
                "x": float(run.settings[RATE]),
                "seed": run.seed,
            }
            | {name: run.value(name) for name in COLUMNS}
            | {"steps_to_loss": math.inf if run.diverged else steps_to(run, thresholds["steps_to_loss"], where)[1]}
            | ({"final_train_loss": math.inf} if run.diverged else {})
            for run in runs
        ]
    )


def best_rows(table: pd.DataFrame) -> pd.DataFrame:
    """row, name, x: of each row and name the rate with the smallest final training loss (median over seeds); none where all diverged."""
    medians = table.groupby(["row", "name", "x"], sort=False)["final_train_loss"].median().reset_index()
    medians = medians[medians["final_train_loss"].map(math.isfinite)]
    return medians.loc[medians.groupby(["row", "name"], sort=False)["final_train_loss"].idxmin(), ["row", "name", "x"]]


def at_best(table: pd.DataFrame, best: pd.DataFrame) -> pd.DataFrame:
    """What a page shows: the medians at the best value, and the smallest and largest D there."""
    at = table.merge(best, on=["row", "name", "x"]).groupby(["row", "name", "x"], sort=False)
    medians, ends = at[list(COLUMNS)].median(), at["directedness"].agg(["min", "max"])
    shown = medians.join(ends.rename(columns={"min": "D, smallest", "max": "D, largest"})).reset_index()
    titles = {"row": "", "name": "Variant", "x": "Best η", "final_train_loss": "Final loss", "steps_to_loss": "Steps"}
    titles |= {"gamma": "γ", "directedness": "D, median", "forward_cosine_late": "Late forward cosine"}
    return shown.rename(columns=titles)


def _hue(run: Run, rows: str) -> Name:
    names = [name for key, name in run.names.items() if key not in (RATE, rows)]
    return names[0] if len(names) == 1 else Name(label(names), None)
