"""Params files: YAML 1.2, a question and its settings apart, and errors that say what, where and what would be right."""

from pathlib import Path

import pytest
from figures import BATTERIES, QUESTION, SETTING
from ruamel.yaml import YAML

from trajreg.errors import InputError
from trajreg.studies.params import figure_ids, in_order, is_on_request, load_figure, load_yaml, make_figure, profiles
from trajreg.studies.question import QuestionSpec
from trajreg.studies.setting import SettingSpec

ROOT = Path(__file__).resolve().parents[2]
OVERVIEW = {key: value for key, value in QUESTION.items() if key != "contrasts"} | {"sources": ["fig04"]}


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        YAML(typ="safe", pure=True).dump(values, file)


@pytest.fixture
def params(tmp_path):
    """A figure with a setting in one of two profiles."""
    write(tmp_path / "batteries.yaml", BATTERIES)
    write(tmp_path / "fig04.yaml", QUESTION)
    write(tmp_path / "mine" / "fig04.yaml", SETTING)
    (tmp_path / "other").mkdir()
    return tmp_path


def load_all(params):
    return [load_figure(params, "mine", figure) for figure in figure_ids(params, "mine")]


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_figure_is_its_question_in_the_setting_of_the_profile(params):
    figure = load_figure(params, "mine", "fig04")
    assert (figure.id, figure.question.title, figure.seeds) == ("fig04", "t", 5)
    assert figure.wanted()[0].where == "params/mine/fig04.yaml: batch norm"


def test_1e_3_is_a_number(params):
    edit(params / "mine" / "fig04.yaml", "lr: 0.1", "lr: 1e-3")
    assert load_figure(params, "mine", "fig04").variants[0].spec.optimizer.lr == 0.001


def test_a_profile_may_lack_figures_but_not_one_that_is_asked_for(params):
    write(params / "fig05.yaml", QUESTION)
    write(params / "other" / "fig05.yaml", SETTING)
    assert [figure_ids(params, one) for one in ("mine", "other")] == [["fig04"], ["fig05"]]
    with pytest.raises(InputError, match=r"figure 'fig05' is unknown in profile 'mine', choose from fig04"):
        figure_ids(params, "mine", ["fig05"])


def test_a_figure_may_show_the_runs_of_others(params):
    write(params / "table1.yaml", OVERVIEW)
    assert figure_ids(params, "mine") == ["fig04", "table1"]
    assert figure_ids(params, "other") == []
    overview, source = (load_figure(params, "mine", one) for one in ("table1", "fig04"))
    assert overview.wanted() == source.wanted()
    assert (overview.setting, overview.seeds, overview.claims) == (None, 0, ())
    assert overview.columns == source.columns


def test_figures_stand_by_word_and_number():
    assert in_order(["table1", "fig10", "fig9", "bep2"]) == ["bep2", "fig9", "fig10", "table1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda params: write(params / "fig05.yaml", QUESTION),
         r"params/fig05.yaml is a question without a setting: params/mine/fig05.yaml does not exist"),
        (lambda params: write(params / "other" / "fig05.yaml", SETTING),
         r"params/other/fig05.yaml is a setting without a question: params/fig05.yaml does not exist"),
        (lambda params: write(params / "mine" / "fig05.yml", SETTING), r"^params/mine/fig05.yml is no figure: "),
        (lambda params: write(params / "table1.yaml", OVERVIEW | {"sources": ["table1"]}), r"sources: table1 is this figure"),
        (lambda params: write(params / "Figure.yaml", QUESTION), r"^params/Figure.yaml is no figure: .* as fig04.yaml or table1.yaml"),
        (lambda params: write(params / "fig04.yaml", QUESTION | {"seeds": 5, "base": {}}),
         r"params/fig04.yaml: base belongs in params/<profile>/fig04.yaml, not here\n.*seeds belongs in"),
        (lambda params: write(params / "mine" / "fig04.yaml", SETTING | {"title": "t"}),
         r"params/mine/fig04.yaml: title belongs in params/fig04.yaml, not here"),
        (lambda params: write(params / "mine" / "fig04.yaml", SETTING | {"sedes": 5}), r"params/mine/fig04.yaml: sedes is not a known key"),
        (lambda params: write(params / "fig04.yaml", QUESTION | {"titel": "t"}), r"params/fig04.yaml: titel is not a known key"),
        (lambda params: write(params / "batteries.yaml", BATTERIES | {"success": {}}), r"params/batteries.yaml: .*'gamma' is no measure"),
        (lambda params: edit(params / "fig04.yaml", "title: t", "title: t\ntitle: u"),
         r"^params/fig04.yaml is not valid YAML: found duplicate key .title. .*\(line \d+\)$"),
        (lambda params: edit(params / "mine" / "fig04.yaml", "seeds: 5", "seeds: [5"), r"^params/mine/fig04.yaml is not valid YAML"),
        (lambda params: [write(params / "table1.yaml", OVERVIEW), (params / "fig04.yaml").write_text("")],
         r"^params/fig04.yaml is empty$"),
        (lambda params: (params / "mine" / "fig04.yaml").write_text(""), r"^params/mine/fig04.yaml is empty$"),
        (lambda params: write(params / "table1.yaml", OVERVIEW | {"sources": ["fig40"]}),
         r"params/table1.yaml: sources: fig40 is unknown, choose from fig04"),
        (lambda params: [write(params / f"table{n}.yaml", OVERVIEW | {"sources": [one]}) for n, one in ((1, "table2"), (2, "fig04"))],
         r"params/table1.yaml: sources: table2 has sources itself: name those"),
        (lambda params: [write(params / "table1.yaml", OVERVIEW), write(params / "mine" / "table1.yaml", SETTING)],
         r"params/mine/table1.yaml: a figure with sources has no setting of its own"),
    ],
)  # fmt: skip
def test_bad_params_are_named(params, change, message):
    change(params)
    with pytest.raises(InputError, match=message):
        load_all(params)


