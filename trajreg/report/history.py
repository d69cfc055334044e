"""The change log between the reference versions of a profile: verdicts that are others, and means, from each to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from trajreg.report.contents import label
from trajreg.report.ledger import Claim
from trajreg.report.references import Reference
from trajreg.report.wording import listed, sentence, some
from trajreg.runs.compare import compare
from trajreg.runs.compare_text import told
from trajreg.runs.tree import ResultsTree

SHOWN_ROWS = 60  # of each table of what was changed in a figure


@dataclass(frozen=True)
class Step:
    """From one reference to the next. text: what came and went. verdicts: (old claim, new claim) where the verdict is another.
    lines: settings, means and claims that are others, as `trajreg diff` says them."""

    old: str
    new: str
    text: str
    verdicts: list[tuple[Claim, Claim]]
    lines: list[str]


def history(versions: Sequence[Reference], tree: ResultsTree, claims: Sequence[Claim]) -> list[Step]:
    """A step from each reference to the next; none where there is one alone. `claims` are those of `tree`, which may be the last."""
    ledgers = [claims if one.tree.root == tree.root else one.claims() for one in versions]
    return [
        _step(old, new, _keyed(before), _keyed(after))
        for (old, before), (new, after) in pairwise(zip(versions, ledgers, strict=True))
    ]


def _keyed(claims: Sequence[Claim]) -> dict[tuple[str, str, str], Claim]:
    return {(one.figure, one.claim, one.where): one for one in claims}


def _step(
    old: Reference, new: Reference, before: dict[tuple[str, str, str], Claim], after: dict[tuple[str, str, str], Claim]
) -> Step:
    there, here = old.tree.figures(), new.tree.figures()
    shared = [one for one in here if one in there]
    both = [(before[key], after[key]) for key in before if key in after]
    verdicts = [(one, other) for one, other in both if one.verdict != other.verdict]
    lines = list(told(compare(new.tree, old.tree, shared), SHOWN_ROWS)) if shared else []
    text = " ".join(
        sentence(part)
        for part in (
            _figures("new", [one for one in here if one not in there]),
            _figures("gone", [one for one in there if one not in here]),
            f"of {some(len(both), 'claim')} that both judge, {len(verdicts)} {'has' if len(verdicts) == 1 else 'have'} another verdict",
        )
        if part
    )
    return Step(old.version, new.version, text, verdicts, lines)


def _figures(what: str, ids: Sequence[str]) -> str:
    return f"{what}: {listed([label(one) for one in ids])}" if ids else ""
