"""The table of nulls: medians over seeds, pairs by seed, and NaN where nothing is known."""

import math

import numpy as np
import pandas as pd
import pytest
from figures import names

import trajreg
from trajreg.metrics.aggregate import over_stretches, summarise
from trajreg.studies import catalogue
from trajreg.studies.null_table import COLUMNS, EPOCHS, null_epochs, nulls
from trajreg.studies.run import Run

SPE = 5  # steps an epoch


def table(seed=0, loss=1.0):
    """The per-step table of a random path of twenty steps."""
    theta = np.random.default_rng(seed).normal(loc=1.0, size=(21, 4)).cumsum(axis=0)
    squares = ((theta - theta[-1]) ** 2).sum(axis=1), ((theta[1:] - theta[:-1]) ** 2).sum(axis=1)
    return trajreg.regularity(distance_sq=squares[0], update_sq=squares[1], loss=np.full(20, loss), lr=0.1)


def by_epoch(steps):
    """As estimator `epoch` tells it: a row an epoch, no lengths of updates."""
    gamma = over_stretches(steps, steps["step"] // SPE)["gamma"]
    rows = steps.iloc[::SPE].assign(gamma=gamma.to_numpy(), update_norm=np.nan, cosine=np.nan)
    return rows.reset_index(drop=True)


def run(steps, norm="batch", seed=0, random=False, diverged=False, ends=None, **summary):
    settings = {"model.norm": norm} | ({"data.shuffle_targets": True} if random else {})
    epochs = pd.DataFrame({"epoch": [1, 2, 3, 4], "step": [5, 10, 15, 20], "train_loss": 1.0})
    if diverged:
        losses = lambda measure, name: steps[["step", "loss"]]  # noqa: E731
        return Run("v", settings, names(settings), seed, "f", True, epochs, {}, catalogue.COLUMNS, losses, None)
    epochs = epochs.join(over_stretches(steps, 1 + steps["step"].to_numpy() // SPE), on="epoch")
    arrays = (
        None if ends is None else lambda measure, name: {("endpoint", key): ends[key] for key in ends}[measure, name]
    )
    measured = {} if ends is None else {"gamma_endpoint": 1.0}
    return Run(
        "v",
        settings,
        names(settings),
        seed,
        "f",
        False,
        epochs,
        summarise(steps, 20) | measured | summary,
        catalogue.COLUMNS,
        lambda measure, name: steps,
        arrays,
    )


def test_a_row_a_variant_with_medians_over_seeds():
    tables = [table(seed, loss=1 + seed) for seed in range(3)]
    result = nulls([run(one, seed=seed) for seed, one in enumerate(tables)] + [run(table(), norm="none")], [])
    assert list(result) == COLUMNS
    assert result["variant"].tolist() == ["batch norm", "no batch norm"]
    row, summaries = result.iloc[0], [summarise(one) for one in tables]
    for column, name in {"gamma": "gamma", "walk_early": "gamma_walk_early", "cosine": "cosine"}.items():
        assert row[column] == np.median([summary[name] for summary in summaries])
    assert (row["seeds"], row["diverged"], row["random_seeds"]) == (3, 0, 0)
    assert row[["random_gamma", "random_cosine", "ratio"]].isna().all()


def test_shuffled_phases_weigh_to_gamma_of_the_whole_run():
    steps = table(loss=2.0)
    row = nulls([run(steps)], []).iloc[0]
    share = 4 / 20  # the early phase, at one loss for all steps
    assert share * row["shuffled_early"] + (1 - share) * row["shuffled_late"] == pytest.approx(row["gamma"], rel=1e-12)


def test_the_ratio_is_over_pairs_of_the_same_seed():
    runs = [run(table(seed), seed=seed) for seed in range(3)]
    tenfold = [run(table(seed, loss=10.0), seed=seed, random=True) for seed in range(2)]
    row = nulls(runs, tenfold).iloc[0]
    assert row["ratio"] == pytest.approx(10)
    assert row["random_gamma"] == np.median([one.summary["gamma"] for one in tenfold])
    assert (row["seeds"], row["random_seeds"]) == (3, 2)


def test_directedness_and_forward_cosine_are_there_where_they_were_measured():
    some = [run(table(), directedness=value, forward_cosine=0.1) for value in (1.0, 3.0, 2.0)]
    known = {"directedness": 0.5, "forward_cosine": 0.0, "final_train_accuracy": 0.25}
    row = nulls(some, [run(table(), random=True, **known)]).iloc[0]
    assert row[["directedness", "forward_cosine"]].tolist() == [2.0, 0.1]
    assert row[["random_directedness", "random_forward_cosine", "random_accuracy"]].tolist() == [0.5, 0.0, 0.25]


def ends_at(*end):
    return {"start": np.zeros(2, np.float32), "end": np.array(end, np.float32)}


def test_every_run_is_held_against_the_end_of_the_next_seed():
    ends = [ends_at(2, 0), ends_at(0, 1), ends_at(1, 0)]
    gammas = [run(table(seed), seed=seed, ends=one, directedness=2.0) for seed, one in enumerate(ends)]
    row = nulls(gammas, []).iloc[0]
    # 2·v·w / v² − 1: at right angles −1, again −1, and of (1, 0) towards (2, 0): 2 · 2 / 1 − 1
    towards = [factor * one.summary["gamma"] for factor, one in zip((-1, -1, 3), gammas, strict=True)]
    assert row["other_pairs"] == 3
    assert row["other_gamma"] == pytest.approx(np.median(towards))
    assert row["other_directedness"] == -2
    assert row["other_cosine"] == 0


def test_another_end_needs_two_runs_of_the_variant_that_ended():
    alone = [run(table(), ends=ends_at(1, 0)), run(table(), seed=1, diverged=True), run(table(), seed=2)]
    other = [run(table(), norm="none", seed=seed, ends=ends_at(1, seed), directedness=math.nan) for seed in range(2)]
    first, second = nulls([*alone, *other], []).to_dict("records")
    assert (first["other_pairs"], second["other_pairs"]) == (0, 2)
    assert all(math.isnan(first[name]) for name in ("other_gamma", "other_directedness", "other_cosine"))
    assert second["other_cosine"] == pytest.approx(math.sqrt(0.5))
    assert math.isnan(second["other_directedness"])  # of runs without a directedness


def test_diverged_runs_are_counted_and_left_out():
    runs = [run(table(), diverged=True), run(table(1), seed=1)]
    row = nulls(runs, [run(table(), random=True, diverged=True)]).iloc[0]
    assert (row["diverged"], row["random_diverged"]) == (1, 1)
    assert row["gamma"] == summarise(table(1))["gamma"]
    assert math.isnan(row["ratio"])
    assert nulls(runs[:1], []).iloc[0][["gamma", "walk", "shuffled_early"]].isna().all()


def test_estimator_epoch_tells_gamma_and_walk_but_not_the_shuffled_updates():
    row = nulls([run(by_epoch(table()))], []).iloc[0]
    assert row[["gamma", "walk"]].notna().all()
    assert row[["shuffled_early", "shuffled_late", "cosine"]].isna().all()
    known = null_epochs(run(by_epoch(table())))
    assert known["gamma"].notna().all()
    assert known["gamma_shuffled"].isna().all()


def test_epochs_have_the_shuffled_gamma_beside_the_measured_one():
    known = null_epochs(run(table()))
    assert list(known) == ["epoch", "step", *EPOCHS, "gamma_shuffled"]
    assert known["gamma_shuffled"].mean() == pytest.approx(known["gamma"].mean(), rel=1e-12)  # one loss for all steps
    gone = null_epochs(run(table(), diverged=True))
    assert len(gone) == 4
    assert gone[["gamma", "gamma_shuffled"]].isna().all(axis=None)


def test_replays_of_some_epochs_do_not_tell_the_shuffled_updates():
    some = table()[lambda steps: steps["step"] >= 10].reset_index(drop=True)
    known = null_epochs(run(some)).set_index("epoch")
    assert known["gamma"].notna().tolist() == [False, False, True, True]
    assert known["gamma_shuffled"].isna().all()
