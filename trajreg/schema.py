"""The base of every spec: frozen, strict, and with one-line errors."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from trajreg.errors import InputError, nearest, nearest_first, shown


@dataclass(frozen=True, eq=False)
class Titles:
    """What a reader sees in place of an option's values: metadata of its field.

    For instance: `norm: Annotated[Literal["none", "batch"], Titles({"batch": "batch norm", "none": "no batch norm"})]`.

    titles: value → title, in the order of their colours; or a function, for values that nobody can list.
    """

    titles: Mapping[Any, str] | Callable[[Any], str]

    def of(self, value: Any) -> tuple[str, int | None] | None:
        """(title, place in the order) of a value as YAML gives it; None where it has no title.

        A mapping with a name has the title of that name, and in brackets its options. With options, as from a function, there is no place.
        """
        if not isinstance(self.titles, Mapping):
            return self.titles(value), None
        if isinstance(value, dict) and "name" in value:
            found = self.of(value["name"])
            options = ", ".join(f"{option} {number}" for option, number in value.items() if option != "name")
            return (f"{found[0]} ({options})", None) if found and options else found
        for place, (known, title) in enumerate(self.titles.items()):
            if known == value and isinstance(known, bool) is isinstance(value, bool):  # True == 1
                return title, place
        return None


class Spec(BaseModel):
    """A frozen, strict pydantic model: unknown, missing and mistyped keys are errors, nothing is coerced but int to float."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: object, where: str) -> Self:
        """The spec made of plain `values` (as YAML gives them).

        Raises InputError with one line a problem, each naming `where` (a file, say), the key, the value and what is allowed.
        """
        return parse_as(cls, values, where)

    @classmethod
    def titles(cls, option: str) -> Titles | None:
        """What a reader sees in place of the values of this option; None where its definition says nothing."""
        metadata = cls.model_fields[option].metadata if option in cls.model_fields else []
        return next((one for one in metadata if isinstance(one, Titles)), None)


class Every(Spec):
    """Every k: after k, 2k … epochs or, where counting begins with the first, epochs 1, 1 + k …"""

    every: Annotated[int, Field(ge=1)]


