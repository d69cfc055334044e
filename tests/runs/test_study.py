"""A notebook's own setting: data of another profile is refused, data of nobody's is not."""

import copy

import pytest
from conftest import copy_project

from trajreg.errors import InputError
from trajreg.runs.study import Study
from trajreg.studies.params import load_yaml

ARCHIVE = {"name": "archive", "path": "mine.npz", "num_train": 40}


@pytest.fixture
def params(tmp_path, monkeypatch):
    """The params of a checkout in which nothing was made, and which is the working folder."""
    monkeypatch.chdir(copy_project(tmp_path / "checkout"))
    (tmp_path / "checkout" / "mine.npz").write_bytes(b"what is in it is not looked at")
    return tmp_path / "checkout" / "params"


def setting_of(params, profile, data=None):
    setting = copy.deepcopy(load_yaml(params / profile / "fig04.yaml", params))
    setting["base"]["data"] = data or setting["base"]["data"]
    return setting


def study(setting, profile):
    return Study.of("fig04", setting, profile, "results/scratch")


@pytest.mark.parametrize(
    ("data", "profile", "owner"),
    [("digits", "paper", "digits"), ("paper", "smoke", "paper"), ("paper", "digits", "paper")],
)
def test_data_of_another_profile_is_refused(params, data, profile, owner):
    name = {"digits": "digits10", "paper": "cifar10"}[data]
    message = (
        rf"^setting of fig04 in its notebook: data {name} is that of profile '{owner}', not of '{profile}': "
        rf"take profile = '{owner}', or change the data in params/{profile}/fig04\.yaml$"
    )
    with pytest.raises(InputError, match=message):
        study(setting_of(params, data), profile)


def test_archives_are_told_apart_by_their_path(params):
    for profile, path in (("paper", "theirs.npz"), ("smoke", "mine.npz")):
        text = (params / profile / "fig04.yaml").read_text().splitlines()
        changed = [f"  data: {{name: archive, path: {path}}}" if line.startswith("  data: ") else line for line in text]
        (params / profile / "fig04.yaml").write_text("\n".join(changed))
    with pytest.raises(InputError, match=r"data archive mine\.npz is that of profile 'smoke', not of 'paper'"):
        study(setting_of(params, "paper", ARCHIVE), "paper")
    assert study(setting_of(params, "smoke", ARCHIVE), "smoke")


@pytest.mark.parametrize(
    ("profile", "data"),
    [
        ("digits", {"name": "digits10", "num_train": 40}),  # less of the profile's own
        ("digits", {"name": "digits100"}),  # nobody's
        ("digits", ARCHIVE),
        ("mine", {"name": "digits10"}),  # a profile without a setting of this figure
    ],
)
def test_data_of_nobodys_is_the_users_own_choice(params, profile, data):
    assert study(setting_of(params, "digits", data), profile).figure.setting.base["data"] == data


def test_every_profiles_own_setting_is_taken(params):
    for profile in ("digits", "smoke", "paper"):
        assert study(setting_of(params, profile), profile).figure.id == "fig04"
