"""In what setting a profile asks: what is trained, what is varied, how many seeds. Imports no torch."""

import copy
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

from pydantic import Field

from trajreg.errors import InputError, choices, shortened, shown
from trajreg.measures.catalogue import MEASURES
from trajreg.measures.measure import Measure
from trajreg.run_spec import RunSpec
from trajreg.schema import Every, Spec
from trajreg.studies.choices import UNIVERSE, ChoicesSpec, Universe
from trajreg.studies.dotted import put
from trajreg.studies.kinds import KINDS
from trajreg.studies.names import Name, label, name_of
from trajreg.studies.rates import RATE, TunedSpec
from trajreg.training.spec import OptimizerSpec

TRAINING = "training"  # the kind of run where a setting names none
RANDOM_LABELS = "data.shuffle_targets"  # the key that tells a run on random labels from its variant
MAX_VARIANTS = 500  # of a figure
VARIANT = "variant"  # the key under which a named variant's name stands among its settings

Settings = dict[str, Any]  # varied key → value


@dataclass(frozen=True)
class Variant:
    """One variant of a figure: its values of the varied keys, what a reader sees of each, its run at seed 0, and its measures.

    random_labels: its runs are on random labels (`spec` is that on true ones), seed s with deal s.
    """

    settings: Settings
    names: dict[str, Name]
    spec: RunSpec
    measures: dict[str, Measure]
    random_labels: bool = False

    @property
    def label(self) -> str:
        """What a reader calls it, "VGG-11, batch norm"; empty where nothing is varied."""
        return label(self.names.values())

    def has(self, settings: Settings) -> bool:
        """Whether these are among its settings."""
        return all(key in self.settings and same(self.settings[key], value) for key, value in settings.items())

    def seeded(self, seed: int) -> RunSpec:
        """Its run at this seed."""
        spec = self._dealt(seed) if self.random_labels else self.spec
        return spec.model_copy(update={"seed": seed})

    def on_random_labels(self) -> Self:
        """The same on random labels; initial weights and order of the inputs are those of the same seed here."""
        names = self.names | {RANDOM_LABELS: name_of(self._dealt(0), RANDOM_LABELS.split("."), True)}
        return replace(self, settings=self.settings | {RANDOM_LABELS: True}, names=names, random_labels=True)

    def _dealt(self, deal: int) -> RunSpec:
        spec = self.spec.on_random_labels(deal)
        if spec is None:
            raise InputError(f"{self.label or 'base'} has no labels to shuffle")
        return spec


