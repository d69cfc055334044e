"""What a figure asks, written once for all profiles: contrasts, and by what measures of success they are judged. Imports no torch."""

import re
from collections.abc import Iterable
from string import Formatter
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Strict, model_validator

from trajreg.errors import InputError, choices, shown
from trajreg.schema import Spec

FIGURE_ID = r"[a-z]+\d+"  # a word and a number: fig04, table1
NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Text = Annotated[str, Field(min_length=1)]
PANELS = ("train_loss", "gamma", "forward_cosine")  # what the paper shows, and what we compare it with


def in_order(figures: Iterable[str]) -> list[str]:
    """Figure ids by their word and then by their number: fig9 before fig10, figures before tables."""
    return sorted(figures, key=lambda one: (one.rstrip("0123456789"), int(re.sub(r"\D", "", one) or 0), one))


def _has_only(text: str, names: tuple[str, ...]) -> bool:
    """Whether a format string has these names as its fields, and they no attributes and no width (of gigabytes, say)."""
    try:
        return all(
            name is None or (name in names and not (width or how)) for _, name, width, how in Formatter().parse(text)
        )
    except ValueError:
        return False


class Success(Spec):
    """A measure of success: by which metric a treatment is to be better than its control, and the smallest effect that would count.

    text: the statement, with {treatment}, {control} and, where the metric has one, {threshold} in it. source: whose statement it is.
    metric: a claimable column of the training or of a measure. direction: of the metric that would be a success.
    effect: a ratio or a difference of the metric, in that direction.
    smallest_effect: what counts, in our judgement: above 1 for a ratio, not negative for a difference.
    primary: whether claims by it are primary, in the cells that a setting says; all others are exploratory.
    """

    text: str
    source: Literal["paper", "ours"]
    metric: str
    direction: Literal["higher", "lower"]
    effect: Literal["ratio", "difference"]
    smallest_effect: float
    primary: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.effect == "ratio" and self.smallest_effect <= 1:
            raise ValueError(f"smallest_effect = {self.smallest_effect} of a ratio must be above 1")
        if self.effect == "difference" and self.smallest_effect < 0:
            raise ValueError(f"smallest_effect = {self.smallest_effect} of a difference must not be negative")
        if not _has_only(self.text, ("treatment", "control", "threshold")):
            raise ValueError(f"text = {shown(self.text)} may hold {{treatment}}, {{control}} and {{threshold}} only")
        return self

    def sentence(self, treatment: str, control: str, threshold: float | None) -> str:
        """The statement about a treatment and its control."""
        shown = "?" if threshold is None else f"{threshold:g}"
        return self.text.format(treatment=treatment, control=control, threshold=shown)


class Batteries(Spec):
    """params/batteries.yaml. success: measures of success by name. batteries: the usual lists of them, by name."""

    success: dict[Name, Success]
    batteries: dict[Name, Annotated[tuple[Name, ...], Strict(False), Field(min_length=1)]]

    @model_validator(mode="after")
    def _are_known(self) -> Self:
        for battery, names in self.batteries.items():
            for name in names:
                if name not in self.success:
                    known = choices(name, self.success)
                    raise ValueError(
                        f"batteries.{battery}: {shown(name)} is no measure of success, choose from {known}"
                    )
        return self

    def named(self, battery: str | tuple[str, ...], own: dict[str, Success], where: str) -> dict[str, Success]:
        """The measures of success of a battery, or of a list of names, in order; a figure's `own` ones count before those here."""
        if isinstance(battery, str) and battery not in self.batteries:
            known = choices(battery, self.batteries)
            raise InputError(
                f"{where}: battery = {shown(battery)} is unknown, choose from {known}, or list measures of success"
            )
        if both := [name for name in own if name in self.success]:
            raise InputError(
                f"{where}: success.{both[0]} is in params/batteries.yaml already: give the figure's own another name"
            )
        known_here = self.success | own
        names = self.batteries[battery] if isinstance(battery, str) else battery
        for name in names:
            if name not in known_here:
                known = choices(name, known_here)
                raise InputError(f"{where}: battery: {shown(name)} is no measure of success, choose from {known}")
        return {name: known_here[name] for name in names}


class Contrast(Spec):
    """What is compared; every combination of the varied keys that it leaves open gives a row of the ledger.

    treatment, control: settings of the same varied keys; `variant` is the key of named variants.
    battery: what judges them: the name of a battery, or a list of measures of success. source: who chose this pair.
    primary: whether its claims may be primary; a pair that is shown beside those the figure is about has exploratory ones only.
    """

    treatment: Annotated[dict[str, Any], Field(min_length=1)]
    control: dict[str, Any]
    battery: str | Annotated[tuple[str, ...], Strict(False), Field(min_length=1)]
    source: Literal["paper", "ours"] = "ours"
    primary: bool = True

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if set(self.treatment) != set(self.control) or self.treatment == self.control:
            raise ValueError("treatment and control must give different values to the same keys")
        return self


class QuestionSpec(Spec):
    """params/<figure>.yaml: what a figure asks, the same in every profile.

    title, caption: for readers. study: the paper it is about, or "ours".
    status: what the figure rests on: "paper" (its caption is known), "reconstructed", "illustration", or "ours".
    contrasts: by name; a contrast times a measure of success is a claim. success: measures of success that only this figure has.
    panels: the columns of epochs that are drawn. sources: other figures, whose runs this one shows instead.
    profiles: the only ones that have this figure of sources, which there shows those on request too; none named: all that have sources.
    """

    title: Text
    caption: Text
    study: Text
    status: Literal["paper", "reconstructed", "illustration", "ours"]
    contrasts: dict[Name, Contrast] = Field(default={})
    success: dict[Name, Success] = Field(default={})
    panels: Annotated[tuple[str, ...], Strict(False), Field(min_length=1)] = PANELS
    sources: Annotated[tuple[Annotated[str, Field(pattern=f"^{FIGURE_ID}$")], ...], Strict(False)] = ()
    profiles: Annotated[tuple[Text, ...], Strict(False)] = ()

    @model_validator(mode="after")
    def _sources_stand_alone(self) -> Self:
        if self.sources and (self.contrasts or self.success):
            raise ValueError(
                "contrasts and success must be left out where there are sources: those have claims of their own"
            )
        if self.profiles and not self.sources:
            raise ValueError("profiles must be left out where there are no sources: a setting is in its profile")
        return self
