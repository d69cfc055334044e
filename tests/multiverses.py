"""A small figure under choices, and runs of it whose effects are given."""

import pandas as pd
from figures import battery_of, figure

from trajreg.studies.choices import UNIVERSE
from trajreg.studies.run import Run

CHOICES = {
    "factors": {
        "learning rate": {
            "η": {},
            "half": {"optimizer.lr": {"times": 0.5}},
            "double": {"optimizer.lr": {"times": 2}},
            "fourfold": {"optimizer.lr": {"times": 4}},
        },
        "optimiser": {"SGD": {}, "Adam": {"optimizer.name": "adam", "optimizer.lr": 0.001}},
    },
    "sample": 3,
}
BATTERY = battery_of(gamma={}, speed={"metric": "steps_to_loss", "direction": "lower"})


def made(**changes):
    """VGG-11 with and without batch norm in eight universes, judged by γ and speed."""
    keys = {"choices": CHOICES, "seeds": 3, "thresholds": {"steps_to_loss": 0.5}} | changes
    return figure(batteries=BATTERY, measures={"regularity": {}, "endpoint": {}}, **keys)


def runs_of(asked, ratios):
    """Runs in which γ with the treatment is, seed by seed, so many times that without; 2 where nothing is given for the universe.

    With the treatment a loss is reached in half the steps. None: without it it never is.
    """
    return [_run(asked, variant, seed, ratios) for variant in asked.variants for seed in range(3)]


def _run(asked, variant, seed, ratios):
    treated = asked.claims[0].treatment.items() <= variant.settings.items()
    given = ratios.get(variant.settings[UNIVERSE], [2.0, 2.0, 2.0])
    waits = 3 if treated else 8 if given else 20
    losses = pd.DataFrame({"loss": [2.0] * waits + [0.1] * (20 - waits)})
    epochs = pd.DataFrame({"epoch": [1, 2, 3], "step": [2, 4, 6]})
    summary = {"gamma": given[seed] if treated and given else 1.0, "gamma_endpoint": 1.0}
    return Run(
        variant.label, variant.settings, variant.names, seed, "f", False, epochs, summary, asked.columns, None, None,
        own=lambda name: losses,
    )  # fmt: skip
