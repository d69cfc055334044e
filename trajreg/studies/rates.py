"""Each variant at the shared learning rate, and at its own best one of a grid that was declared beforehand (ours). Imports no torch."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, Strict, model_validator

from trajreg.errors import InputError, choices, shown
from trajreg.run_spec import RunSpec
from trajreg.schema import Spec
from trajreg.studies.names import Name

if TYPE_CHECKING:
    from trajreg.studies.setting import Variant

RATE = "rate"  # the key under which "shared" or "own" stands among a variant's settings
SHARED, OWN = "shared", "own"
NAMES = {SHARED: Name("shared η", None), OWN: Name("own η", None)}

Rate = Annotated[float, Field(gt=0)]
Grid = Annotated[tuple[Rate, ...], Strict(False), Field(min_length=2)]


class TunedSpec(Spec):
    """Learning rates that `python -m trajreg tune` chose. Variants that have one are shown twice: at the shared rate and at their own.

    grid: the learning rates that were tried, declared beforehand. grids: variant, in words → such a grid, instead, where one range
    does not suit all. seeds: on which; runs that are shown have other ones.
    shared: whether the shared rate is shown as well. Of optimisers it says nothing: what is large for one is small for another.
    best: variant, in words → the rate of its grid with the smallest final training loss, the median over these seeds.
    """

    grid: Grid | None = None
    grids: dict[str, Grid] = Field(default={})
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Strict(False), Field(min_length=1)]
    shared: bool = True
    best: dict[str, Rate] = Field(default={})

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.grid is None) is (not self.grids):
            raise ValueError("needs a grid of learning rates for all variants, or grids of their own, and not both")
        grids = {f"grids.{name}": grid for name, grid in self.grids.items()}
        for name, values in {"grid": self.grid or (), **grids, "seeds": self.seeds}.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{name} = {list(values)} has a value twice")
        return self

    def grid_of(self, label: str) -> tuple[float, ...]:
        """The rates that are tried of the variant of this name; none where every variant has a grid of its own and this one lacks it."""
        return self.grid or self.grids.get(label, ())

    def check(self, labels: list[str], shown_seeds: int, where: str) -> None:
        """InputError for a seed that is shown as well, for a grid or a best rate of no variant, for a best rate that is not in its grid,
        and for a variant that lacks one where the shared rate is not shown."""
        if seen := [seed for seed in self.seeds if seed < shown_seeds]:
            raise InputError(
                f"{where}: tuned.seeds: {seen[0]} is shown as well (seeds: {shown_seeds}): choose seeds from {shown_seeds} on"
            )
        for key, named in (("grids", self.grids), ("best", self.best)):
            for name in named:
                if name not in labels:
                    known = choices(name, labels, "; ")
                    raise InputError(f"{where}: tuned.{key}: {shown(name)} is no variant, choose from {known}")
        for name, rate in self.best.items():
            if rate not in self.grid_of(name):
                grid = ", ".join(f"{one:g}" for one in self.grid_of(name)) or "which has no rate for it"
                raise InputError(
                    f"{where}: tuned.best: {name}: {rate:g} is not in the grid, {grid}: python -m trajreg tune chooses anew"
                )
        if lacking := [name for name in labels if self.best and not self.shared and name not in self.best]:
            raise InputError(
                f"{where}: tuned.best lacks {shown(lacking[0])}, and without the shared rate it would not be shown: "
                "python -m trajreg tune finds it"
            )

    def both(self, variant: "Variant") -> Iterator["Variant"]:
        """The variant at the shared rate, where that is shown, and, where it has a best one, at that; as it is before any is chosen."""
        if self.shared:
            yield _at(variant, SHARED, variant.spec)
        elif not self.best:
            yield variant
        if variant.label in self.best:
            yield _at(variant, OWN, at_rate(variant.spec, self.best[variant.label]))


def at_rate(spec: RunSpec, lr: float) -> RunSpec:
    """The same training at this learning rate."""
    optimizer = getattr(spec, "optimizer", None)
    if not isinstance(optimizer, Spec):
        raise InputError(f"a run of kind {spec.KIND!r} has no learning rate to tune")
    return spec.model_copy(update={"optimizer": optimizer.model_copy(update={"lr": lr})})


def best_rates(losses: Mapping[str, Mapping[float, float]]) -> dict[str, float]:
    """Variant → the rate of the smallest loss, of variant → rate → loss; InputError where a variant has no finite one."""
    best = {}
    for variant, found in losses.items():
        known = {lr: loss for lr, loss in found.items() if math.isfinite(loss)}
        if not known:
            tried = ", ".join(f"{lr:g}" for lr in found)
            raise InputError(f"{variant} diverged at every learning rate of the grid, {tried}: declare smaller ones")
        best[variant] = min(known, key=lambda lr: known[lr])
    return best


def _at(variant: "Variant", rate: str, spec: RunSpec) -> "Variant":
    return replace(
        variant,
        settings=variant.settings | {RATE: rate},
        names=variant.names | {RATE: NAMES[rate]},
        spec=spec,
    )
