"""The files of estimator `store` are gone when the recording is: finished, closed, failed or forgotten."""

import gc
import inspect

import numpy as np
import pytest
import torch
from torch import nn

import trajreg
from trajreg.errors import InputError
from trajreg.trajectory.estimators import Options


def recording(folder, losses=(1.0, 1.0)):
    """A recorder with memory-mapped iterates and the tensor it watches."""
    theta = nn.Parameter(torch.ones(10))
    recorder = trajreg.TrajectoryRecorder([theta], memory=0, directory=folder)
    for loss in losses:
        with recorder.step(loss, lr=0.1), torch.no_grad():
            theta -= 0.1
    assert list(folder.iterdir())
    return recorder, theta


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_the_files_of_a_training_that_diverged_stay_for_the_steps_before(loss, tmp_path):
    recorder, _ = recording(tmp_path, [1.0, loss])
    with pytest.raises(InputError, match="loss of step 1 is not finite"):
        recorder.finish()
    np.testing.assert_array_equal(recorder.losses(), [1.0, loss])
    assert len(recorder.finish(until=1).loss) == 1
    assert not list(tmp_path.iterdir())


def test_forgotten_after_a_weight_that_is_not_finite_it_leaves_no_files(tmp_path):
    recorder, theta = recording(tmp_path)
    theta.data[3] = float("nan")
    with pytest.raises(InputError, match="a weight is not finite"):
        recorder.finish()
    del recorder
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_a_reduction_that_fails_can_be_tried_again(tmp_path, monkeypatch):
    recorder, _ = recording(tmp_path)

    def fails(*arguments):
        raise MemoryError("mine")

    monkeypatch.setattr("trajreg.trajectory.store.step_terms", fails)
    with pytest.raises(MemoryError, match="mine"):
        recorder.finish()
    monkeypatch.undo()
    assert len(recorder.finish().loss) == 2
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="finished already"):
        recorder.finish()


def test_wrong_calls_leave_the_recording_as_it_is(tmp_path):
    recorder, theta = recording(tmp_path)
    with recorder.step(1.0, lr=0.1), pytest.raises(InputError, match="inside step 2"):
        recorder.finish()
    theta.data = theta.data.double()
    with pytest.raises(InputError, match=r"finish\(\) after step 2: parameter"):
        recorder.finish()
    theta.data = theta.data.float()
    assert len(recorder.finish().loss) == 3
    assert not list(tmp_path.iterdir())
    epochs = trajreg.TrajectoryRecorder([theta], "epoch", steps_per_epoch=1)
    with pytest.raises(InputError, match="nothing was recorded"):
        epochs.finish()
    with epochs.step(1.0, lr=0.1):
        pass
    with pytest.raises(InputError, match="keep_iterates needs estimator 'store'"):
        epochs.finish(keep_iterates=True)
    assert len(epochs.finish().loss) == 1


def test_a_recorder_that_is_forgotten_takes_its_files_along(tmp_path):
    recorder, _ = recording(tmp_path)
    del recorder
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_the_keywords_of_the_constructor_and_of_the_estimate_are_the_options():
    options = {name: one.default for name, one in inspect.signature(Options).parameters.items()}
    for call in (trajreg.TrajectoryRecorder, trajreg.TrajectoryRecorder.estimate):
        keywords = {name: one.default for name, one in inspect.signature(call).parameters.items()}
        del keywords["parameters"]
        assert keywords == options | (
            {"num_steps": inspect.Parameter.empty} if call is not trajreg.TrajectoryRecorder else {}
        )
