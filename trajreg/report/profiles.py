"""One look at claims × profiles: the primary claims of a tree, and what the newest references of the other profiles say of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trajreg.report.comparisons import QUESTIONS
from trajreg.report.contents import Figure, Unshown, label
from trajreg.report.ledger import Claim
from trajreg.report.references import Reference, Share
from trajreg.report.wording import every, sentence, share, some
from trajreg.studies.claims import NOT_COMPARABLE, PRIMARY
from trajreg.studies.rule import FINDINGS

NAMED = 4  # so many claims at most are named


@dataclass(frozen=True)
class Cell:
    """What another profile says of a claim: its own claim, or of a profile that tries choices under how many of them it holds."""

    claim: Claim | None
    share: Share | None
    page: str
    differs: bool


@dataclass(frozen=True)
class Row:
    """A primary claim, the place-th of its figure, with a cell for each of the other profiles, None where it says nothing of it."""

    figure: Figure
    claim: Claim
    place: int
    cells: list[Cell | None]

    @property
    def differs(self) -> bool:
        """Whether the verdict is another in some profile."""
        return any(cell is not None and cell.differs for cell in self.cells)

    @property
    def success(self) -> str:
        """By what measure of success."""
        return next((one.title for one in QUESTIONS if one.asks(self.claim)), self.claim.metric_title)

    @property
    def name(self) -> str:
        """Figure 4, VGG-11: batch norm against no batch norm, γ."""
        place = ", ".join(filter(None, (label(self.figure.id), self.claim.where)))
        return f"{place}: {self.claim.treatment} against {self.claim.control}, {self.success}"


@dataclass(frozen=True)
class Profiles:
    """The other profiles, a row a claim, and the sentences that say where verdicts differ."""

    others: list[Reference]
    rows: list[Row]
    sentences: list[str]

    def differs(self, claims: Iterable[Claim]) -> bool:
        """Whether the verdict on one of these claims is another in some profile."""
        differing = {id(row.claim) for row in self.rows if row.differs}
        return any(id(claim) in differing for claim in claims)


def profiles(figures: Sequence[Figure | Unshown], others: Sequence[Reference]) -> Profiles:
    """Every primary claim against the other profiles."""
    known = [(one, _by_claim(one.claims()), one.shares()) for one in others]
    rows = [
        Row(figure, claim, place, [_cell(claim, *one) for one in known])
        for figure in figures
        if isinstance(figure, Figure)
        for place, claim in enumerate(figure.claims, 1)
        if claim.role == PRIMARY
    ]
    return Profiles(list(others), rows, [_sentence(one, index, rows) for index, one in enumerate(others)])


def _by_claim(claims: Sequence[Claim]) -> dict[tuple[str, str], list[Claim]]:
    found: dict[tuple[str, str], list[Claim]] = {}
    for claim in sorted(claims, key=lambda one: one.role != PRIMARY):
        found.setdefault((claim.figure, claim.claim), []).append(claim)
    return found


def _cell(
    claim: Claim,
    other: Reference,
    claims: dict[tuple[str, str], list[Claim]],
    shares: dict[tuple[str, str], Share],
) -> Cell | None:
    key = claim.figure, claim.claim
    held = shares.get(key)
    theirs = None if shares else _same(claim, claims.get(key, []))
    if theirs is None and held is None:
        return None
    page = f"../../{other.profile}/{other.version}/pages/{(held and held.figure) or claim.figure}.html"
    differs = theirs is not None and theirs.role != NOT_COMPARABLE and theirs.verdict != claim.verdict
    return Cell(theirs, held, page, differs)


def _same(claim: Claim, others: Sequence[Claim]) -> Claim | None:
    """The one of the same setting in words, else the only primary one, for a profile names its settings by what it varies."""
    found = [one for one in others if one.where == claim.where]
    primary = [one for one in others if one.role == PRIMARY]
    return found[0] if found else primary[0] if len(primary) == 1 else None


def _sentence(other: Reference, index: int, rows: Sequence[Row]) -> str:
    name = f"{other.profile} {other.version}"
    if other.damage:
        return sentence(f"left out is {name}: {other.damage}")
    told = [(row, cell) for row in rows for cell in [row.cells[index]] if cell]
    held = [(row, cell.share) for row, cell in told if cell.share]
    if held:
        return _held(name, held)
    judged = [(row, cell.claim) for row, cell in told if cell.claim and cell.claim.role != NOT_COMPARABLE]
    if not judged:
        return sentence(f"none of these claims is judged in {name}")
    differing = [(row, claim) for row, claim in judged if claim.verdict != row.claim.verdict]
    if not differing:
        return sentence(f"in {name} the verdict is the same in {every(len(judged), 'claim')} that it has too")
    contrary = sum({row.claim.verdict, claim.verdict} <= {*FINDINGS} for row, claim in differing)
    text = f"in {name} the verdict differs in {share(len(differing), len(judged), 'claim')}"
    text += f", in {contrary} of them one finding from another" if contrary else ", never one finding from another"
    if len(differing) <= NAMED:
        text += f" ({'; '.join(f'{row.name}: {row.claim.verdict} here, {claim.verdict} there' for row, claim in differing)})"
    return sentence(text)


def _held(name: str, held: Sequence[tuple[Row, Share]]) -> str:
    """Under how many choices the claims hold: all of them, and less than half."""
    always = sum(one.holds == one.choices for _, one in held)
    seldom = [row.name for row, one in held if 2 * one.holds < one.choices]
    text = f"in {name}, {always} of {some(len(held), 'claim')} hold under all choices tried, {len(seldom)} under less than half of them"
    return sentence(text + (f" ({'; '.join(seldom)})" if 0 < len(seldom) <= NAMED else ""))
