"""How firm a verdict is: each comparison under every choice that a setting lists, and the share of choices under which it holds (ours).

A specification curve (Simonsohn, Simmons, Nelson, 2020, doi 10.1038/s41562-020-0912-z), without its test: universes share their data.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from trajreg.errors import InputError
from trajreg.studies.choices import UNIVERSE, Universe
from trajreg.studies.claims import differing
from trajreg.studies.effects import observe, paired_cells, paired_effect, sides_that_train, trained_runs
from trajreg.studies.figure import Claim, Figure
from trajreg.studies.medians import Bounds, median_of_bounds
from trajreg.studies.run import Run
from trajreg.studies.techniques import technique, unfit

MEASURES = (
    "gamma",
    "directedness",
    "forward_cosine",
    "steps_to_loss",
)  # of claims; γ brings that with ℓ* at the end point
HOLDS, REVERSED, UNDECIDED, NOT_COMPARABLE = "holds", "reversed", "undecided", "not comparable"
VERDICTS = (HOLDS, REVERSED, UNDECIDED, NOT_COMPARABLE)
CLAIM = ["figure", "claim", "comparison", "varied", "where", "measure"]  # what tells the claims of a table apart
CHOICE = "choice: "  # begins the name of a column with the alternatives of a factor


def multiverse(figure: Figure, runs: list[Run]) -> pd.DataFrame:
    """A row a claim and universe of a figure, of the claims by MEASURES and by whatever it has primary claims of; the columns:

    figure, claim, comparison, where: which claim, what against what, and what else the contrast leaves open, in words. varied: as in the
    ledger, the dotted keys in which the sides differ.
    measure: the metric, gamma_endpoint beside gamma where the runs have it. effect_kind, smallest_effect: as the claim has them.
    universe: its name. kind: "base", "one at a time" or "sampled". A column for each factor, its name after CHOICE: the alternative.
    seeds: the pairs of runs. effect: their median effect, in the direction of the claim. low, high: the smallest and the largest over
    the pairs; infinite where nothing bounds them. reason: which side does not train, as in the ledger; empty where both do.
    verdict: holds, where the effects of all pairs are above the smallest effect that counts; reversed, where all are as far on the
    other side; undecided otherwise; not comparable where a side does not train. No test: three seeds have no power for one.

    Raises InputError for a figure whose setting has no choices.
    """
    if not (figure.setting and figure.setting.choices):
        raise InputError(
            f"{figure.where}: choices is needed: the alternatives under which each comparison is to be judged"
        )
    universes = {one.name: one for one in figure.setting.choices.universes()}
    trained = trained_runs(figure, runs)
    metrics = {*MEASURES, *(claim.metric for claim in figure.claims if claim.primary)}
    rows = []
    for claim in (one for one in figure.claims if one.metric in metrics):
        for others, pairs in paired_cells(figure, claim.treatment, claim.control, runs):
            reason = "" if trained is None else sides_that_train(pairs, trained)[-1]
            where = figure.label({key: value for key, value in others.items() if key != UNIVERSE})
            head = {
                "figure": figure.id,
                "claim": claim.id,
                "comparison": f"{figure.label(claim.treatment)} against {figure.label(claim.control)}",
                "varied": ", ".join(differing(figure, claim)),
                "where": where,
            }
            for own in _measured(claim, pairs):
                rows.append(head | _judged(own, figure.id, pairs, reason) | _chosen(universes[others[UNIVERSE]]))
    return pd.DataFrame(rows)


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """A row a claim of the result of `multiverse`, of one figure or of several; the columns:

    CLAIM: which one. base: its verdict in the base universe. alone_<verdict>: how many universes have that verdict, of the base and those
    that change one choice. sampled_<verdict>: the same of the sampled combinations, a random sample of all that change two choices or
    more, and so without bias for these. flips: the choices that, changed alone, give another verdict than the base, each with its verdict.
    What is not comparable flips nothing.
    """
    return pd.DataFrame(
        [dict(zip(CLAIM, names, strict=True)) | _share(rows) for names, rows in table.groupby(CLAIM, sort=False)]
    )


def flips(table: pd.DataFrame) -> pd.DataFrame:
    """A row a factor, the one that flips most of its verdicts first: factor; flips: in how many pairs of a claim and a universe that
    changes this factor alone the verdict is another one than in the base; of: the pairs that can be compared there and in the base.
    """
    counts: dict[str, list[int]] = {}
    for _, rows in table.groupby(CLAIM, sort=False):
        base, others = _alone(rows)
        for _, one in others.iterrows():
            (factor,) = (name for name in factors(rows) if one[CHOICE + name] != base[CHOICE + name])
            count = counts.setdefault(factor, [0, 0])
            count[0] += one["verdict"] != base["verdict"]
            count[1] += 1
    rows = [{"factor": factor, "flips": flipped, "of": of} for factor, (flipped, of) in counts.items()]
    return pd.DataFrame(sorted(rows, key=lambda row: -row["flips"] / row["of"]), columns=["factor", "flips", "of"])


def is_fit(rows: pd.DataFrame) -> pd.Series:
    """Which rows of the result of `multiverse` or `shares` judge by a measure that says something of the technique (`techniques.unfit`)."""
    pairs = zip(rows["measure"], rows["varied"], strict=True)
    return pd.Series([not unfit(measure, technique(varied)) for measure, varied in pairs], index=rows.index, dtype=bool)


def factors(table: pd.DataFrame) -> dict[str, list[str]]:
    """Factor → its alternatives, the base's first, that the universes of this table choose."""
    names = [name for name in table if name.startswith(CHOICE) and table[name].notna().any()]
    return {name.removeprefix(CHOICE): list(table[name].dropna().unique()) for name in names}


