"""What is wrong with a question in a setting, a line a problem: claims that nothing can judge, panels and variants that are not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from trajreg.columns import Columns
from trajreg.errors import choices, shown
from trajreg.studies.rates import OWN, RATE
from trajreg.studies.setting import Settings, SettingSpec, Variant, same

if TYPE_CHECKING:
    from trajreg.studies.figure import Claim, Figure


def problems(figure: Figure) -> Iterator[str]:
    """All that is wrong, each naming the file."""
    if figure.setting:
        yield from (f"{figure.where}: {text}" for text in _of_setting(figure, figure.setting))
    yield from (f"params/{figure.id}.yaml: {text}" for text in _of_question(figure))


def no_variants(variants: Sequence[Variant], settings: Settings) -> Iterator[str]:
    """Why these settings are no variant's, in words; nothing where they are."""
    for key, value in settings.items():
        allowed = [one.settings[key] for one in variants if key in one.settings]
        if not allowed:
            yield f"{key} is not varied here; what is varied: {', '.join(variants[0].settings) or 'nothing'}"
        elif not any(same(value, one) for one in allowed):
            known = ", ".join(dict.fromkeys(str(one) for one in allowed))
            yield f"{key} = {shown(value)} is no variant of this figure, choose from {known}"


def _of_setting(figure: Figure, setting: SettingSpec) -> Iterator[str]:
    if setting.tuned:
        yield from _lack_rates(figure)
    for claim in figure.claims:
        yield from _unjudged(figure, claim)
    reached = [name for name, column in figure.columns.claimable.items() if column.first_below]
    for metric in setting.thresholds:
        if metric not in {*reached, *(claim.metric for claim in figure.claims)}:
            known = choices(metric, reached)
            yield f"thresholds.{metric} is no metric that reaches something, choose from {known}"
    for key, values in setting.primary.items():
        hint = ": python -m trajreg tune chooses rates" if key == RATE else ""
        yield from (f"primary: {text}{hint}" for text in _not_open(figure, key, values))


def _of_question(figure: Figure) -> Iterator[str]:
    known = [column.name for column in figure.columns.epochs]
    for panel in figure.question.panels:
        if panel not in known:
            yield f"panels: {shown(panel)} is no column of epochs here, choose from {choices(panel, known)}"
    ids = [claim.id for claim in figure.claims]
    for twice in dict.fromkeys(one for one in ids if ids.count(one) > 1):
        yield f"two claims are called {twice}: give a contrast or a measure of success another name"
    for name in figure.question.success:
        if not any(one.endswith(f"-{name}") for one in ids):
            yield f"success.{name} is in no contrast's battery"


def _not_open(figure: Figure, key: str, values: list[Any]) -> Iterator[str]:
    """Why a key is none that contrasts leave open, or these values are none of its."""
    if any(key in contrast.treatment for contrast in figure.question.contrasts.values()):
        yield f"{key} is compared by a contrast: name varied keys that none compares, or nothing for all cells"
    else:
        yield from dict.fromkeys(text for value in values for text in no_variants(figure.variants, {key: value}))


def _lack_rates(figure: Figure) -> Iterator[str]:
    """Sides of contrasts without a learning rate of their own, while what they are compared with has one."""
    contrasts = figure.question.contrasts.values()
    pairs = [(one.treatment, one.control) for one in contrasts] + [(one.control, one.treatment) for one in contrasts]
    for side, other in pairs:
        for variant in figure.variants:
            against = variant.settings | other
            if variant.has(side | {RATE: OWN}) and not any(one.has(against) for one in figure.variants):
                lacking = figure.label({key: value for key, value in against.items() if key != RATE})
                yield f"tuned.best lacks {lacking!r}, with which {figure.label(side)} is compared: python -m trajreg tune finds it"


def _unjudged(figure: Figure, claim: Claim) -> list[str]:
    for variant in figure.variants:
        if any(variant.has(side) for side in (claim.treatment, claim.control)):
            known = _columns_of(variant).claimable
            if claim.metric not in known:
                offered = choices(claim.metric, known)
                return [
                    f"claim {claim.id}: metric = {shown(claim.metric)} cannot be claimed of {variant.label}, choose from {offered}"
                ]
    reached = figure.columns.claimable[claim.metric].first_below
    if reached and claim.threshold is None:
        return [f"claim {claim.id} needs thresholds.{claim.metric}: the {reached} that is to be reached"]
    if not reached and claim.threshold is not None:
        return [f"thresholds.{claim.metric} = {claim.threshold:g}: this metric is not about reaching a value"]
    return []


def _columns_of(variant: Variant) -> Columns:
    """What is known of one variant's runs, with the options that its measures have."""
    return sum((measure.columns for measure in variant.measures.values()), Columns()) + variant.spec.COLUMNS
