"""γ against its nulls: random walks, shuffled updates, random labels."""

import math
from collections.abc import Sequence

import pandas as pd

from trajreg.plots.null_panels import null_panels
from trajreg.studies import null_table
from trajreg.studies.figure import Figure
from trajreg.studies.numbers import number
from trajreg.studies.product import Headline, Product
from trajreg.studies.run import Run

SHOWN = {
    "γ": "gamma",
    "γ, walk": "walk",
    "γ, random": "random_gamma",
    "γ, true ÷ random": "ratio",
    "cosine": "cosine",
    "cosine, walk": "cosine_walk",
    "cosine, random": "random_cosine",
}
"""What is shown of the table, by what a reader sees."""

SPREAD = ("γ, true ÷ random", "cosine", "cosine, random", "cosine, walk")
"""What the front page shows of it."""

CAPTION = (
    "γ as measured (blue) and, in grey, of random walks with the same step lengths and losses, of the same updates in another order, "
    "and of training on random labels. Every panel has its own scale, linear around 0 and logarithmic beyond. The table is over the "
    "whole run, medians over seeds{}; true and random are the labels, the walks have the step lengths and losses of the true ones. γ "
    "of shuffled updates is γ itself there; early and late stand in the CSV."
)
ACROSS = (
    "The nets are also trained on random labels: the same images with the training labels (or whole masks) dealt out in a random "
    "order, so that they can only be memorised. The ratio is γ over the whole run on true labels ÷ on random labels, at the same "
    "seed and so with the same initial weights and the same order of the images; near ×1 γ does not tell the two apart. The cosines "
    "say how well the updates point at the end point. Each cell goes from the smallest to the largest of the variants; random walks "
    "and shuffled updates are on the figures’ pages."
)


def nulls(figure: Figure, runs: list[Run], random_runs: Sequence[Run] = ()) -> Product:
    """Each variant's γ and cosine beside what they would be anyway (`studies.null_table.nulls`)."""
    table = null_table.nulls(runs, list(random_runs))
    seeds = f" (random labels: {figure.random_label_seeds} of {figure.seeds})" if random_runs else ""
    return Product(
        title="Against nulls",
        caption=CAPTION.format(seeds),
        picture=null_panels(runs, list(random_runs)),
        alt=f"{figure.question.title}: γ of each variant against epochs, beside its nulls.",
        table=table,
        shown=_shown(table),
        headline=Headline(_headline(figure, table), ACROSS) if random_runs else None,
    )


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The whole run, as text."""
    cells = {title: [_text(title, value) for value in table[name]] for title, name in SHOWN.items()}
    return pd.DataFrame({"Variant": table["variant"]} | cells)


def _headline(figure: Figure, table: pd.DataFrame) -> pd.DataFrame:
    """One row: from the smallest to the largest of the variants."""
    variants = f"{len(table)}\nrandom: {figure.random_label_seeds} of {figure.seeds} seeds"
    return pd.DataFrame([{"Variants": variants} | {title: _spread(title, table[SHOWN[title]]) for title in SPREAD}])


def _spread(title: str, values: pd.Series) -> str:
    known = values.dropna()
    ends = dict.fromkeys(_text(title, value) for value in (known.min(), known.max()))
    return " to ".join(ends)


def _text(title: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    return ("×" if "÷" in title else "") + number(value)