def _measured(claim: Claim, pairs: list[tuple[Run, Run]]) -> Iterator[Claim]:
    """The claim, and the same of its quantity measured in another way, where all runs that did not diverge have it."""
    yield claim
    runs = [run for pair in pairs for run in pair if not run.diverged]
    column = runs[0].columns.claimable.get(claim.metric) if runs else None
    if column and column.beside and all(column.beside in run.summary for run in runs):
        yield replace(claim, metric=column.beside)


def _judged(claim: Claim, figure: str, pairs: list[tuple[Run, Run]], reason: str) -> dict[str, Any]:
    effects = [paired_effect(observe(one, claim, figure), observe(other, claim, figure), claim) for one, other in pairs]
    shown = math.exp if claim.effect == "ratio" else float
    smallest = math.log(claim.smallest_effect) if claim.effect == "ratio" else claim.smallest_effect
    ends = median_of_bounds(effects)[0], min(low for low, _ in effects), max(high for _, high in effects)
    return {
        "measure": claim.metric,
        "effect_kind": claim.effect,
        "smallest_effect": claim.smallest_effect,
        "seeds": len(pairs),
        **dict(zip(("effect", "low", "high"), map(shown, ends), strict=True)),
        "reason": reason,
        "verdict": NOT_COMPARABLE if reason else _verdict(effects, smallest),
    }


def _verdict(effects: list[Bounds], smallest: float) -> str:
    if all(low > smallest for low, _ in effects):
        return HOLDS
    return REVERSED if all(high < -smallest for _, high in effects) else UNDECIDED


def _chosen(universe: Universe) -> dict[str, str]:
    chosen = {f"{CHOICE}{factor}": name for factor, name in universe.chosen.items()}
    return {"universe": universe.name, "kind": universe.kind, **chosen}


def _share(rows: pd.DataFrame) -> dict[str, Any]:
    sampled = rows["kind"] == "sampled"
    base, others = _alone(rows)
    other = others[others["verdict"] != base["verdict"]]
    return {
        "base": base["verdict"],
        **{f"alone_{verdict}": int((rows[~sampled]["verdict"] == verdict).sum()) for verdict in VERDICTS},
        **{f"sampled_{verdict}": int((rows[sampled]["verdict"] == verdict).sum()) for verdict in VERDICTS},
        "flips": "; ".join(f"{one.universe} ({one.verdict})" for one in other.itertuples()),
    }


def _alone(rows: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """The base of a claim, and the universes that change one choice and can be compared with it: none where it cannot be itself."""
    base = rows[rows["kind"] == "base"].iloc[0]
    known = (
        (rows["kind"] == "one at a time") & (rows["verdict"] != NOT_COMPARABLE) & (base["verdict"] != NOT_COMPARABLE)
    )
    return base, rows[known]
