"""The base of every spec: frozen, strict, and with one-line errors."""

from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

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
