"""A new net, measure or activation: its file, its line in the registry, its test."""

import keyword
import re
from pathlib import Path

from trajreg.errors import InputError
from trajreg.measures.catalogue import MEASURES
from trajreg.models.spec import ACTIVATIONS, MODEL_SPECS
from trajreg.scaffold.changes import Changes
from trajreg.scaffold.template import camel, filled
from trajreg.studies.catalogue import COLUMNS

SPECS = "trajreg/models/spec.py"


def model(changes: Changes, top: Path, name: str) -> list[str]:
    """A convolutional net: two blocks, mean over the image, linear. Returns what to do next, a line each."""
    _check(changes, name, "model", [*MODEL_SPECS])
    names = {"name": name, "Name": camel(name)}
    changes.add(f"trajreg/models/{name}.py", filled("model", names))
    changes.add(f"tests/models/test_{name}.py", filled("test_model", names))
    changes.insert(SPECS, "ModelSpec = Annotated[", filled("model_spec", names))
    end = ',\n    Field(discriminator="name"),\n]\nMODEL_SPECS'  # of the union of all nets
    changes.replace(SPECS, end, f" | {camel(name)}Spec{end}")
    changes.add_import("trajreg/models/build.py", f"from trajreg.models.{name} import {camel(name)}")
    changes.insert("trajreg/models/build.py", "}\n\n\ndef ", f'    "{name}": {camel(name)},\n')
    return [
        f"trajreg/models/{name}.py is a small convolutional net: write yours",
        f"its options are {camel(name)}Spec in {SPECS}",
        f"model: {{name: {name}}} in params; the contract tests hold it with every activation, norm and order",
    ]


def measure(changes: Changes, top: Path, name: str) -> list[str]:
    """A measure of the norm of the weights at the end of each epoch. Returns what to do next, a line each."""
    _check(changes, name, "measure", [*MEASURES, *_columns()])
    names = {"name": name, "Name": camel(name)}
    changes.add(f"trajreg/measures/{name}.py", filled("measure", names))
    changes.add(f"tests/measures/test_{name}_measure.py", filled("test_measure", names))
    changes.add_import("trajreg/measures/catalogue.py", f"from trajreg.measures.{name} import {camel(name)}")
    changes.insert("trajreg/measures/catalogue.py", "}\n", f'    "{name}": {camel(name)},\n')
    return [
        f"trajreg/measures/{name}.py measures the norm of the weights: write yours; what it computes belongs in trajreg/metrics",
        f"measures: {{{name}: {{}}}} in params; stored trainings are measured by replay",
        f"panels: [train_loss, {name}] in a question draws it, and its claimable columns are metrics of success",
    ]


def activation(changes: Changes, top: Path, name: str) -> list[str]:
    """A smooth rectifier of one's own. Returns what to do next, a line each."""
    _check(changes, name, "activation", [*ACTIVATIONS])
    names = {"name": name, "Name": camel(name)}
    changes.add(f"trajreg/models/{name}.py", filled("activation", names))
    changes.add(f"tests/models/test_{name}.py", filled("test_activation", names))
    changes.insert(
        SPECS,
        "}\n\n\nclass ActivationSpec",
        f'    "{name}": Function("trajreg.models.{name}.{camel(name)}", "{name}"),\n',
    )
    return [
        f"trajreg/models/{name}.py is x · sigmoid(x): write yours (a function of PyTorch needs a line of FUNCTIONS in {SPECS} only)",
        f"its title for readers stands in {SPECS}",
        f"model: {{…, activation: {name}}} in params; the contract tests hold every net with it",
    ]


def _columns() -> set[str]:
    """The columns there are: no two measures may have one of the same name."""
    return {column.name for column in (*COLUMNS.summary, *COLUMNS.epochs)}


def _check(changes: Changes, name: str, what: str, known: list[str]) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,23}", name):
        raise InputError(f"{what} {name!r}: the name must be at most 24 lower-case letters, digits and _, as conv_net")
    taken = re.search(rf"^class {camel(name)}(Spec)?\b", changes.text(SPECS), re.MULTILINE)
    if name in known or taken or keyword.iskeyword(name) or keyword.iskeyword(camel(name)):
        raise InputError(f"{what} {name!r}: this name is taken, choose another")
