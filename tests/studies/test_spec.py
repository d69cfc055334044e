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
    assert load_figure(write(tmp_path)).trainings()[0].optimizer.lr == 0.001


def test_variants_and_trainings_are_the_grid_times_the_seeds(tmp_path):
    figure = load_figure(
        write(tmp_path, "  model.norm: [batch, none]", "  model.name: [vgg11, vgg16]\n  model.norm: [batch, none]")
    )
    labels = ["VGG-11, batch norm", "VGG-11, no batch norm", "VGG-16, batch norm", "VGG-16, no batch norm"]
    assert [variant.label for variant in figure.variants()] == labels
    assert [spec.seed for spec in figure.trainings()] == [0, 1] * 4


def test_random_labels_are_the_same_trainings_of_the_first_seeds(tmp_path):
    figure = load_figure(write(tmp_path, "seeds: 2", "seeds: 2\nrandom_label_seeds: 1"))
    true = [spec for spec in figure.trainings() if not spec.data.shuffle_targets]
    random = figure.null_trainings()
    assert [spec for spec in figure.trainings() if spec.data.shuffle_targets] == random
    assert [(spec.model.norm, spec.seed) for spec in true] == [("batch", 0), ("batch", 1), ("none", 0), ("none", 1)]
    assert [(spec.model.norm, spec.seed) for spec in random] == [("batch", 0), ("none", 0)]
    for spec in random:
        data = spec.data.model_copy(update={"shuffle_targets": False})
        assert spec.model_copy(update={"data": data}) in true
    assert [variant.label for variant in figure.null_variants()] == [
        "batch norm, random labels",
        "no batch norm, random labels",
    ]


def test_without_random_labels_there_are_no_null_trainings(tmp_path):
    figure = load_figure(write(tmp_path))
    assert (figure.random_label_seeds, figure.null_variants(), figure.null_trainings()) == (0, [], [])


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
        ("{name: quadratic, eigenvalues: [1.0]}", "has no labels: quadratic"),
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
        assert load_figure(path).trainings()


def test_digits_has_enough_seeds_for_a_verdict():
    for path in figure_files(ROOT / "params", "digits").values():
        assert load_figure(path).seeds >= 5


def test_options_of_an_activation_can_be_varied(tmp_path):
    path = write(tmp_path, "{name: vgg11}", "{name: vgg11, activation: {name: leaky_relu}}")
    path.write_text(path.read_text().replace("vary:\n", "vary:\n  model.activation.slope: [0.01, 0.1]\n"))
    figure = load_figure(path)
    activations = [variant.training.model.activation for variant in figure.variants()]
    assert activations[0] == "leaky_relu"  # the default
    assert activations[2].slope == 0.1
    assert figure.base["model"]["activation"] == {"name": "leaky_relu"}
