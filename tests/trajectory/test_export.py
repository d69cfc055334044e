"""Tables into the logs of TensorBoard, read back by TensorBoard itself, and of Weights & Biases."""

import numpy as np
import pytest

import trajreg
from trajreg.errors import InputError


def table():
    return trajreg.regularity(distance_sq=[4, 1, 0], update_sq=[1, 1], loss=[2.0, 0.5], lr=0.5)


@pytest.mark.filterwarnings("ignore")  # tensorboard warns of its own dependencies
def test_tensorboard_reads_back_what_was_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        trajreg.export(table(), writer, prefix="run 1")
    log = EventAccumulator(str(tmp_path))
    log.Reload()
    gamma = log.Scalars("run 1/gamma")
    assert [(event.step, event.value) for event in gamma] == [(0, 1.5), (1, 2.0)]
    assert [event.step for event in log.Scalars("run 1/forward_cosine")] == [0]  # the last step has none
    assert "run 1/step" not in log.Tags()["scalars"]


class Run:
    """As the run that `wandb.init` returns: it drops what is logged at a step before its own."""

    def __init__(self):
        self.metrics, self.logged = {}, []

    def define_metric(self, name, step_metric=None):
        self.metrics[name] = step_metric

    def log(self, data, step=None):
        assert step is None
        self.logged.append(data)


def test_weights_and_biases_has_the_steps_as_a_metric_of_their_own():
    run = Run()
    trajreg.export(table(), run)
    assert run.metrics == {"trajreg/step": None, "trajreg/*": "trajreg/step"}
    assert [one["trajreg/step"] for one in run.logged] == [0, 1]
    assert [one["trajreg/gamma"] for one in run.logged] == [1.5, 2.0]
    assert "trajreg/forward_cosine" not in run.logged[1]


def test_words_in_a_table_are_left_out():
    run = Run()
    trajreg.export(table().assign(estimator="store"), run)
    assert "trajreg/estimator" not in run.logged[0]


def test_what_is_no_writer_and_what_has_no_steps():
    with pytest.raises(
        InputError, match=r"writer is of type list; give a SummaryWriter of torch.utils.tensorboard, or what"
    ):
        trajreg.export(table(), [])
    with pytest.raises(InputError, match="no column 'step', it has lr, loss"):
        trajreg.export(table()[["lr", "loss"]], Run())
    assert np.isfinite(table()["gamma"]).all()
