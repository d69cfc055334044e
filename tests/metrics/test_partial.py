"""γ where some steps are unknown, on a path that is known."""

import numpy as np
import pytest

from trajreg.metrics.aggregate import over_stretches, phase_of, summarise
from trajreg.metrics.partial import PartialTable
from trajreg.metrics.regularity import regularity

STEPS, EPOCH = 20, np.repeat(np.arange(1, 6), 4)
ONLY_EXACT = ["gamma", "rate"]


def path(loss=None):
    """A path in the plane with a schedule: (its whole table, ‖θ_t − θ_T‖², η, gap)."""
    stream = np.random.default_rng(0)
    theta = stream.normal(size=(STEPS + 1, 2)).cumsum(axis=0)
    distance_sq = ((theta - theta[-1]) ** 2).sum(axis=1)
    update_sq = (np.diff(theta, axis=0) ** 2).sum(axis=1)
    lr = np.linspace(0.1, 0.05, STEPS)
    loss = stream.uniform(0.5, 1.5, STEPS) if loss is None else loss
    return regularity(distance_sq=distance_sq, update_sq=update_sq, loss=loss, lr=lr), distance_sq, lr, loss


def partial(whole, chosen):
    """What is known of a path when these epochs are."""
    table, distance_sq, lr, gap = whole
    rows = np.isin(EPOCH, chosen)
    known = np.append(rows, True)
    known[::4] = True
    return PartialTable(table[rows].reset_index(drop=True), np.where(known, distance_sq, np.nan), lr, gap)


def test_a_known_epoch_has_everything_and_another_its_ratio_of_sums():
    whole = path()
    expected, table = over_stretches(whole[0], EPOCH), partial(whole, [2, 5]).over_stretches(EPOCH)
    assert table.loc[[2, 5]].equals(expected.loc[[2, 5]])
    np.testing.assert_allclose(table[ONLY_EXACT], expected[ONLY_EXACT], rtol=1e-12)
    assert table.loc[[1, 3, 4]].drop(columns=ONLY_EXACT).isna().all(axis=None)


def test_an_epoch_has_the_same_bits_whatever_else_is_known():
    whole = path()
    tables = [partial(whole, chosen).over_stretches(EPOCH) for chosen in ([1], [2, 4], [1, 2, 4, 5])]
    assert tables[0].loc[[3]].equals(tables[1].loc[[3]])
    assert tables[1].loc[[3]].equals(tables[2].loc[[3]])
    assert tables[0].loc[[1]].equals(tables[2].loc[[1]])


def test_the_summary_with_all_epochs_is_the_summary():
    whole = path()
    assert partial(whole, [1, 2, 3, 4, 5]).summarise() == summarise(whole[0])


def test_the_summary_with_some_epochs_tells_what_is_known_under_the_same_names():
    whole = path()
    expected, some = summarise(whole[0]), partial(whole, [1]).summarise()
    assert some.keys() == expected.keys()
    early = [name for name in some if name.endswith("_early")]
    assert {name: some[name] for name in early} == {
        name: expected[name] for name in early
    }  # the first fifth is epoch 1
    for name in ("gamma", "rate", "gamma_late", "rate_late", "initial_distance"):
        assert some.pop(name) == pytest.approx(expected[name], rel=1e-12)
    assert np.isnan([value for name, value in some.items() if name not in early]).all()


def test_a_phase_that_ends_within_an_unknown_epoch_is_unknown():
    table, distance_sq, lr, gap = path()
    known = np.full(STEPS + 1, np.nan)
    known[[0, 10, 20]] = distance_sq[[0, 10, 20]]  # two epochs; the first fifth are 4 steps
    summary = PartialTable(table[10:], known, lr, gap).summarise()
    assert np.isnan(summary["gamma_early"])
    assert summary["gamma"] == pytest.approx(distance_sq[0] / (2 * (lr * gap).sum()))


def test_a_gap_that_is_not_positive_counts_by_the_distances_and_not_by_the_steps():
    loss = np.ones(STEPS)
    loss[5] = -0.5
    whole = path(loss)
    _, distance_sq, lr, gap = whole
    by_distances = (distance_sq[4] - distance_sq[8]) / (2 * (lr * gap)[4:8].sum())
    by_steps = over_stretches(whole[0], EPOCH)["gamma"][2]
    assert partial(whole, [1]).over_stretches(EPOCH)["gamma"][2] == pytest.approx(by_distances)
    assert partial(whole, [2]).over_stretches(EPOCH)["gamma"][2] == by_steps
    assert by_steps != pytest.approx(by_distances)


def test_unknown_gaps_leave_gamma_unknown():
    table, distance_sq, lr, gap = path()
    gap = np.where(EPOCH == 2, gap, np.nan)
    known = PartialTable(table[EPOCH == 2], distance_sq, lr, gap)
    assert list(known.over_stretches(EPOCH)["gamma"].notna()) == [False, True, False, False, False]
    assert set(phase_of(table)) == {"early", "late"}
    assert known.summarise()["initial_distance"] == np.sqrt(distance_sq[0])
