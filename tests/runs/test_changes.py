"""Two results trees of other settings: what was changed is shown, old beside new; what was not must still agree."""

import copy
import math

import pandas as pd
import pytest
from sealed import rewrite
from small_trees import claim, values, write

from trajreg.runs.compare import compare
from trajreg.runs.compare_text import told
from trajreg.runs.products import ProductFolder
from trajreg.studies.product import Product

SETTING = {
    "base": {"optimizer": {"name": "sgd", "lr": 0.05}, "model": {"name": "mlp"}},
    "measures": {"regularity": {"estimator": "store"}},
    "vary": {"model.activation": ["relu", "tanh"]},
    "seeds": 5,
}
RELU = [0.10, 0.11, 0.12, 0.09, 0.08]
TANH = [0.20, 0.21, 0.22, 0.19, 0.18]
MORE = [*TANH, 0.2, 0.21, 0.19, 0.22, 0.18]


def setting(changes):
    """SETTING with other values of dotted keys of two or three parts."""
    found = copy.deepcopy(SETTING)
    for dotted, value in changes.items():
        *path, last = dotted.split(".", 2)
        place = found
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def nested(dotted, value):
    """{"a": {"b": value}} of a.b."""
    first, _, rest = dotted.partition(".")
    return {first: nested(rest, value) if rest else value}


def table(*variants):
    return pd.concat(variants, ignore_index=True)


OLD = table(values(RELU), values(TANH, "tanh", "tanh"))


def old_and_new(tmp_path, new, claims=None, changes=None, machine="A", old=OLD, old_claims=None, **other):
    """What comes of one figure, fig04, with these values, claims and changed settings, held against OLD."""
    before = {"fig04": (old, claim() if old_claims is None else old_claims, SETTING)}
    now = {"fig04": (new, claim() if claims is None else claims, None if changes is None else setting(changes))}
    reference = write(tmp_path / "v1", before | other)
    return compare(write(tmp_path / "local", now | other, machine), reference)


def shown(result, **options):
    return "\n".join(told(result, **options))


def test_the_same_settings_leave_no_change(tmp_path):
    result = old_and_new(tmp_path, OLD, changes={})
    assert (result.problems, result.notes, result.changes, result.num_compared, result.same_bytes) == ([], [], [], 2, 1)


@pytest.mark.parametrize("machine", ["A", "B"])
def test_a_variant_with_another_learning_rate_is_shown_and_the_other_must_agree(tmp_path, machine):
    other = values([value / 2 for value in TANH], "tanh", "faster")
    result = old_and_new(tmp_path, table(values(RELU), other), changes={"vary.optimizer.lr": [0.1]}, machine=machine)
    assert (result.problems, result.num_compared, result.not_held) == ([], 1, [])
    (change,) = result.changes
    assert (change.keys, change.held) == ([("vary.optimizer.lr", "absent", [0.1])], True)
    (row,) = change.variants.to_dict("records")
    assert (row["variant"], row["metric"], row["only_in"]) == ("tanh", "final_train_loss", "")
    assert [row[name] for name in ("old", "new", "ratio")] == pytest.approx([0.2, 0.1, 0.5])
    assert (row["old_seeds"], row["new_seeds"]) == (5, 5)
    lines = shown(result).splitlines()
    assert lines[:2] == ["  fig04: other settings (old → new)", "    vary.optimizer.lr: absent → [0.1]"]
    assert [line.split() for line in lines[3:5]] == [
        ["variant", "metric", "old", "new", "ratio", "seeds"],
        ["tanh", "final_train_loss", "0.2", "0.1", "0.5", "5"],
    ]
    assert lines[3].index("old") == lines[4].index("0.2")


@pytest.mark.parametrize(
    ("machine", "problem"), [("A", "same hardware and versions"), ("B", "fig04, ReLU: final_train")]
)
def test_a_number_that_moved_in_an_unchanged_variant_is_a_problem_all_the_same(tmp_path, machine, problem):
    moved = values([*RELU[:-1], 5.0] if machine == "A" else [value + 1 for value in RELU])
    new = table(moved, values(TANH, "tanh", "faster"))
    result = old_and_new(tmp_path, new, changes={"base.optimizer.lr": 0.1}, machine=machine)
    assert problem in result.problems[0]
    assert "fig04, ReLU" in result.problems[-1]
    assert "tanh" not in "".join(result.problems)
    assert result.changes[0].keys == [("base.optimizer.lr", 0.05, 0.1)]
    assert "    base.optimizer.lr: 0.05 → 0.1" in shown(result).splitlines()


