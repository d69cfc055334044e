"""Every variant under the choices that papers make silently: one changed at a time, and a sample of combinations. Imports no torch.

The universes of a multiverse analysis (Steegen et al., 2016, doi 10.1177/1745691616658637).
"""

import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from trajreg.errors import InputError, shown
from trajreg.schema import Spec
from trajreg.studies.dotted import found, overlap, put

UNIVERSE = "universe"  # the key under which a universe's name stands among a variant's settings
MAX_COMBINATIONS = 10_000  # that a sample is drawn from

Kind = Literal["base", "one at a time", "sampled"]
Text = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(gt=0)]


class Times(Spec):
    """In place of a value. times: what the variant has is multiplied by it."""

    times: Number


Keys = dict[Text, Times | Any]


class Universe(NamedTuple):
    """One way to choose.

    name: of the alternatives that are not the base's, or "base". chosen: factor → alternative. kind: the base itself, one factor
    changed alone, or a sampled combination. keys: the dotted keys that it changes.
    """

    name: str
    chosen: Mapping[str, str]
    kind: Kind
    keys: Sequence[tuple[str, Any]]

    def apply(self, values: dict[str, Any], where: str) -> None:
        """Change the plain values of a run; all is put before anything is multiplied, in whatever order the factors stand."""
        for key, value in self.keys:
            if not isinstance(value, Times):
                put(values, key, value, where)
        for key, value in self.keys:
            if isinstance(value, Times):
                put(values, key, _product(found(values, key), value.times, f"{where}: {key}"), where)


class ChoicesSpec(Spec):
    """What papers choose silently.

    factors: what is chosen → its alternatives by name → the dotted keys in which each differs from the base; the first is the base itself,
    {}. The value {times: 0.5} multiplies what the variant has, a learning rate for instance, whose size is each optimiser's own.
    sample: so many combinations of two or more changed factors, all different, each as likely as any other. seed: of the sample; a
    larger one begins with a smaller one of the same seed.
    """

    factors: Annotated[dict[Text, Annotated[dict[Text, Keys], Field(min_length=2)]], Field(min_length=1)]
    sample: Annotated[int, Field(ge=0)] = 0
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for factor, alternatives in self.factors.items():
            for place, (name, keys) in enumerate(alternatives.items()):
                if bool(keys) is (place == 0):
                    raise ValueError(f"factors.{factor}.{name}: the first alternative, and no other, is the base: {{}}")
        names = Counter(name for alternatives in self.factors.values() for name in alternatives)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"two alternatives are called {shown(twice[0])}: give one of them another name")
        if self._num_combinations > MAX_COMBINATIONS:
            raise ValueError(f"factors give {self._num_combinations:,} combinations, at most {MAX_COMBINATIONS:,}")
        if self.sample > self._num_others:
            raise ValueError(
                f"sample = {self.sample}: there are {self._num_others} combinations of two or more changes"
            )
        return self

    @property
    def _num_combinations(self) -> int:
        return math.prod(map(len, self.factors.values()))

    @property
    def _num_others(self) -> int:
        """Combinations that change two factors or more."""
        return self._num_combinations - 1 - sum(len(one) - 1 for one in self.factors.values())

    def universes(self) -> list[Universe]:
        """The base, each other alternative alone in the order of the factors, then the sample."""
        known = [self._universe(chosen) for chosen in itertools.product(*self.factors.values())]
        by_kind = {kind: [one for one in known if one.kind == kind] for kind in ("base", "one at a time", "sampled")}
        order = [name for alternatives in self.factors.values() for name in alternatives]
        alone = sorted(by_kind["one at a time"], key=lambda one: order.index(one.name))
        return [*by_kind["base"], *alone, *sorted(by_kind["sampled"], key=self._lot)[: self.sample]]

    def changes(self) -> Iterator[tuple[str, str, Any]]:
        """(factor, dotted key, value) of all that any alternative changes."""
        for factor, alternatives in self.factors.items():
            for keys in alternatives.values():
                yield from ((factor, key, value) for key, value in keys.items())

    def check(self, taken: Iterable[tuple[str, str]], is_tuned: bool, where: str) -> None:
        """InputError for a key that two factors give a value, or that the setting gives one at `taken` (place, key); and beside `tuned`,
        whose rates would be those of one universe.
        """
        if is_tuned:
            raise InputError(f"{where}: choices and tuned do not go together: rates are tuned in one universe only")
        given = [(factor, key) for factor, key, value in self.changes() if not isinstance(value, Times)]
        for (factor, key), (place, other) in itertools.product(given, [*taken, *given]):
            if place != factor and overlap(key, other):
                raise InputError(
                    f"{where}: choices.factors.{factor}: {key} is decided by {place} as well: leave it out of one, or multiply"
                )

    def _universe(self, chosen: tuple[str, ...]) -> Universe:
        pairs = dict(zip(self.factors, chosen, strict=True))
        changed = {name: self.factors[factor][name] for factor, name in pairs.items() if self.factors[factor][name]}
        kinds: tuple[Kind, ...] = ("base", "one at a time", "sampled")
        keys = [entry for one in changed.values() for entry in one.items()]
        return Universe(", ".join(changed) or "base", pairs, kinds[min(len(changed), 2)], keys)

    def _lot(self, universe: Universe) -> bytes:
        """Its place in a random order, the same on every machine, however many are drawn and whatever they are called."""
        places = [[*self.factors[factor]].index(name) for factor, name in universe.chosen.items()]
        return hashlib.sha256(repr((self.seed, *places)).encode()).digest()


def _product(value: Any, times: float, where: str) -> float:
    """A whole number stays one where it can."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where}: there is nothing to multiply by {times:g}: it is {shown(value)}")
    product = value * times
    return int(product) if isinstance(value, int) and product.is_integer() else product
