"""Where a recording ends: at the last step, at an earlier one, or where a training that diverged was still finite."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import trajreg
from trajreg.errors import InputError

EXACT = [
    {"estimator": "store"},
    {"estimator": "sketch", "num_sketch": 83},
    {"estimator": "sketch", "num_sketch": 83, "steps_per_epoch": 5},
    {"estimator": "epoch", "steps_per_epoch": 5},
]


def walked(options, num_steps, bad_loss=None, bad_weight=None):
    """A net trained for so many steps; the loss of one step, or a weight after one, may be made NaN."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    inputs, targets = torch.randn(40, 6, dtype=torch.float64), torch.randint(0, 3, (40,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
    recorder = trajreg.TrajectoryRecorder(optimizer, **options)
    for step in range(num_steps):
        loss = nn.functional.cross_entropy(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        with recorder.step(math.nan if step == bad_loss else loss):
            optimizer.step()
        if step == bad_weight:
            with torch.no_grad():
                net[0].bias[0] = math.nan
    return recorder


@pytest.mark.parametrize("options", EXACT, ids=str)
def test_ended_earlier_the_table_is_that_of_a_training_that_ended_there(options):
    expected = walked(options, 15).finish().regularity()
    found = walked(options, 22).finish(until=15).regularity()
    pd.testing.assert_frame_equal(found, expected, rtol=1e-8)


def test_a_sketch_ended_within_an_epoch_is_estimated_without_epochs():
    options = {"estimator": "sketch", "num_sketch": 20, "steps_per_epoch": 5}
    found = walked(options, 22).finish(until=13).regularity()
    free = walked({"estimator": "sketch", "num_sketch": 20}, 13).finish().regularity()
    pd.testing.assert_frame_equal(found, free, rtol=1e-8)


@pytest.mark.parametrize("options", EXACT, ids=str)
@pytest.mark.parametrize("bad", [{"bad_loss": 10}, {"bad_weight": 10}], ids=str)
def test_what_was_good_before_a_training_diverged_is_kept(options, bad):
    recorder = walked(options, 14, **bad)
    what = "the loss of step 1[01]" if options["estimator"] != "epoch" or "bad_loss" in bad else "the loss of step 11"
    with pytest.raises(
        InputError, match=rf"{what} is not finite: the training diverged; finish\(until=10\) has the 10"
    ):
        recorder.finish()
    expected = walked(options, 10).finish().regularity()
    pd.testing.assert_frame_equal(recorder.finish(until="finite").regularity(), expected, rtol=1e-8)


def test_a_weight_that_is_not_finite_at_the_very_end():
    recorder = walked({"estimator": "store"}, 6, bad_weight=5)
    with pytest.raises(InputError, match=r"a weight is not finite: the training diverged; finish\(until=5\) has the 5"):
        recorder.finish()
    assert len(recorder.finish(until="finite").loss) == 5


def test_nothing_finite_is_said_so():
    recorder = walked({"estimator": "store"}, 3, bad_loss=0)
    with pytest.raises(InputError, match="loss of step 0 is not finite: the training diverged; no step before can be"):
        recorder.finish()
    with pytest.raises(InputError, match="none of the 3 steps recorded can be measured"):
        recorder.finish(until="finite")
    epochs = walked({"estimator": "epoch", "steps_per_epoch": 5}, 8, bad_loss=3)
    with pytest.raises(InputError, match="no step before can be measured"):
        epochs.finish()


@pytest.mark.parametrize("until", [0, 9, -1, True, 2.0, "end"])
def test_what_is_no_number_of_steps_is_refused_and_the_recording_stays(until):
    recorder = walked({"estimator": "store"}, 8)
    with pytest.raises(InputError, match="should be a number of steps from 1 to 8, those recorded, or 'finite'"):
        recorder.finish(until=until)
    assert len(recorder.finish().loss) == 8


def test_epochs_end_where_theta_is_known():
    recorder = walked({"estimator": "epoch", "steps_per_epoch": 5}, 12)
    with pytest.raises(InputError, match=r"keeps θ after every 5 steps: until = 7 should be a multiple of that"):
        recorder.finish(until=7)
    assert len(recorder.finish(until=10).regularity()) == 2


def test_at_its_end_a_recording_takes_no_further_step():
    recorder = walked({"estimator": "store"}, 4, bad_loss=2)
    with pytest.raises(InputError, match="loss of step 2"):
        recorder.finish()
    with pytest.raises(InputError, match=r"at its end, after 4 steps: call finish\(until=...\) or close"):
        recorder.log_step(1.0, lr=0.1)


def test_iterates_up_to_an_earlier_end():
    whole = walked({"estimator": "store"}, 8).finish(keep_iterates=True)
    part = walked({"estimator": "store"}, 8).finish(keep_iterates=True, until=3)
    assert torch.equal(part.iterates, whole.iterates[:4])
    np.testing.assert_array_equal(part.loss, whole.loss[:3])