def test_more_seeds_leave_the_first_ones_to_agree(tmp_path):
    old = values(TANH, "tanh", "tanh")
    result = old_and_new(tmp_path, values(MORE, "tanh", "tanh"), changes={"seeds": 10}, old=old)
    assert (result.problems, result.num_compared) == ([], 1)
    (row,) = result.changes[0].variants.to_dict("records")
    assert (row["old_seeds"], row["new_seeds"]) == (5, 10)
    assert "5 → 10" in shown(result)
    moved = values([0.2001, *MORE[1:]], "tanh", "tanh")
    (problem,) = old_and_new(tmp_path / "moved", moved, changes={"seeds": 10}, old=old).problems
    assert problem == "fig04: same hardware and versions, but other numbers in final_train_loss"
    assert old_and_new(tmp_path / "elsewhere", moved, changes={"seeds": 10}, old=old, machine="B").problems == []


def test_a_column_of_bounds_that_only_a_new_seed_needs_is_no_other_number(tmp_path):
    new = values(MORE, "tanh", "tanh", rate_high=[math.nan] * 9 + [1.0])
    assert old_and_new(tmp_path, new, changes={"seeds": 10}, old=values(TANH, "tanh", "tanh")).problems == []


def test_a_claim_about_runs_that_were_changed_is_shown_with_both_verdicts(tmp_path):
    new = table(values(RELU), values(TANH, "tanh", "faster"))
    claims = claim("reversed", effect=0.5)
    result = old_and_new(tmp_path, new, claims, {"base.optimizer.lr": 0.1})
    assert result.problems == []
    (row,) = result.changes[0].claims.to_dict("records")
    assert [row[name] for name in ("old", "new", "change")] == [2.0, 0.5, 0.25]
    assert (row["old_verdict"], row["new_verdict"]) == ("replicated", "reversed")
    last = shown(result).splitlines()[-1]
    assert last.split("  ")[-1] == "replicated → reversed"
    assert "× 0.25" in last


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({}, {"smallest_effect": 3.0}, "final_train_loss, counts from 1.1 → 3"),
        (
            {"metric": "steps_to_loss ≤ 0.3"},
            {"metric": "steps_to_loss ≤ 0.5"},
            "steps_to_loss ≤ 0.3 → steps_to_loss ≤ 0.5",
        ),
        ({"effect_kind": "difference", "effect": 0.5}, {"effect": 2.0}, "  –  "),
    ],
)
def test_a_claim_that_asks_something_else_is_shown_and_the_runs_must_agree(tmp_path, old, new, words):
    result = old_and_new(tmp_path, OLD, claim("reversed", **new), {}, old_claims=claim(**old))
    assert (result.problems, result.same_bytes, result.num_compared) == ([], 1, 2)
    (change,) = result.changes
    assert (change.keys, len(change.variants), len(change.claims)) == ([], 0, 1)
    text = shown(result)
    assert text.startswith("  fig04: other claims (old → new)")
    assert words in text
    assert "replicated → reversed" in text


def test_a_difference_changes_by_a_difference(tmp_path):
    asked = {"effect_kind": "difference", "smallest_effect": 0.05}
    result = old_and_new(
        tmp_path,
        OLD,
        claim(effect=0.25, **asked | {"smallest_effect": 0.1}),
        {},
        old_claims=claim(effect=0.75, **asked),
    )
    assert result.changes[0].claims["change"].tolist() == [-0.5]
    assert "− 0.5" in shown(result)


def test_verdicts_of_unchanged_variants_must_agree_beside_changed_ones(tmp_path):
    new = table(OLD, values(TANH, "ELU", "elu"))
    result = old_and_new(tmp_path, new, claim("reversed"), {"vary.model.activation": ["relu", "tanh", "elu"]})
    (problem,) = result.problems
    assert problem == "fig04: claim c (): reversed, replicated in the reference"
    assert len(result.changes[0].claims) == 0