class SettingSpec(Spec):
    """params/<profile>/<figure>.yaml: in what setting a figure's question is asked.

    base: the keys of a run's spec without the seed (and `kind`, where it is no training).
    measures: what is measured, each with its options.
    keep_snapshots: the state after every so many epochs stays with each run, for measures that are thought of later.
    vary: a grid: dotted key → values, `measures.…` among them.
    variants: named ones, `Adam: {optimizer: {name: adam}}`, each with the (dotted) keys in which it differs from base; in every cell.
    primary: key that contrasts leave open → the values at which their claims are primary; none named: at all.
    tuned: learning rates of each variant's own, beside the shared one of `base`.
    choices: what papers choose silently; every variant once under each of its `universe`s. Not together with `tuned`.
    seeds: runs of each variant, seeds 0 … seeds − 1. other_seeds: the same of variants that no
    contrast compares in a primary cell; None is as many.
    random_label_seeds: so many of the seeds train every variant that has `seeds` once more on random labels
    (`LabelledSpec.shuffle_targets`), a null: seed s with deal s.
    thresholds: metric → the value that is to be reached, for metrics that say when.
    on_request: made only when the figure is named (`make all FIGURES=…`).
    """

    base: dict[str, Any]
    measures: dict[str, dict[str, Any]] = Field(default={})
    keep_snapshots: Every | None = None
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default={})
    variants: dict[Annotated[str, Field(min_length=1)], dict[str, Any]] = Field(default={})
    primary: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default={})
    tuned: TunedSpec | None = None
    choices: ChoicesSpec | None = None
    seeds: Annotated[int, Field(ge=1)]
    other_seeds: Annotated[int, Field(ge=1)] | None = None
    random_label_seeds: Annotated[int, Field(ge=0)] = 0
    thresholds: dict[str, Annotated[float, Field(gt=0)]] = Field(default={})
    on_request: bool = False

    def resolved(self, where: str) -> tuple[Variant, ...]:
        """The variants: named ones in their order, and in each of them the cells of the grid (the last key varies fastest).

        Raises InputError, naming `where`, the variant and the key, for what cannot be made, and where two are the same.
        """
        self._check_keys(where)
        universes = {one.name: one for one in self.choices.universes()} if self.choices else {}
        counts = [len(self.variants) or 1, len(universes) or 1, *map(len, self.vary.values())]
        num_variants = math.prod(counts)
        if num_variants > MAX_VARIANTS:
            raise InputError(f"{where}: vary gives {num_variants:,} variants, at most {MAX_VARIANTS:,} can be shown")
        variants = tuple(self._variant(settings, universes, where) for settings in self._cells(universes))
        _refuse_twice(variants, where)
        if self.tuned:
            self.tuned.check([one.label for one in variants], max(self.seeds, self.other_seeds or 0), where)
            variants = tuple(one for variant in variants for one in self.tuned.both(variant))
        self._check_random_labels(variants, where)
        return variants

    @property
    def kind(self) -> str:
        """The kind of its runs, a key of KINDS."""
        return str(self.base.get("kind", TRAINING))

    def _cells(self, universes: Mapping[str, Universe]) -> Iterator[Settings]:
        named = [{VARIANT: name} for name in self.variants] or [{}]
        chosen = [{UNIVERSE: name} for name in universes] or [{}]
        for name, values, universe in itertools.product(named, itertools.product(*self.vary.values()), chosen):
            yield name | dict(zip(self.vary, values, strict=True)) | universe

    def _variant(self, settings: Settings, universes: Mapping[str, Universe], where: str) -> Variant:
        here = ", ".join(f"{key} = {shortened(str(value))}" for key, value in settings.items()) or "base"
        where = f"{where}: {here}"
        values = self._values(settings, where)
        if universes:
            universes[settings[UNIVERSE]].apply(values, where)
        kind, measures = values.pop("kind", TRAINING), values.pop("measures")
        if kind not in [*KINDS]:  # a list, for what YAML gives may not be hashable
            raise InputError(f"{where}: base.kind = {shown(kind)} is unknown, choose from {', '.join(KINDS)}")
        spec = KINDS[kind].parse(values, where)
        if measures and not spec.MEASURABLE:
            raise InputError(f"{where}: measures must be empty: a run of kind {shown(kind)} is not watched by any")
        if self.keep_snapshots and not spec.MEASURABLE:
            raise InputError(f"{where}: keep_snapshots must be null: a run of kind {shown(kind)} has none")
        parsed = _parsed(measures, spec, where)
        return Variant(
            settings, {key: _name(key, value, spec, parsed) for key, value in settings.items()}, spec, parsed
        )

    def _values(self, settings: Settings, where: str) -> dict[str, Any]:
        """The keys of a run, with `kind` and `measures`: base, then what the named variant says, then the cell of the grid."""
        values = copy.deepcopy({**self.base, "measures": self.measures})
        named = self.variants.get(settings.get(VARIANT, ""), {})
        varied = {key: value for key, value in settings.items() if key not in (VARIANT, UNIVERSE)}
        for dotted, value in [*named.items(), *varied.items()]:
            put(values, dotted, value, where)
        return values

    def _check_keys(self, where: str) -> None:
        """InputError for keys that are no run's to vary, or that stand elsewhere."""
        named = [(f"variants.{name}", key) for name, keys in self.variants.items() for key in keys]
        vary = [("vary", key) for key in self.vary]
        chosen = [("choices", key) for _, key, _ in self.choices.changes()] if self.choices else []
        for place, key in [*(("base", key) for key in self.base), *vary, *named, *chosen]:
            first, *rest = key.split(".")
            if first == "seed":
                raise InputError(
                    f"{where}: {place}.{key} is not a known key: `seeds` says how many seeds each variant gets"
                )
            if first == RATE:
                raise InputError(
                    f"{where}: {place}.{key} is not a known key: rates of each variant's own stand under `tuned`"
                )
            if first in (VARIANT, UNIVERSE) or (first == "kind" and place != "base"):
                raise InputError(f"{where}: {place}.{key} cannot be varied; named variants stand under `variants`")
            shared = self.tuned and self.tuned.shared and place != "base"
            if shared and ".".join(key.split(".")[:2]) in ("optimizer", "optimizer.lr"):
                raise InputError(
                    f"{where}: {place}.{key} and tuned both decide the learning rate: leave one of them out, or say tuned.shared: false"
                )
            if place.startswith("variants") and key in self.vary:
                raise InputError(
                    f"{where}: {place}.{key} is in `vary` as well, which would take its place: leave it out of one"
                )
            if first == "measures" and (place == "base" or len(rest) < 2):
                raise InputError(
                    f"{where}: {place}.{key}: measures stand beside base; what varies is an option, as measures.regularity.estimator"
                )
        if self.choices:
            self.choices.check([*vary, *named], bool(self.tuned), where)

    def untuned(self) -> Self:
        """The setting before its rates are chosen: every variant once, at the shared one."""
        primary = {key: values for key, values in self.primary.items() if key != RATE}
        return self.model_copy(update={"tuned": None, "primary": primary})

    def _check_random_labels(self, variants: tuple[Variant, ...], where: str) -> None:
        if self.random_label_seeds > self.seeds:
            raise InputError(
                f"{where}: random_label_seeds = {self.random_label_seeds} is more than seeds = {self.seeds}: "
                "each is compared with the run of the same seed on true labels"
            )
        for variant in variants if self.random_label_seeds else ():
            if variant.spec.on_random_labels() is None:
                shuffled = getattr(getattr(variant.spec, "data", None), "shuffle_targets", False)
                why = "is trained on random labels already" if shuffled else "has no labels"
                raise InputError(
                    f"{where}: random_label_seeds = {self.random_label_seeds} must be 0: {variant.label or 'base'} {why}"
                )


