"""A figure: a question in a setting. Its variants, its claims, the runs it wants. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from trajreg.columns import Columns
from trajreg.errors import InputError, nearest_first
from trajreg.studies.kinds import KINDS, Wanted
from trajreg.studies.names import label
from trajreg.studies.question import Batteries, QuestionSpec
from trajreg.studies.setting import Settings, SettingSpec, Variant


@dataclass(frozen=True)
class Claim:
    """A contrast judged by a measure of success: `id` is <contrast>-<measure of success>; the other fields are theirs."""

    id: str
    text: str
    source: Literal["paper", "ours"]
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
        """How many runs each variant has."""
        return self.setting.seeds if self.setting else 0

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
        """The variants on random labels, in the same order; none where no seed is trained on them."""
        return tuple(variant.on_random_labels() for variant in self.variants if self.random_label_seeds)

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
        both = [(self.variants, self.seeds), (self.null_variants, self.random_label_seeds)]
        return [
            Wanted(
                variant.seeded(seed),
                {one.key(name): one for name, one in variant.measures.items()},
                every,
                where=f"{self.where}: {variant.label or 'base'}",
            )
            for variants, seeds in both
            for variant in variants
            for seed in range(seeds)
        ]

    def label(self, settings: Settings) -> str:
        """What a reader sees in place of settings that some variant has."""
        return label(self._variant_with(settings).names[key] for key in settings)

    def check_pair(self, treatment: Settings, control: Settings, where: str) -> None:
        """InputError unless treatment and control are different values of the same varied keys."""
        if set(treatment) != set(control) or treatment == control:
            raise InputError(f"{where}: treatment and control must give different values to the same keys")
        if problems := self._no_variants(treatment) + self._no_variants(control):
            raise InputError(f"{where}: {problems[0]} ({self.where})")

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
                **one.model_dump(exclude={"text", "source"}),
            )

    def _as_varied(self, settings: Settings) -> Settings:
        """These settings as the variants write them: 2 may stand for 2.0."""
        own = self._variant_with(settings).settings
        return {key: own[key] for key in settings}

    def _variant_with(self, settings: Settings) -> Variant:
        return next(one for one in self.variants if _has_all(one, settings))

    def _no_variants(self, settings: Settings) -> list[str]:
        """Why these settings are no variant's, in words; empty where they are."""
        for key, value in settings.items():
            allowed = [one.settings[key] for one in self.variants if key in one.settings]
            if not allowed:
                return [
                    f"{key} is not varied here; what is varied: {', '.join(self.variants[0].settings) or 'nothing'}"
                ]
            if not any(_same(value, one) for one in allowed):
                known = ", ".join(dict.fromkeys(str(one) for one in allowed))
                return [f"{key} = {value!r} is no variant of this figure, choose from {known}"]
        return []

    def _checked(self) -> Figure:
        """The figure itself; InputError, a line a problem, for what no claim can be judged by and no panel can show."""
        if problems := [*self._problems_of_setting(), *self._problems_of_question()]:
            raise InputError("\n".join(problems))
        return self

    def _problems_of_setting(self) -> Iterator[str]:
        for claim in self.claims:
            yield from (f"{self.where}: {text}" for text in self._unjudged(claim))
        for metric in self.setting.thresholds if self.setting else ():
            if metric not in {claim.metric for claim in self.claims}:
                yield f"{self.where}: thresholds.{metric} belongs to no claim of this figure"

    def _problems_of_question(self) -> Iterator[str]:
        where, known = f"params/{self.id}.yaml", [column.name for column in self.columns.epochs]
        for panel in self.question.panels:
            if panel not in known:
                offered = ", ".join(nearest_first(panel, known))
                yield f"{where}: panels: {panel!r} is no column of epochs here, choose from {offered}"
        ids = [claim.id for claim in self.claims]
        for twice in dict.fromkeys(one for one in ids if ids.count(one) > 1):
            yield f"{where}: two claims are called {twice}: give a contrast or a measure of success another name"
        for name in self.question.success:
            if not any(one.endswith(f"-{name}") for one in ids):
                yield f"{where}: success.{name} is in no contrast's battery"

    def _unjudged(self, claim: Claim) -> list[str]:
        for variant in self.variants:
            if any(_has_all(variant, side) for side in (claim.treatment, claim.control)):
                known = self._columns_of(variant).claimable
                if claim.metric not in known:
                    offered = ", ".join(nearest_first(claim.metric, known))
                    return [
                        f"claim {claim.id}: metric = {claim.metric!r} cannot be claimed of {variant.label}, choose from {offered}"
                    ]
        reached = self.columns.claimable[claim.metric].first_below
        if reached and claim.threshold is None:
            return [f"claim {claim.id} needs thresholds.{claim.metric}: the {reached} that is to be reached"]
        if not reached and claim.threshold is not None:
            return [f"thresholds.{claim.metric} = {claim.threshold:g}: this metric is not about reaching a value"]
        return []

    def _columns_of(self, variant: Variant) -> Columns:
        """What is known of one variant's runs, with the options that its measures have."""
        return sum((measure.columns for measure in variant.measures.values()), Columns()) + variant.spec.COLUMNS


def _has_all(variant: Variant, settings: Settings) -> bool:
    own = variant.settings
    return all(key in own and _same(own[key], value) for key, value in settings.items())


def _same(one: Any, other: Any) -> bool:
    """Whether two values of params are the same; true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
