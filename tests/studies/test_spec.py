"""Params files: strict, YAML 1.2, and errors that say what, where and what would be right."""

from pathlib import Path

import pytest

from trajreg.errors import InputError
from trajreg.studies.params import figure_files, load_figure, profiles

ROOT = Path(__file__).resolve().parents[2]
GOOD = """\
figure: fig04
title: t
caption: c
status: paper
base:
  data: {name: digits10}
  model: {name: vgg11}
  optimizer: {name: sgd, lr: 1e-3}
  batch_size: 50
  num_epochs: 3
vary:
  model.norm: [batch, none]
measures:
  regularity: {estimator: store}
seeds: 2
claims:
  - {id: a, text: t, source: paper, metric: gamma, direction: higher, effect: ratio, smallest_effect: 1.1,
     treatment: {model.norm: batch}, control: {model.norm: none}}
"""


def write(tmp_path, old="", new=""):
    assert old in GOOD
    path = tmp_path / "params" / "mine" / "fig04_x.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(GOOD.replace(old, new))
    return path


def test_1e_3_is_a_number(tmp_path):
    assert load_figure(write(tmp_path)).wanted()[0].spec.optimizer.lr == 0.001


def test_variants_and_runs_are_the_grid_times_the_seeds(tmp_path):
    figure = load_figure(
        write(tmp_path, "  model.norm: [batch, none]", "  model.name: [vgg11, vgg16]\n  model.norm: [batch, none]")
    )
    labels = ["VGG-11, batch norm", "VGG-11, no batch norm", "VGG-16, batch norm", "VGG-16, no batch norm"]
    assert [variant.label for variant in figure.variants()] == labels
    assert [one.spec.seed for one in figure.wanted()] == [0, 1] * 4


def test_random_labels_are_the_same_runs_of_the_first_seeds(tmp_path):
    figure = load_figure(write(tmp_path, "seeds: 2", "seeds: 2\nrandom_label_seeds: 1"))
    specs = [one.spec for one in figure.wanted()]
    true = [spec for spec in specs if not spec.data.shuffle_targets]
    random = [spec for spec in specs if spec.data.shuffle_targets]
    assert [(spec.model.norm, spec.seed) for spec in true] == [("batch", 0), ("batch", 1), ("none", 0), ("none", 1)]
    assert [(spec.model.norm, spec.seed) for spec in random] == [("batch", 0), ("none", 0)]
    for spec in random:
        data = spec.data.model_copy(update={"shuffle_targets": False})
        assert spec.model_copy(update={"data": data}) in true
    assert [variant.label for variant in figure.null_variants()] == [
        "batch norm, random labels",
        "no batch norm, random labels",
    ]