class NamedSpec(Spec):
    """One of a family of specs of which `name` chooses: a member of a union with `Field(discriminator="name")`.

    A family is a subclass of this one. Each of its members says in `name: Literal[...]`, without a default, what it is for, and has the
    options of that as fields. An option that is None counts as left out; one that only other members take is refused, naming them.
    """

    name: str

    @model_validator(mode="before")
    @classmethod
    def _own_options_only(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for key in values:
            if key not in cls.model_fields:
                raise PydanticCustomError("foreign_option", "{reason}", cls._refusal(key, values.get("name")))
        return {key: value for key, value in values.items() if value is not None}

    @classmethod
    def titles(cls, option: str) -> Titles | None:
        """As of every spec; those of `name` are of the whole family, so that no two of its names have one place."""
        if option != "name":
            return super().titles(option)
        found = [own for member in cls._family() if (own := super(NamedSpec, member).titles("name"))]
        return Titles(
            {name: title for own in found if isinstance(own.titles, Mapping) for name, title in own.titles.items()}
        )

    @classmethod
    def _refusal(cls, key: Any, name: Any) -> dict[str, Any]:
        """The key, the names that take it, the options there are, and the reason in words."""
        takers = [taker for member in cls._family() if key in member.model_fields for taker in member.names()]
        options = [option for option in cls.model_fields if option != "name"]
        takes = f"{name} takes {', '.join(options) or 'no options'}"
        reason = f"{key} is an option of {', '.join(takers)}; {takes}" if takers else takes
        return {"key": key, "takers": takers, "options": options, "reason": reason}

    @classmethod
    def _family(cls) -> Iterator[type["NamedSpec"]]:
        top = next(one for one in reversed(cls.__mro__) if issubclass(one, NamedSpec) and one is not NamedSpec)
        return top._members()

    @classmethod
    def _members(cls) -> Iterator[type["NamedSpec"]]:
        yield cls
        for subclass in cls.__subclasses__():
            yield from subclass._members()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """What `name` may be; empty for the base of a family."""
        return get_args(cls.model_fields["name"].annotation)


def specs_by_name(union: Any) -> dict[str, type[NamedSpec]]:
    """Name → spec class, for the members of an annotated union of NamedSpecs, in its order."""
    return {name: member for member in get_args(get_args(union)[0]) for name in member.names()}


def parse_as(kind: Any, values: object, where: str) -> Any:
    """What `kind`, a Spec or an annotated union of them, makes of plain `values`. Raises InputError as `Spec.parse` does."""
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise InputError(*(_line(where, problem, kind, values) for problem in error.errors())) from None


def _line(where: str, problem: ErrorDetails, spec: Any, values: object) -> str:
    kind, context, value = problem["type"], problem.get("ctx", {}), problem["input"]
    keys, found = _place(problem["loc"], values)
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if kind == "foreign_option":
        keys, value = [*keys, str(context["key"])], value[context["key"]]
    elif kind.startswith("union_tag"):
        is_mapping = isinstance(found, dict)  # else it was a name alone, which is how activations may be given
        keys, value = ([*keys, "name"], found.get("name")) if is_mapping else (keys, found)
        message = f"input should be one of {', '.join(_choices(value, context.get('expected_tags', '')))}"
    elif kind == "model_attributes_type":
        message = "input should be a mapping with the key name"
    elif kind == "literal_error":
        *others, last = _choices(value, context["expected"])
        message = f"input should be {', '.join(others)} or {last}" if others else f"input should be {last}"
    key = ".".join(keys) or "(top level)"
    if kind in ("missing", "union_tag_not_found"):
        slip = nearest("name", map(str, found)) if kind == "union_tag_not_found" else None
        return f"{where}: {key} is missing" + (f", did you mean it by {slip}?" if slip else "")
    if kind == "extra_forbidden":
        known = _known_keys(spec, keys)
        return f"{where}: {key} {_unknown(keys[-1], known)} allowed: {', '.join(known)}"
    if kind == "foreign_option" and not context["takers"]:
        return f"{where}: {key} {_unknown(keys[-1], context['options'])} {message}"
    if kind == "value_error" and isinstance(value, dict):
        return f"{where}: {key}: {problem['msg'].removeprefix('Value error, ')}"
    return f"{where}: {key} = {shown(value)}: {message}"


def _unknown(key: str, known: Iterable[str]) -> str:
    slip = nearest(key, known)
    return "is not a known key" + (f", did you mean {slip}?" if slip else ";")


def _choices(value: object, expected: str) -> list[str]:
    """What pydantic expected, "'a', 'b' or 'c'", as a list in which what `value` may be a slip of comes first."""
    choices = {one.strip("'"): one for one in re.split(", | or ", expected)}
    return [choices[one] for one in nearest_first(value, choices)]


def _known_keys(kind: Any, keys: Sequence[str]) -> list[str]:
    """The fields, in their order, of the specs in which the last of these keys was looked for."""
    specs = list(_specs_in(kind))
    for key in keys[:-1]:
        if not key.isdigit():  # a place in a list
            fields = [spec.model_fields[key] for spec in specs if key in spec.model_fields]
            specs = [spec for field in fields for spec in _specs_in(field.annotation)]
    return list(dict.fromkeys(key for spec in specs for key in spec.model_fields))


def _specs_in(annotation: Any) -> Iterator[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    for part in get_args(annotation):
        yield from _specs_in(part)


def _place(location: tuple[int | str, ...], values: object) -> tuple[list[str], Any]:
    """The keys of a location and what `values` hold there, without the names of chosen members that pydantic puts between them."""
    keys, found = [], values
    for number, part in enumerate(location):
        if isinstance(found, dict) and (part in found or (number == len(location) - 1 and part != found.get("name"))):
            found = found.get(part)
        elif isinstance(found, list | tuple) and isinstance(part, int):
            found = found[part]
        else:
            continue
        keys.append(str(part))
    return keys, found
