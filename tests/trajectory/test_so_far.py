"""The way while a training runs: closed forms, and agreement with what the table says once θ_T is known."""

import numpy as np
import pytest
import torch
from torch import nn

import trajreg
from trajreg.errors import InputError

ESTIMATORS = [
    {"estimator": "store"},
    {"estimator": "epoch", "steps_per_epoch": 10},
    {"estimator": "sketch", "num_sketch": 16},
    {"estimator": "sketch", "num_sketch": 16, "steps_per_epoch": 10},
]


def recorded(path, every, lr=0.5, **options):
    """A recorder led along `path` (T+1, P), with a look every so many steps; the step that follows a look is begun before it."""
    weight = nn.Parameter(torch.from_numpy(path[0].copy()))
    recorder = trajreg.TrajectoryRecorder([weight], **options)
    for step, theta in enumerate(path[1:]):
        recorder.log_step(float(step), lr=lr)
        if step and step % every == 0:
            recorder.so_far()
        with torch.no_grad():
            weight.copy_(torch.from_numpy(theta))
    return recorder


@pytest.mark.parametrize("options", ESTIMATORS, ids=str)
def test_a_straight_path(options):
    path = np.arange(41.0)[:, None] * np.full(64, 0.25)  # steps of length 2
    table = recorded(path, 16, **options).so_far()
    assert table["step"].tolist() == [16, 32, 39]
    assert table["loss"].tolist() == [7.5, 23.5, 35.0]
    np.testing.assert_allclose(table["distance_from_start"], [32, 64, 78], rtol=1e-9)
    np.testing.assert_allclose(table["path_length"], [32, 64, 78], rtol=1e-9)
    np.testing.assert_allclose(table["directedness"], [16, 32, 39], rtol=1e-9)
    if options["estimator"] == "epoch":
        assert table["structure_exponent"].isna().all()
    else:
        np.testing.assert_allclose(table["structure_exponent"][:2], 1, rtol=1e-6)
        assert np.isnan(table["structure_exponent"][2])  # of 7 steps


@pytest.mark.parametrize("options", ESTIMATORS, ids=str)
def test_a_random_walk(options):
    path = np.random.default_rng(0).normal(size=(401, 4000)).cumsum(axis=0)
    table = recorded(path, 200, **options | ({"num_sketch": 2000} if "num_sketch" in options else {})).so_far()
    np.testing.assert_allclose(table["directedness"], 1, atol=0.08)
    if options["estimator"] != "epoch":
        np.testing.assert_allclose(table["structure_exponent"], 0.5, atol=0.08)


@pytest.mark.parametrize("options", ESTIMATORS, ids=str)
def test_d_is_that_of_the_training_ended_there(options):
    path = np.random.default_rng(1).normal(size=(31, 64)).cumsum(axis=0)
    recorder = recorded(path, 20, **options)
    look = recorder.so_far().iloc[0]
    ended = recorder.finish(until=20)
    value, stderr = ended.directedness()
    assert look["directedness"] == pytest.approx(value, rel=1e-9, abs=3 * stderr)
    assert look["distance_from_start"] == pytest.approx(np.linalg.norm(path[20] - path[0]), rel=1e-12)


def test_groups_with_rates_of_their_own_have_d_in_the_scaled_metric():
    one, other = (nn.Parameter(torch.zeros(size, dtype=torch.float64)) for size in (3, 5))
    recorder = trajreg.TrajectoryRecorder([{"params": [one]}, {"params": [other]}])
    random = np.random.default_rng(2)
    for _ in range(12):
        recorder.log_step(1.0, lr=[0.1, 0.02])
        with torch.no_grad():
            one.add_(torch.from_numpy(random.normal(size=3)))
            other.add_(torch.from_numpy(random.normal(size=5)))
    found = recorder.so_far()["directedness"].item()
    assert found == pytest.approx(recorder.finish(until=11).directedness()[0], rel=1e-9)


def test_rates_that_change_their_ratio_leave_d_undefined():
    weights = [nn.Parameter(torch.zeros(2)) for _ in range(2)]
    recorder = trajreg.TrajectoryRecorder([{"params": [one]} for one in weights])
    for lr in ([0.1, 0.1], [0.1, 0.2], [0.1, 0.2]):
        recorder.log_step(1.0, lr=lr)
        with torch.no_grad():
            for one in weights:
                one.add_(1.0)
    assert np.isnan(recorder.so_far()["directedness"].item())


def test_looking_changes_no_number_of_the_table():
    path = np.random.default_rng(3).normal(size=(31, 64)).cumsum(axis=0)
    for options in ESTIMATORS:
        looked, not_looked = (recorded(path, every, **options).finish().regularity() for every in (7, 100))
        assert looked.equals(not_looked)


def test_before_two_steps_there_is_nothing_to_see():
    recorder = trajreg.TrajectoryRecorder([nn.Parameter(torch.zeros(2))])
    assert recorder.so_far().empty
    recorder.log_step(1.0, lr=0.1)
    assert list(recorder.so_far()) == [
        "step",
        "loss",
        "lr",
        "distance_from_start",
        "path_length",
        "directedness",
        "structure_exponent",
    ]
    assert recorder.so_far().empty


def test_a_second_look_without_a_step_between_adds_no_row():
    recorder = recorded(np.zeros((5, 2)) + np.arange(5)[:, None], 100, estimator="store")
    assert len(recorder.so_far()) == len(recorder.so_far()) == 1


@pytest.mark.parametrize("options", ESTIMATORS, ids=str)
def test_a_resumed_recording_goes_on_with_its_rows(options, tmp_path):
    path = np.random.default_rng(4).normal(size=(31, 64)).cumsum(axis=0)
    first = recorded(path[:21], 10, **options)
    torch.save(first.state_dict(), tmp_path / "state.pt")
    weight = nn.Parameter(torch.from_numpy(path[20].copy()))
    second = trajreg.TrajectoryRecorder([weight], **options)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for step in range(20, 30):
        second.log_step(float(step), lr=0.5)
        with torch.no_grad():
            weight.copy_(torch.from_numpy(path[step + 1]))
    expected = recorded(path, 10, **options)
    assert second.so_far()["step"].tolist() == [10, 29]
    for name in ("distance_from_start", "path_length", "directedness"):
        assert second.so_far()[name].iloc[-1] == pytest.approx(expected.so_far()[name].iloc[-1], rel=1e-12)


def test_a_finished_recording_has_no_way_any_more():
    recorder = recorded(np.zeros((5, 2)), 100, estimator="store")
    recorder.finish()
    with pytest.raises(InputError, match="finished"):
        recorder.so_far()
