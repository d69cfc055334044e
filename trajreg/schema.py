"""The base of every spec: frozen, strict, and with one-line errors."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from trajreg.errors import InputError


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
        """The key, the names that take it, and the reason in words."""
        takers = [taker for member in cls._family() if key in member.model_fields for taker in member.names()]
        takes = f"{name} takes {', '.join(option for option in cls.model_fields if option != 'name') or 'no options'}"
        reason = f"{key} is an option of {', '.join(takers)}; {takes}" if takers else takes
        return {"key": key, "takers": takers, "reason": reason}

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
        raise InputError("\n".join(_line(where, problem, values) for problem in error.errors())) from None


def _line(where: str, problem: ErrorDetails, values: object) -> str:
    kind, context, value = problem["type"], problem.get("ctx", {}), problem["input"]
    keys, found = _place(problem["loc"], values)
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if kind == "foreign_option":
        keys, value = [*keys, str(context["key"])], value[context["key"]]
    elif kind.startswith("union_tag"):
        is_mapping = isinstance(found, dict)  # else it was a name alone, which is how activations may be given
        keys, value = ([*keys, "name"], found.get("name")) if is_mapping else (keys, found)
        message = f"input should be one of {context.get('expected_tags')}"
    elif kind == "model_attributes_type":
        message = "input should be a mapping with the key name"
    key = ".".join(keys) or "(top level)"
    if kind in ("missing", "union_tag_not_found"):
        return f"{where}: {key} is missing"
    if kind == "extra_forbidden":
        return f"{where}: {key} is not a known key"
    if kind == "foreign_option" and not context["takers"]:
        return f"{where}: {key} is not a known key: {message}"
    if kind == "value_error" and isinstance(value, dict):
        return f"{where}: {key}: {problem['msg'].removeprefix('Value error, ')}"
    return f"{where}: {key} = {value!r}: {message}"


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
