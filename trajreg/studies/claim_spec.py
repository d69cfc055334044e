"""What a claim is, and whether its metric is on offer. Imports no torch."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from trajreg.columns import Columns
from trajreg.errors import InputError, nearest_first
from trajreg.schema import Spec


class ClaimSpec(Spec):
    """A statement that one setting beats another in a metric, and the smallest effect that would count as one.

    `treatment` and `control` are settings of varied keys, the same keys in both; every combination of the other varied keys
    gives a row of the ledger. `effect` is a ratio (smallest_effect above 1) or a difference (above or equal to 0) of the metric in the
    claimed direction. `metric` is a claimable column of the training or of a measure (`check_claims`); one that says when a value
    was first reached needs a `threshold`.
    """

    id: str
    text: str
    source: Literal["paper", "ours"]
    metric: str
    threshold: Annotated[float, Field(gt=0)] | None = None
    direction: Literal["higher", "lower"]
    effect: Literal["ratio", "difference"]
    smallest_effect: float
    treatment: dict[str, Any]
    control: dict[str, Any]

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.effect == "ratio" and self.smallest_effect <= 1:
            raise ValueError(f"claim {self.id}: smallest_effect = {self.smallest_effect} of a ratio must be above 1")
        if self.effect == "difference" and self.smallest_effect < 0:
            raise ValueError(
                f"claim {self.id}: smallest_effect = {self.smallest_effect} of a difference must not be negative"
            )
        if set(self.treatment) != set(self.control) or self.treatment == self.control:
            raise ValueError(f"claim {self.id}: treatment and control must give different values to the same keys")
        return self


def check_claims(claims: Iterable[ClaimSpec], columns: Columns, where: str) -> None:
    """InputError, a line a claim, unless every metric is a claimable column and has a threshold just where it needs one."""
    problems = [f"{where}: claim {claim.id}: {text}" for claim in claims for text in _problems(claim, columns)]
    if problems:
        raise InputError("\n".join(problems))


def _problems(claim: ClaimSpec, columns: Columns) -> list[str]:
    known = columns.claimable
    if claim.metric not in known:
        offered = ", ".join(nearest_first(claim.metric, known))
        return [f"metric = {claim.metric!r} is not measured in this figure, choose from {offered}"]
    reached = known[claim.metric].first_below
    if reached and claim.threshold is None:
        return [f"metric {claim.metric} needs a threshold: the {reached} that is to be reached"]
    if not reached and claim.threshold is not None:
        takers = ", ".join(name for name, column in known.items() if column.first_below)
        return [f"threshold = {claim.threshold:g} does not belong to metric {claim.metric}, only to {takers or 'none'}"]
    return []
