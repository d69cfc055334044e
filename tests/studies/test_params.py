"""Params files: YAML 1.2, a question and its settings apart, and errors that say what, where and what would be right."""

from pathlib import Path

import pytest
from figures import BATTERIES, QUESTION, SETTING
from ruamel.yaml import YAML

from trajreg.errors import InputError
from trajreg.studies.params import figure_ids, in_order, is_on_request, load_figure, make_figure, profiles
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
    message = r"^params/table1.yaml: sources: table1 cannot be made in profile 'other', .*: params/other/fig04.yaml does not exist$"
    with pytest.raises(InputError, match=message):
        load_figure(params, "other", "table1")


def test_of_several_sources_those_are_shown_that_the_profile_makes(params):
    for one in ("fig05", "fig06"):
        write(params / f"{one}.yaml", QUESTION)
        write(params / "mine" / f"{one}.yaml", SETTING)
    write(params / "other" / "fig06.yaml", SETTING)
    write(params / "table1.yaml", OVERVIEW | {"sources": ["fig04", "fig05", "fig06"]})
    assert [one.id for one in load_figure(params, "mine", "table1").sources] == ["fig04", "fig05", "fig06"]
    write(params / "mine" / "fig05.yaml", SETTING | {"on_request": True})
    assert [one.id for one in load_figure(params, "mine", "table1").sources] == ["fig04", "fig06"]
    assert figure_ids(params, "mine") == ["fig04", "fig06", "table1"]


def test_a_figure_that_names_its_profiles_is_in_no_other_and_shows_there_what_is_made_on_request(params):
    write(params / "fig05.yaml", QUESTION)
    for profile in ("mine", "other"):
        for one in ("fig04", "fig05"):
            write(params / profile / f"{one}.yaml", SETTING | {"on_request": True})
    write(params / "table1.yaml", OVERVIEW | {"sources": ["fig04", "fig05"], "profiles": ["mine"]})
    assert [figure_ids(params, one) for one in ("mine", "other")] == [["table1"], []]
    assert [one.id for one in load_figure(params, "mine", "table1").sources] == ["fig04", "fig05"]
    with pytest.raises(InputError, match=r"table1.yaml: profiles: table1 is not in profile 'other', only in mine$"):
        load_figure(params, "other", "table1")


def test_only_a_figure_with_sources_names_profiles(params):
    write(params / "fig04.yaml", QUESTION | {"profiles": ["mine"]})
    with pytest.raises(
        InputError, match=r"fig04.yaml: \(top level\): profiles must be left out where there are no sources"
    ):
        load_figure(params, "mine", "fig04")


def test_one_of_several_sources_is_not_enough(params):
    write(params / "fig05.yaml", QUESTION)
    write(params / "other" / "fig05.yaml", SETTING)
    write(params / "mine" / "fig05.yaml", SETTING | {"on_request": True})
    write(params / "table1.yaml", OVERVIEW | {"sources": ["fig04", "fig05"]})
    write(params / "third" / "fig04.yaml", SETTING)
    write(params / "third" / "fig05.yaml", SETTING)
    assert figure_ids(params, "other") == ["fig05"]
    lacking = r"too few of them are there: params/other/fig04.yaml does not exist; fig05 alone would be shown"
    with pytest.raises(InputError, match=lacking):
        load_figure(params, "other", "table1")
    with pytest.raises(
        InputError, match=r"profile 'mine', .*: fig04, fig05 alone would be shown, those on request left out"
    ):
        load_figure(params, "mine", "table1")
    (params / "third" / "fig04.yaml").unlink()  # now it is in no profile
    with pytest.raises(InputError, match=lacking):
        figure_ids(params, "other")


def test_unknown_profile_and_figure_name_those_there_are():
    with pytest.raises(InputError, match="profile 'digit' is unknown, choose from digits, "):
        figure_ids(ROOT / "params", "digit")
    with pytest.raises(InputError, match="figure 'fig99' is unknown in profile 'digits', choose from fig"):
        figure_ids(ROOT / "params", "digits", ["fig99"])


def test_no_key_is_of_both():
    assert not set(QuestionSpec.model_fields) & set(SettingSpec.model_fields)


