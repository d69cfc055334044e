"""Every key of the params, from the specs: its type, its default, what it may be, what its docstring says of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from descriptions import describe, escaped, introduction, table
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from schema_words import in_words

from trajreg.data.spec import DATA_SPECS, AugmentSpec
from trajreg.measures.catalogue import MEASURES
from trajreg.models.spec import ACTIVATIONS, MODEL_SPECS
from trajreg.schema import Spec
from trajreg.studies.kinds import KINDS
from trajreg.studies.question import Batteries, Contrast, QuestionSpec, Success
from trajreg.studies.setting import SettingSpec
from trajreg.training.after_step import AFTER_STEP
from trajreg.training.schedule import SCHEDULES

# what the params files themselves hold: title of the section → spec class
FILES: dict[str, type[BaseModel]] = {
    "A question": QuestionSpec,
    "A contrast": Contrast,
    "A setting": SettingSpec,
    "Batteries": Batteries,
    "A measure of success": Success,
}


@dataclass(frozen=True)
class Family:
    """A section: the specs that stand in one place of the params, by the names that choose them; where nothing chooses, by any name."""

    anchor: str
    title: str
    text: str
    members: Mapping[str, type[BaseModel]]
    named: bool = True

    def by_class(self) -> dict[type[BaseModel], list[str]]:
        """Spec class → the names that choose it."""
        found: dict[type[BaseModel], list[str]] = {}
        for name, member in self.members.items():
            found.setdefault(member, []).append(name)
        return found


def families() -> list[Family]:
    """The sections, in their order."""
    files = [Family(_anchor(title), title, "", {title: spec}, named=False) for title, spec in FILES.items()]
    optimisers = {one.__name__: one for kind in KINDS.values() for one in specs_in(kind.model_fields.get("optimizer"))}
    return [
        *files,
        Family("params-kinds", "A run", "The keys of `base`. `kind` chooses what is run: a training where it is left out.", KINDS),
        Family("params-data", "Data sets", "The key `data`; `name` chooses.", DATA_SPECS),
        Family("params-augment", "Augmentation", "The key `data.augment`; `{}` for the defaults.", {"": AugmentSpec}, named=False),
        Family("params-model", "Nets", "The key `model`; `name` chooses.", MODEL_SPECS),
        Family("params-activation", "Activation functions", "The key `model.activation`: a name, or `{name: elu, …}`.", ACTIVATIONS),
        Family("params-optimizer", "Optimisers", "The key `optimizer`.", optimisers, named=False),
        Family("params-schedule", "Schedules", "The key `schedule`; `name` chooses. Lengths are in epochs.", SCHEDULES),
        Family("params-after-step", "After each step", "The key `after_step`: a list, in the order in which they act.", AFTER_STEP),
        Family("params-measures", "Measures", "The key `measures`: name → options, `{}` for the defaults.", MEASURES),
    ]  # fmt: skip


def params_reference() -> str:
    """All sections as Markdown."""
    return "\n\n".join(part for family in families() for part in _section(family))


def specs_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The spec classes that an annotation, or a field, is made of."""
    if isinstance(annotation, FieldInfo):
        annotation = annotation.annotation
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    for part in get_args(annotation):
        yield from specs_in(part)


def _section(family: Family) -> Iterator[str]:
    yield f"({family.anchor})=\n## {family.title}"
    if family.text:
        yield family.text
    told: set[tuple[str, str]] = set()
    for member, names in family.by_class().items():
        if family.named:
            yield "### " + ", ".join(f"`{name}`" for name in names)
        yield introduction(member.__doc__, member.model_fields)
        rows = list(_rows(member))
        if rows:
            # what several members share is explained once
            shown = [row if (row[0], row[3]) not in told else (*row[:3], "as above") for row in rows]
            yield table(["key", "may be", "default", "meaning"], shown)
        told |= {(row[0], row[3]) for row in rows}


def _rows(spec: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    """(key, what it may be, default, meaning) of every key but a `name` that chooses the spec: the section's head says it."""
    properties, meanings = spec.model_json_schema()["properties"], key_descriptions(spec)
    for key, field in spec.model_fields.items():
        if key != "name" or not field.is_required():
            meaning = re.sub(r"\bNone\b", "`null`", meanings.get(key, ""))
            yield f"`{key}`", in_words(properties[key], _link), _default(field), escaped(meaning)


def key_descriptions(spec: type[BaseModel]) -> dict[str, str]:
    """Key → what the docstring of the spec, or of a class that it extends, says of it."""
    found: dict[str, str] = {key: one.description for key, one in spec.model_fields.items() if one.description}
    for base in spec.__mro__:
        if issubclass(base, Spec):
            found = describe(base.__dict__.get("__doc__"), spec.model_fields) | found
    return found


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else f"`{_yaml(field.get_default(call_default_factory=True))}`"


def _yaml(value: Any) -> str:
    """As it would stand in a params file."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, BaseModel):
        return (
            f"{{{', '.join(f'{key}: {_yaml(one)}' for key, one in value.model_dump(exclude_defaults=True).items())}}}"
        )
    return str(value)


def _link(class_name: str) -> str:
    for family in families():
        if class_name in {one.__name__ for one in family.members.values()}:
            return f"[{family.title.lower()}](#{family.anchor})"
    (spec,) = (one for one in _all_specs(Spec) if one.__name__ == class_name)
    return f"`{{{', '.join(f'{key}: …' for key in spec.model_fields)}}}`"


def _all_specs(spec: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in spec.__subclasses__():
        yield one
        yield from _all_specs(one)


def _anchor(title: str) -> str:
    return f"params-{title.lower().replace(' ', '-')}"
