"""What came out of each comparison of a technique with its control: the claims of all figures, a row a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from trajreg.report.contents import Figure, Unshown, label
from trajreg.report.ledger import Claim
from trajreg.studies.claims import EXPLORATORY, NOT_COMPARABLE, PRIMARY
from trajreg.studies.techniques import OPTIMIZER, unfit

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture  # slow, and only who draws needs it


MOST_ROWS = 40  # of the picture


@dataclass(frozen=True)
class Question:
    """What is asked of every comparison, judged by a metric in the direction of “more with the technique”.

    asked: the question. subject: with its verb, before one of `answers`, which are for replicated, reversed and negligible.
    title, unit: of its column in a table, and of its panel in the picture. shown: whether there are such; else only a sentence.
    """

    metric: str
    direction: str
    effect: str
    asked: str
    subject: str
    answers: tuple[str, str, str]
    title: str
    unit: str
    shown: bool = True

    @property
    def unfit(self) -> str:
        """Why the metric says nothing where optimisers are compared; empty where it does."""
        return unfit(self.metric, OPTIMIZER)

    def fits(self, one: Comparison) -> bool:
        """Whether a comparison has an answer to it that means something."""
        return self.metric in one.claims and not unfit(self.metric, one.technique)

    def asks(self, claim: Claim) -> bool:
        """Whether a claim is about this; a threshold may follow the metric."""
        about = claim.metric.partition(" ")[0], claim.direction, claim.effect_kind
        return about == (self.metric, self.direction, self.effect)


SIZES = ("larger", "smaller", "about the same")
QUESTIONS = (
    Question(
        "steps_to_loss", "lower", "ratio", "Does a technique speed up training?", "training is",
        ("faster", "slower", "about as fast"), "training speed", "ratio of steps",
    ),
    Question("gamma", "higher", "ratio", "Does it raise γ?", "γ is", SIZES, "γ", "ratio"),
    Question(
        "rate", "higher", "ratio", "Does it raise ηγ, by which different learning rates can be compared?", "ηγ is", SIZES, "ηγ", "ratio"
    ),
    Question(
        "gamma_walk", "higher", "ratio", "Would it raise γ without any direction?",
        "γ of random walks of the same step lengths and losses is", SIZES, "γ walk", "ratio", shown=False,
    ),
    Question(
        "directedness", "higher", "ratio", "Does it make the path more directed?", "the directedness D is",
        SIZES, "directedness D", "ratio",
    ),
    Question(
        "forward_cosine", "higher", "difference", "Does each update point better along the way that is left?",
        "the forward cosine is", SIZES, "forward cosine", "difference",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """A treatment against its control in one setting. claims: by the metric of the question; where: what sets it apart from the
    figure's others of its role and those before it, in words."""

    figure: Figure
    where: str
    claims: dict[str, Claim]

    @property
    def any(self) -> Claim:
        """One of its claims: what they have in common."""
        return next(iter(self.claims.values()))

    @property
    def role(self) -> str:
        """primary where one of its claims is, not comparable where a side of another does not train, else exploratory."""
        if any(claim.role == PRIMARY for claim in self.claims.values()):
            return PRIMARY
        return NOT_COMPARABLE if self.any.reason else EXPLORATORY

    @property
    def technique(self) -> str:
        """What is compared: one of TECHNIQUES."""
        return self.any.technique

    @property
    def place(self) -> int:
        """Of its role in the order of the report."""
        return (PRIMARY, EXPLORATORY, NOT_COMPARABLE).index(self.role)

    @property
    def name(self) -> str:
        """Figure 4, VGG-11: batch norm against no batch norm."""
        place = ", ".join(filter(None, (label(self.figure.id), self.where)))
        return f"{place}: {self.any.treatment} against {self.any.control}"

    @property
    def note(self) -> str:
        """Which side does not train, with the runs that do: control does not train (0 of 5 runs); empty where both do."""
        one, both = self.any, (self.any.reached_treatment, self.any.reached_control)
        if not one.reason:
            return ""
        reached = {"control does not train": both[1:], "treatment does not train": both[:1]}.get(one.reason, both)
        return f"{one.reason} ({' and '.join(str(count) for count in reached)} of {one.seeds} runs)"

    def cell(self, question: Question) -> tuple[Claim, int] | None:
        """Its claim about a question, with its place among the figure's."""
        claim = self.claims.get(question.metric)
        return (claim, 1 + self.figure.claims.index(claim)) if claim else None


def comparisons(figures: Sequence[Figure | Unshown]) -> list[Comparison]:
    """Every comparison that a claim asks one of QUESTIONS about: primary ones first, then exploratory ones, then those not comparable.

    Illustrations compare no technique and are left out.
    """
    found = [
        one
        for figure in figures
        if isinstance(figure, Figure) and figure.status != "illustration"
        for one in _comparisons(figure)
    ]
    return sorted(found, key=lambda one: one.place)


def _comparisons(figure: Figure) -> list[Comparison]:
    groups: dict[tuple[str, str], dict[str, Claim]] = {}
    for claim in sorted(figure.claims, key=lambda one: one.role != PRIMARY):
        for question in QUESTIONS:
            if question.asks(claim):
                group = groups.setdefault((claim.treatment_variant, claim.control_variant), {})
                group.setdefault(question.metric, claim)
    found = [Comparison(figure, "", claims) for claims in groups.values()]
    return [replace(one, where=_apart(one, [other for other in found if other.place <= one.place])) for one in found]


def _apart(one: Comparison, others: list[Comparison]) -> str:
    """The parts of where a comparison is made that not all of the others share."""
    shared = set.intersection(*(set(other.any.where.split(", ")) for other in others))
    return ", ".join(part for part in one.any.where.split(", ") if part not in shared)


def asked(found: Sequence[Comparison]) -> list[Question]:
    """The questions that some of them answer, and that have a column."""
    return [one for one in QUESTIONS if one.shown and any(one.metric in row.claims for row in found)]


def drawn(found: Sequence[Comparison]) -> list[Comparison]:
    """Those in which no side is known not to train."""
    return [one for one in found if not one.any.reason]


def pictured(found: Sequence[Comparison]) -> list[Comparison]:
    """Those that the picture shows: all that can be drawn; of more than MOST_ROWS only the primary ones, where there are any."""
    shown = drawn(found)
    primary = [one for one in shown if one.role == PRIMARY]
    return primary if primary and len(shown) > MOST_ROWS else shown


def picture(found: Sequence[Comparison]) -> Picture | None:
    """The overview of those that are pictured (`plots.overview`); None where there are none."""
    rows = [
        {
            "row": one.name,
            "primary": one.role == PRIMARY,
            "technique": one.technique,
            "metric": metric,
            "kind": claim.effect_kind,
            "effect": claim.effect,
            "low": claim.low,
            "high": claim.high,
            "smallest": claim.smallest_effect,
            "verdict": claim.verdict,
        }
        for one in pictured(found)
        for metric, claim in one.claims.items()
        if all(question.fits(one) for question in QUESTIONS if question.metric == metric)
    ]
    if not rows:
        return None
    from trajreg.plots.overview import overview  # imports matplotlib

    return overview(pd.DataFrame(rows), [(one.metric, f"{one.title}\n({one.unit})") for one in asked(pictured(found))])
