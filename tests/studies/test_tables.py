"""Tables of runs: values of which only bounds are known, and tables that a run does not have."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from figures import figure

from trajreg.columns import Bound, Column, Columns
from trajreg.errors import InputError
from trajreg.studies.catalogue import COLUMNS
from trajreg.studies.run import Run
from trajreg.studies.tables import run_table, summary_table

SHARPNESS = Columns((Column("reached", "epoch of the edge", shown=True),))
STEPS = pd.DataFrame({"step": [0]})


def run(seed, diverged=False, **summary):
    tables = {("regularity", "steps"): STEPS}
    return Run(
        "v",
        {},
        {},
        seed,
        f"f{seed}",
        diverged,
        pd.DataFrame(),
        summary,
        SHARPNESS + COLUMNS,
        lambda measure, name: tables[measure, name],
        None,
        "store, exact",
    )


def test_a_bound_is_no_number_and_its_known_ends_have_columns_of_their_own():
    table = run_table([run(0, reached=3.0), run(1, reached=Bound(low=16.0)), run(2, reached=Bound(high=1.0))])
    assert list(table)[6:] == ["reached", "reached_low", "reached_high"]
    np.testing.assert_array_equal(table["reached"], [3, np.nan, np.nan])
    np.testing.assert_array_equal(table["reached_low"], [np.nan, 16, np.nan])
    np.testing.assert_array_equal(table["reached_high"], [np.nan, np.nan, 1])
    assert list(run_table([run(0, reached=3.0)]))[6:] == ["reached"]


def test_the_ends_of_a_bound_take_no_other_metrics_place():
    with pytest.raises(ValueError, match="the bound of gamma needs the column gamma_low"):
        run_table([run(0, gamma=Bound(low=1.0), gamma_low=0.5)])


def test_censored_values_are_counted_beside_the_mean():
    runs = [run(0, reached=3.0, gamma=1.0), run(1, reached=Bound(low=16.0), gamma=2.0), run(2, True, reached=math.nan)]
    row = summary_table(runs).loc["v"]
    assert row["epoch of the edge"] == "3 (1 censored)"
    assert row["γ, whole run"] == "1.5 ± 0.71"
    assert list(row.index) == ["runs", "diverged", "epoch of the edge", "γ, whole run", "γ measured by"]
    never = summary_table([run(seed, reached=Bound(low=16.0)) for seed in range(2)]).loc["v"]
    assert never["epoch of the edge"] == "2 censored"


def test_a_run_names_the_measure_it_lacks():
    one = run(0, gamma=1.0, reached=Bound(low=16.0))
    assert one.steps() is one.table("regularity", "steps") is STEPS
    with pytest.raises(InputError, match=r"run f0 \(v, seed 0\) has no table 'steps' of measure 'sharpness'"):
        one.steps("sharpness")
    assert one.value("gamma") == 1.0
    assert math.isnan(one.value("reached"))
    assert math.isnan(one.value("nothing"))


def losses(*values):
    """A run whose own table of steps has these losses, two of them an epoch, at learning rates that fall."""
    steps = pd.DataFrame({"loss": values, "lr": np.linspace(0.3, 0.1, len(values))})
    return replace(run(0), epochs=pd.DataFrame({"step": [2]}), own=lambda name: {"steps": steps}[name])


def test_speed_and_learning_rate_of_each_run_stand_among_its_values():
    asked = figure(thresholds={"steps_to_loss": 0.5})
    runs = [losses(2.0, 1.0, 0.4, 0.2), losses(2.0, 1.0, 0.9), losses(0.6, 0.3), replace(losses(9.0), diverged=True)]
    table = run_table(runs, asked)
    assert list(table)[3:6] == ["diverged", "lr", "measured"]
    np.testing.assert_allclose(table["lr"][:3], 0.2)
    np.testing.assert_array_equal(table["steps_to_loss"], [4, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(table["steps_to_loss_low"], [np.nan, 4, 1, np.nan])  # never; within the first epoch
    np.testing.assert_array_equal(table["steps_to_loss_high"], [np.nan, np.nan, 2, np.nan])
    assert summary_table(runs[:3]).loc["v", "learning rate"] == "0.2"
    with pytest.raises(InputError, match=r"fig04: thresholds.steps_to_loss = 0.5 must be below the loss"):
        run_table([losses(0.4, 0.3)], asked)
    assert math.isnan(run_table([run(0)])["lr"][0])
