"""The texts in templates/, with names filled in."""

from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent / "templates"


def filled(template: str, names: dict[str, str]) -> str:
    """The text of that name, with every $name in it replaced."""
    return Template((_FOLDER / f"{template}.txt").read_text(encoding="utf-8")).substitute(names)


def camel(name: str) -> str:
    """conv_net → ConvNet."""
    return "".join(part.capitalize() for part in name.split("_"))
