"""γ against its nulls: random walks, shuffled updates, random labels, the end point of another run."""

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
    "accuracy, random": "random_accuracy",
    "γ, other end": "other_gamma",
    "D": "directedness",
    "D, random": "random_directedness",
    "D, other end": "other_directedness",
    "forward cosine": "forward_cosine",
    "forward cosine, random": "random_forward_cosine",
    "cosine": "cosine",
    "cosine, walk": "cosine_walk",
    "displacement’s cosine, other end": "other_cosine",
}
"""What is shown of the table, by what a reader sees; a column of which nothing is known is left out."""

SPREAD = (
    "γ, true ÷ random",
    "accuracy, random",
    "γ, other end",
    "D",
    "D, random",
    "D, other end",
    "forward cosine",
    "forward cosine, random",
    "displacement’s cosine, other end",
)
"""What the front page shows of it."""

PICTURE = (
    "γ as measured (blue) and, in grey, of random walks with the same step lengths and losses, of the same updates in another order{}. "
    "Every panel has its own scale, linear around 0 and logarithmic beyond."
)
TABLE = (
    "The table is over the whole run, medians over seeds; walks have the step lengths and losses of the run. γ of shuffled updates is γ "
    "itself there; early and late stand in the CSV."
)
DIRECTION = (
    "D is the displacement squared over the sum of the squared steps, 1 for a random walk; the forward cosine is between an update and the "
    "way to the end that is left after it, 0 for a random walk."
)
LEARNT = (
    "How far the random labels were memorised says the training accuracy on them: where it is low the ratio of γ compares a net that "
    "trains with one that hardly does: compare D."
)
RANDOM = "“Random” is training on random labels, at {} of {} seeds. " + LEARNT
OTHER = (
    "“Other end” is towards the end point of the next seed’s run, from this run’s start. A run whose way has nothing to do with that one "
    "has −γ, −D and a cosine of 0; one with the same end has its own γ and D and a cosine of 1. It can say "
    "that the end of another seed is not approached, and nothing on whether the two share a minimum."
)
ACROSS = (
    "Where a figure asks for it, its nets are also trained on random labels: the same images with the training labels (or whole masks) "
    "dealt out in a random order, another one for each seed, so that they could only be memorised; how far they were says their training "
    "accuracy. Where it is low the ratio of γ compares a net that trains with one that hardly does: compare D. “True ÷ random” "
    "is γ over the whole run on true labels ÷ on random labels, at the same seed and so with the same initial weights and the same "
    "order of the images; near ×1 γ does not tell the two apart. "
    + DIRECTION
    + " "
    + OTHER
    + " Each cell goes from the smallest to the largest of the variants; random walks "
    "and shuffled updates are on the figures’ pages."
)


def nulls(figure: Figure, runs: list[Run], random_runs: Sequence[Run] = ()) -> Product:
    """Each variant's γ, directedness and cosines beside what they would be anyway (`studies.null_table.nulls`)."""
    table = null_table.nulls(runs, list(random_runs))
    compared = bool(random_runs) or table["other_pairs"].any()
    return Product(
        title="Against nulls",
        caption=_caption(figure, table, bool(random_runs)),
        picture=null_panels(runs, list(random_runs)),
        alt=f"{figure.question.title}: γ of each variant against epochs, beside its nulls.",
        table=table,
        shown=_shown(table),
        headline=Headline(_headline(figure, table, bool(random_runs)), ACROSS) if compared else None,
    )


def _caption(figure: Figure, table: pd.DataFrame, has_random: bool) -> str:
    """What is there to be seen, and nothing else."""
    sentences = [PICTURE.format(", and of training on random labels" if has_random else ""), TABLE]
    if table[["directedness", "forward_cosine"]].notna().any(axis=None):
        sentences.append(DIRECTION)
    if has_random:
        sentences.append(RANDOM.format(figure.random_label_seeds, figure.seeds))
    if table["other_pairs"].any():
        sentences.append(OTHER)
    return " ".join(sentences)


def _known(table: pd.DataFrame) -> dict[str, str]:
    """Those of SHOWN of which something is known; γ itself always."""
    return {title: name for title, name in SHOWN.items() if name == "gamma" or table[name].notna().any()}


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The whole run, as text."""
    cells = {title: [_text(title, value) for value in table[name]] for title, name in _known(table).items()}
    return pd.DataFrame({"Variant": table["variant"]} | cells)


def _headline(figure: Figure, table: pd.DataFrame, has_random: bool) -> pd.DataFrame:
    """One row: from the smallest to the largest of the variants."""
    seeds = f"\nrandom: {figure.random_label_seeds} of {figure.seeds} seeds" if has_random else ""
    cells = {title: _spread(title, table[name]) for title, name in _known(table).items() if title in SPREAD}
    return pd.DataFrame([{"Variants": f"{len(table)}{seeds}"} | cells])


def _spread(title: str, values: pd.Series) -> str:
    known = values.dropna()
    ends = dict.fromkeys(_text(title, value) for value in (known.min(), known.max()))
    return " to ".join(ends)


def _text(title: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    return ("×" if "÷" in title else "") + number(value)