def test_an_added_variant_is_said_and_so_is_its_claim(tmp_path):
    new = table(OLD, values([1.0, 3.0], "ELU", "elu"))
    claims = table(claim(), claim("inconclusive", claim="d", control="ELU"))
    result = old_and_new(tmp_path, new, claims, {"vary.model.activation": ["relu", "tanh", "elu"]})
    assert (result.problems, result.num_compared) == ([], 2)
    (change,) = result.changes
    (row,) = change.variants.to_dict("records")
    assert (row["variant"], row["new"], row["new_seeds"], row["only_in"]) == ("ELU", 2.0, 2, "new")
    assert math.isnan(row["old"])
    assert change.claims["old_verdict"].tolist() == ["absent"]
    text = shown(result)
    assert '    vary.model.activation: ["relu", "tanh"] → ["relu", "tanh", "elu"]' in text
    assert [line.split() for line in text.splitlines() if "ELU" in line] == [
        ["ELU", "final_train_loss", "absent", "2", "–", "0", "→", "2"]
    ]
    assert "absent → inconclusive" in text
    back = compare(
        write(tmp_path / "v2", {"fig04": (OLD, claim(), SETTING)}),
        write(tmp_path / "v3", {"fig04": (new, claims, setting({"seeds": 6}))}),
    )
    assert (back.problems, back.changes[0].variants["only_in"].tolist()) == ([], ["old"])


def test_a_claim_about_unchanged_variants_must_keep_its_verdict_beside_one_about_changed_ones(tmp_path):
    rows = [values(TANH, name, f"run{name}-") for name in "abcd"]
    old = table(claim(where="one", treatment="a", control="b"), claim(where="other", treatment="c", control="d"))
    changed, fails = table(*rows[:3], values(RELU, "d", "other")), {"verdict": "reversed"}
    result = old_and_new(
        tmp_path, changed, old.assign(**fails), {"base.optimizer.lr": 1.0}, old=table(*rows), old_claims=old
    )
    assert result.problems == ["fig04: claim c (one): reversed, replicated in the reference"]
    assert result.changes[0].claims["where"].tolist() == ["other"]
    same = old_and_new(tmp_path / "same", table(*rows), old.assign(**fails), {}, old=table(*rows), old_claims=old)
    assert len(same.problems) == 2


def test_a_claim_beside_another_threshold_asks_something_else(tmp_path):
    stuck = claim("not comparable", reaches="steps_to_loss ≤ 0.1")
    for before in (claim(reaches="steps_to_loss ≤ 0.3"), claim(reaches=None)):
        folder = tmp_path / str(before["reaches"][0])
        result = old_and_new(folder, OLD, stuck, {"thresholds.steps_to_loss": 0.1}, old_claims=before)
        assert (result.problems, result.changes[0].claims["new_verdict"].tolist()) == ([], ["not comparable"])


def test_the_steps_to_another_threshold_are_other_numbers_of_the_same_runs(tmp_path):
    old, new = OLD.assign(steps_to_loss=7.0), OLD.assign(steps_to_loss=float("nan"), steps_to_loss_low=9.0)
    other = {"thresholds.steps_to_loss": 0.1}
    assert old_and_new(tmp_path, new, claim(), other, old=old).problems == []
    assert "other numbers in steps_to_loss" in old_and_new(tmp_path / "b", new, claim(), {}, old=old).problems[0]


def test_a_claim_in_the_other_direction_is_another_one(tmp_path):
    result = old_and_new(tmp_path, OLD, claim("reversed", direction="higher"), {})
    assert result.problems == []
    assert result.changes[0].claims["new_verdict"].tolist() == ["reversed"]


def test_a_measure_with_other_options_is_shown_and_the_rest_must_agree(tmp_path):
    old = OLD.assign(gamma=2.0 + OLD["final_train_loss"], measured="store, exact")
    new = OLD.assign(gamma=1.0 + OLD["final_train_loss"], measured="sketch", gamma_se=0.1)
    claims, fails = claim(metric="gamma"), claim("reversed", metric="gamma")
    sketched = {"measures.regularity.estimator": "sketch"}
    result = old_and_new(tmp_path, new, fails, sketched, old=old, old_claims=claims)
    assert result.problems[0].endswith("other numbers in gamma_se")  # no column of the measure
    result = old_and_new(tmp_path / "b", new.drop(columns="gamma_se"), fails, sketched, old=old, old_claims=claims)
    assert (result.problems, result.num_compared) == ([], 2)
    assert result.changes[0].variants["metric"].tolist() == ["gamma", "gamma"]
    assert result.changes[0].claims["new_verdict"].tolist() == ["reversed"]
    moved = new.drop(columns="gamma_se").assign(final_train_loss=0.5)
    result = old_and_new(tmp_path / "c", moved, fails, sketched, old=old, old_claims=claims)
    assert result.problems[0].endswith("other numbers in final_train_loss")