@pytest.mark.parametrize("profile", profiles(ROOT / "params"))
def test_every_figure_of_every_profile_loads(profile):
    params = ROOT / "params"
    for figure in figure_ids(params, profile, in_order(path.stem for path in (params / profile).glob("*.yaml"))):
        assert load_figure(params, profile, figure).wanted()


@pytest.mark.parametrize("profile", ["digits", "paper", "smoke"])
def test_whole_profiles_have_every_figure_of_the_paper(profile):
    params = ROOT / "params"
    asked = in_order(path.stem for path in params.glob("fig*.yaml"))
    assert figure_ids(params, profile, asked) == asked


def test_what_is_made_on_request_is_left_out_unless_it_is_named(params):
    write(params / "fig05.yaml", QUESTION)
    write(params / "mine" / "fig05.yaml", SETTING | {"on_request": True})
    assert figure_ids(params, "mine") == ["fig04"]
    assert figure_ids(params, "mine", ["fig05"]) == ["fig05"]
    assert (is_on_request(params, "mine", "fig04"), is_on_request(params, "mine", "fig05")) == (False, True)


def test_digits_has_enough_seeds_for_a_verdict():
    for figure in figure_ids(ROOT / "params", "digits"):
        made = load_figure(ROOT / "params", "digits", figure)
        assert made.sources or made.seeds >= 5


BOMB = "b0: &b0 [x, x, x, x]\n" + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB, r": its aliases stand for more than 50,000 characters: write out what is needed \(line \d\)"),
        ("a: &a [*a]", r": the alias \*a stands within what it stands for: .* \(line 1\)"),
        ("a: *b", r": the alias \*b has no anchor &b before it \(line 1\)"),
        ("a: &a 1\nb: &a 2", r": the anchor &a is there twice: give one of them another name \(line 2\)"),
        ("[" * 9000, r": more than 32 lists and mappings within each other: params need a few \(line 1\)"),
        ("\n".join(" " * depth + "a:" for depth in range(300)), r": more than 32 lists .* \(line 33\)"),
        ("b0: &b0 x\n" + "".join(f"b{n}: &b{n} [*b{n - 1}]\n" for n in range(1, 99)), r": more than 32 lists .* \(line 33\)"),
        ("x" * 60_000, r" has 60,000 bytes; a params file has at most 50,000"),
        ("%YAML 1.1\n---\na: 1", r": the directive '%YAML 1.1': params are YAML 1.2, leave it out \(line 1\)"),
        ("# mine\n%YAML 3.0\n---\na: 1", r": the directive '%YAML 3.0': params are YAML 1.2, leave it out \(line 2\)"),
        ("%YML 1.2\n---\na: 1", r": the directive '%YML 1.2': params are YAML 1.2, leave it out \(line 1\)"),
        ("a: 1\n---\nb: 2", r": a second document begins here: one a file \(line 2\)"),
        ("seeds: 5".encode("utf-16"), r" is not UTF-8 \(byte 1\): save it as UTF-8"),
        ("\na: é".encode("latin-1"), r" is not UTF-8 \(byte 5\): save it as UTF-8"),
        ("seeds: 5".encode("utf-16-le"), r" is not valid YAML: the character '\\x00' \(line 1\): save it as UTF-8 .*"),
        ("a: 1\nb: \0", r" is not valid YAML: the character '\\x00' \(line 2\): .*"),
        ("a: 1\n\tb: 1", r" is not valid YAML: found character '\\t' .*: indent with spaces \(line 2\)"),
        ("a: !!python/object:os.system {}", r": the tag !!python/object:os.system: params are plain .* \(line 1\)"),
        ("a: !foo 1", r": the tag !foo: params are plain .* \(line 1\)"),
        ("1: x", r": the key 1 must be text: write it in quotes \(line 1\)"),
        ("null: x", r": the key null must be text: write it in quotes \(line 1\)"),
        ("[a]: x", r": a key must be text \(line 1\)"),
        ("{a: b}: x", r": a key must be text \(line 1\)"),
        (".".join("a" * 500) + ": x", r": a key has 999 characters, at most 200 \(line 1\)"),
        ("a: 0x" + "f" * 5000, r": a number of 5,002 characters, at most 100: .* \(line 1\)"),
        ("a: 2020-13-01", r": '2020-13-01' is neither a number nor text: write it in quotes \(line 1\)"),
        ('a: "\\ud800"', r": '\\ud800' is no text: half of a pair of surrogates \(line 1\)"),
        ("<<: 1", r" is not valid YAML: .* \(line 1\)"),
    ],
)  # fmt: skip
def test_what_is_no_small_tree_of_plain_values_is_refused_in_a_line(params, content, message):
    (params / "mine" / "fig04.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=f"^params/mine/fig04.yaml{message}$"):
        load_figure(params, "mine", "fig04")


def test_harmless_yaml_loads(params):
    path = params / "mine" / "fig04.yaml"
    text = path.read_text().replace("seeds: 5", "seeds: &five 5\nother_seeds: *five")
    path.write_bytes(b"\xef\xbb\xbf# mine\n%YAML 1.2\n---\n" + text.encode() + b"...\n")
    assert load_figure(params, "mine", "fig04").setting.other_seeds == 5


def test_aliases_and_merged_keys_are_what_they_stand_for(params):
    (params / "mine" / "fig04.yaml").write_text(
        "base: &base {data: {name: digits10}, model: {name: vgg11}, optimizer: {name: sgd, lr: 0.1}, num_epochs: 3}\n"
        "measures: {regularity: {}}\nvary: {model.norm: [batch, none]}\nseeds: 5\n"
        "variants: {all: *base, longer: {<<: *base, num_epochs: 4}}\n"
    )
    variants = load_figure(params, "mine", "fig04").variants
    assert [one.spec.num_epochs for one in variants] == [3, 3, 4, 4]


def test_what_is_no_readable_file_is_named(params):
    path = params / "mine" / "fig04.yaml"
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"^params/mine/fig04.yaml is no file$"):
        load_figure(params, "mine", "fig04")
    path.rmdir()
    path.symlink_to(path.name)
    with pytest.raises(InputError, match=r"^params/mine/fig04.yaml cannot be read: "):
        load_figure(params, "mine", "fig04")
    with pytest.raises(InputError, match="nowhere is no folder: it should hold the params files"):
        figure_ids(params / "nowhere", "mine")


