"""γ from checkpoints: closed forms, agreement with recordings of the same training, and what is refused."""

import re
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import trajreg
from trajreg.errors import InputError
from trajreg.metrics.aggregate import over_stretches, summarise

UNTOLD = ["update_norm", "cosine", "forward_cosine", "cosine_walk"]
OF_LENGTHS = ["inner_product", "gamma_walk", "gamma_excess", "directedness"]


def line(*places, width=4):
    """Points on a straight line, so far from its end."""
    return [{"w": torch.full((width,), place / np.sqrt(width), dtype=torch.float64)} for place in places]


@pytest.fixture(scope="module")
def trained():
    """A training that two recorders watched, under a schedule: checkpoints every 5 steps, the last stretch shorter."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))
    inputs, targets = torch.randn(40, 6), torch.randint(0, 3, (40,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
    store = trajreg.TrajectoryRecorder(net)
    epoch = trajreg.TrajectoryRecorder(net, estimator="epoch", steps_per_epoch=5)
    checkpoints, losses, rates = [], [], []
    for step in range(18):
        if step % 5 == 0:
            checkpoints.append({name: one.clone() for name, one in net.state_dict().items()})
        chosen = torch.arange(8) + 8 * (step % 5)
        loss = nn.functional.cross_entropy(net(inputs[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        rates.append(optimizer.param_groups[0]["lr"])
        with store.step(loss, lr=rates[-1]), epoch.step(loss, lr=rates[-1]):
            optimizer.step()
        scheduler.step()
    checkpoints.append(net.state_dict())
    stretch, lr, loss = np.arange(18) // 5, pd.Series(rates), pd.Series(losses)
    known = {
        "lr": lr.groupby(stretch).mean(),
        "loss": (lr * loss).groupby(stretch).sum() / lr.groupby(stretch).sum(),
        "num_steps": [5, 5, 5, 3],
    }
    return checkpoints, known, store.finish().regularity(), epoch.finish().regularity()


def test_a_straight_line_has_the_closed_form():
    table = trajreg.from_checkpoints(
        line(7.0, 3.0, 1.0, 0.0), loss=[2.0, 1.0, 0.5], lr=[0.5, 0.25, 0.1], num_steps=[4, 2, 1]
    )
    np.testing.assert_allclose(
        table["gamma"], [40 / (2 * 4 * 0.5 * 2), 8 / (2 * 2 * 0.25), 1 / (2 * 0.1 * 0.5)], rtol=1e-12
    )
    np.testing.assert_allclose(table["rate"], table["lr"] * table["gamma"], rtol=1e-15)
    np.testing.assert_allclose(table["distance"], [7, 3, 1], rtol=1e-12)
    np.testing.assert_allclose(table["displacement"], [4, 2, 1], rtol=1e-12)
    assert table["step"].tolist() == [0, 4, 6]
    assert table["stretch"].tolist() == [0, 1, 2]
    assert table[[*UNTOLD, *OF_LENGTHS]].isna().all(axis=None)
    assert table.attrs == {"weights": 4, "left_out": [], "alike": []}


def test_the_columns_are_those_of_regularity():
    steps = trajreg.regularity(distance_sq=[1, 0], update_sq=[1], loss=[1], lr=1)
    table = trajreg.from_checkpoints(line(1.0, 0.0), loss=1, lr=1, num_steps=1)
    assert list(table) == ["stretch", "num_steps", *steps, "displacement", "directedness"]


def test_lengths_of_steps_make_walk_excess_and_directedness():
    table = trajreg.from_checkpoints(line(7.0, 3.0, 0.0), loss=1.0, lr=0.5, num_steps=[4, 3], update_sq=[4.0, 6.0])
    np.testing.assert_allclose(table["directedness"], [40 / 4, 9 / 6])
    np.testing.assert_allclose(table["gamma_walk"], [4 / 4, 6 / 3])
    np.testing.assert_allclose(table["gamma"], table["directedness"] * table["gamma_walk"])
    np.testing.assert_allclose(table["gamma_excess"], table["gamma"] - table["gamma_walk"])
    assert table[UNTOLD].isna().all(axis=None)


def test_gamma_is_that_of_both_recorders(trained):
    checkpoints, known, store, epoch = trained
    table = trajreg.from_checkpoints(checkpoints, **known)
    of_steps = over_stretches(store, store["step"] // 5)
    np.testing.assert_allclose(table["gamma"], of_steps["gamma"], rtol=1e-12)
    for name in ("step", "lr", "loss", "gap", "distance", "gamma", "rate"):
        np.testing.assert_allclose(table[name], epoch[name], rtol=1e-12)
    assert table.attrs["left_out"] == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert table.attrs["weights"] == 6 * 8 + 8 + 2 * 8 + 8 * 3 + 3


def test_with_lengths_of_steps_all_is_as_the_recorders_have_it(trained):
    checkpoints, known, store, epoch = trained
    update_sq = ((store["lr"] * store["update_norm"]) ** 2).groupby(store["step"] // 5).sum()
    table = trajreg.from_checkpoints(checkpoints, update_sq=update_sq, **known)
    for name in ("inner_product", "gamma_walk", "gamma_excess"):
        np.testing.assert_allclose(table[name], epoch[name], rtol=1e-11)
    np.testing.assert_allclose(
        table["directedness"], over_stretches(store, store["step"] // 5)["directedness"], rtol=1e-11
    )
    whole, by_step = summarise(table), summarise(store)
    for name in ("gamma", "gamma_walk", "gamma_excess", "rate", "directedness", "initial_distance"):
        np.testing.assert_allclose(whole[name], by_step[name], rtol=1e-11)
    np.testing.assert_allclose(trajreg.directedness(table), trajreg.directedness(store), rtol=1e-11)
    np.testing.assert_allclose(trajreg.directedness(table[1:]), trajreg.directedness(store[5:]), rtol=1e-11)


def test_functions_of_tables_take_it_and_say_nothing_that_is_not_known(trained):
    checkpoints, known, store, _ = trained
    table = trajreg.from_checkpoints(checkpoints, **known)
    bound = trajreg.theorem_bound(table)
    assert (bound.bound, bound.holds) == (None, None)
    assert np.isnan(trajreg.directedness(table))
    whole = summarise(table)
    np.testing.assert_allclose(
        [whole["gamma"], whole["rate"]], [summarise(store)[name] for name in ("gamma", "rate")], rtol=1e-12
    )
    assert np.isnan([whole[name] for name in ("gamma_walk", "directedness", "obeys", "path_ratio", "cosine")]).all()
    halves = over_stretches(table, table["stretch"] // 2)
    np.testing.assert_allclose(halves["gamma"], over_stretches(store, store["step"] // 10)["gamma"], rtol=1e-12)
    every = trajreg.from_checkpoints(line(2.0, 1.0, 0.0), loss=1.0, lr=1.0, num_steps=1)
    assert trajreg.theorem_bound(every).bound is None


def test_nothing_is_infinite_where_nothing_moved_or_the_gap_is_gone():
    still = trajreg.from_checkpoints(line(1.0, 1.0, 1.0), loss=1.0, lr=0.1, num_steps=3, update_sq=[0.0, 0.0])
    assert still["gamma"].tolist() == [0, 0]
    assert still["directedness"].isna().all()
    assert summarise(still)["gamma"] == 0
    for change in ({"lr": [0.1, 0.0]}, {"loss": [1.0, 0.5], "optimal_loss": 0.5}):
        table = trajreg.from_checkpoints(line(2.0, 1.0, 0.0), **{"loss": 1.0, "lr": 0.1, "num_steps": 3, **change})
        assert table["gamma"].isna().tolist() == [False, True]
        assert not np.isinf(table.to_numpy(dtype=float)).any()


def test_half_precision_is_subtracted_in_double(tmp_path):
    places = [torch.randn(5000).to(torch.bfloat16) for _ in range(3)]
    table = trajreg.from_checkpoints([{"w": one} for one in places], loss=1.0, lr=0.1, num_steps=1)
    exact = [float((one.double() - places[-1].double()).norm()) for one in places[:2]]
    np.testing.assert_allclose(table["distance"], exact, rtol=1e-13)


def test_what_counts_as_a_weight():
    def state(place):
        shared = torch.full((2, 2), place)
        return {
            "embedding.weight": shared,
            "head.weight": shared,
            "head.scale": torch.tensor(place),
            "norm.running_mean": torch.full((2,), 100 * place),
            "mask": torch.ones(2, dtype=torch.bool),
            "frozen.bias": torch.full((3,), 9 * place),
        }

    table = trajreg.from_checkpoints([state(2.0), state(0.0)], loss=1.0, lr=0.1, num_steps=1, leave_out=["frozen.*"])
    assert table.attrs == {"weights": 5, "left_out": ["norm.running_mean", "mask", "frozen.bias"], "alike": []}
    np.testing.assert_allclose(table["distance"], np.sqrt(4 * 4 + 4))


GOOD = {"loss": 1.0, "lr": 0.1, "num_steps": 5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"loss": [1.0, 2.0, 3.0]},
            "loss has 3 values for 3 checkpoints, should be a number or 2, one for each stretch",
        ),
        ({"lr": np.ones((2, 2))}, r"lr has shape \(2, 2\) for 3 checkpoints"),
        ({"num_steps": [1]}, "num_steps has 1 value for 3 checkpoints"),
        ({"update_sq": 1.0}, r"update_sq has shape \(\) for 3 checkpoints, should be 2, one for each"),
        ({"loss": "high"}, "loss must be a number or 2, one for each stretch between two checkpoints, got 'high'"),
        ({"loss": [1.0, np.nan]}, "loss of stretch 1 is nan, should be a finite number$"),
        ({"optimal_loss": np.inf}, "optimal_loss of stretch 0 is inf"),
        ({"loss": [-1.0, 1.0]}, "loss of stretch 0 is -1, below optimal_loss = 0; give the infimum"),
        ({"lr": -0.1}, "lr of stretch 0 is -0.1, should be a finite number of at least 0"),
        ({"num_steps": 2.5}, "num_steps of stretch 0 is 2.5, should be a positive whole number"),
        ({"num_steps": [3, 0]}, "num_steps of stretch 1 is 0, should be a positive whole number"),
        ({"update_sq": [1.0, -1.0]}, "update_sq of stretch 1 is -1"),
        (
            {"update_sq": [1.0, 0.1]},
            "update_sq of stretch 1 is 0.1, but the squared lengths of 5 steps .* at least 0.2",
        ),
        ({"leave_out": ["v*"]}, r"leave_out: no tensor is called 'v\*', there are w"),
        ({"leave_out": "w"}, "leave_out is str 'w', should be a list of patterns of names"),
        (
            {"loss": torch.ones(2, requires_grad=True)},
            r"loss is tensor\(\[1., 1.\], requires_grad=True\), should be plain numbers: loss.item\(\)",
        ),
        ({"loss": [torch.ones((), requires_grad=True)] * 2}, "should be plain numbers"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(InputError, match=message):
        trajreg.from_checkpoints(line(2.0, 1.0, 0.0), **{**GOOD, **change})


ONE = {"w": torch.ones(2), "b": torch.ones(1)}


@pytest.mark.parametrize(
    ("checkpoints", "message"),
    [
        ([ONE], "got 1 checkpoint, should be at least two"),
        (
            ONE,
            "checkpoints is dict {'w': tensor([1., 1.]), 'b': tensor([1.])}, should be a list of state dicts or paths",
        ),
        ("a.pt", "checkpoints is str 'a.pt', should be a list of state dicts or paths"),
        (7, "checkpoints is int 7, should be a list"),
        (
            [{**ONE, "w": torch.ones(3)}, ONE],
            r"w has shape \(3,\) in checkpoint 0 \(a state dict\) and \(2,\) in checkpoint 1",
        ),
        (
            [{"w": torch.ones(2)}, ONE],
            "checkpoint 1 (a state dict) has weights 'b', checkpoint 0 (a state dict) has not",
        ),
        (
            [ONE, {"w": torch.ones(2)}],
            "checkpoint 0 (a state dict) has weights 'b', checkpoint 1 (a state dict) has not",
        ),
        (
            [{**ONE, "w": torch.tensor([1.0, np.nan])}, deepcopy(ONE)],
            "checkpoint 0 (a state dict): w has values that are not finite",
        ),
        (
            [ONE, {**deepcopy(ONE), "b": torch.tensor([np.inf])}],
            "checkpoint 1 (a state dict): b has values that are not finite",
        ),
        (
            [{**ONE, "w": torch.ones(2, dtype=torch.complex64)}] * 2,
            "w is complex (torch.complex64), should be dense and real",
        ),
        ([{**ONE, "w": torch.eye(2).to_sparse()}] * 2, "w is sparse (torch.sparse_coo)"),
        ([{**ONE, "w": torch.ones(2, device="meta")}] * 2, "w is on the device 'meta', which holds no numbers"),
        ([{"w": torch.ones(2, dtype=torch.int8)}] * 2, "holds no floating-point weights, but w; left out are ['w']"),
        ([{"epoch": 3}] * 2, "checkpoint 0 (a state dict) holds no tensors under names, only epoch"),
        ([[torch.ones(2)]] * 2, "checkpoint 0 (a state dict) holds a list, should be a mapping from names to tensors"),
        (
            [{"model": ONE, "ema": ONE}] * 2,
            "holds weights in several places, checkpoint['model'] and checkpoint['ema']: which of them is θ it does not tell; save "
            "that one alone, torch.save(checkpoint[…], …)",
        ),
        ([{"model": ONE, "swa": {f"module.{name}": one for name, one in ONE.items()}}] * 2, "and checkpoint['swa']"),
        ([{"model": ONE, "shadow": {"s0": ONE["w"], "s1": ONE["b"]}}] * 2, "and checkpoint['shadow']"),
        ([{"model": ONE, "net": {"other": torch.ones(4)}}] * 2, "checkpoint['model'] and checkpoint['net']"),
        ([{"state_dict": ONE, "ema": {"state_dict": ONE}}] * 2, "checkpoint['ema']['state_dict']"),
        (
            [{"generator": ONE, "critic": {"other": torch.ones(4)}}] * 2,
            "checkpoint['generator'] and checkpoint['critic']",
        ),
    ],
)
def test_checkpoints_that_do_not_fit_are_named(checkpoints, message):
    with pytest.raises(InputError, match=message if "\\" in message else re.escape(message)) as error:
        trajreg.from_checkpoints(checkpoints, **GOOD)
    assert "\n" not in str(error.value)


def test_state_dicts_that_are_no_copies_are_refused():
    """A state dict shares memory with its net: all of them are the weights of now."""
    net = nn.Linear(3, 2)
    live, copies = [], []
    for _ in range(3):
        live.append(net.state_dict())
        copies.append(deepcopy(net.state_dict()))
        with torch.no_grad():
            net.weight.add_(1.0)
    wanted = (
        r"^checkpoint 0 \(a state dict\) and checkpoint 1 \(a state dict\) share the memory of 'weight', and so change together: a state "
        r"dict is no copy; keep copy.deepcopy\(model.state_dict\(\)\) of each$"
    )
    with pytest.raises(InputError, match=wanted):
        trajreg.from_checkpoints(live, **GOOD)
    with pytest.raises(InputError, match=r"checkpoint 1 .* and checkpoint 2 .* share the memory"):
        trajreg.from_checkpoints([copies[0], live[0], live[1]], **GOOD)
    with pytest.raises(InputError, match="share the memory of 'weight'"):
        trajreg.from_checkpoints([copies[0], {"weight": net.weight, "bias": torch.ones(2)}, net.state_dict()], **GOOD)
    table = trajreg.from_checkpoints([*copies[:2], net.state_dict()], **GOOD)  # the last may be the net as it is
    np.testing.assert_allclose(table["distance"], np.sqrt(6) * np.array([3, 2]))


def test_rows_of_one_array_and_empty_tensors_share_nothing():
    path = torch.tensor([[3.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    table = trajreg.from_checkpoints([{"w": row, "none": row[:0]} for row in path], **GOOD)
    assert table["distance"].tolist() == [3, 1]


def test_copies_of_tied_weights_are_told():
    tied = [{"embedding": torch.full((2,), place), "head": torch.full((2,), place)} for place in (2.0, 1.0, 0.0)]
    assert trajreg.from_checkpoints(tied, **GOOD).attrs["alike"] == [("embedding", "head")]
    alone = trajreg.from_checkpoints(tied, leave_out=["head"], **GOOD)
    assert (alone.attrs["alike"], alone.attrs["left_out"]) == ([], ["head"])
    shared = torch.zeros(2)
    with pytest.raises(InputError, match=r"has weights 'head', .* has not; tied weights that .* leave_out=\['head'\]"):
        trajreg.from_checkpoints([*tied[:2], {"embedding": shared, "head": shared}], **GOOD)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_state_dicts_stay_as_they_are(dtype):
    path = [{"w": torch.tensor([place], dtype=dtype)} for place in (5.0, 3.0, 2.0)]
    trajreg.from_checkpoints(path, **GOOD)
    assert [one["w"].item() for one in path] == [5, 3, 2]


def test_anything_that_can_be_gone_through_is_a_list():
    places = line(2.0, 1.0, 0.0)
    table = trajreg.from_checkpoints((one for one in places), leave_out=(name for name in ()), **GOOD)
    pd.testing.assert_frame_equal(table, trajreg.from_checkpoints(places, **GOOD))
