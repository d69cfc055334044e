"""The front page's answers in sentences: counted over the verdicts, so that no sentence says what the tables do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trajreg.report.comparisons import QUESTIONS, Comparison, Question, drawn, pictured
from trajreg.report.contents import Figure, Unshown, label
from trajreg.report.ledger import Claim, verdict_counts
from trajreg.report.principle import principle
from trajreg.report.wording import ends, every, listed, sentence, share, some
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.claims import EXPLORATORY, PRIMARY
from trajreg.studies.numbers import number
from trajreg.studies.rates import NAMES, OWN
from trajreg.studies.rule import FINDINGS

NAMED = 3  # so many exceptions at most are named
RATES = {name.text for name in NAMES.values()}


@dataclass(frozen=True)
class Answer:
    """A question and what the numbers say to it, with $formulas$."""

    asked: str
    text: str


def premise(found: Sequence[Comparison]) -> str:
    """What is compared, how many times, whether both sides train, and what of it is not the paper's."""
    judged = _judged(found)
    if not found:
        return "No figure here compares a technique with a control."
    if not judged:
        return f"In {every(len(found), 'comparison')} of a technique with its control a side does not train: nothing is found."
    what = f"{some(len(judged), 'comparison')} of a technique with its control {'was' if len(judged) == 1 else 'were'}"
    if judged[0].role != PRIMARY:
        text = f"{what} made, none of them declared beforehand: all is exploratory, each verdict taken alone"
    else:
        text = f"{what} declared beforehand"
    if all(NAMES[OWN].text in one.any.where.split(", ") for one in judged):
        text += ", each side at its own best learning rate of a small grid, chosen on other seeds"
    return " ".join(filter(None, (sentence(text), _trained(judged), _whose(judged))))


def answers(found: Sequence[Comparison], figures: Sequence[Figure | Unshown], tree: Path) -> list[Answer]:
    """An answer to each question that is asked of comparisons in which both sides train, and to whether the principle holds."""
    given = []
    for question in QUESTIONS:
        asked = [one for one in drawn(found) if question.fits(one)]
        judged = [one for one in asked if one in _judged(found)]
        if judged:
            others = [one.claims[question.metric] for one in asked if one not in judged]
            parts = _answer(question, judged), _others(question, others), _unfit(question, drawn(found))
            given.append(Answer(question.asked, " ".join(filter(None, parts))))
    holds = principle(figures, tree)
    return [*given, Answer("Does the regularity principle hold?", holds)] if holds else given


def caption(found: Sequence[Comparison], figures: Sequence[Figure | Unshown]) -> str:
    """What one sees in the picture, and what is not in it."""
    text = (
        "Each row is a comparison, each panel a measure: right of the upright line there is more of it with the technique. A mark is the "
        "median effect over paired seeds, a bar its interval (an arrow: it goes on), a grey band holds the effects too small to count. "
        "Each technique has its own colour."
    )
    titles = [one.title for one in QUESTIONS if any(_is_primary(row.claims.get(one.metric)) for row in found)]
    if titles:
        text += (
            f" Bold: primary comparisons. Their verdicts on {listed(titles)} are corrected for the number of primary claims; all "
            "others are exploratory, each taken alone."
        )
    stuck = len(found) - len(drawn(found))
    left_out = [f"{some(stuck, 'comparison')} in which a side does not train"] if stuck else []
    shown = [one for one in figures if isinstance(one, Figure) and one.claims]
    more = len(drawn(found)) - len(pictured(found))
    left_out += [f"{some(more, 'exploratory comparison')}, which stand in the table"] if more else []
    reasons = {f"{one.title}, since {one.unfit}" for one in QUESTIONS if one.shown and _unfit(one, pictured(found))}
    left_out += [f"optimizers from the panel {reason}" for reason in sorted(reasons)]
    left_out += [f"{label(one.id)}, an illustration" for one in shown if one.status == "illustration"]
    return f"{text} Left out: {'; '.join(left_out)}." if left_out else text


def _judged(found: Sequence[Comparison]) -> list[Comparison]:
    """The primary comparisons; where none was declared, the exploratory ones."""
    return [one for one in found if one.role == PRIMARY] or [one for one in found if one.role == EXPLORATORY]


def _is_primary(claim: Claim | None) -> bool:
    return claim is not None and claim.role == PRIMARY


def _trained(judged: Sequence[Comparison]) -> str:
    """In how many of them both sides train, where that is known."""
    if not all(one.any.reaches for one in judged):
        return ""
    stuck = len(judged) - len(drawn(judged))
    rest = "; where a side does not, nothing is found" if stuck else ""
    reached = share(len(judged) - stuck, len(judged), "comparison")
    return f"Both sides train, at least 9 of 10 runs down to the figure’s training loss, in {reached}{rest}."


def _whose(judged: Sequence[Comparison]) -> str:
    """What of this the paper says, and what is ours."""
    if not any(claim.source == "paper" for one in judged for claim in one.claims.values()):
        return "What is asked here is our question, not the paper’s."
    ours = sum(one.any.pair_source == "ours" for one in judged)
    pairs = f", and so is the choice of what is compared in {share(ours, len(judged), 'comparison')}" if ours else ""
    return f"The paper gives no numbers: the smallest effect that counts is ours{pairs}."


