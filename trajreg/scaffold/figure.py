"""A new figure: the question, the settings and the notebook of another one, to be changed."""

import json
import re
from pathlib import Path

from trajreg.errors import InputError
from trajreg.scaffold.changes import Changes
from trajreg.scaffold.template import filled
from trajreg.studies.params import load_question, profiles
from trajreg.studies.question import FIGURE_ID


def figure(changes: Changes, top: Path, name: str, like: str = "fig02") -> list[str]:
    """Copy the figure `like` as `name`; its runs are shared until a setting is changed. Returns what to do next, a line each.

    Raises InputError for a name that is no word and number, and for a figure to copy that is not there.
    """
    if not re.fullmatch(FIGURE_ID, name):
        raise InputError(f"figure {name!r}: the name must be a lower-case word and a number, as fig17 or table2")
    params = top / "params"
    load_question(params, like)  # it has to be there
    changes.add(f"params/{name}.yaml", _asked(params / f"{like}.yaml", like))
    settings = [one for one in profiles(params) if (params / one / f"{like}.yaml").exists()]
    for profile in settings:
        changes.add(f"params/{profile}/{name}.yaml", (params / profile / f"{like}.yaml").read_text(encoding="utf-8"))
    changes.add(f"notebooks/{name}.ipynb", _notebook(top / "notebooks" / f"{like}.ipynb", name, like))
    changes.add(f"tests/studies/test_{name}.py", filled("test_figure", {"name": name}))
    hints = [
        f"params/{name}.yaml asks what {like} asks: write its title, caption, study and contrasts",
        f"notebooks/{name}.ipynb shows what {like} shows: write its first cell; its parameters are the setting of digits",
        f"make all FIGURES={name}; a figure that the reference lacks fails `make all` without FIGURES, until there is a new reference",
    ]
    if settings:
        shared = f"params/<profile>/{name}.yaml are the settings of {like}, whose runs it shares until they are changed"
        hints.insert(1, shared)
    return hints


def _asked(path: Path, like: str) -> str:
    text = path.read_text(encoding="utf-8")
    for key in ("status", "study"):
        text = re.sub(rf"^{key}: .*$", f"{key}: ours", text, flags=re.MULTILINE)
    return f"# Begun as a copy of {like}.\n{text}"


def _notebook(path: Path, name: str, like: str) -> str:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    first["source"] = [
        f"# {name}\n",
        "\n",
        f"Begun as a copy of {like}: say here what is asked, and what one should see.",
    ]
    for cell in notebook["cells"]:
        cell["source"] = [line.replace(f'"{like}"', f'"{name}"') for line in cell["source"]]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
