"""A trajectory in three lines: closed forms, and rows that stand for several steps."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import trajreg


def straight(num_steps, lr=0.5):
    """One unit a step towards 0, at a loss that falls."""
    left = np.arange(num_steps, -1, -1.0)
    return trajreg.regularity(
        distance_sq=left**2, update_sq=np.ones(num_steps), loss=np.linspace(2, 1, num_steps), lr=lr
    )


def test_a_straight_path():
    table = straight(10)
    found = trajreg.summary(table)
    assert found.index.tolist() == ["early", "late", "whole"]
    assert found["steps"].tolist() == [2, 8, 10]
    assert found["distance"].tolist() == [10, 8, 10]
    np.testing.assert_allclose(found["directedness"], [(100 - 64) / 2, 64 / 8, 100 / 10])
    np.testing.assert_allclose(found["loss"]["whole"], 1.5)
    np.testing.assert_allclose(found["gamma"]["whole"], 100 / (2 * 0.5 * 15))
    np.testing.assert_allclose(found["gamma"], found["directedness"] * found["gamma_walk"])
    np.testing.assert_allclose(found["rate"], 0.5 * found["gamma"])


def test_rows_that_stand_for_several_steps_count_as_many():
    """Three stretches of 1, 7 and 2 steps of a path have the sums of the path's own steps."""
    table, ends = straight(10), [0, 1, 8, 10]
    left = np.arange(10, -1, -1.0)
    counts = np.diff(ends)
    rows = trajreg.regularity(
        distance_sq=left[ends] ** 2,
        update_sq=counts.astype(float),
        loss=[table["loss"][a:b].mean() for a, b in pairwise(ends)],
        lr=0.5 * counts,
    )
    rows = rows.assign(step=ends[:-1], num_steps=counts, lr=0.5, update_norm=np.nan)
    found, expected = trajreg.summary(rows), trajreg.summary(table)
    for name in ("steps", "loss", "lr", "distance", "gamma", "gamma_walk", "directedness", "rate"):
        assert found.loc["whole", name] == pytest.approx(expected.loc["whole", name]), name
    assert found.loc["early", "steps"] == 8  # what begins within the first fifth
    assert trajreg.directedness(rows) == pytest.approx(10.0)


def test_rows_that_are_not_next_to_each_other_have_no_d():
    rows = straight(4).assign(num_steps=1)
    with pytest.raises(ValueError, match="step 0 is followed by step 2"):
        trajreg.directedness(rows.drop(index=1))


def test_it_is_shown_with_symbols_and_holds_exact_numbers():
    found = trajreg.summary(straight(3, lr=1 / 3))
    assert found["lr"]["whole"] == pytest.approx(1 / 3, rel=1e-15)
    for shown in (repr(found), found._repr_html_()):
        assert "0.3333" in shown
        assert "D" in shown
        assert "0.33333" not in shown
    assert "γ walk" in repr(found[["gamma_walk"]])


def test_a_single_step_and_none():
    assert trajreg.summary(straight(1)).index.tolist() == ["early", "whole"]
    with pytest.raises(ValueError, match="no rows"):
        trajreg.summary(straight(2)[:0])


def recorded(options, rates, num_steps=20):
    """Two recordings of one path: by `options`, and of every step."""
    tables = []
    for chosen in (options, {"estimator": "store"}):
        random = np.random.default_rng(0)
        weight = torch.nn.Parameter(torch.zeros(7, dtype=torch.float64))
        recorder = trajreg.TrajectoryRecorder([weight], **chosen)
        for step in range(num_steps):
            recorder.log_step(1.0 + random.random(), lr=rates[step])
            with torch.no_grad():
                weight.add_(torch.from_numpy(rates[step] * (1 + random.normal(size=7))))
        tables.append(recorder.finish().regularity())
    return tables


@pytest.mark.parametrize("per_epoch", [3, 6, 19, 20, 100])
@pytest.mark.parametrize("rates", [[0.1] * 20, list(np.linspace(0.2, 0.01, 20))], ids=["constant", "schedule"])
def test_an_epoch_that_is_shorter_counts_as_what_it_is(per_epoch, rates):
    epochs, steps = recorded({"estimator": "epoch", "steps_per_epoch": per_epoch}, rates)
    found, expected = (trajreg.summary(one).loc["whole"] for one in (epochs, steps))
    for name in ("steps", "lr", "distance", "gamma", "gamma_walk", "directedness", "rate"):
        assert found[name] == pytest.approx(expected[name], rel=1e-9), name
    assert trajreg.directedness(epochs) == pytest.approx(trajreg.directedness(steps), rel=1e-9)


def test_an_epoch_of_rate_zero_has_a_loss_and_counts():
    rates = [0.0] * 10 + [0.1] * 10
    epochs, steps = recorded({"estimator": "epoch", "steps_per_epoch": 10}, rates)
    assert epochs["loss"].tolist() == pytest.approx([steps["loss"][:10].mean(), steps["loss"][10:].mean()])
    assert trajreg.summary(epochs)["loss"]["whole"] == pytest.approx(steps["loss"].mean())
    assert trajreg.summary(epochs)["gamma"]["whole"] == pytest.approx(trajreg.summary(steps)["gamma"]["whole"])


def test_a_table_that_begins_later_has_its_own_first_fifth():
    found = trajreg.summary(straight(10).assign(step=lambda table: table["step"] + 500))
    assert found["steps"].tolist() == [2, 8, 10]
    assert trajreg.summary(straight(30)[20:])["steps"].tolist() == [2, 8, 10]
