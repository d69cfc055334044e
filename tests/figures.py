"""A small figure to be changed by tests: VGG-11 with and without batch norm, judged by γ."""

from trajreg.studies.figure import Figure
from trajreg.studies.names import name_of
from trajreg.studies.question import Batteries, QuestionSpec
from trajreg.studies.setting import SettingSpec

SUCCESS = {
    "text": "γ is larger with {treatment} than with {control}", "source": "ours", "metric": "gamma",
    "direction": "higher", "effect": "ratio", "smallest_effect": 1.1,
}  # fmt: skip
BATTERIES = {"success": {"gamma": SUCCESS, "cosine": SUCCESS | {"metric": "cosine"}}, "batteries": {"usual": ["gamma"]}}
QUESTION = {
    "title": "t", "caption": "c", "study": "s", "status": "paper",
    "contrasts": {"bn": {"treatment": {"model.norm": "batch"}, "control": {"model.norm": "none"}, "battery": "usual"}},
}  # fmt: skip
SETTING = {
    "base": {
        "data": {"name": "digits10"}, "model": {"name": "vgg11"}, "optimizer": {"name": "sgd", "lr": 0.1}, "num_epochs": 3,
    },
    "measures": {"regularity": {}},
    "vary": {"model.norm": ["batch", "none"]},
    "seeds": 5,
}  # fmt: skip


def figure(question=None, setting=None, batteries=None, **changes):
    """The figure with other keys; `changes` are of the setting."""
    asked = QuestionSpec.parse(QUESTION | (question or {}), "question")
    where = SettingSpec.parse(SETTING | (setting or {}) | changes, "setting")
    return Figure.of("fig04", asked, where, Batteries.parse(batteries or BATTERIES, "batteries"), "setting")


def contrast(treatment, control, battery="usual"):
    """One contrast, as a question has it."""
    return {"treatment": treatment, "control": control, "battery": battery}


def battery_of(**success):
    """Batteries whose usual one is these measures of success, each with what differs from SUCCESS."""
    own = {name.replace("_", "-"): SUCCESS | changes for name, changes in success.items()}
    return {"success": own, "batteries": {"usual": list(own)}}


def names(settings):
    """What a reader sees of settings of VGG-11 on digits."""
    spec = figure().variants[0].spec
    return {key: name_of(spec, key.split("."), value) for key, value in settings.items()}
