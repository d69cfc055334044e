"""The base of every spec: frozen, strict, and with one-line errors."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from trajreg.errors import InputError


class Spec(BaseModel):
    """A frozen, strict pydantic model: unknown, missing and mistyped keys are errors, nothing is coerced but int to float."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: object, where: str) -> Self:
        """The spec made of plain `values` (as YAML gives them).

        Raises InputError with one line a problem, each naming `where` (a file, say), the key, the value and what is allowed.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError("\n".join(_line(where, problem) for problem in error.errors())) from None


class NamedSpec(Spec):
    """A spec whose `name` decides which of its other fields it takes.

    OPTIONS maps each name to the fields it takes, with their defaults. A field the named thing does not take is an error; one it takes
    and that is left out (or None) gets its default, so that spelling a default out changes nothing.
    """

    OPTIONS: ClassVar[dict[str, dict[str, Any]]]

    name: str

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, values: Any) -> Any:
        if not (isinstance(values, dict) and isinstance(values.get("name"), str)):
            return values  # the fields' own errors say what is wrong
        options = cls.OPTIONS.get(values["name"], {})
        return values | {option: default for option, default in options.items() if values.get(option) is None}

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        for option in sorted(set().union(*self.OPTIONS.values())):
            value = getattr(self, option)
            if option not in self.OPTIONS[self.name] and value != type(self).model_fields[option].default:
                takers = ", ".join(name for name, options in self.OPTIONS.items() if option in options)
                raise ValueError(f"{option} = {value!r} is an option of {takers}; {self.name} takes none")
        return self


def _line(where: str, problem: dict) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "(top level)"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{where}: {key} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{where}: {key} is not a known key"
    if problem["type"] == "value_error" and isinstance(problem["input"], dict):
        return f"{where}: {key}: {message}"
    return f"{where}: {key} = {problem['input']!r}: {message[0].lower()}{message[1:]}"