def test_what_an_editor_leaves_is_no_profile(params):
    write(params / ".ipynb_checkpoints" / "fig04-checkpoint.yaml", QUESTION)
    assert figure_ids(params, "mine") == ["fig04"]


def test_what_is_not_there_is_named(params):
    (params / "batteries.yaml").unlink()
    with pytest.raises(InputError, match=r"params/batteries.yaml does not exist"):
        load_figure(params, "mine", "fig04")
    with pytest.raises(
        InputError, match=r"profile 'yours' is unknown, choose from mine, other|profile 'yours' is unknown"
    ):
        load_figure(params, "yours", "fig04")
    with pytest.raises(InputError, match=r"params/other/fig04.yaml does not exist"):
        load_figure(params, "other", "fig04")


def test_a_setting_for_a_figure_with_sources_is_refused(params):
    write(params / "table1.yaml", OVERVIEW)
    with pytest.raises(InputError, match=r"notebook: table1 has sources and no setting of its own: it must be None"):
        make_figure(params, "table1", SETTING, "notebook")


def test_panels_of_a_figure_with_sources_are_checked(params):
    write(params / "table1.yaml", OVERVIEW | {"panels": ["loss"]})
    with pytest.raises(InputError, match=r"params/table1.yaml: panels: 'loss' is no column of epochs here"):
        load_figure(params, "mine", "table1")


def test_a_figure_whose_sources_are_not_in_the_profile_is_refused(params):
    write(params / "table1.yaml", OVERVIEW)
    with pytest.raises(InputError, match=r"table1.yaml: sources: fig04 has no setting in profile 'other'"):
        load_figure(params, "other", "table1")


def test_unknown_profile_and_figure_name_those_there_are():
    with pytest.raises(InputError, match="profile 'digit' is unknown, choose from digits, paper, smoke"):
        figure_ids(ROOT / "params", "digit")
    with pytest.raises(InputError, match="figure 'fig99' is unknown in profile 'digits', choose from fig"):
        figure_ids(ROOT / "params", "digits", ["fig99"])


def test_no_key_is_of_both():
    assert not set(QuestionSpec.model_fields) & set(SettingSpec.model_fields)


@pytest.mark.parametrize("profile", profiles(ROOT / "params"))
def test_every_profile_has_every_figure_and_loads(profile):
    params = ROOT / "params"
    asked = in_order(path.stem for path in params.glob("*.yaml") if path.name != "batteries.yaml")
    assert figure_ids(params, profile, asked) == asked
    for figure in asked:
        assert load_figure(ROOT / "params", profile, figure).wanted()


def test_what_is_made_on_request_is_left_out_unless_it_is_named(params):
    write(params / "fig05.yaml", QUESTION)
    write(params / "mine" / "fig05.yaml", SETTING | {"on_request": True})
    assert figure_ids(params, "mine") == ["fig04"]
    assert figure_ids(params, "mine", ["fig05"]) == ["fig05"]
    assert (is_on_request(params, "mine", "fig04"), is_on_request(params, "mine", "fig05")) == (False, True)


def test_digits_has_enough_seeds_for_a_verdict():
    for figure in figure_ids(ROOT / "params", "digits"):
        assert load_yaml(ROOT / "params" / "digits" / f"{figure}.yaml", ROOT / "params")["seeds"] >= 5
