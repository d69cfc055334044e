"""Every mistake in a loop that can be seen is refused, and the message names the parameter or the step."""

import copy
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import trajreg
from trajreg.errors import InputError


def refused(body, message):
    with pytest.raises(InputError, match=message):
        body()


def take(recorder, loss=1.0, lr=0.1):
    with recorder.step(loss, lr=lr):
        pass


def small_net():
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def test_what_is_not_a_set_of_parameters():
    one = nn.Parameter(torch.ones(3))
    refused(lambda: trajreg.TrajectoryRecorder(one), "parameters is one tensor; give a list")
    refused(lambda: trajreg.TrajectoryRecorder([one, 3.0]), r"parameter \[1\] is a float, not a tensor")
    refused(lambda: trajreg.TrajectoryRecorder([{"lr": 0.1}]), "must all be dicts with the key 'params'")
    refused(lambda: trajreg.TrajectoryRecorder([{"params": [one]}, one]), "must all be dicts with the key 'params'")
    refused(lambda: trajreg.TrajectoryRecorder([one.detach()]), "got none that requires a gradient")
    whole = nn.Parameter(torch.ones(3, dtype=torch.complex64))
    refused(lambda: trajreg.TrajectoryRecorder([whole]), r"\[0\] is \(3,\) torch.complex64 on cpu; only real")


def test_mixed_types_and_devices_name_one_parameter_of_each():
    net = small_net()
    net[1].double()
    message = r"'0.weight' is \(3, 2\) torch.float32 on cpu, '1.weight' is \(1, 3\) torch.float64 on cpu"
    refused(lambda: trajreg.TrajectoryRecorder(net), message)
    net = small_net()
    net[1].to("meta")
    refused(lambda: trajreg.TrajectoryRecorder(net.named_parameters()), r"'1.weight' is .* torch.float32 on meta")
    groups = [{"params": small_net().parameters()}, {"params": net[1].parameters()}]
    refused(lambda: trajreg.TrajectoryRecorder(groups), r"group 0 \[0\] is .* on cpu, group 1 \[0\] is .* on meta")


def test_names_of_an_optimiser_are_used():
    net = small_net()
    groups = torch.optim.SGD(net.named_parameters(), lr=0.1).param_groups
    recorder = trajreg.TrajectoryRecorder(groups)
    net[1].bias.data = torch.ones(7)
    refused(lambda: take(recorder), r"parameter '1.bias' is \(7,\)")


def test_a_parameter_of_another_shape_or_type_in_mid_run():
    net = small_net()
    recorder = trajreg.TrajectoryRecorder(net.named_parameters())
    take(recorder)
    net[1].weight.data = torch.ones(1, 3).double()
    message = (
        r"step 1: parameter '1.weight' is \(1, 3\) torch.float64 on cpu, it was \(1, 3\) torch.float32 on cpu when"
    )
    refused(lambda: take(recorder), message)
    refused(recorder.finish, r"finish\(\) after step 0: parameter '1.weight'")


def test_a_module_notices_replaced_and_moved_parameters():
    net = small_net()
    recorder = trajreg.TrajectoryRecorder(net)
    take(recorder)
    net[0].bias = nn.Parameter(torch.ones(3))
    refused(lambda: take(recorder), "step 1: parameter '0.bias' was replaced by another tensor; write into it")
    net = small_net()
    recorder = trajreg.TrajectoryRecorder(net)
    take(recorder)
    net.to("meta")
    refused(lambda: take(recorder), "step 1: parameter '0.weight' was replaced")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="moves a net to a GPU")
def test_a_parameter_moved_to_a_gpu_in_mid_run():
    net = small_net()
    recorder = trajreg.TrajectoryRecorder(net.named_parameters())
    take(recorder)
    net.to("cuda")
    refused(lambda: take(recorder), r"step 1: parameter '0.weight' is \(3, 2\) torch.float32 on cuda:0, it was")


def test_new_values_by_data_are_an_update_like_any_other():
    theta = nn.Parameter(torch.ones(4))
    recorder = trajreg.TrajectoryRecorder([theta])
    with recorder.step(1.0, lr=0.5):
        theta.data = torch.zeros(4)
    assert recorder.finish().regularity()["distance"][0] == 2


