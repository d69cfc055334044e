"""A figure: a question in a setting. Its variants, its claims, the runs it wants. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from trajreg.columns import Columns
from trajreg.errors import InputError
from trajreg.studies.kinds import KINDS, Wanted
from trajreg.studies.names import label
from trajreg.studies.problems import no_variants, problems
from trajreg.studies.question import Batteries, Contrast, QuestionSpec
from trajreg.studies.setting import Settings, SettingSpec, Variant, same

REPLICATED = ("paper", "reconstructed")  # the status of figures whose claims may be primary


@dataclass(frozen=True)
class Claim:
    """A contrast judged by a measure of success: `id` is <contrast>-<measure of success>, `pair_source` the contrast's source;
    the other fields are theirs.
    """

    id: str
    text: str
    source: Literal["paper", "ours"]
    pair_source: Literal["paper", "ours"]
    primary: bool
    metric: str
    threshold: float | None
    direction: Literal["higher", "lower"]
    effect: Literal["ratio", "difference"]
    smallest_effect: float
    treatment: Settings
    control: Settings


@dataclass(frozen=True)
class Figure:
    """A question in a setting, checked: every variant can be made, every contrast is between variants, every claim can be judged.

    `sources` are the figures whose runs this one shows; it then has none of its own, and `setting` is None.
    """

    id: str
    question: QuestionSpec
    setting: SettingSpec | None
    variants: tuple[Variant, ...]
    claims: tuple[Claim, ...]
    sources: tuple[Figure, ...] = ()
    where: str = ""

    @classmethod
    def of(
        cls, figure_id: str, question: QuestionSpec, setting: SettingSpec, batteries: Batteries, where: str
    ) -> Figure:
        """The figure that a question and a setting make. InputError, a line a problem, names `where` the setting stands."""
        figure = cls(figure_id, question, setting, setting.resolved(where), (), where=where)
        claims = [claim for name in question.contrasts for claim in figure._claims(name, batteries)]
        return replace(figure, claims=tuple(claims))._checked()

    @classmethod
    def of_sources(cls, figure_id: str, question: QuestionSpec, sources: list[Figure]) -> Figure:
        """A figure that shows the runs of others."""
        return cls(figure_id, question, None, (), (), tuple(sources), f"params/{figure_id}.yaml")._checked()

    @property
    def seeds(self) -> int:
        """How many runs each variant has that primary claims compare."""
        return self.setting.seeds if self.setting else 0

    def seeds_of(self, variant: Variant) -> int:
        """How many runs this variant has."""
        if self.setting is None:
            return 0
        return self.setting.seeds if self.is_main(variant) else self.setting.other_seeds or self.setting.seeds

    def is_main(self, variant: Variant) -> bool:
        """Whether a contrast compares this variant where claims may be primary; where there is no contrast all are alike."""
        contrasts = self.question.contrasts.values()
        return not contrasts or any(one.primary and self._compares(one, variant) for one in contrasts)

    def is_compared(self, variant: Variant) -> bool:
        """Whether any contrast, primary or not, compares this variant in a cell whose claims may be primary."""
        return any(self._compares(one, variant) for one in self.question.contrasts.values())

    def _compares(self, contrast: Contrast, variant: Variant) -> bool:
        return any(
            variant.has(side)
            and self.primary_in({key: value for key, value in variant.settings.items() if key not in side})
            for side in (contrast.treatment, contrast.control)
        )

    @property
    def random_label_seeds(self) -> int:
        """How many of them are there once more on random labels."""
        return self.setting.random_label_seeds if self.setting else 0

    @property
    def columns(self) -> Columns:
        """What is known of each run: the columns of all measures that any variant has, and of the kind of run."""
        if self.setting is None:
            return sum((source.columns for source in self.sources), Columns())
        measured = (measure.COLUMNS for variant in self.variants for measure in variant.measures.values())
        return sum(measured, Columns()) + KINDS[self.setting.kind].COLUMNS

    @property
    def null_variants(self) -> tuple[Variant, ...]:
        """The variants on random labels, in the same order, of those that primary claims compare; none where no seed is trained on them."""
        main = (variant for variant in self.variants if self.random_label_seeds and self.is_main(variant))
        return tuple(variant.on_random_labels() for variant in main)

    @property
    def facets(self) -> list[str]:
        """The varied keys that no contrast compares: each combination of them gets a row of panels. None where nothing is compared."""
        compared = {key for contrast in self.question.contrasts.values() for key in contrast.treatment}
        varied = list(self.variants[0].settings) if self.variants else []
        return [key for key in varied if key not in compared] if compared else []

    def wanted(self) -> list[Wanted]:
        """Every run this figure needs: its sources', or variants times seeds 0 … seeds − 1, then those on random labels."""
        if self.setting is None:
            return [one for source in self.sources for one in source.wanted()]
        every = self.setting.keep_snapshots.every if self.setting.keep_snapshots else None
        true = [(variant, self.seeds_of(variant)) for variant in self.variants]
        random = [(variant, self.random_label_seeds) for variant in self.null_variants]
        return [
            Wanted(
                variant.seeded(seed),
                {one.key(name): one for name, one in variant.measures.items()},
                every,
                where=f"{self.where}: {variant.label or 'base'}",
            )
            for variant, seeds in true + random
            for seed in range(seeds)
        ]

    def label(self, settings: Settings) -> str:
        """What a reader sees in place of settings that some variant has."""
        return label(self._variant_with(settings).names[key] for key in settings)

    def primary_in(self, others: Settings) -> bool:
        """Whether claims that may be primary are so in the cell of these values of the keys that no contrast compares."""
        declared = self.setting.primary if self.setting else {}
        return all(any(same(others[key], value) for value in values) for key, values in declared.items())

    def check_pair(self, treatment: Settings, control: Settings, where: str) -> None:
        """InputError unless treatment and control are different values of the same varied keys."""
        if set(treatment) != set(control) or treatment == control:
            raise InputError(f"{where}: treatment and control must give different values to the same keys")
        if found := [*no_variants(self.variants, treatment), *no_variants(self.variants, control)]:
            raise InputError(f"{where}: {found[0]} ({self.where})")

    def content(self) -> dict[str, Any]:
        """All that decides what the figure shows, as plain data."""
        setting = self.setting and self.setting.model_dump(mode="json")
        parts = {"question": self.question.model_dump(mode="json"), "setting": setting}
        return parts | {
            "claims": [vars(claim) for claim in self.claims],
            "sources": [one.content() for one in self.sources],
        }

    def _claims(self, name: str, batteries: Batteries) -> Iterator[Claim]:
        """The claims of the contrast of that name."""
        contrast, where = self.question.contrasts[name], f"params/{self.id}.yaml: contrasts.{name}"
        self.check_pair(contrast.treatment, contrast.control, where)
        treatment, control = self._as_varied(contrast.treatment), self._as_varied(contrast.control)
        for success, one in batteries.named(contrast.battery, self.question.success, where).items():
            threshold = self.setting.thresholds.get(one.metric) if self.setting else None
            yield Claim(
                id=f"{name}-{success}",
                text=one.sentence(self.label(treatment), self.label(control), threshold),
                threshold=threshold,
                treatment=treatment,
                control=control,
                source="ours" if self.question.status == "ours" else one.source,
                pair_source="ours" if self.question.status == "ours" else contrast.source,
                primary=one.primary and contrast.primary and self.question.status in REPLICATED,
                **one.model_dump(exclude={"text", "source", "primary"}),
            )

    def _as_varied(self, settings: Settings) -> Settings:
        """These settings as the variants write them: 2 may stand for 2.0."""
        own = self._variant_with(settings).settings
        return {key: own[key] for key in settings}

    def _variant_with(self, settings: Settings) -> Variant:
        return next(one for one in self.variants if one.has(settings))

    def _checked(self) -> Figure:
        """The figure itself; InputError, a line a problem, for what no claim can be judged by and no panel can show."""
        if found := list(problems(self)):
            raise InputError(*found)
        return self
