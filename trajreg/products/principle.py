"""Does the principle hold: at which steps, in which epochs, in which runs, and for how many of them Theorem 1 says anything."""

import math
from collections.abc import Sequence

import pandas as pd

from trajreg.metrics.regularity import theorem_bound
from trajreg.studies.figure import Figure
from trajreg.studies.medians import median_of_known
from trajreg.studies.numbers import number
from trajreg.studies.product import Headline, Product
from trajreg.studies.run import Run

TRUE, RANDOM = "true labels", "random labels"
SHOWN = {
    "variant": "Variant",
    "runs": "Runs",
    "steps": "Steps with γ > 0",
    "epochs": "Epochs with γ > 0",
    "obey": "Runs that obey",
    "bound": "Theorem 1 says something of",
    "slack": "Bound ÷ average loss",
}
CAPTION = (
    "The principle asks $\\gamma_t > 0$ of every step. Steps and epochs: the fraction with a positive γ, the median over the seeds. A run "
    "obeys where all of its steps do; only of such a run Theorem 1 says anything. Its bound on the average loss, divided by the average "
    "loss, is 1 where the theorem is as sharp as can be. Runs of which not every step was watched are not counted; – where that is so of "
    "all. ≈ marks what rests on estimated $\\gamma_t$ (sketches, or an approximate ℓ*): their noise alone may turn a sign. A random walk "
    "in as many dimensions has $\\gamma_t > 0$ at practically every step, so that a large fraction is no sign of regularity."
)
ACROSS = (
    "The principle asks for a positive γ at every step, and only of a run that obeys it at every step Theorem 1 says anything. "
    "Runs on true labels; from the smallest to the largest of the variants. ≈ marks what rests on estimated values of steps."
)


def principle(figure: Figure, runs: list[Run], random_runs: Sequence[Run] = ()) -> Product:
    """How far the regularity principle holds, a row a variant, those on random labels last; runs that diverged do not obey it.

    The front page has the runs on true labels alone.
    """
    table = principle_table(runs, random_runs)
    cells = {
        "steps": table["steps"].map(_percent),
        "epochs": table["epochs"].map(_percent),
        "obey": table.apply(_of_watched, axis=1, count="obey"),
        "bound": table.apply(_of_watched, axis=1, count="bound"),
    }
    shown = table.assign(**{name: list(map(_marked, texts, table["exact"])) for name, texts in cells.items()})
    return Product(
        title="Does the principle hold?",
        caption=CAPTION,
        table=table,
        shown=shown[list(SHOWN)].rename(columns=SHOWN),
        headline=Headline(_headline(table[table["labels"] == TRUE]), ACROSS),
    )


def principle_table(runs: list[Run], random_runs: Sequence[Run] = ()) -> pd.DataFrame:
    """One row a variant: variant; labels ("true labels" or "random labels", these last); runs; steps, epochs (medians over runs of the
    fraction with γ > 0); obey (runs with γ_t > 0 at every step); bound (runs of which Theorem 1 says something); watched (runs of which
    it is known whether they obey: every step was watched, or they diverged); slack (median over those with a bound of bound ÷ average
    gap, NaN where there are none); exact (whether every γ_t is exact, and not read off sketches or an approximate ℓ*).
    """
    return pd.DataFrame(
        [
            _row(name, labels, [run for run in some if run.variant == name])
            for labels, some in ((TRUE, runs), (RANDOM, random_runs))
            for name in dict.fromkeys(run.variant for run in some)
        ]
    )


def _row(name: str, labels: str, runs: list[Run]) -> dict[str, object]:
    kept = [run for run in runs if not run.diverged]
    tables = [run.steps() for run in kept]
    bounds = [bound for bound in map(theorem_bound, tables) if bound.bound is not None]
    return {
        "variant": name,
        "labels": labels,
        "runs": len(runs),
        "steps": median_of_known(run.value("gamma_positive") for run in kept),
        "epochs": median_of_known(run.value("obeys_epochs") for run in kept),
        "obey": sum(run.value("obeys") == 1 for run in kept),
        "bound": len(bounds),
        "watched": sum(run.diverged or not math.isnan(run.value("obeys")) for run in runs),
        "slack": median_of_known(bound.slack or math.nan for bound in bounds),
        "exact": all(map(_exact, tables)),
    }


def _exact(steps: pd.DataFrame) -> bool:
    """Whether a run's per-step values are exact; its other measurements need not be."""
    return (
        "gamma_stderr" not in steps and not steps.get("optimum", pd.Series(dtype=str)).str.contains("approximate").any()
    )


def _headline(table: pd.DataFrame) -> pd.DataFrame:
    """One row: all variants."""
    total, exact = table[["obey", "bound", "watched"]].sum(), table["exact"].all()
    cells = {
        "Steps with γ > 0": _spread(table["steps"]),
        "Epochs with γ > 0": _spread(table["epochs"]),
        "Runs that obey": _of_watched(total, "obey"),
        "Theorem 1 says something of": _of_watched(total, "bound"),
    }
    return pd.DataFrame([{title: _marked(cell, exact) for title, cell in cells.items()}])


def _marked(text: str, exact: bool) -> str:
    return text if exact or text == "–" else f"≈{text}"


def _of_watched(counts: pd.Series, count: str) -> str:
    return f"{counts[count]} of {counts['watched']}" if counts["watched"] else "–"


def _spread(values: pd.Series) -> str:
    known = values.dropna()
    return " to ".join(dict.fromkeys(_percent(value) for value in (known.min(), known.max()))) if len(known) else "–"


def _percent(share: float) -> str:
    """Only all is 100 %: a share that is rounded to it is 99.9 %."""
    if math.isnan(share):
        return "–"
    return f"{number(100 * share if share == 1 else min(float(f'{100 * share:.3g}'), 99.9))} %"