def test_a_step_inside_a_step_or_after_the_end():
    recorder = trajreg.TrajectoryRecorder([nn.Parameter(torch.ones(3))])
    take(recorder)
    with recorder.step(1.0, lr=0.1):
        refused(lambda: take(recorder), r"step\(\) was called inside step 1, which is still being recorded")
        refused(recorder.finish, r"finish\(\) was called inside step 1")
        refused(recorder.state_dict, r"state_dict\(\) was called inside step 1")
    take(recorder)
    assert len(recorder.finish().loss) == 3
    refused(lambda: take(recorder), "recording is finished; make a new TrajectoryRecorder")
    refused(recorder.state_dict, "recording is finished")


def test_an_exception_in_the_loop_leaves_the_recorder_usable():
    recorder = trajreg.TrajectoryRecorder([nn.Parameter(torch.ones(3))])
    with pytest.raises(RuntimeError, match="mine"), recorder.step(1.0, lr=0.1):
        raise RuntimeError("mine")
    take(recorder)
    assert len(recorder.finish().loss) == 2


@pytest.mark.parametrize(
    ("lr", "message"),
    [
        ([0.1], "lr has 1 values, the parameters 2 groups; give one a group, or a number"),
        ([0.1, -0.5], "step 0: lr of group 1 is -0.5, should be finite and at least 0"),
        (float("nan"), "step 0: lr of group 0 is nan"),
    ],
)
def test_learning_rates_that_fit_no_group(lr, message):
    groups = [{"params": [nn.Parameter(torch.ones(2))]}, {"params": [nn.Parameter(torch.ones(3))]}]
    recorder = trajreg.TrajectoryRecorder(groups)
    refused(lambda: take(recorder, lr=lr), re.escape(message))


ONE_RATE = [
    0.5, np.float32(0.5), np.array(0.5), np.array([0.5]), torch.tensor(0.5), torch.tensor([0.5]), torch.tensor(0.5, requires_grad=True),
]  # fmt: skip
RATES = [
    [0.5, 2], (0.5, 2.0), np.array([0.5, 2]), torch.tensor([0.5, 2]), torch.tensor([0.5, 2], dtype=torch.bfloat16),
    [torch.tensor(0.5), torch.tensor([2])], [np.float64(0.5), np.array(2)],
]  # fmt: skip


@pytest.mark.parametrize(("lr", "expected"), [(lr, [0.5, 0.5]) for lr in ONE_RATE] + [(lr, [0.5, 2]) for lr in RATES])
def test_learning_rates_as_they_come(lr, expected):
    groups = [{"params": [nn.Parameter(torch.ones(2))]}, {"params": [nn.Parameter(torch.ones(3))]}]
    recorder = trajreg.TrajectoryRecorder(groups)
    take(recorder, lr=lr)
    assert recorder.finish().lr.tolist() == [expected]


SCHEDULER = torch.optim.lr_scheduler.ConstantLR(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1))


