"""What a comparison is about follows from the keys in which its sides differ."""

import pytest
from figures import contrast, figure

from trajreg.studies.claims import differing
from trajreg.studies.techniques import OPTIMIZER, OTHER, TECHNIQUES, technique, unfit


@pytest.mark.parametrize(
    ("varied", "name"),
    [
        ("model.activation", "activation"),
        ("model.norm", "normalization"),
        ("model.skip", "skip connections"),
        ("model.init", "initialization"),
        ("model.name", "architecture"),
        ("optimizer", "optimizer"),
        ("optimizer.name, optimizer.lr", "optimizer"),
        ("optimizer.momentum", "optimizer"),
        ("optimizer.lr", "learning rate"),
        ("optimizer.lr, model.norm", "normalization"),
        ("model.skip, model.norm", "normalization"),
        ("model.norms", "architecture"),
        ("data.eigenvalues", OTHER),
        ("", OTHER),
    ],
)
def test_a_technique_follows_from_keys(varied, name):
    assert technique(varied) == name


def test_named_variants_differ_in_the_keys_of_their_definitions():
    variants = {
        "SGD": {"optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": 32},
        "plain": {"optimizer": {"name": "sgd", "lr": 0.2}, "batch_size": 32},
    }
    made = figure(
        question={"contrasts": {"rate": contrast({"variant": "plain"}, {"variant": "SGD"})}},
        vary={},
        variants=variants,
    )
    assert {tuple(differing(made, claim)) for claim in made.claims} == {("optimizer",)}


@pytest.mark.parametrize("metric", ["gamma", "gamma_endpoint", "directedness", "forward_cosine"])
def test_what_scale_or_momentum_decides_says_nothing_of_optimisers_alone(metric):
    assert [name for name in TECHNIQUES if unfit(metric, name)] == [OPTIMIZER]


@pytest.mark.parametrize("metric", ["rate", "steps_to_loss", "final_train_loss"])
def test_optimisers_are_compared_by_rate_speed_and_loss(metric):
    assert not unfit(metric, OPTIMIZER)


def test_a_grid_s_key_is_the_contrast_s():
    assert {tuple(differing(figure(), claim)) for claim in figure().claims} == {("model.norm",)}