def same(one: Any, other: Any) -> bool:
    """Whether two values of params are the same; true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _name(key: str, value: Any, spec: RunSpec, measures: dict[str, Measure]) -> Name:
    if key in (VARIANT, UNIVERSE):
        optimizer = getattr(spec, "optimizer", None)
        return Name(str(value), optimizer.place(value) if isinstance(optimizer, OptimizerSpec) else None)
    first, *rest = key.split(".")
    return name_of(measures[rest[0]], rest[1:], value) if first == "measures" else name_of(spec, [first, *rest], value)


def _refuse_twice(variants: tuple[Variant, ...], where: str) -> None:
    """InputError where two variants are the same run with the same measures, or are called the same."""
    for one, other in itertools.combinations(variants, 2):
        if one.spec == other.spec and one.measures == other.measures:
            raise InputError(f"{where}: {_shown(one)} and {_shown(other)} are the same: leave one of them out")
        if one.label == other.label:
            raise InputError(f"{where}: {_shown(one)} and {_shown(other)} are both called {shown(one.label)}")


def _shown(variant: Variant) -> str:
    return ", ".join(f"{key} = {shown(value)}" for key, value in variant.settings.items())


def _parsed(measures: dict[str, Any], spec: RunSpec, where: str) -> dict[str, Measure]:
    """The measures of plain options, each checked against the run it is to watch."""
    found = {}
    for name, options in measures.items():
        if name not in MEASURES:
            known = choices(name, MEASURES)
            raise InputError(f"{where}: measures.{name} is unknown, choose from {known}")
        found[name] = MEASURES[name].parse(options, f"{where}: measures.{name}")
        found[name].check(spec, f"{where}: measures.{name}")
    return found
