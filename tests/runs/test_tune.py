"""Tuning: the best rate of a declared grid is found on seeds of its own and written into the setting, which else stays as it is."""

import math

import pytest

from trajreg.errors import InputError
from trajreg.runs.store import RunStore
from trajreg.runs.tune import told, tune
from trajreg.studies.params import load_figure, load_setting

BATTERIES = """\
success:
  gamma:
    {text: "γ is larger with {treatment} than with {control}", source: ours, metric: gamma, direction: higher, effect: ratio,
     smallest_effect: 1.1}
batteries: {usual: [gamma]}
"""
QUESTION = """\
title: t
caption: c
study: s
status: ours
contrasts:
  straight: {treatment: {data.eigenvalues: [1.0, 1.0]}, control: {data.eigenvalues: [1.0, 18.0]}, battery: usual}
"""
SETTING = """\
# a comment at the top
base:
  data: {name: quadratic}                  # and one here
  model: {name: mlp, hidden: [], bias: false}
  optimizer: {name: sgd, lr: 5e-2}
  num_epochs: 5
measures:
  regularity: {}
vary:
  data.eigenvalues: [[1.0, 1.0], [1.0, 18.0]]
primary: {rate: [own]}
tuned:                                     # chosen by: python -m trajreg tune
  grid: [0.01, 0.1, 1.0]
  seeds: [1000, 1001]
seeds: 2
"""


BEST = """\
  best:
    "curvatures 1, 1": 1.0
    "curvatures 1, 18": 0.1
"""


@pytest.fixture
def params(tmp_path):
    folder = tmp_path / "params"
    (folder / "mine").mkdir(parents=True)
    (folder / "batteries.yaml").write_text(BATTERIES)
    (folder / "fig01.yaml").write_text(QUESTION)
    (folder / "mine" / "fig01.yaml").write_text(SETTING)
    return folder


def test_the_best_rates_of_the_grid_are_written_into_the_setting(params, tmp_path):
    store = RunStore(tmp_path / "runs")
    with pytest.raises(InputError, match=r"primary: rate = 'own' is no variant|tuned.best lacks"):
        load_figure(params, "mine", "fig01")
    losses = tune(params, "mine", "fig01", store, workers=1)
    straight, steep = losses.values()
    assert list(losses) == ["curvatures 1, 1", "curvatures 1, 18"]
    assert straight[1.0] < 1e-12  # a step of 1 over the curvature arrives
    assert steep[1.0] == math.inf or steep[1.0] > 1e3  # 18 · 1 is far beyond the 2 where descent diverges
    path = params / "mine" / "fig01.yaml"
    assert path.read_text() == SETTING.replace("  seeds: [1000, 1001]\n", "  seeds: [1000, 1001]\n" + BEST)
    assert load_setting(params, "mine", "fig01").tuned.best == {"curvatures 1, 1": 1.0, "curvatures 1, 18": 0.1}
    made = load_figure(params, "mine", "fig01")
    assert [one.spec.optimizer.lr for one in made.variants] == [0.05, 1.0, 0.05, 0.1]
    assert len(store.fingerprints()) == 12
    lines = list(told(losses))
    assert lines[0].endswith("; at an end of the grid: a wider grid may have a better one")
    assert "0.1: " in lines[1]
    assert "←" in lines[1]
    assert "end of the grid" not in lines[1]


def test_without_a_grid_nothing_is_tuned(params, tmp_path):
    path = params / "mine" / "fig01.yaml"
    path.write_text(SETTING[: SETTING.index("primary")] + "seeds: 2\n")
    with pytest.raises(InputError, match=r"params/mine/fig01.yaml declares no grid of learning rates: write `tuned: "):
        tune(params, "mine", "fig01", RunStore(tmp_path / "runs"))


def test_old_rates_give_way_and_every_other_line_stays(params, tmp_path):
    before = SETTING.replace(
        "  seeds: [1000, 1001]\n",
        "  seeds: [1000, 1001]   # nothing else uses them\n\n# about the seeds\n",
    ).replace(
        "  grid: [0.01, 0.1, 1.0]\n",
        '  best:                  # old\n    "curvatures 1, 1": 0.01\n  grid: [0.1, 1.0]\n',
    )
    path = params / "mine" / "fig01.yaml"
    path.write_text(before)
    tune(params, "mine", "fig01", RunStore(tmp_path / "runs"), workers=1)
    old = '  best:                  # old\n    "curvatures 1, 1": 0.01\n'
    assert path.read_text() == before.replace(old, BEST)


def test_a_variant_that_always_diverges_has_no_best_rate(params, tmp_path):
    path = params / "mine" / "fig01.yaml"
    path.write_text(SETTING.replace("[0.01, 0.1, 1.0]", "[1e30, 2e30]"))
    with pytest.raises(
        InputError, match=r"curvatures 1, 1 diverged at every learning rate of the grid, 1e\+30, 2e\+30: "
    ):
        tune(params, "mine", "fig01", RunStore(tmp_path / "runs"), workers=1)


def test_what_cannot_be_written_into_is_named(params, tmp_path):
    path = params / "mine" / "fig01.yaml"
    block = SETTING[SETTING.index("tuned:") : SETTING.index("seeds: 2")]
    path.write_text(SETTING.replace(block, "tuned: {grid: [0.1, 1.0], seeds: [1000]}\n"))
    with pytest.raises(InputError, match=r"params/mine/fig01.yaml: tuned must have a line of its own for each key"):
        tune(params, "mine", "fig01", RunStore(tmp_path / "runs"), workers=1)
