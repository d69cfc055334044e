"""What a figure is: a base training, what is varied, how many seeds, and what is claimed. Imports no torch."""

import copy
import itertools
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Strict

from trajreg.columns import Columns
from trajreg.errors import InputError, nearest_first
from trajreg.measures.catalogue import MEASURES
from trajreg.measures.measure import Measure
from trajreg.run_spec import RunSpec
from trajreg.schema import Every, Spec
from trajreg.studies.claim_spec import ClaimSpec, check_claims
from trajreg.studies.kinds import KINDS, Wanted
from trajreg.studies.labels import label

TRAINING = "training"  # the kind of run where a figure names none
RANDOM_LABELS = "data.shuffle_targets"  # the setting that tells a run on random labels from its variant


@dataclass(frozen=True)
class Variant:
    """One cell of a figure's grid: its settings of the varied keys, its label, its run at seed 0, and what is measured of it."""

    settings: dict[str, Any]
    label: str
    spec: RunSpec
    measures: dict[str, Measure]

    def seeded(self, seed: int) -> RunSpec:
        """Its run at this seed."""
        return self.spec.model_copy(update={"seed": seed})

    def on_random_labels(self) -> Self:
        """The same on random labels; initial weights and order of the inputs are those of the same seed here."""
        settings, spec = self.settings | {RANDOM_LABELS: True}, self.spec.on_random_labels()
        if spec is None:
            raise InputError(f"{self.label or 'base'} has no labels to shuffle")
        return replace(self, settings=settings, label=label(settings), spec=spec)