@pytest.mark.parametrize(
    ("lr", "message"),
    [
        (None, "step 1: lr is missing; give lr=optimizer.param_groups[0]['lr'], or make the recorder of the optimiser"),
        ("0.1", "step 1: lr is '0.1', of type str; give a number"),
        (b"ab", "step 1: lr is b'ab', of type bytes; give a number"),
        ({"lr": 0.1}, "step 1: lr is {'lr': 0.1}, of type dict; give a number"),
        ({0.1, 0.2}, ", of type set; give a number"),
        (True, "step 1: lr is True, of type bool; give a number"),
        (0.1j, "step 1: lr is 0.1j, of type complex; give a number"),
        ((rate for rate in [0.1, 0.2]), ", of type generator; give a number"),
        (SCHEDULER, ", of type ConstantLR; give its get_last_lr()"),
        (lambda: 0.1, ", of type function; give a number"),
        (torch.tensor(0.1j), "step 1: lr is a tensor () torch.complex64 on cpu; give a number"),
        (torch.tensor(0.1, device="meta"), "step 1: lr is a tensor () torch.float32 on meta; give a number"),
        (torch.tensor([0.1, 0.2]).to_sparse(), "lr is a tensor (2,) torch.float32 torch.sparse_coo on cpu; give a number"),
        (torch.tensor(True), "lr is a tensor () torch.bool on cpu; give a number"),
        (np.array("a"), "step 1: lr is an array () <U1; give a number"),
        (np.ones((2, 2)), "step 1: lr of group 0 is [1.0, 1.0], of type list; give a number"),
        (torch.ones(2, 1), "step 1: lr of group 0 is [1.0], of type list; give a number"),
        ([0.1, [0.1]], "step 1: lr of group 1 is [0.1], of type list; give a number"),
        ([0.1, None], "step 1: lr of group 1 is None; give a number"),
        ([0.1, True], "step 1: lr of group 1 is True, of type bool; give a number"),
        ([0.1, 10**400], "step 1: lr of group 1 is inf, should be finite and at least 0"),
        (np.array([0.1, np.nan]), "step 1: lr of group 1 is nan, should be finite and at least 0"),
        (torch.tensor([-1.0, 0.1]), "step 1: lr of group 0 is -1.0, should be finite and at least 0"),
        (np.ones(3), "lr has 3 values, the parameters 2 groups; give one a group, or a number"),
        ([], "lr has 0 values, the parameters 2 groups; give one a group, or a number"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_what_is_no_learning_rate_is_named(lr, message):
    groups = [{"params": [nn.Parameter(torch.ones(2))]}, {"params": [nn.Parameter(torch.ones(3))]}]
    recorder = trajreg.TrajectoryRecorder(groups)
    take(recorder)
    refused(lambda: take(recorder, lr=lr), re.escape(message))
    take(recorder)
    assert len(recorder.finish().loss) == 2


LOSSES = [
    0.5, 1, np.float32(0.5), np.float64(0.5), np.int64(1), np.array(0.5), torch.tensor(0.5), torch.tensor([0.5]), torch.tensor([[0.5]]),
    torch.tensor(0.5, dtype=torch.bfloat16), torch.tensor(0.5, dtype=torch.float64),
]  # fmt: skip


def test_losses_as_they_come():
    recorder = trajreg.TrajectoryRecorder([nn.Parameter(torch.ones(3))])
    for loss in LOSSES:
        take(recorder, loss)
    take(recorder, torch.tensor(0.5, requires_grad=True))
    assert recorder.finish().loss.tolist() == [*(float(loss) for loss in LOSSES), 0.5]


def test_a_loss_that_is_a_number_keeps_its_digits():
    recorder = trajreg.TrajectoryRecorder([nn.Parameter(torch.ones(3))])
    for loss in (0.1, torch.tensor(0.1), np.float64(1e-300)):
        take(recorder, loss)
    assert recorder.losses().tolist() == [0.1, torch.tensor(0.1).item(), 1e-300]


RIGHT = "give the mean over the mini-batch, a scalar tensor of a real floating type or a number"


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (None, f"step 1: loss is None; {RIGHT}"),
        ("0.5", f"step 1: loss is '0.5', of type str; {RIGHT}"),
        (True, f"step 1: loss is True, of type bool; {RIGHT}"),
        (0.5j, f"step 1: loss is 0.5j, of type complex; {RIGHT}"),
        (torch.tensor(0.5j), f"step 1: loss is a tensor () torch.complex64 on cpu; {RIGHT}"),
        (torch.tensor(1), f"step 1: loss is a tensor () torch.int64 on cpu; {RIGHT}"),
        (torch.tensor(True), f"step 1: loss is a tensor () torch.bool on cpu; {RIGHT}"),
        (torch.tensor(0.5, device="meta"), f"step 1: loss is a tensor () torch.float32 on meta; {RIGHT}"),
        (torch.tensor([0.5]).to_sparse(), f"step 1: loss is a tensor (1,) torch.float32 torch.sparse_coo on cpu; {RIGHT}"),
        (torch.ones(2), "step 1: loss must be a scalar, got shape (2,); give the mean over the mini-batch"),
        (torch.ones(0), "step 1: loss must be a scalar, got shape (0,); give the mean over the mini-batch"),
        (np.ones(2), "step 1: loss must be a scalar, got shape (2,); give the mean over the mini-batch"),
        (np.array(1), f"step 1: loss is an array () int64; {RIGHT}"),
        ([0.5], "step 1: loss is [0.5], of type list; give the loss alone, its first element perhaps"),
        ((torch.tensor(0.5), torch.ones(3)), ", of type tuple; give the loss alone, its first element perhaps"),
        ({"loss": 0.5}, "step 1: loss is {'loss': 0.5}, of type dict; give the loss alone, its ['loss'] perhaps"),
        (SimpleNamespace(loss=torch.tensor(0.5), logits=torch.ones(9)), ", of type SimpleNamespace; give its .loss"),
        (nn.MSELoss(), f"step 1: loss is MSELoss(), of type MSELoss; {RIGHT}"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_what_is_no_loss_is_named(loss, message):
    recorder = trajreg.TrajectoryRecorder([nn.Parameter(torch.ones(3))])
    take(recorder)
    refused(lambda: take(recorder, loss), re.escape(message))
    take(recorder)
    assert len(recorder.finish().loss) == 2


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_recorder_is_not_copied(duplicate):
    """A copy would go on measuring the weights of the original."""
    net = small_net()
    recorder = trajreg.TrajectoryRecorder(net)
    take(recorder)
    refused(
        lambda: duplicate(recorder), r"cannot be copied .* weights of the original; make a new one .* load_state_dict"
    )
    other = trajreg.TrajectoryRecorder(copy.deepcopy(net))
    other.load_state_dict(recorder.state_dict())
    take(recorder)
    take(other)
    assert recorder.finish().loss.tolist() == other.finish().loss.tolist()


def test_states_that_do_not_fit():
    net = small_net()
    recorder = trajreg.TrajectoryRecorder(net)
    take(recorder)
    state = recorder.state_dict()
    refused(lambda: recorder.load_state_dict(state), "holds 1 steps already; load a state into a new one")
    refused(lambda: trajreg.TrajectoryRecorder(net).load_state_dict({"loss": 0}), "lacks estimator, group_sizes")
    other = trajreg.TrajectoryRecorder(net, "epoch", steps_per_epoch=3)
    refused(lambda: other.load_state_dict(state), "its estimator has store, this recorder epoch")
    wider = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1, bias=False))
    state["group_sizes"] = [12]
    message = "its parameters has 4 parameters, this recorder 3"
    refused(lambda: trajreg.TrajectoryRecorder(wider).load_state_dict(state), message)
    state["group_sizes"] = [13]
    turned = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    turned[0].weight = nn.Parameter(torch.ones(2, 3))
    message = r"'0.weight' \(3, 2\) torch.float32, this recorder '0.weight' \(2, 3\) torch.float32"
    refused(lambda: trajreg.TrajectoryRecorder(turned).load_state_dict(state), message)


def test_estimate_of_bytes_and_seconds(tmp_path):
    theta = [nn.Parameter(torch.zeros(1000))]
    store = trajreg.TrajectoryRecorder.estimate(theta, 99, directory=tmp_path)
    assert store.bytes_needed == 100 * 4000
    assert store.fits
    assert 0 < store.seconds_per_step < 1
    epoch = trajreg.TrajectoryRecorder.estimate(theta, 99, "epoch", steps_per_epoch=10)
    assert epoch.bytes_needed == 11 * 4000
    options = {"steps_per_epoch": 10, "num_sketch": 64}
    sketch = trajreg.TrajectoryRecorder.estimate(theta, 99, "sketch", **options)
    assert sketch.bytes_needed == 99 * 64 * 4 + 11 * 4000
    assert 0 < sketch.seconds_per_step < 1
    groups = [{"params": theta}, {"params": [nn.Parameter(torch.zeros(10))]}]  # the second one has fewer weights than k
    assert trajreg.TrajectoryRecorder.estimate(groups, 99, "sketch", num_sketch=64).bytes_needed == 99 * (64 + 10) * 4
    large = trajreg.TrajectoryRecorder.estimate(theta, 10**12)
    assert not large.fits
    assert large.bytes_needed == (10**12 + 1) * 4000
    refused(lambda: trajreg.TrajectoryRecorder.estimate(theta, 9, "magic"), "'magic' is unknown")
    refused(lambda: trajreg.TrajectoryRecorder.estimate(theta, 9, "epoch"), "needs steps_per_epoch")


@pytest.mark.parametrize("estimator", ["store", "epoch", "sketch"])
def test_what_does_not_fit_is_refused_with_bytes_and_seconds(estimator):
    message = (
        rf"'{estimator}': .* need [\d,]+ bytes, [\d,]+ are available in memory.* a step would take [\d.e-]+ s more"
    )
    theta = [nn.Parameter(torch.zeros(1000))]
    refused(lambda: trajreg.TrajectoryRecorder(theta, estimator, num_steps=10**12, steps_per_epoch=1), message)
