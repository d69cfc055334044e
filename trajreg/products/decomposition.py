"""How far "a larger γ is better alignment" holds: what the compared ratios of γ are made of."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from trajreg.plots.decomposition_bars import PAIR, decomposition_bars
from trajreg.studies import decomposition as studies
from trajreg.studies.figure import Figure
from trajreg.studies.numbers import number
from trajreg.studies.product import Headline, Product
from trajreg.studies.rule import ALPHA, error_rate
from trajreg.studies.run import Run
from trajreg.studies.setting import Settings

HALF = 0.5  # the reading holds where alignment makes more than half of the log-ratio
READINGS = ("✓ holds", "✗ does not hold", "? open", "= no difference")
"""What can come out of the paper's reading for one comparison."""
COLUMNS = ("Reading", "Comparison", "Ratio", "Alignment", "Distance", "Update", "Loss")

CAPTION = (
    "The ratio of $\\gamma + \\gamma^{{walk}}$ between treatment and control (diamond, with its interval) is exactly the product of "
    "four factors; only the orange one is alignment. Bars are medians over paired seeds; early is the first fifth of the steps. {} "
    "Every phase and part stands in the CSV."
)
ACROSS = (
    "The paper reads a larger γ as better alignment of the updates with the end point. γ plus its random walk is exactly alignment "
    "(mean cosine) times distance still to go times length of an update, divided by the loss, so the logarithm of its ratio between "
    "two variants splits into these four and nothing is left over. Shares are over the whole run, medians over paired seeds, for "
    "alignment with the interval; a negative share works against the difference. The reading holds where alignment makes more than "
    "half over the whole interval, and does not hold where less; the half is our choice. The walk’s share, of treatment and control, "
    "is 50 % for a random walk, less for a path that leads somewhere, above 100 % where γ itself is negative."
)


def decomposition(
    figure: Figure,
    runs: list[Run],
    random_runs: Sequence[Run] = (),
    *,
    pairs: Sequence[tuple[Settings, Settings]] | None = None,
) -> Product:
    """The four factors of each compared ratio of γ; `pairs` as in `studies.decomposition.decomposition`, by default what claims compare."""
    table = studies.decomposition(figure, runs, pairs)
    rows = readings(table)
    return Product(
        title="Is a larger γ better alignment?",
        caption=CAPTION.format(_alignment(table)),
        picture=decomposition_bars(table),
        alt=f"{figure.question.title}: the four factors of each ratio of γ, as bars.",
        table=table,
        shown=rows,
        headline=Headline(rows, ACROSS, counted="Reading") if len(rows) else None,
    )


def readings(table: pd.DataFrame) -> pd.DataFrame:
    """A row a comparison, as text, over the whole run: whether the reading holds, the ratio of γ₊, each factor's share in its logarithm."""
    rows = pd.DataFrame(
        [_row(names, group.set_index(["phase", "part"])) for names, group in table.groupby(PAIR, sort=False)],
        columns=COLUMNS,
    )
    return rows.assign(Reading=pd.Categorical(rows["Reading"], READINGS))


def _row(names: tuple[str, ...], parts: pd.DataFrame) -> dict[str, str]:
    where, treatment, control = names
    total, alignment = parts.loc[("whole", "total")], parts.loc[("whole", "alignment")]
    left_out = f", {total['left_out']} left out" if total["left_out"] else ""
    walks = " and ".join(_percent(total[name]) for name in ("walk_treatment", "walk_control"))
    compared = [where, f"{treatment} against {control}", f"n = {total['seeds']}{left_out}; walk’s share {walks}"]
    early, late = (_percent(parts.loc[(phase, "alignment"), "share"]) for phase in ("early", "late"))
    shares = {
        part.capitalize(): _percent(parts.loc[("whole", part), "share"]) for part in ("distance", "update", "loss")
    }
    return {
        "Reading": _reading(total, alignment),
        "Comparison": "\n".join(line for line in compared if line),
        "Ratio": "\n".join(_ratio(total)),
        "Alignment": "\n".join([*_share(alignment), f"early {early}, late {late}"]),
    } | shares


def _reading(total: pd.Series, alignment: pd.Series) -> str:
    """Whether alignment makes more than half of the log-ratio over the whole run: one of READINGS; open with too few pairs."""
    holds, fails, undecided, no_difference = READINGS
    if math.isnan(total["log10"]) or error_rate(int(total["seeds"])) > ALPHA:
        return undecided
    if math.isnan(alignment["share"]):
        return no_difference
    if alignment["share_low"] <= HALF <= alignment["share_high"]:
        return undecided
    return holds if alignment["share_low"] > HALF else fails


def _alignment(table: pd.DataFrame) -> str:
    """A sentence: from the smallest to the largest share that alignment has over a whole run."""
    known = table.loc[(table["phase"] == "whole") & (table["part"] == "alignment"), "share"].dropna()
    if known.empty:
        return "Over the whole run it does not differ beyond its interval: there is nothing to explain."
    ends = " to ".join(dict.fromkeys(_percent(share) for share in (known.min(), known.max())))
    return f"Over the whole run alignment makes {ends} of the logarithm of the ratio."


def _ratio(total: pd.Series) -> Iterator[str]:
    """×3,800 and, on a second line, its interval."""
    if math.isnan(total["log10"]):
        yield "not defined"
    else:
        yield _times(total["log10"])
        yield f"{_times(total['low'])} to {_times(total['high'])}"


def _share(part: pd.Series) -> Iterator[str]:
    """−1.3 % and, on a second line, its interval; a dash where there is nothing to explain."""
    yield _percent(part["share"])
    if not math.isnan(part["share"]):
        yield f"{_percent(part['share_low'])} to {_percent(part['share_high'])}"


def _times(log10: float) -> str:
    return f"×{number(0.0 if log10 == -math.inf else 10.0**log10)}"


def _percent(share: float) -> str:
    if math.isnan(share):
        return "–"
    return f"{number(float(f'{100 * share:.2g}'))} %"