class FigureSpec(Spec):
    """One figure of a profile; the keys of its params file and of its notebook's parameters cell are these fields.

    `status` says what the figure rests on: "paper" (its caption is known), "reconstructed", or "illustration".
    `base` holds the keys of a run's spec without the seed (and `kind`, where it is no training); `vary` maps dotted keys to the values of
    a grid, `measures.…` among them. `measures`: what is measured, each with its options.
    `keep_snapshots`: the state after every so many epochs stays with each run, for measures that are thought of later.
    `random_label_seeds`: so many of the seeds train every variant once more on random labels (`LabelledSpec.shuffle_targets`), a null.
    """

    figure: Annotated[str, Field(pattern=r"^fig\d\d$")]
    title: str
    caption: str
    status: Literal["paper", "reconstructed", "illustration"]
    base: dict[str, Any]
    measures: dict[str, dict[str, Any]] = Field(default={})
    keep_snapshots: Every | None = None
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]]
    seeds: Annotated[int, Field(ge=1)]
    random_label_seeds: Annotated[int, Field(ge=0)] = 0
    claims: Annotated[tuple[ClaimSpec, ...], Strict(False)] = ()

    @classmethod
    def parse(cls, values: object, where: str) -> Self:
        """As `Spec.parse`, and every variant of the grid is checked as well; errors name the variant's key."""
        figure = super().parse(values, where)
        for settings in figure._grid():
            figure._variant(settings, f"{where}: {label(settings) or 'base'}")
        figure._check_claims(where)
        figure._check_random_labels(where)
        return figure

    @property
    def columns(self) -> Columns:
        """What is known of each run: the columns of the figure's measures and of its kind."""
        kind = KINDS[self.base.get("kind", TRAINING)]
        varied = [key.split(".")[1] for key in self.vary if key.startswith("measures.")]
        names = dict.fromkeys([*self.measures, *varied])
        return sum((MEASURES[name].COLUMNS for name in names), Columns()) + kind.COLUMNS

    def variants(self) -> list[Variant]:
        """The cells of the grid, in the order of the params file (the last key varies fastest)."""
        return [self._variant(settings, self.figure) for settings in self._grid()]

    def null_variants(self) -> list[Variant]:
        """The variants on random labels, in the same order; none where no seed is trained on them."""
        if not self.random_label_seeds:
            return []
        return [variant.on_random_labels() for variant in self.variants()]

    def wanted(self) -> list[Wanted]:
        """Every run this figure needs: variants times seeds 0 … seeds − 1, then those on random labels."""
        return self._seeded(self.variants(), self.seeds) + self._seeded(self.null_variants(), self.random_label_seeds)

    def check_pair(self, treatment: dict[str, Any], control: dict[str, Any], where: str) -> None:
        """InputError unless treatment and control are different values of the same varied keys."""
        if set(treatment) != set(control) or treatment == control:
            raise InputError(f"{where}: treatment and control must give different values to the same keys")
        for key, value in [*treatment.items(), *control.items()]:
            if value not in self.vary.get(key, ()):
                allowed = f"{key} is one of {self.vary[key]}" if key in self.vary else f"vary has {list(self.vary)}"
                raise InputError(f"{where}: {key} = {value!r} is not a variant of this figure; {allowed}")

    def _grid(self) -> list[dict[str, Any]]:
        return [dict(zip(self.vary, values, strict=True)) for values in itertools.product(*self.vary.values())]

    def _variant(self, settings: dict[str, Any], where: str) -> Variant:
        values = self._resolved(settings, where)
        kind, measures = values.pop("kind", TRAINING), values.pop("measures")
        if kind not in [*KINDS]:  # a list, for what YAML gives may not be hashable
            raise InputError(f"{where}: base.kind = {kind!r} is unknown, choose from {', '.join(KINDS)}")
        spec = KINDS[kind].parse(values, where)
        if measures and not spec.MEASURABLE:
            raise InputError(f"{where}: measures must be empty: a run of kind {kind!r} is not watched by any")
        if self.keep_snapshots and not spec.MEASURABLE:
            raise InputError(f"{where}: keep_snapshots must be null: a run of kind {kind!r} has none")
        return Variant(settings, label(settings), spec, _parsed(measures, spec, where))

    def _resolved(self, settings: dict[str, Any], where: str) -> dict[str, Any]:
        if "seed" in self.base:
            raise InputError(
                f"{where}: base.seed is not a known key: the figure's `seeds` says how many seeds each variant gets"
            )
        values = copy.deepcopy({**self.base, "measures": self.measures})
        for dotted, value in settings.items():
            *path, last = dotted.split(".")
            place = values
            for part in path:
                place = place.setdefault(part, {})
                if not isinstance(place, dict):
                    raise InputError(f"{where}: vary: {dotted} does not name a key of a run")
            place[last] = value
        return values

    def _seeded(self, variants: list[Variant], seeds: int) -> list[Wanted]:
        every = None if self.keep_snapshots is None else self.keep_snapshots.every
        return [
            Wanted(variant.seeded(seed), {one.key(name): one for name, one in variant.measures.items()}, every)
            for variant in variants
            for seed in range(seeds)
        ]

    def _check_claims(self, where: str) -> None:
        names = [claim.id for claim in self.claims]
        if len(set(names)) < len(names):
            raise InputError(f"{where}: claims: every id must be different, got {', '.join(names)}")
        check_claims(self.claims, self.columns, where)
        for claim in self.claims:
            self.check_pair(claim.treatment, claim.control, f"{where}: claim {claim.id}")

    def _check_random_labels(self, where: str) -> None:
        if self.random_label_seeds > self.seeds:
            raise InputError(
                f"{where}: random_label_seeds = {self.random_label_seeds} is more than seeds = {self.seeds}: "
                "each is compared with the run of the same seed on true labels"
            )
        for variant in self.variants() if self.random_label_seeds else ():
            if variant.spec.on_random_labels() is None:
                shuffled = getattr(getattr(variant.spec, "data", None), "shuffle_targets", False)
                why = "is trained on random labels already" if shuffled else "has no labels"
                raise InputError(
                    f"{where}: random_label_seeds = {self.random_label_seeds} must be 0: {variant.label or 'base'} {why}"
                )


def _parsed(measures: dict[str, Any], spec: RunSpec, where: str) -> dict[str, Measure]:
    """The measures of plain options, each checked against the run it is to watch."""
    found = {}
    for name, options in measures.items():
        if name not in MEASURES:
            raise InputError(
                f"{where}: measures.{name} is unknown, choose from {', '.join(nearest_first(name, MEASURES))}"
            )
        found[name] = MEASURES[name].parse(options, f"{where}: measures.{name}")
        found[name].check(spec, f"{where}: measures.{name}")
    return found
