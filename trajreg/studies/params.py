"""Reading params files: YAML 1.2, where `1e-3` is a number and a key given twice is an error."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from trajreg.errors import InputError
from trajreg.studies.spec import FigureSpec


def profiles(params: Path) -> list[str]:
    """The profiles there are: the folders of `params`."""
    return sorted(folder.name for folder in params.iterdir() if folder.is_dir())


def figure_files(params: Path, profile: str, figures: list[str] | None = None) -> dict[str, Path]:
    """Figure id → params file of a profile, all of them or the ones asked for.

    Raises InputError for an unknown profile or figure, naming those there are.
    """
    if profile not in profiles(params):
        raise InputError(f"profile {profile!r} is unknown, choose from {', '.join(profiles(params))}")
    files = {path.stem.partition("_")[0]: path for path in sorted((params / profile).glob("fig*.yaml"))}
    for figure in figures or ():
        if figure not in files:
            raise InputError(f"figure {figure!r} is unknown in profile {profile!r}, choose from {', '.join(files)}")
    return {figure: path for figure, path in files.items() if figures is None or figure in figures}


def load_figure(path: Path) -> FigureSpec:
    """The figure of a params file; InputError names the file, the key, the value and what is allowed."""
    figure = FigureSpec.parse(load_yaml(path), _shown(path))
    if path.stem.partition("_")[0] != figure.figure:
        raise InputError(f"{_shown(path)}: figure = {figure.figure!r} differs from the file's name")
    return figure


def load_yaml(path: Path) -> dict[str, Any]:
    """Plain Python values of a YAML file."""
    try:
        return YAML(typ="safe", pure=True).load(path.read_text())
    except (YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{_shown(path)} is not valid YAML: {' '.join(str(error).split())}") from None


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3:])
