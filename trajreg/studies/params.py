"""From params files to figures: YAML 1.2, where `1e-3` is a number and a key given twice is an error.

`params/<figure>.yaml` is a question, `params/<profile>/<figure>.yaml` its setting, `params/batteries.yaml` the usual measures of success.
"""

import re
from pathlib import Path
from typing import Any

from trajreg.errors import InputError, choices
from trajreg.schema import Spec
from trajreg.studies.figure import Figure
from trajreg.studies.question import FIGURE_ID, Batteries, QuestionSpec, in_order
from trajreg.studies.setting import SettingSpec
from trajreg.studies.yaml_file import read_yaml

BATTERIES = "batteries.yaml"
PLACES: dict[type[Spec], str] = {QuestionSpec: "params/{}.yaml", SettingSpec: "params/<profile>/{}.yaml"}


def profiles(params: Path) -> list[str]:
    """The profiles there are: the folders of `params`."""
    if not params.is_dir():
        raise InputError(f"{params} is no folder: it should hold the params files")
    return sorted(
        one.name for one in params.iterdir() if one.is_dir() and not one.name.startswith(".")
    )  # not an editor's


def figure_ids(params: Path, profile: str, figures: list[str] | None = None) -> list[str]:
    """The figures of a profile, in order: all that have a setting in it, or sources that have (`sources_in`), or those asked for; without
    `figures` those that are made on request are left out.

    Raises InputError for an unknown profile or figure, naming those there are; for a setting whose question is not there; for a
    question that has a setting in no profile.
    """
    _check_profile(params, profile)
    questions = _ids(params)
    settings = {one: _ids(params, one) for one in profiles(params)}
    for one, ids in settings.items():
        if orphans := [figure for figure in ids if figure not in questions]:
            raise InputError(
                f"params/{one}/{orphans[0]}.yaml is a setting without a question: params/{orphans[0]}.yaml does not exist"
            )
    there = [figure for figure in questions if _is_in(params, profile, figure)]
    for figure in questions:
        if figure not in there and not any(_is_in(params, one, figure) for one in settings):
            if (asked := load_question(params, figure)).sources:
                _checked_sources(params, profile, figure, asked)  # says which are lacking
            raise InputError(
                f"params/{figure}.yaml is a question without a setting: params/{profile}/{figure}.yaml does not exist"
            )
    for figure in figures or ():
        if figure not in there:
            known = ", ".join(there)
            raise InputError(f"figure {figure!r} is unknown in profile {profile!r}, choose from {known}")
    if figures is None:
        return [figure for figure in there if not is_on_request(params, profile, figure)]
    return [figure for figure in there if figure in figures]


def is_on_request(params: Path, profile: str, figure: str) -> bool:
    """Whether a figure is made only when it is named."""
    return (params / profile / f"{figure}.yaml").exists() and load_setting(params, profile, figure).on_request


def load_figure(params: Path, profile: str, figure: str) -> Figure:
    """A figure of a profile; InputError names the file, the key, the value and what is allowed."""
    _check_profile(params, profile)
    asked = load_question(params, figure)
    if asked.sources:
        there = _checked_sources(params, profile, figure, asked)
        return Figure.of_sources(figure, asked, [load_figure(params, profile, one) for one in there])
    path = params / profile / f"{figure}.yaml"
    return make_figure(params, figure, load_yaml(path, params), _shown(path, params))


def sources_in(params: Path, profile: str, asked: QuestionSpec) -> list[str]:
    """The sources that a profile has and makes without being asked: what a figure with sources shows there, whatever else is stored.

    None where they are fewer than two (or than are named): an overview needs something to look over. A figure that names its profiles
    shows in these what is made on request as well, and is in no other.
    """
    if asked.profiles and profile not in asked.profiles:
        return []
    there = [one for one in asked.sources if (params / profile / f"{one}.yaml").exists()]
    made = [one for one in there if asked.profiles or not is_on_request(params, profile, one)]
    return made if len(made) >= min(2, len(asked.sources)) else []


def load_setting(params: Path, profile: str, figure: str) -> SettingSpec:
    """In what setting a profile asks a figure's question; not yet checked against the question."""
    path = params / profile / f"{figure}.yaml"
    return _setting(load_yaml(path, params), figure, _shown(path, params))


def declares_grid(params: Path, profile: str, figure: str) -> bool:
    """Whether a figure has a setting of its own that declares a grid of learning rates."""
    return (params / profile / f"{figure}.yaml").exists() and load_setting(params, profile, figure).tuned is not None


def load_untuned(params: Path, profile: str, figure: str) -> Figure:
    """The figure before learning rates of its variants' own are chosen."""
    where = _shown(params / profile / f"{figure}.yaml", params)
    setting = load_setting(params, profile, figure).untuned()
    return Figure.of(figure, load_question(params, figure), setting, load_batteries(params), where)


def make_figure(params: Path, figure: str, setting: Any, where: str) -> Figure:
    """The figure that the question of that id and a plain setting make; `where` the setting stands."""
    question = load_question(params, figure)
    if question.sources:
        raise InputError(f"{where}: {figure} has sources and no setting of its own: it must be None")
    return Figure.of(figure, question, _setting(setting, figure, where), load_batteries(params), where)