@pytest.mark.parametrize("content", ["[on_request]", "text", "on_request: [1]"])
def test_a_setting_that_is_no_mapping_is_named_where_it_is_read(params, content):
    (params / "mine" / "fig04.yaml").write_text(content)
    with pytest.raises(InputError, match=r"^params/mine/fig04.yaml: "):
        load_all(params)


def test_a_refusal_is_a_few_short_lines(params):
    many = {f"k{number}": 1 for number in range(20)} | {"seeds": "x\n" * 9999}
    write(params / "mine" / "fig04.yaml", SETTING | many)
    with pytest.raises(InputError) as refusal:
        load_figure(params, "mine", "fig04")
    *lines, last = str(refusal.value).split("\n")
    assert last == "… and 16 more problems"
    assert lines[0].startswith(r"params/mine/fig04.yaml: seeds = 'x\nx\n")
    assert lines[0].endswith("input should be a valid integer")
    assert len(lines) == 5
    assert max(map(len, lines)) < 250


def test_a_grid_of_more_variants_than_a_figure_shows_is_refused(params):
    vary = {f"model.a{number}": list(range(10)) for number in range(9)}
    write(params / "mine" / "fig04.yaml", SETTING | {"vary": vary})
    with pytest.raises(InputError, match=r"mine/fig04.yaml: vary gives 1,000,000,000 variants, at most 500 can be"):
        load_figure(params, "mine", "fig04")


@pytest.mark.parametrize(
    "field", ["{treatment:>999999999}", "{treatment.__class__}", "{control!r}", "{}", "{threshold"]
)
def test_a_statement_holds_names_only(params, field):
    success = BATTERIES["success"]["gamma"] | {"text": f"γ of {field}"}
    write(params / "batteries.yaml", BATTERIES | {"success": BATTERIES["success"] | {"gamma": success}})
    with pytest.raises(
        InputError, match=r"success.gamma: text = .* may hold {treatment}, {control} and {threshold} only"
    ):
        load_figure(params, "mine", "fig04")
