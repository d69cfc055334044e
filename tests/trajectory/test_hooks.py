"""What makes a recorder easy to put into a loop: log_step, the optimiser's own rates, and messages that help."""

import inspect

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import trajreg
from trajreg.errors import InputError


def problem():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    return net, torch.randn(40, 6), torch.randint(0, 3, (40,))


def trained(of, log_step=False, with_lr=True, num_steps=12, print_at=None):
    """The table of a loop; `of` makes from the net and the optimiser what the recorder is given."""
    net, inputs, targets = problem()
    groups = [{"params": net[0].parameters(), "lr": 0.1}, {"params": net[2].parameters(), "lr": 0.02}]
    optimizer = torch.optim.SGD(groups, momentum=0.5)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    recorder = trajreg.TrajectoryRecorder(of(net, optimizer))
    for step in range(num_steps):
        if step == 6:  # other groups, of the same weights
            optimizer.load_state_dict(optimizer.state_dict())
        loss = nn.functional.cross_entropy(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        given = {"lr": [group["lr"] for group in optimizer.param_groups]} if with_lr else {}
        if log_step:
            recorder.log_step(loss, **given)
            optimizer.step()
        else:
            with recorder.step(loss, **given):
                optimizer.step()
        schedule.step()
    return recorder.finish().regularity()


def groups_of(net, optimizer):
    return optimizer.param_groups


def optimizer_of(net, optimizer):
    return optimizer


@pytest.mark.parametrize("log_step", [True, False])
@pytest.mark.parametrize(("of", "with_lr"), [(groups_of, True), (optimizer_of, True), (optimizer_of, False)])
def test_every_way_to_record_gives_the_same_table(of, with_lr, log_step):
    pd.testing.assert_frame_equal(trained(of, log_step, with_lr), trained(groups_of), check_exact=True)


def test_without_an_optimiser_the_rates_are_asked_for():
    net = problem()[0]
    recorder = trajreg.TrajectoryRecorder(net)
    with pytest.raises(
        InputError, match=r"step 0: lr is missing; give lr=.*, or make the recorder of the optimiser: Traj"
    ):
        recorder.log_step(1.0)
    recorder.log_step(1.0, lr=0.1)
    assert len(recorder.finish().loss) == 1


def test_what_is_neither_module_nor_optimiser_is_refused():
    with pytest.raises(InputError, match="parameters is 3; give a module, an optimiser or a list of tensors"):
        trajreg.TrajectoryRecorder(3)


@pytest.mark.parametrize(
    "call", [trajreg.TrajectoryRecorder, lambda net, *a, **k: trajreg.TrajectoryRecorder.estimate(net, 5, *a, **k)]
)
def test_a_misspelt_option_lists_the_right_ones(call):
    with pytest.raises(InputError, match=r"has no option 'step_per_epoch', choose from steps_per_epoch, .*num_sketch"):
        call(problem()[0], step_per_epoch=3)
    with pytest.raises(InputError, match="estimator 'skecth' is unknown, choose from store, epoch, sketch, auto"):
        call(problem()[0], "skecth")
    with pytest.raises(InputError, match="estimator 'auto' needs num_steps, the number of steps to come"):
        trajreg.TrajectoryRecorder(problem()[0], "auto")


def test_signatures_are_still_there_to_be_looked_at():
    names = list(inspect.signature(trajreg.TrajectoryRecorder).parameters)
    assert names[:3] == ["parameters", "estimator", "num_steps"]
    assert trajreg.TrajectoryRecorder.estimate.__doc__.startswith("What a recording")


def test_a_loss_that_is_a_python_float_keeps_its_digits():
    losses = [0.1, 1 / 3, 1e-300]
    recorder = trajreg.TrajectoryRecorder([nn.Parameter(torch.zeros(2))])
    for loss in losses:
        recorder.log_step(loss, lr=0.1)
    recorder.log_step(torch.tensor(0.1), lr=0.1)
    assert recorder.losses().tolist() == [*losses, float(np.float32(0.1))]


def test_a_recorder_and_a_trajectory_are_printed_in_a_few_lines():
    net, inputs, targets = problem()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    recorder = trajreg.TrajectoryRecorder(optimizer)
    for _ in range(3):
        loss = nn.functional.cross_entropy(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        with recorder.step(loss):
            optimizer.step()
    first, second = str(recorder).splitlines()
    assert first == "TrajectoryRecorder: 3 steps of 83 weights, estimator store"
    assert "so_far()" in second
    trajectory = recorder.finish()
    assert str(recorder).splitlines()[1] == "finished"
    lines = repr(trajectory).splitlines()
    table = trajectory.regularity()
    whole = trajreg.summary(table).loc["whole"]
    assert lines[0].startswith(f"Trajectory of 3 steps, estimator store: loss {table['loss'][0]:.4g} → ")
    assert lines[1].startswith(f"γ {whole['gamma']:.4g} = D {trajreg.directedness(table):.4g} · ")
    assert len(lines) == 3
    assert "regularity()" in lines[2]


def test_a_trajectory_that_has_no_table_is_printed_all_the_same():
    weights = [nn.Parameter(torch.zeros(2)) for _ in range(2)]
    recorder = trajreg.TrajectoryRecorder([{"params": [one]} for one in weights], "epoch", steps_per_epoch=2)
    for lr in ([0.1, 0.1], [0.1, 0.2]):
        recorder.log_step(1.0, lr=lr)
    assert len(str(recorder.finish()).splitlines()) == 2


def test_a_recording_goes_on_only_from_the_weights_it_was_left_at():
    net, inputs, targets = problem()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    recorder = trajreg.TrajectoryRecorder(net.parameters())
    for _ in range(3):
        loss = nn.functional.cross_entropy(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        with recorder.step(loss, lr=0.1):
            optimizer.step()
    state, weights = recorder.state_dict(), {name: one.clone() for name, one in net.state_dict().items()}
    other = problem()[0]
    with pytest.raises(
        InputError, match="the recording was left at other weights than these: load its state after those"
    ):
        trajreg.TrajectoryRecorder(other.parameters()).load_state_dict(state)
    other.load_state_dict(weights)
    resumed = trajreg.TrajectoryRecorder(other.parameters())
    resumed.load_state_dict(state)
    assert len(resumed.losses()) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_steps": -3}, "num_steps = -3, must be at least 1, a whole number"),
        ({"num_steps": "10"}, "num_steps = '10', must be at least 1, a whole number"),
        ({"estimator": "epoch", "steps_per_epoch": 2.5}, "steps_per_epoch = 2.5, must be at least 1, a whole number"),
        ({"steps_per_epoch": True}, "steps_per_epoch = True, must be at least 1"),
        ({"memory": -1}, "memory = -1, must be at least 0, a whole number"),
        ({"directory": "not here"}, "directory not here is not there, or no folder"),
    ],
)
def test_options_that_no_recording_has(options, message):
    with pytest.raises(InputError, match=message):
        trajreg.TrajectoryRecorder(problem()[0], **options)


def test_numbers_of_numpy_are_numbers():
    recorder = trajreg.TrajectoryRecorder(problem()[0], num_steps=np.int64(3))
    for _ in range(3):
        recorder.log_step(1.0, lr=0.1)
    assert len(recorder.finish(until=np.int64(2)).loss) == 2


def test_a_sketch_is_printed_with_its_error():
    net = problem()[0]
    recorder = trajreg.TrajectoryRecorder(net, "sketch", num_sketch=8)
    for _ in range(5):
        recorder.log_step(1.0, lr=0.1)
        with torch.no_grad():
            for weight in net.parameters():
                weight.add_(torch.randn_like(weight))
    trajectory = recorder.finish()
    value, error = trajectory.directedness()
    assert f"D {value:.4g} ± {error:.2g} · " in str(trajectory)