def refuse_anothers_data(params: Path, profile: str, figure: str, setting: SettingSpec) -> None:
    """InputError where a setting has other data than the figure has in this profile, and just the data that it has in another one.

    Data of nobody's is the user's own choice. It is told apart by name and path, not by how much of it is taken.
    """
    there = [one for one in profiles(params) if (params / one / f"{figure}.yaml").exists()]
    given = _source(setting)
    if given is None or profile not in there or _source(load_setting(params, profile, figure)) == given:
        return
    if owner := next((one for one in there if _source(load_setting(params, one, figure)) == given), None):
        raise InputError(
            f"setting of {figure} in its notebook: data {' '.join(given)} is that of profile {owner!r}, not of {profile!r}: "
            f"take profile = {owner!r}, or change the data in params/{profile}/{figure}.yaml"
        )


def _source(setting: SettingSpec) -> tuple[str, ...] | None:
    """Name and path of the data in a setting's base; None where it has none."""
    data = setting.base.get("data")
    return tuple(str(data[key]) for key in ("name", "path") if key in data) if isinstance(data, dict) else None


def load_question(params: Path, figure: str) -> QuestionSpec:
    """What a figure asks."""
    question = _question(params, figure)
    for one in question.sources:
        where = f"params/{figure}.yaml: sources"
        if not (params / f"{one}.yaml").exists():
            raise InputError(f"{where}: {one} is unknown, choose from {choices(one, _ids(params))}")
        if _question(params, one).sources:
            raise InputError(
                f"{where}: {one} {'is this figure' if one == figure else 'has sources itself: name those'}"
            )
    return question


def load_batteries(params: Path) -> Batteries:
    """The usual measures of success."""
    path = params / BATTERIES
    return Batteries.parse(load_yaml(path, params), _shown(path, params))


def load_yaml(path: Path, params: Path) -> Any:
    """Plain Python values of a YAML file in the folder `params`."""
    return read_yaml(path, _shown(path, params))


def _question(params: Path, figure: str) -> QuestionSpec:
    """What a figure asks; its sources are not looked at."""
    path, where = params / f"{figure}.yaml", f"params/{figure}.yaml"
    if not path.exists():
        raise InputError(f"figure {figure!r} has no question: {where} does not exist")
    return QuestionSpec.parse(_in_place(load_yaml(path, params), QuestionSpec, figure, where), where)


def _setting(values: Any, figure: str, where: str) -> SettingSpec:
    return SettingSpec.parse(_in_place(values, SettingSpec, figure, where), where)


def _ids(params: Path, profile: str = "") -> list[str]:
    """The figures that have a question, or a setting in a profile."""
    paths = [path for path in (params / profile).glob("*.y*ml") if path.name != BATTERIES or profile]
    if strange := [path for path in paths if not re.fullmatch(rf"{FIGURE_ID}\.yaml", path.name)]:
        raise InputError(
            f"{_shown(strange[0], params)} is no figure: its name must be a lower-case word and a number, as fig04.yaml or table1.yaml"
        )
    return in_order([path.stem for path in paths])


def _check_profile(params: Path, profile: str) -> None:
    if profile not in profiles(params):
        known = choices(profile, profiles(params))
        raise InputError(f"profile {profile!r} is unknown, choose from {known}")


def _is_in(params: Path, profile: str, figure: str) -> bool:
    """Whether a profile has a setting of this figure, or enough of its sources."""
    if (params / profile / f"{figure}.yaml").exists():
        return True
    return bool(sources_in(params, profile, load_question(params, figure)))


def _checked_sources(params: Path, profile: str, figure: str, asked: QuestionSpec) -> list[str]:
    """The sources that the figure shows in this profile; InputError where they are too few, or it has a setting of its own."""
    if (params / profile / f"{figure}.yaml").exists():
        raise InputError(f"params/{profile}/{figure}.yaml: a figure with sources has no setting of its own")
    if there := sources_in(params, profile, asked):
        return there
    if asked.profiles and profile not in asked.profiles:
        known_profiles = ", ".join(asked.profiles)
        raise InputError(
            f"params/{figure}.yaml: profiles: {figure} is not in profile {profile!r}, only in {known_profiles}"
        )
    lacking = [one for one in asked.sources if not (params / profile / f"{one}.yaml").exists()]
    files = ", ".join(f"params/{profile}/{one}.yaml" for one in lacking)
    known = [one for one in asked.sources if one not in lacking]
    reasons = [f"{files} {'does' if len(lacking) == 1 else 'do'} not exist"] * bool(lacking)
    reasons += [f"{', '.join(known)} alone would be shown, those on request left out"] * bool(known)
    raise InputError(
        f"params/{figure}.yaml: sources: {figure} cannot be made in profile {profile!r}, too few of them are there: {'; '.join(reasons)}"
    )


def _in_place(values: Any, kind: type[Spec], figure: str, where: str) -> Any:
    """The values as they are; InputError, a line each, where a key belongs in the other file."""
    if values is None:
        raise InputError(f"{where} is empty")
    (other,) = (one for one in PLACES if one is not kind)
    keys = [key for key in values if key in other.model_fields] if isinstance(values, dict) else []
    if keys:
        place = PLACES[other].format(figure)
        raise InputError(*(f"{where}: {key} belongs in {place}, not here" for key in keys))
    return values


def _shown(path: Path, params: Path) -> str:
    return f"params/{path.relative_to(params).as_posix()}"