def test_a_tree_that_does_not_know_its_settings_is_compared_without_naming_keys(tmp_path):
    new = table(values(RELU), values(TANH, "tanh", "faster"))
    result = old_and_new(tmp_path, new)
    assert (result.problems, result.num_compared, result.changes[0].keys) == ([], 1, [])
    assert result.notes == ["fig04: its runs differ from the reference's, a tree does not say its settings"]
    assert shown(result).startswith("  fig04: other runs (old → new)")


def test_other_runs_of_the_same_settings_are_noted(tmp_path):
    result = old_and_new(tmp_path, table(values(RELU), values(TANH, "tanh", "later")), changes={})
    assert result.problems == []
    assert result.notes == [
        "fig04: its runs differ from the reference's, no setting explains it (other data or numerics)"
    ]


@pytest.mark.parametrize("key", ["thresholds.steps_to_loss", "measures.regularity.estimator", "fig02.thresholds.x"])
def test_a_setting_that_decides_no_runs_does_not_explain_other_runs(tmp_path, key):
    other = table(values(TANH, run="other"), values(RELU, "tanh", "other-"))
    result = old_and_new(tmp_path, other, changes={key: 0.3})
    note = "fig04: its runs differ from the reference's, no setting explains it (other data or numerics)"
    assert (result.problems, result.notes) == ([f"nothing was compared: {note}"], [note])


@pytest.mark.parametrize(
    "key", ["base.model", "vary", "variants.Adam.base.lr", "seeds", "random_label_seeds", "fig02.base.lr"]
)
def test_a_setting_that_decides_the_runs_explains_other_runs(tmp_path, key):
    other = table(values(TANH, run="other"), values(RELU, "tanh", "other-"))
    before, now = ({"fig04": (rows, claim(), nested(key, value))} for rows, value in ((OLD, 1), (other, 2)))
    result = compare(write(tmp_path / "local", now), write(tmp_path / "v1", before))
    assert (result.problems, result.notes, result.changes[0].keys) == ([], [], [(key, 1, 2)])


def test_a_figure_with_sources_that_does_not_say_their_settings_is_one_that_does_not_know(tmp_path):
    other = table(values(TANH, run="other"), values(RELU, "tanh", "other-"))
    trees = [write(tmp_path / name, {"fig04": (rows, claim(), None)}) for name, rows in (("v1", OLD), ("local", other))]
    for one in trees:
        rewrite(one.root / "fig04/provenance.json", setting=None)
    (note,) = compare(trees[1], trees[0]).notes
    assert note == "fig04: its runs differ from the reference's, a tree does not say its settings"


def test_a_varied_option_of_a_measure_leaves_the_columns_of_unchanged_variants_to_agree(tmp_path):
    old, moved = OLD.assign(gamma=2.0 + OLD["final_train_loss"]), OLD.assign(gamma=1.0)
    result = old_and_new(tmp_path, moved, changes={"vary.measures.regularity.estimator": ["store"]}, old=old)
    assert result.problems[0] == "fig04: same hardware and versions, but other numbers in gamma"


def test_a_measure_of_one_named_variant_with_other_options_is_measured_otherwise(tmp_path):
    old, moved = OLD.assign(gamma=2.0 + OLD["final_train_loss"]), OLD.assign(gamma=1.0)
    before, now = ({"variants": {"lr 0.1": {"measures": {"regularity": {"rank": rank}}}}} for rank in (10, 20))
    reference = write(tmp_path / "v1", {"fig04": (old, claim(), before)})
    result = compare(write(tmp_path / "local", {"fig04": (moved, claim(), now)}), reference)
    assert result.problems == []


def test_where_all_was_changed_nothing_is_held_against_the_reference_and_that_is_said(tmp_path):
    faster = table(values(TANH, run="faster"), values(RELU, "tanh", "faster-"))
    result = old_and_new(tmp_path, faster, changes={"base.optimizer.lr": 0.1})
    assert (result.problems, result.num_compared, result.not_held) == ([], 0, ["fig04"])
    assert "not compared: 1 figure has other settings than the reference and was not held against it: fig04" in shown(
        result
    )
    two = {"fig05": (OLD.assign(fingerprint=OLD["fingerprint"] + "x"), claim(), SETTING)}
    result = old_and_new(tmp_path / "two", faster, changes={"base.optimizer.lr": 0.1}, **two)
    assert (result.problems, result.num_compared, result.not_held) == ([], 2, ["fig04"])
    (problem,) = old_and_new(tmp_path / "unknown", faster, changes={}).problems
    assert problem.startswith("nothing was compared: fig04: its runs differ")


