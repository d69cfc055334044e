"""The paper's thesis in one picture: are trainings with a large γ the fast ones, and how much of that is direction?"""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from trajreg.plots.speed import error_lines, speed_panels
from trajreg.studies.figure import Figure
from trajreg.studies.names import numbers_of
from trajreg.studies.numbers import number
from trajreg.studies.prediction import BASE, FOLDS, MAIN, MODELS, errors_by_fold, foreseeable, prediction_table
from trajreg.studies.product import Headline, Product
from trajreg.studies.rank_correlation import Correlation
from trajreg.studies.run import Run
from trajreg.studies.speed import (
    OVER_SEEDS,
    OVER_TECHNIQUES,
    correlations,
    found_in,
    speed_table,
    technique_table,
)

TITLES = {
    "gamma": "γ",
    "rate": "ηγ",
    "directedness": "D",
    "forward_cosine": "c⁺",
    "early_gamma": "γ, first fifth alone",
    "early_directedness": "D, first fifth alone",
    "early_forward_cosine": "c⁺, first fifth alone",
    "early_loss_end": "loss, first fifth alone",
    "gamma_walk": "γ walk",
    "mean_loss": "mean loss of the run",
    "initial_distance": "distance from start to end",
}
PANELS = list(TITLES)[:8]
LEFT_OUT = {"family": "A family of techniques left out", "figure": "A figure left out"}
CAPTION = (
    "Every training of figures {figures} on true labels: steps to the training loss that its figure declares, against γ, ηγ, D and the "
    "forward cosine c⁺ of the whole run, and of its first fifth alone, towards the end of that fifth. Small: runs; large: medians of a "
    "technique (a variant of a figure); both relative to the median of the figure, since data, nets and thresholds differ. ρ is "
    "Spearman’s, by ranks within each figure (techniques) or within each technique (seeds), pooled; negative: more of it, fewer steps. "
    "Intervals (95 %) are bootstrapped over figures and their techniques, never over runs. {counts} γ of a run is exactly "
    "$d_0^2 / (2 \\sum \\eta \\, gap)$: it contains the sum of the losses, which is speed under another name. So the table has the walk’s "
    "γ, which knows no direction, the mean loss, and what is left of γ, D and the distance given the mean loss. {answer}"
)
FORETOLD = (
    "Do D and c⁺ of the first fifth of a training, towards the end of that fifth, foretell its steps to the threshold beyond what the "
    "losses of that fifth do? Linear models of log10 steps from log10 losses (mean, and of its last fifth), log10 D and c⁺, all relative "
    "to the figure’s median, fitted to medians of techniques and tested on those that were left out. {counts} Gain: error of early loss "
    "alone, less the model’s (its 95 % interval bootstrapped over figures and their techniques, the fits as they are); p: how often it is "
    "as large where D and c⁺ are exchanged between the techniques of each figure. R² is against saying the figure’s median. “{main}”, with "
    "a family left out, decides; the others are exploratory. {answer}"
)
ACROSS = "Steps to a figure’s training loss over all its techniques: does γ go with them, and does direction early on foretell them?"


def speed(figure: Figure, runs: Mapping[str, Sequence[Run]]) -> Product:
    """Steps to the threshold against γ, ηγ, D and c⁺ of a figure with sources, with all rank correlations (`studies.speed`).

    runs: those of each source, as `Study.source_runs` gives them. The two sentences of the answer stand on the front page.
    """
    table = speed_table(figure.sources, runs)
    found, answer = correlations(table), answers(table)
    lines = [
        (name, TITLES[name], f"ρ = {shown(found_in(found, name))}\nseeds: {shown(found_in(found, name, OVER_SEEDS))}")
        for name in PANELS
    ]
    return Product(
        title="Speed against γ and direction",
        caption=CAPTION.format(
            figures=numbers_of(figure.sources), counts=_counts(table), answer=" ".join(answer.values())
        ),
        picture=speed_panels(table, lines),
        alt=f"{figure.question.title}: steps to the loss against {', '.join(TITLES[name] for name in PANELS)}.",
        table=found,
        shown=_correlations_in_words(found),
        headline=Headline(pd.DataFrame({"Question": list(answer), "Answer": list(answer.values())}), ACROSS),
    )


def foretold(figure: Figure, runs: Mapping[str, Sequence[Run]]) -> Product:
    """What early numbers foretell of the steps to the threshold, on techniques that were left out (`studies.prediction`)."""
    table = speed_table(figure.sources, runs)
    units = foreseeable(table)
    found = prediction_table(units)
    folds = [errors_by_fold(units, name).assign(section=name) for name in FOLDS]
    unseen = int((~table["ahead"]).sum())
    early = int((~table["ahead"] & table["steps"].map(math.isfinite)).sum())
    counts = (
        f"{len(units)} techniques of {units['figure'].nunique()} figures; {unseen} of {len(table)} runs have nothing to foretell and are "
        f"left out: {early} reach the loss within the first fifth, {unseen - early} never do."
    )
    return Product(
        title="What the first fifth foretells",
        caption=FORETOLD.format(counts=counts, main=MAIN, answer=_foretelling(found)),
        picture=error_lines(pd.concat(folds), list(MODELS), list(LEFT_OUT.items())) if len(units) else None,
        alt=f"{figure.question.title}: errors of log10 steps of each model, for each family and each figure left out.",
        table=found,
        shown=_models_in_words(found),
    )