def _answer(question: Question, judged: list[Comparison]) -> str:
    claims = [one.claims[question.metric] for one in judged]
    text = _counted(question, claims)
    if all(claim.role == EXPLORATORY for claim in claims):
        text = f"exploratory, each verdict taken alone: {text}"
    parts = [sentence(text), _range(claims), _exceptions(question, judged)]
    if question.metric == "gamma":
        parts += [_beside(judged), _both(judged)]
    if all(claim.source == "ours" for claim in claims):
        parts.append("The question is ours, not the paper’s.")
    return " ".join(filter(None, parts))


def _counted(question: Question, claims: list[Claim], said: bool = True) -> str:
    """In how many comparisons the technique has more, less, about the same, and in how many that is open."""
    counts, total, (more, less, alike) = verdict_counts(claims), len(claims), question.answers
    where = f"in {every(total, 'comparison')}"
    if counts["inconclusive"] == total:
        return f"{where} it is open whether {question.subject} {more} or {less} with the technique"
    for finding, word in zip(FINDINGS, question.answers, strict=True):
        if counts[finding] == total:
            whose = _as_said(claims) if said and finding == "replicated" else ""
            return f"{where} {question.subject} {word} with the technique{whose}"
    yes, no, same, left = (counts[verdict] or "none" for verdict in (*FINDINGS, "inconclusive"))
    whose = _as_said(claims) if said else ""
    return (
        f"of {total} comparisons, {question.subject} {more} with the technique in {yes}{whose}, {less} in {no}, "
        f"{alike} in {same}; it is open in {left}"
    )


def _as_said(claims: list[Claim]) -> str:
    """That replicated claims are the paper's, where they are."""
    replicated = [claim for claim in claims if claim.verdict == "replicated"]
    said = sum(claim.source == "paper" for claim in replicated)
    if not said:
        return ""
    return " (as the paper says)" if said == len(replicated) else f" ({said} of them as the paper says)"


def _range(claims: list[Claim]) -> str:
    """From the smallest to the largest effect."""
    known = sorted((claim for claim in claims if claim.effect == claim.effect), key=lambda claim: claim.effect)
    if not known:
        return ""
    what = "Median effects" if len(known) > 1 else "Median effect"
    return f"{what}: {ends(claim.effect_text for claim in (known[0], known[-1]))}."


def _exceptions(question: Question, judged: list[Comparison]) -> str:
    """Where the technique does not have more, by name, where that is said of few."""
    rest = [one for one in judged if one.claims[question.metric].verdict != "replicated"]
    if not 0 < len(rest) <= min(NAMED, len(judged) - 1):
        return ""
    return f"The rest: {_listed_effects(rest, question.metric)}."


def _others(question: Question, claims: list[Claim]) -> str:
    """What comes out in the exploratory comparisons beside the primary ones."""
    if not claims:
        return ""
    where = sorted({part for claim in claims for part in claim.where.split(", ") if part in RATES})
    text = _counted(question, claims, said=False)
    return sentence(f"exploratory{', at ' + listed(where) if where else ''}: {text}")


def _unfit(question: Question, found: list[Comparison]) -> str:
    """Why comparisons that have an answer are left out."""
    left_out = sum(question.metric in one.claims and not question.fits(one) for one in found)
    return f"Left out: {some(left_out, 'comparison')} of optimizers, since {question.unfit}." if left_out else ""


def _both(judged: list[Comparison]) -> str:
    """In how many comparisons both of the paper's statements come out."""
    both = [one for one in judged if {"gamma", "steps_to_loss"} <= one.claims.keys()]
    if not both:
        return ""
    found = sum(all(one.claims[name].verdict == "replicated" for name in ("gamma", "steps_to_loss")) for one in both)
    return f"Faster and with a larger γ, both at once: {share(found, len(both), 'comparison')}."


def _beside(judged: list[Comparison]) -> str:
    """Whether the same quantity measured in another way gives other verdicts."""
    measured = [one for one in judged if one.claims["gamma"].beside_metric]
    if not measured:
        return ""
    others = [one for one in measured if one.claims["gamma"].beside_verdict != one.claims["gamma"].verdict_alone]
    what = f"another in {share(len(others), len(measured), 'comparison')}" if others else "the same"
    if 0 < len(others) <= NAMED:
        names = [
            f"{one.name}, ×{number(claim.beside_effect)}, {claim.beside_verdict}"
            for one in others
            for claim in [one.claims["gamma"]]
        ]
        what += f" ({'; '.join(names)})"
    title = f"“{COLUMNS.title(measured[0].claims['gamma'].beside_metric)}”"
    if len(measured) < len(judged):
        title += f" (measured in {share(len(measured), len(judged), 'comparison')})"
    return f"By {title} instead, the verdict, taken alone, is {what}."


def _listed_effects(some_of: Sequence[Comparison], metric: str) -> str:
    return "; ".join(f"{one.name}, {one.claims[metric].effect_text}" for one in some_of)
