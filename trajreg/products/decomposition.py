"""What γ is made of: how much of each compared ratio of γ is directedness, and how much step energy and loss."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from trajreg.plots.decomposition_bars import PAIR, decomposition_bars
from trajreg.studies import decomposition as studies
from trajreg.studies.figure import Figure
from trajreg.studies.numbers import number
from trajreg.studies.product import Headline, Product
from trajreg.studies.run import Run
from trajreg.studies.setting import Settings

COLUMNS = ("Comparison", "Ratio of γ", "D", "× D", "× step energy", "× 1/loss")
"""What the front page shows of a comparison."""
CELLS = {
    "directedness": {
        "Ratio": ("γ", "total"),
        "Direction": ("D", "directedness"),
        "Steps": ("step energy", "energy"),
        "1/loss": ("", "loss"),
    },
    "alignment": {
        "Ratio": ("γ + γ walk", "total"),
        "Direction": ("alignment", "alignment"),
        "Distance": ("", "distance"),
        "Steps": ("update", "update"),
        "1/loss": ("", "loss"),
    },
}
"""What a figure's page shows: a row a split, in each column one part, with its name where the column does not say it."""
SHOWN = ("Comparison", "Ratio", "Direction", "Distance", "Steps", "1/loss")

CAPTION = (
    "Left: the ratio of $\\gamma$ between treatment and control (diamond, with its interval) is exactly the product of three factors. "
    "Only the directedness D knows directions: squared displacement over the sum of squared steps, 1 for a random walk. Right: the ratio "
    "of $\\gamma + \\gamma^{{walk}}$ is exactly the product of four; the orange one, a mean cosine, is at most 1, and large also for a "
    "path that stays around a point. Parts are means of logarithms over paired seeds, so that they multiply up; intervals are Student’s t "
    "of such a mean (95 %), not the sign test of the claims. What is not positive has no logarithm: (3 of 5) counts the pairs that have "
    "one. {} Early is the first fifth of the steps. The table is over the whole run, a row a product; every phase stands in the CSV."
)
ACROSS = (
    "γ is exactly D · step energy / loss, over any stretch of steps. The directedness D is squared displacement over the sum of squared "
    "steps: 1 is expected of a random walk, T of a straight path of T equal steps, near 0 of jitter around a point. Step energy and loss "
    "know no direction: together they are the γ of a random walk with the same step lengths. Each row is over the whole run, with "
    "geometric means over paired seeds: D of the treatment and of the control, and the factors whose product is the ratio of γ. "
    "Intervals are Student’s t of a mean logarithm (95 %), not the sign test of the claims: no verdict, and not corrected for the "
    "number of rows; whether D is larger is judged by the claims. Where a side does not train the row says so, and says nothing about "
    "directions. D moves with the learning rate as well as with a technique."
)


def decomposition(
    figure: Figure,
    runs: list[Run],
    random_runs: Sequence[Run] = (),
    *,
    pairs: Sequence[tuple[Settings, Settings]] | None = None,
) -> Product:
    """The factors of each compared ratio of γ; `pairs` as in `studies.decomposition.decomposition`, by default what claims compare.

    Intervals are Student's t of a mean of logarithms, not the sign test of the ledger: nothing here is a verdict.
    """
    table = studies.decomposition(figure, runs, pairs)
    rows = comparisons(table)
    return Product(
        title="What γ is made of",
        caption=CAPTION.format(_range_of_d(table)),
        picture=decomposition_bars(table),
        alt=f"{figure.question.title}: the factors of each ratio of γ, as bars.",
        table=table,
        shown=both_splits(table),
        headline=Headline(rows, ACROSS) if len(rows) else None,
    )


def comparisons(table: pd.DataFrame) -> pd.DataFrame:
    """A row a comparison, as text, over the whole run: both D, the ratio of γ and its factors."""
    return pd.DataFrame([_row(names, parts.loc["directedness"]) for names, parts in _whole(table)], columns=COLUMNS)


def both_splits(table: pd.DataFrame) -> pd.DataFrame:
    """Two rows a comparison, as text, over the whole run: γ and its factors, γ + γ^walk and its factors, each with its interval."""
    rows = []
    for names, parts in _whole(table):
        heads = {
            "directedness": _compared(names, parts.loc["directedness"]),
            "alignment": [_counted(parts.loc["alignment"])],
        }
        for split, cells in CELLS.items():
            factors = {title: f"{name} {_factor(parts.loc[(split, part)])}" for title, (name, part) in cells.items()}
            rows.append(
                {"Comparison": "\n".join(heads[split])} | {title: cell.lstrip() for title, cell in factors.items()}
            )
    return pd.DataFrame(rows, columns=SHOWN).fillna("")


def _whole(table: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """(where, treatment, control) of each comparison, and its parts over the whole run by split and part."""
    for names, group in table[table["phase"] == "whole"].groupby(PAIR, sort=False):
        yield names, group.set_index(["split", "part"])


def _row(names: tuple[str, ...], parts: pd.DataFrame) -> dict[str, str]:
    of_d = parts.loc["directedness"]
    cells = (
        "\n".join(_compared(names, parts)),
        _factor(parts.loc["total"]),
        f"{_value(of_d['treatment_mean'])}\nagainst {_value(of_d['control_mean'])}",
        _factor(of_d),
        _times(parts.loc["energy", "log10"]),
        _times(parts.loc["loss", "log10"]),
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _compared(names: tuple[str, ...], parts: pd.DataFrame) -> list[str]:
    """Where, what against what, and which side does not train, and how many pairs, a line each."""
    where, treatment, control = names
    reason = parts.loc["total", "reason"]
    return [line for line in (where, f"{treatment} against {control}", reason, _counted(parts)) if line]


def _counted(parts: pd.DataFrame) -> str:
    """How many pairs there are of a split, and how many are missing."""
    total = parts.loc["total"]
    counts = {"without a logarithm": total["undefined"], "left out": total["left_out"]}
    return ", ".join([f"n = {total['seeds']}", *(f"{count} {what}" for what, count in counts.items() if count)])


def _range_of_d(table: pd.DataFrame) -> str:
    """A sentence: from the smallest to the largest factor of D over a whole run."""
    chosen = (table["phase"] == "whole") & (table["split"] == "directedness") & (table["part"] == "directedness")
    known = table.loc[chosen, "log10"].dropna()
    if known.empty:
        return "There is no D to compare."
    ends = " to ".join(dict.fromkeys(_times(log10) for log10 in (known.min(), known.max())))
    return f"Over the whole run the factor of D is {ends}."


def _factor(part: pd.Series) -> str:
    """×3,800 and, on a second line, its interval where there is one."""
    if math.isnan(part["low"]):
        return _times(part["log10"])
    return f"{_times(part['log10'])}\n{number(10 ** part['low'])} to {number(10 ** part['high'])}"


def _times(log10: float) -> str:
    return "not defined" if math.isnan(log10) else f"×{number(10.0**log10)}"


def _value(mean: float) -> str:
    return "–" if math.isnan(mean) else number(mean)