def speeds(figure: Figure, runs: Mapping[str, Sequence[Run]]) -> Product:
    """The numbers behind both: a row a run (`studies.speed.speed_table`)."""
    table = speed_table(figure.sources, runs)
    shown_names = ["figure", "family", "variant", "seed", "steps", "relative", "gamma", "directedness"]
    return Product(
        title="Every run",
        caption="Steps to the figure’s training loss (∞: never reached), and relative to the figure’s median; all numbers are in the CSV.",
        table=table,
        shown=table[shown_names],
    )


def answers(table: pd.DataFrame) -> dict[str, str]:
    """Question → answer, a sentence each, from a `speed_table`; each may come out either way."""
    found, units = correlations(table), technique_table(table)
    gamma, direct = found_in(found, "gamma"), found_in(found, "directedness")
    given, loss = found_in(found, "directedness", given="mean_loss"), found_in(found, "mean_loss")
    arithmetic = (
        f"{'but' if loss.sign > 0 else 'and'} the mean loss, by which γ is divided, has ρ = {shown(loss)} itself, and given it D is left "
        f"with {shown(given)}."
    )
    first = (
        f"Over {len(units)} techniques of {units['figure'].nunique()} figures, those with a larger γ reach their figure’s loss "
        f"{_sooner(gamma)} (ρ = {shown(gamma)}), those with a larger D {_sooner(direct)} ({shown(direct)}); {arithmetic}"
    )
    if math.isnan(gamma.rho):
        first = "Whether γ goes with speed cannot be asked here: no two techniques of a figure differ in their steps to its loss."
    return {
        "Does γ go with speed?": first,
        "Does early direction foretell it?": _foretelling(prediction_table(foreseeable(table))),
    }


def shown(found: Correlation) -> str:
    """−0.61 [−0.82, −0.35]."""
    if math.isnan(found.rho):
        return "unknown"
    interval = "" if math.isnan(found.low) else f" [{_two(found.low)}, {_two(found.high)}]"
    return _two(found.rho) + interval


def _foretelling(found: pd.DataFrame) -> str:
    main = found[(found["left_out"] == FOLDS[0]) & (found["model"] == MAIN)].iloc[0]
    base = found[(found["left_out"] == FOLDS[0]) & (found["model"] == BASE)].iloc[0]
    if math.isnan(main["gain"]):
        return (
            f"Whether early D foretells the steps beyond early loss cannot be asked here: {main['techniques']} techniques of "
            f"{main['folds']} families have a future that was measured, too few to fit a model without one family."
        )
    adds = main["low"] > 0 and main["p"] <= 0.05
    verb = "adds to" if adds else "takes away from" if main["high"] < 0 else "does not measurably add to"
    return (
        f"D of the first fifth {verb} what its losses foretell of the steps of techniques of a family that was left out: the error of "
        f"log10 steps is {number(main['error'])} with D and {number(base['error'])} without (gain {_two(main['gain'], 3)} "
        f"[{_two(main['low'], 3)}, {_two(main['high'], 3)}], p = {number(main['p'])})."
    )


def _sooner(found: Correlation) -> str:
    return {-1: "sooner", 0: "neither measurably sooner nor later", 1: "later"}[found.sign]


def _counts(table: pd.DataFrame) -> str:
    never = int(table["steps"].eq(math.inf).sum())
    return (
        f"{len(table)} runs: {never} never reached the loss and are ranked as the slowest of their figure (triangles, at one step more "
        f"than they took), {int(table['diverged'].sum())} diverged, have no γ and are left out."
    )


def _correlations_in_words(found: pd.DataFrame) -> pd.DataFrame:
    """A row a metric, a column a level."""
    rows = found[found["level"] == OVER_TECHNIQUES]
    return pd.DataFrame(
        [
            {
                "ρ with the steps": TITLES[row.metric] + (f", given the {TITLES[row.given]}" if row.given else ""),
                "Across techniques": shown(found_in(found, row.metric, OVER_TECHNIQUES, row.given)),
                "Techniques": row.num_clusters,
                "Within a technique, over seeds": shown(found_in(found, row.metric, OVER_SEEDS, row.given)),
                "Runs": found_in(found, row.metric, OVER_SEEDS, row.given).num,
            }
            for row in rows.itertuples()
        ]
    )


def _models_in_words(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Left out": row.left_out,
                "Model": row.model,
                "Techniques": row.techniques,
                "Error of log10 steps": number(row.error),
                "R²": number(row.r2),
                "Gain": "–" if row.model == BASE else f"{_two(row.gain, 3)} [{_two(row.low, 3)}, {_two(row.high, 3)}]",
                "p": "–" if row.model == BASE else number(row.p),
            }
            for row in found.itertuples()
        ]
    )


def _two(value: float, digits: int = 2) -> str:
    return "unknown" if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")
