"""Write every file that something new needs, or nothing."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from trajreg.errors import InputError
from trajreg.scaffold import code
from trajreg.scaffold.changes import Changes
from trajreg.scaffold.figure import figure

THINGS: dict[str, Callable[..., list[str]]] = {
    "figure": figure,
    "model": code.model,
    "measure": code.measure,
    "activation": code.activation,
}


def new(top: Path, what: str, name: str, like: str | None = None) -> tuple[list[Path], list[str]]:
    """Write the files of a new `what` (a key of THINGS) below the checkout `top`: (files written or added to, what to do next).

    like: the figure that a new figure is begun from. Raises InputError, and writes nothing, for a name that is no name or is taken.
    """
    if like is not None and what != "figure":
        raise InputError(f"--like is for figures only, not for a {what}")
    changes = Changes(top)
    hints = THINGS[what](changes, top, name, **({} if like is None else {"like": like}))
    paths = changes.write()
    _format(paths)
    return paths, hints


def _format(paths: list[Path]) -> None:
    """As `make lint` wants it: names are of any length, and lines with them."""
    if find_spec("ruff"):  # a tool of development, which not every user has
        sources = [str(path) for path in paths if path.suffix == ".py"]
        subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *sources], check=False)
