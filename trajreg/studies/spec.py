"""What a figure is: a base training, what is varied, how many seeds, and what is claimed. Imports no torch."""

import copy
import itertools
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Strict

from trajreg.columns import Columns
from trajreg.data.spec import LabelledSpec
from trajreg.errors import InputError
from trajreg.schema import Spec
from trajreg.studies import catalogue
from trajreg.studies.claim_spec import ClaimSpec, check_claims
from trajreg.studies.labels import label
from trajreg.training.spec import TrainSpec

RANDOM_LABELS = "data.shuffle_targets"  # the setting that tells a run on random labels from its variant


@dataclass(frozen=True)
class Variant:
    """One cell of a figure's grid: its settings of the varied keys, its label, and its training at seed 0."""

    settings: dict[str, Any]
    label: str
    training: TrainSpec

    def seeded(self, seed: int) -> TrainSpec:
        """Its training at this seed."""
        return self.training.model_copy(update={"seed": seed})

    def on_random_labels(self) -> Self:
        """The same on random labels; initial weights and order of the inputs are those of the same seed here."""
        settings = self.settings | {RANDOM_LABELS: True}
        data = self.training.data.model_copy(update={"shuffle_targets": True})
        return type(self)(settings, label(settings), self.training.model_copy(update={"data": data}))


class FigureSpec(Spec):
    """One figure of a profile; the keys of its params file and of its notebook's parameters cell are these fields.

    `status` says what the figure rests on: "paper" (its caption is known), "reconstructed", or "illustration".
    `base` holds the keys of a TrainSpec without the seed; `vary` maps dotted keys to the values of a grid.
    `random_label_seeds`: so many of the seeds train every variant once more on random labels (`LabelledSpec.shuffle_targets`), a null.
    """

    figure: Annotated[str, Field(pattern=r"^fig\d\d$")]
    title: str
    caption: str
    status: Literal["paper", "reconstructed", "illustration"]
    base: dict[str, Any]
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]]
    seeds: Annotated[int, Field(ge=1)]
    random_label_seeds: Annotated[int, Field(ge=0)] = 0
    claims: Annotated[tuple[ClaimSpec, ...], Strict(False)] = ()

    @classmethod
    def parse(cls, values: object, where: str) -> Self:
        """As `Spec.parse`, and every variant of the grid is checked as well; errors name the variant's key."""
        figure = super().parse(values, where)
        for settings in figure._grid():
            TrainSpec.parse(figure._resolved(settings, where), f"{where}: {label(settings) or 'base'}")
        figure._check_claims(where)
        figure._check_random_labels(where)
        return figure

    @property
    def columns(self) -> Columns:
        """The columns of this figure's runs: of its measures and of the training."""
        return catalogue.COLUMNS

    def variants(self) -> list[Variant]:
        """The cells of the grid, in the order of the params file (the last key varies fastest)."""
        where = self.figure
        return [
            Variant(settings, label(settings), TrainSpec.parse(self._resolved(settings, where), where))
            for settings in self._grid()
        ]

    def null_variants(self) -> list[Variant]:
        """The variants on random labels, in the same order; none where no seed is trained on them."""
        if not self.random_label_seeds:
            return []
        return [variant.on_random_labels() for variant in self.variants()]

    def trainings(self) -> list[TrainSpec]:
        """Every training this figure needs: variants times seeds 0 … seeds − 1, then those of `null_trainings`."""
        return _seeded(self.variants(), self.seeds) + self.null_trainings()

    def null_trainings(self) -> list[TrainSpec]:
        """The trainings on random labels: variants times seeds 0 … random_label_seeds − 1."""
        return _seeded(self.null_variants(), self.random_label_seeds)

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

    def _resolved(self, settings: dict[str, Any], where: str) -> dict[str, Any]:
        if "seed" in self.base:
            raise InputError(
                f"{where}: base.seed is not a known key: the figure's `seeds` says how many seeds each variant gets"
            )
        values = copy.deepcopy(self.base)
        for dotted, value in settings.items():
            *path, last = dotted.split(".")
            place = values
            for part in path:
                place = place.setdefault(part, {})
                if not isinstance(place, dict):
                    raise InputError(f"{where}: vary: {dotted} does not name a key of a training")
            place[last] = value
        return values

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
                "each is held against the run of the same seed on true labels"
            )
        for variant in self.variants() if self.random_label_seeds else ():
            data = variant.training.data
            if not isinstance(data, LabelledSpec) or data.shuffle_targets:
                why = "is trained on random labels already" if data.shuffle_targets else f"has no labels: {data.name}"
                raise InputError(
                    f"{where}: random_label_seeds = {self.random_label_seeds} must be 0: {variant.label or 'base'} {why}"
                )


def _seeded(variants: list[Variant], seeds: int) -> list[TrainSpec]:
    return [variant.seeded(seed) for variant in variants for seed in range(seeds)]