def test_runs_that_went_missing_from_a_figure_are_a_problem_also_beside_changes(tmp_path):
    new = write(tmp_path / "local", {"fig04": (OLD, claim(), setting({"seeds": 6}))})
    known = new.provenance("fig04")
    staging = new.staging("fig04")
    ProductFolder(staging).save("numbers", Product("Numbers", table=OLD.iloc[1:], role="values"))
    new.promote("fig04", staging, known)  # and without claims
    (problem,) = compare(new, write(tmp_path / "v1", {"fig04": (OLD, claim(), SETTING)})).problems
    assert problem == "fig04: runs of both trees are in the values of only one: relu0"


def test_the_same_runs_under_other_labels_are_a_problem_where_no_setting_explains_them(tmp_path):
    new = OLD.replace({"variant": {"ReLU": "relu"}})
    (problem,) = old_and_new(tmp_path, new, changes={}).problems
    assert problem == "fig04: the same runs have other labels: 'ReLU', 'relu'"
    assert old_and_new(tmp_path / "renamed", new, changes={"vary.model.norm": ["none"]}).problems == []


def test_diverged_runs_are_counted_and_left_out_of_the_means(tmp_path):
    wild = values([1e9, *TANH[1:]], "tanh", "faster", diverged=[True] + [False] * 4)
    result = old_and_new(tmp_path, table(values(RELU), wild), changes={"base.optimizer.lr": 9.0})
    rows = result.changes[0].variants.set_index("metric")
    assert rows.loc["final_train_loss", "new"] == pytest.approx(0.2)
    assert rows.loc["final_train_loss", "new_seeds"] == 4
    assert rows.loc["runs diverged", ["old", "new"]].tolist() == [0, 1]


def test_ratios_need_two_positive_numbers_and_what_is_unknown_is_a_dash(tmp_path):
    old = values(TANH, "tanh", "tanh", gamma=[-1.0] * 5, cosine=[math.nan] * 5)
    new = values(TANH, "tanh", "faster", gamma=[2.0] * 5, cosine=[0.5] * 5)
    result = old_and_new(tmp_path, new, changes={"base.optimizer.lr": 9.0}, old=old)
    cells = {line.split()[1]: line.split()[2:5] for line in shown(result).splitlines() if "  tanh" in line}
    assert cells["gamma"] == ["-1", "2", "–"]
    assert cells["cosine"] == ["–", "0.5", "–"]


def test_keys_name_what_a_side_lacks(tmp_path):
    new = setting({"base.optimizer.momentum": None, "base.model.name": {"kind": "mlp"}, "measures.sharpness": {}})
    del new["seeds"]
    trees = [write(tmp_path / name, {"fig04": (OLD, claim(), one)}) for name, one in (("v1", SETTING), ("local", new))]
    result = compare(trees[1], trees[0])
    assert result.problems == []
    assert shown(result).splitlines() == [
        "  fig04: other settings (old → new)",
        "    base.model.name: mlp → absent",
        "    seeds: 5 → absent",
        "    base.optimizer.momentum: absent → null",
        "    base.model.name.kind: absent → mlp",
        "    measures.sharpness: absent → {}",
    ]


def test_a_summary_is_short_and_says_what_it_leaves_out(tmp_path):
    names = [f"width = {width}" for width in range(30)]
    old, new = (table(*(values(TANH, name, f"{run}{name}-") for name in names)) for run in ("old", "new"))
    before = table(*(claim(claim=f"c{index}", treatment=names[0], control=names[1]) for index in range(30)))
    after = before.assign(verdict=["inconclusive"] * 20 + ["replicated"] * 10)
    result = old_and_new(tmp_path, new, after, {"base.optimizer.lr": 1.0}, old=old, old_claims=before)
    short, full = shown(result, most=12), shown(result)
    assert len(short.splitlines()) < 40 < 60 < len(full.splitlines())
    assert "… and 18 more" in short
    assert "… and 8 more" in short
    assert "claims as before, with the same verdict: 10" in short
    assert "more" not in full
    assert full.count("replicated → inconclusive") == 20