def test_without_random_labels_there_are_no_null_variants(tmp_path):
    figure = load_figure(write(tmp_path))
    assert (figure.random_label_seeds, figure.null_variants(), len(figure.wanted())) == (0, [], 4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds: 2", "seeds: 0", r"mine/fig04_x.yaml: seeds = 0: input should be greater than or equal to 1"),
        ("seeds: 2", "seeds: 2\nrandom_label_seeds: -1", r"random_label_seeds = -1: .*greater than or equal to 0"),
        (
            "seeds: 2",
            "seeds: 2\nrandom_label_seeds: 3",
            r"mine/fig04_x.yaml: random_label_seeds = 3 is more than seeds = 2",
        ),
        ("seeds: 2", "sedes: 2", r"mine/fig04_x.yaml: (seeds is missing|sedes is not a known key)"),
        ("seeds: 2", 'seeds: "2"', r"seeds = '2': input should be a valid integer"),
        (
            "lr: 1e-3",
            "lr: -1e-3",
            r"mine/fig04_x.yaml: batch norm: optimizer.lr = -0.001: input should be greater than 0",
        ),
        ("lr: 1e-3", 'lr: "1e-3"', r"optimizer.lr = '1e-3': input should be a valid number"),
        ("batch_size: 50", "batchsize: 50", r"batchsize is not a known key"),
        ("  num_epochs: 3\n", "", r"num_epochs is missing"),
        ("num_epochs: 3", "num_epochs: 3\n  seed: 1", r"base.seed is not a known key: the figure's `seeds`"),
        ("[batch, none]", "[batch, layer]", r"model.norm = 'layer': input should be 'none' or 'batch'"),
        ("[batch, none]", "[]", r"vary.model.norm"),
        ("model.norm: [batch, none]\n", "model.norm.x: [1]\n", r"vary|norm"),
        (
            "treatment: {model.norm: batch}",
            "treatment: {model.norm: layer}",
            r"claim a: model.norm = 'layer' is not a variant",
        ),
        (
            "metric: gamma",
            "metric: gama",
            r"mine/fig04_x.yaml: claim a: metric = 'gama' is not measured in this figure, choose from gamma, .*cosine, .*final_test_loss",
        ),
        (
            "metric: gamma",
            "metric: epochs_to_loss",
            r"claim a: metric epochs_to_loss needs a threshold: the train_loss that",
        ),
        (
            "metric: gamma",
            "metric: gamma, threshold: 0.3",
            r"claim a: threshold = 0.3 does not belong to metric gamma, only to epochs_to_loss",
        ),
        ("smallest_effect: 1.1", "smallest_effect: 0.9", r"claim a: smallest_effect = 0.9 of a ratio must be above 1"),
        (
            "control: {model.norm: none}",
            "control: {model.norm: batch}",
            r"claim a: treatment and control must give different",
        ),
        ("figure: fig04", "figure: fig05", r"figure = 'fig05' differs from the file's name"),
        (
            "regularity:",
            "regularty:",
            r"fig04_x.yaml: batch norm: measures.regularty is unknown, choose from regularity",
        ),
        ("estimator: store", "estimater: store", r"batch norm: measures.regularity: estimater is not a known key"),
        ("estimator: store", "estimator: stor", r"measures.regularity: estimator = 'stor': input should be 'store', "),
        ("estimator: store", "num_sketch: 8", r"measures.regularity: .*num_sketch needs estimator sketch or auto"),
        (
            "estimator: store",
            "estimator: replay, epochs: [4]",
            r"measures.regularity: epochs asks for 4, but this training has 3 epochs",
        ),
        ("{estimator: store}", "replay", r"measures.regularity = 'replay': input should be a valid dictionary"),
        ("seeds: 2", "seeds: 2\nkeep_snapshots: {every: 0}", r"keep_snapshots.every = 0: .*greater than or equal to 1"),
        ("seeds: 2", "seeds: 2\nkeep_snapshots: 2", r"keep_snapshots = 2: "),
        ("base:\n", "base:\n  kind: walk\n", r"batch norm: base.kind = 'walk' is unknown, choose from training$"),
        (
            "measures:\n  regularity: {estimator: store}",
            "measures: {}",
            r"claim a: metric = 'gamma' is not measured in this figure, choose from .*final_test_loss",
        ),
        ("title: t", "title: t\ntitle: u", r"not valid YAML: .*duplicate key"),
        ("title: t", "title: [t", r"fig04_x.yaml is not valid YAML"),
    ],
)
def test_bad_params_are_named(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        load_figure(write(tmp_path, old, new))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("{name: quadratic, eigenvalues: [1.0]}", "has no labels"),
        ("{name: digits10, shuffle_targets: true}", "is trained on random labels already"),
    ],
)
def test_data_whose_labels_cannot_be_shuffled_is_refused(tmp_path, data, why):
    path = write(tmp_path, "seeds: 2", "seeds: 2\nrandom_label_seeds: 1")
    path.write_text(path.read_text().replace("{name: digits10}", data))
    with pytest.raises(InputError, match=f"fig04_x.yaml: random_label_seeds = 1 must be 0: batch norm {why}"):
        load_figure(path)


