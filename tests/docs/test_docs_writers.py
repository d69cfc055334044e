"""What the generated parts of the documentation are written from: docstrings, schemas, the parser."""

from typing import Annotated, Literal

import pytest
from command_line import command_line, make_targets
from data_dictionary import described
from descriptions import describe, escaped, introduction, table
from docstrings import as_rst
from params_reference import families, key_descriptions, params_reference, specs_in
from pydantic import Field
from schema_words import in_words

from trajreg.measures.catalogue import MEASURES
from trajreg.schema import Spec
from trajreg.studies.kinds import KINDS


class Example(Spec):
    """What it is for. one, two: counted. name: never seen.

    three (`two`): a list;
        on two lines. `four` says `when`; it is last.
    """

    name: Literal["example"]
    one: Annotated[int, Field(ge=1, lt=9)] = 3
    two: float | None = None
    three: list[str] = Field(default=[], min_length=1)
    four: dict[str, int] = Field(default={})


NAMES = list(Example.model_fields)


def test_descriptions_come_from_docstrings():
    found = describe(Example.__doc__, NAMES)
    assert found == {
        "name": "never seen.",
        "one": "counted.",
        "two": "counted.",
        "three": "(`two`) a list; on two lines. `four` says `when`; it is last.",
        "four": "`four` says `when`; it is last.",
    }
    assert introduction(Example.__doc__, NAMES) == "What it is for."
    assert describe(None, NAMES) == {}


def test_items_of_a_list_are_descriptions():
    assert describe("Returns:\n\n    - `one`: 1\n    - `two`, `three`: 2", NAMES) == {
        "one": "1",
        "two": "2",
        "three": "2",
    }


def test_what_a_class_leaves_open_its_base_says():
    class More(Example):
        """one: otherwise."""

    assert key_descriptions(More)["one"] == "otherwise."
    assert key_descriptions(More)["two"] == "counted."


def test_types_in_words():
    properties = Example.model_json_schema()["properties"]
    words = {key: in_words(schema, str) for key, schema in properties.items()}
    assert words == {
        "name": "`example`",
        "one": "whole number ≥ 1 and < 9",
        "two": "number or null",
        "three": "list of text, at least 1",
        "four": "mapping of names to whole number",
    }


def test_markdown_of_cells():
    assert table(["a", "b"], [("|λ|", "")]).splitlines()[2] == "| \\|λ\\| |  |"
    assert escaped("ℓ* and `a*b`") == "ℓ\\* and `a*b`"


def test_docstrings_become_restructured_text():
    lines = ["the `x_` of random_… and |λ|, ℓ*, **bold**", "", ">>> a | b", "c_ *", "", "`y`"]
    assert as_rst(lines) == [
        r"the ``x_`` of random\_… and \|λ\|, ℓ\*, **bold**",
        "",
        ">>> a | b",
        "c_ *",
        "",
        "``y``",
    ]


def test_formulas_set_off_by_indentation_are_literal_and_sections_stay_sections():
    text = ["Text.", "", "    γ = |x_|", "    * 2", "", "More.", "", "Returns:", "    A row: `a`", "", "    - `b`"]
    assert as_rst(text)[:6] == ["Text.", "", "::", "", "    γ = |x_|", "    * 2"]
    assert as_rst(text)[6:] == ["", "More.", "", ":returns:", "    A row: ``a``", "", "    - ``b``"]


def test_every_spec_that_params_reach_is_in_the_reference():
    shown = {member for family in families() for member in family.by_class()}
    reached = {
        found
        for owner in (*KINDS.values(), *MEASURES.values())
        for field in owner.model_fields.values()
        for found in specs_in(field)
    }
    assert {spec.__name__ for spec in reached - shown} <= {"Every"}, "a family is missing in params_reference.py"
    text = params_reference()
    assert all(f"({family.anchor})=" in text for family in families())


@pytest.mark.parametrize("spec", {one: None for family in families() for one in family.by_class()})
def test_every_key_has_a_description(spec):
    assert {*spec.model_fields} - {"name"} <= key_descriptions(spec).keys()


@pytest.mark.parametrize("title", described())
def test_every_column_has_a_description(title):
    _, names, docstring = described()[title]
    assert {*names} == describe(docstring, names).keys()


def test_commands_and_targets():
    text = command_line()
    assert text.index("--profile PROFILE") < text.index("### `all`")
    assert "--like FIG" in text.partition("### `new`")[2]
    assert "`RUN`" in text.partition("### `why`")[2]
    assert "`make test`" in make_targets()
    assert "| `PROFILE=…` | `digits` |" in make_targets()
