"""Losses and learning rates between checkpoints, from logs that are finer or coarser than they are."""

import numpy as np
import pandas as pd
import pytest

from trajreg.checkpoints.logged_stretches import logged_stretches

T, EDGES = 100, [0, 25, 50, 75, 100]
RATES = 0.2 * (1 - np.arange(T) / T)
LOSS = 1 + np.exp(-np.arange(T) / 30)


def sparse(path, every=25, **columns):
    """A row after each `every` steps: the mean loss since the row before, and what stands in `columns` at its last step."""
    rows = pd.DataFrame({"step": np.arange(every, T + 1, every), "loss": LOSS.reshape(-1, every).mean(axis=1)})
    for name, values in columns.items():
        rows[name] = values[every - 1 :: every]
    rows.to_csv(path, index=False)
    return path


def means(values):
    return values.reshape(4, 25).mean(axis=1)


def test_rates_between_logged_ones_are_interpolated_and_that_is_said(tmp_path):
    """A linear schedule is met exactly, but for the steps before the first row."""
    found = logged_stretches(sparse(tmp_path / "log.csv", lr=RATES), EDGES)
    np.testing.assert_allclose(found.lr[1:], means(RATES)[1:])
    assert found.lr[0] == pytest.approx(RATES[24])
    assert [note.partition(":")[0] for note in found.notes[-2:]] == [
        "γ is approximate",
        "Learning rates between logged ones are interpolated",
    ]


def test_a_file_with_the_rate_of_every_step_is_used_as_it_is(tmp_path):
    pd.DataFrame({"step": np.arange(1, T + 1), "lr": RATES}).to_csv(tmp_path / "lr.csv", index=False)
    found = logged_stretches(sparse(tmp_path / "log.csv"), EDGES, tmp_path / "lr.csv")
    np.testing.assert_allclose(found.lr, means(RATES))
    assert any(note.startswith("γ is approximate") for note in found.notes)
    assert not any("interpolated" in note for note in found.notes)


def test_a_file_of_changes_holds_from_one_to_the_next(tmp_path):
    pd.DataFrame({"step": [1, 31, 100], "lr": [0.1, 0.01, 0.01]}).to_csv(tmp_path / "lr.csv", index=False)
    found = logged_stretches(sparse(tmp_path / "log.csv"), EDGES, tmp_path / "lr.csv")
    np.testing.assert_allclose(found.lr, [0.1, (5 * 0.1 + 20 * 0.01) / 25, 0.01, 0.01])


@pytest.mark.parametrize("first", [0, 1])
def test_a_log_of_every_step_is_exact_under_a_schedule(first, tmp_path):
    rows = pd.DataFrame({"step": np.arange(T) + first, "loss": LOSS, "lr": RATES})
    rows.to_csv(tmp_path / "log.csv", index=False)
    found = logged_stretches(tmp_path / "log.csv", EDGES)
    np.testing.assert_allclose(found.lr, means(RATES))
    np.testing.assert_allclose(found.loss, means(RATES * LOSS) / means(RATES))
    assert len(found.notes) == 1


def test_a_constant_rate_makes_means_exact(tmp_path):
    found = logged_stretches(sparse(tmp_path / "log.csv", every=5), EDGES, 0.1)
    np.testing.assert_allclose(found.loss, means(LOSS))
    assert not any("approximate" in note for note in found.notes)


def test_a_rate_of_zero_leaves_plain_means(tmp_path):
    found = logged_stretches(sparse(tmp_path / "log.csv"), EDGES, 0.0)
    np.testing.assert_allclose(found.loss, means(LOSS))
    np.testing.assert_array_equal(found.lr, 0)


@pytest.mark.parametrize(("counts_from", "ends"), [(0, 4), (1, 5), (None, 4)])
def test_how_steps_are_counted_can_be_said(counts_from, ends, tmp_path):
    """Rows at 4, 9, … 99, as a trainer that counts from 0 logs every five steps; checkpoints up to 100 tell, up to 95 they do not."""
    rows = pd.DataFrame({"step": np.arange(4, T, 5), "loss": np.arange(20.0)})
    rows.to_csv(tmp_path / "log.csv", index=False)
    last = 100 if counts_from is None else 95
    found = logged_stretches(tmp_path / "log.csv", [0, 5, last], 0.1, counts_from=counts_from)
    assert found.loss[0] == pytest.approx(0.0 if ends == 4 else (4 * 0 + 1 * 1) / 5)