def test_unknown_profile_and_figure_name_those_there_are():
    with pytest.raises(InputError, match="profile 'digit' is unknown, choose from digits, paper, smoke"):
        figure_files(ROOT / "params", "digit")
    with pytest.raises(InputError, match="figure 'fig99' is unknown in profile 'digits', choose from fig01, fig02"):
        figure_files(ROOT / "params", "digits", ["fig99"])


@pytest.mark.parametrize("profile", profiles(ROOT / "params"))
def test_every_profile_has_every_figure_and_loads(profile):
    files = figure_files(ROOT / "params", profile)
    assert list(files) == list(figure_files(ROOT / "params", "digits"))
    for path in files.values():
        assert load_figure(path).wanted()


def test_digits_has_enough_seeds_for_a_verdict():
    for path in figure_files(ROOT / "params", "digits").values():
        assert load_figure(path).seeds >= 5


def test_options_of_an_activation_can_be_varied(tmp_path):
    path = write(tmp_path, "{name: vgg11}", "{name: vgg11, activation: {name: leaky_relu}}")
    path.write_text(path.read_text().replace("vary:\n", "vary:\n  model.activation.slope: [0.01, 0.1]\n"))
    figure = load_figure(path)
    activations = [variant.spec.model.activation for variant in figure.variants()]
    assert activations[0] == "leaky_relu"  # the default
    assert activations[2].slope == 0.1
    assert figure.base["model"]["activation"] == {"name": "leaky_relu"}


def plain(figure):
    return figure.model_dump(mode="json")


def test_options_of_a_measure_can_be_varied_and_nothing_is_rewritten(tmp_path):
    path = write(tmp_path, "{estimator: store}", "{estimator: replay, epochs: [1]}")
    path.write_text(path.read_text().replace("vary:\n", "vary:\n  measures.regularity.epochs: [[1], all]\n"))
    figure = load_figure(path)
    before = plain(figure)
    epochs = [variant.measures["regularity"].epochs for variant in figure.variants()]
    assert epochs == [(1,), (1,), "all", "all"]
    wanted = figure.wanted()
    assert len({one.spec for one in wanted}) == 4  # the same trainings, measured in two ways
    assert len({name for one in wanted for name in one.measures}) == 2
    assert plain(figure) == before


def test_a_key_two_levels_deep_is_varied_without_rewriting_base(tmp_path):
    path = write(tmp_path, "{name: vgg11}", "{name: vgg11, activation: {name: elu, alpha: 0.5}}")
    path.write_text(path.read_text().replace("vary:\n", "vary:\n  model.activation.alpha: [0.1, 0.2]\n"))
    figure = load_figure(path)
    for _ in range(2):
        assert [one.spec.model.activation.alpha for one in figure.variants()] == [0.1, 0.1, 0.2, 0.2]
    assert figure.base["model"] == {"name": "vgg11", "activation": {"name": "elu", "alpha": 0.5}}


def test_claims_are_about_what_is_measured(tmp_path):
    columns = load_figure(write(tmp_path)).columns.claimable
    assert "gamma" in columns
    assert "final_test_loss" in columns
    assert "gama" not in columns


def test_a_measure_that_is_only_varied_counts(tmp_path):
    path = write(tmp_path, "measures:\n  regularity: {estimator: store}", "measures: {}")
    path.write_text(path.read_text().replace("vary:\n", "vary:\n  measures.regularity.optimum: [zero, endpoint]\n"))
    assert "gamma" in load_figure(path).columns.claimable


def test_keep_snapshots_goes_with_every_run(tmp_path):
    assert {one.keep_snapshots for one in load_figure(write(tmp_path)).wanted()} == {None}
    path = tmp_path / "params" / "mine" / "fig04_x.yaml"
    path.write_text(path.read_text().replace("seeds: 2", "seeds: 2\nkeep_snapshots: {every: 2}"))
    assert {one.keep_snapshots for one in load_figure(path).wanted()} == {2}
