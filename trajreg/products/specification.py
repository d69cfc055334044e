"""How firm a verdict is: a figure's specification curves, and the shares of choices under which claims hold, over several figures."""

from collections.abc import Mapping

import pandas as pd

from trajreg.plots.specification import specification_curves
from trajreg.studies import multiverse as studies
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.figure import Figure
from trajreg.studies.multiverse import HOLDS, NOT_COMPARABLE, REVERSED, UNDECIDED
from trajreg.studies.product import Headline, Product
from trajreg.studies.run import Run
from trajreg.studies.techniques import OPTIMIZER, unfit

MEASURES = {
    "rate": "ηγ",
    "gamma": "γ",
    "gamma_endpoint": "γ with ℓ* at the end",
    "directedness": "D",
    "forward_cosine": "forward cosine",
    "steps_to_loss": "speed",
}
"""Measure → what a reader sees of it, in the order of the panels; others follow, under their own titles."""
RULE = (
    "A claim holds where the effects of all seeds lie beyond the smallest effect that counts, is reversed where all lie as far on the "
    "other side, and undecided otherwise. This is no test: a sign test of three pairs has no power (p = 0.125 at best)."
)
CURVES = (
    "A column is one way to choose, a panel one measure. Above, effects in the direction of the claim from the smallest to the largest: "
    "the median over the seeds, with a line from the smallest to the largest (an arrow: it goes on); grey: too small to count. Below, "
    "what was chosen, dark where it is not the base’s choice. {} In the shaded columns a side does not train: they are counted, and left "
    "out of every share."
)
SHARES = (
    "Under how many of the choices that can be compared each claim holds: first the base and every choice changed alone, then, sampled at "
    "random from all combinations of two or more changes, an estimate without bias for those. Small print: how many reverse the claim or "
    "leave it undecided, and those in which a side does not train, which are left out. "
) + RULE


def specification_curve(figure: Figure, runs: list[Run]) -> Product:
    """Each comparison of one figure under every choice its setting lists (`studies.multiverse.multiverse`), as specification curves."""
    table = studies.multiverse(figure, runs)
    panels = _measures(table)
    titles = ", ".join(panels.values())
    return Product(
        title=f"Specification curves: {figure.question.title}",
        caption=CURVES.format(RULE),
        picture=specification_curves(table, [*panels.items()], studies.factors(table)),
        alt=f"{figure.question.title}: sorted effects on {titles} under every choice, above a matrix of the choices.",
        table=table,
        shown=_shown(studies.shares(table)),
    )


def firmness(figure: Figure, source_runs: Mapping[str, list[Run]]) -> Product:
    """Under which share of choices the claims of a figure's sources hold (`studies.multiverse.shares`), and what they come to in words."""
    table = pd.concat([studies.multiverse(one, source_runs[one.id]) for one in figure.sources], ignore_index=True)
    shares, fit = studies.shares(table), table[studies.is_fit(table)]
    return Product(
        title="How firm is a verdict?",
        caption=f"{sentences(shares, studies.flips(fit))} {SHARES}",
        table=shares,
        shown=_shown(shares),
        headline=Headline(_headline(shares), SHARES),
    )


def sentences(shares: pd.DataFrame, flips: pd.DataFrame) -> str:
    """By each measure how many comparisons the choices leave as they are, and which choice changes most verdicts; optimisers are counted
    only by the measures that fit them (`techniques.unfit`), and so should they be in `flips`.
    """
    is_fit, firm = studies.is_fit(shares), []
    for name, title in _measures(shares[is_fit]).items():
        rows = shares[is_fit & (shares["measure"] == name)]
        known = rows[(_comparable(rows, "alone") + _comparable(rows, "sampled")) > 0]
        always = known[f"alone_{HOLDS}"] + known[f"sampled_{HOLDS}"]
        whole = int((always == _comparable(known, "alone") + _comparable(known, "sampled")).sum())
        firm += [f"{whole} of {len(known)} by {title}"]
    changed = [f"{row.factor} in {row.flips} of {row.of}" for row in flips.itertuples()]
    first = f"So many comparisons hold under every choice that can be judged: {', '.join(firm)}."
    second = f"A choice changed alone gives another verdict than the base in so many cases: {', '.join(changed)}."
    return " ".join([first, *([second] if changed else []), *_left_out(shares[~is_fit])])


def _left_out(rows: pd.DataFrame) -> list[str]:
    """By which measures comparisons are left out, and why; no sentence where none is."""
    if rows.empty:
        return []
    reasons: dict[str, list[str]] = {}
    for name, title in _measures(rows).items():
        reasons.setdefault(unfit(name, OPTIMIZER), []).append(title)
    told = [f"by {' or '.join(titles)}, since {reason}" for reason, titles in reasons.items()]
    return [f"Left out of these counts: comparisons of optimisers {'; '.join(told)}."]


def _measures(table: pd.DataFrame) -> dict[str, str]:
    """The measures that are in a table, with their titles, in order."""
    names = sorted(table["measure"].unique(), key=lambda name: [*MEASURES, name].index(name))
    return {name: MEASURES.get(name) or COLUMNS.title(name) for name in names}


def _comparable(shares: pd.DataFrame, kind: str) -> pd.Series:
    """How many universes of this kind count in the share of each claim."""
    return shares[[f"{kind}_{verdict}" for verdict in (HOLDS, REVERSED, UNDECIDED)]].sum(axis=1)


def _cell(share: pd.Series) -> str:
    """8 of 9, and as small print the sample, what is not so, and what is left out."""
    lines = [_of(share, "alone")]
    if any(share[f"sampled_{verdict}"] for verdict in studies.VERDICTS):
        lines.append(f"sampled: {_of(share, 'sampled')}")
    for verdict in (REVERSED, UNDECIDED, NOT_COMPARABLE):
        count = share[f"alone_{verdict}"] + share[f"sampled_{verdict}"]
        lines += [f"{count} {verdict}"] if count else []
    return "\n".join(lines)


def _of(share: pd.Series, kind: str) -> str:
    comparable = sum(share[f"{kind}_{verdict}"] for verdict in (HOLDS, REVERSED, UNDECIDED))
    return f"{share[f'{kind}_{HOLDS}']} of {comparable}" if comparable else "–"


def _headline(shares: pd.DataFrame) -> pd.DataFrame:
    """A row a comparison, a column a measure."""
    rows, titles = [], _measures(shares)
    for (figure, comparison, where), group in shares.groupby(["figure", "comparison", "where"], sort=False):
        names = "\n".join(filter(None, (comparison, where)))
        cells = {titles[share["measure"]]: _cell(share) for _, share in group.iterrows()}
        rows.append(
            {"Figure": figure, "Comparison": names} | {title: cells.get(title, "–") for title in titles.values()}
        )
    return pd.DataFrame(rows)


def _shown(shares: pd.DataFrame) -> pd.DataFrame:
    """A row a claim: its shares, and which choices change its verdict."""
    rows, titles = [], _measures(shares)
    for _, share in shares.iterrows():
        names = "\n".join(filter(None, (share["comparison"], share["where"])))
        rows.append(
            {
                "Figure": share["figure"],
                "Comparison": names,
                "Measure": titles[share["measure"]],
                "In the base": share["base"],
                "Holds": _cell(share),
                "Changed by": share["flips"].replace("; ", "\n") or "–",
            }
        )
    return pd.DataFrame(rows)
