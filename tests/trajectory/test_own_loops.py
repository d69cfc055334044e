"""Loops as people write them: groups, accumulation, schedules, tied weights, skipped AMP steps, half precision, resumed trainings."""

import numpy as np
import pytest
import torch
from torch import nn

import trajreg
from trajreg.metrics.aggregate import over_stretches

ESTIMATORS = [
    {"estimator": "store"},
    {"estimator": "epoch", "steps_per_epoch": 5},
    {"estimator": "sketch", "steps_per_epoch": 5, "num_sketch": 40},
    {"estimator": "sketch", "num_sketch": 10, "sketch_seed": 3},
]


def problem(dtype=torch.float32):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)
    return net, torch.randn(40, 6, dtype=dtype), torch.randint(0, 3, (40,))


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def two_groups(net, lrs=(0.1, 0.02)):
    return torch.optim.SGD(
        [{"params": net[0].parameters(), "lr": lrs[0]}, {"params": net[2].parameters(), "lr": lrs[1]}], momentum=0.5
    )


def train(net, inputs, targets, optimizer, recorder, steps, scheduler=None, start=0):
    for step in range(start, start + steps):
        chosen = torch.arange(8) + 8 * (step % 5)
        loss = nn.functional.cross_entropy(net(inputs[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        with recorder.step(loss, lr=rates(optimizer)):
            optimizer.step()
        if scheduler:
            scheduler.step()


def recorded(steps=20, lrs=(0.1, 0.02), schedule=False, **options):
    net, inputs, targets = problem()
    optimizer = two_groups(net, lrs)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9) if schedule else None
    recorder = trajreg.TrajectoryRecorder(optimizer.param_groups, **options)
    train(net, inputs, targets, optimizer, recorder, steps, scheduler)
    return recorder.finish(keep_iterates=options["estimator"] == "store")


def test_each_group_is_measured_with_its_own_rate_under_a_schedule():
    trajectory = recorded(schedule=True, estimator="store")
    theta, lr, table = trajectory.iterates.double().numpy(), trajectory.lr, trajectory.regularity()
    np.testing.assert_allclose(lr, 0.9 ** np.arange(20)[:, None] * [0.1, 0.02])
    update = (theta[:-1] - theta[1:]) / np.repeat(lr, (56, 27), axis=1)
    offset = theta[:-1] - theta[-1]
    half = (np.repeat(lr, (56, 27), axis=1) * update**2).sum(axis=1) / 2
    np.testing.assert_allclose(table["gamma"], ((offset * update).sum(axis=1) - half) / table["loss"], rtol=1e-9)
    np.testing.assert_allclose(table["update_norm"], np.linalg.norm(update, axis=1), rtol=1e-12)
    np.testing.assert_allclose(table["lr"], lr @ [56, 27] / 83, rtol=1e-12)


def test_groups_with_equal_rates_agree_with_one_group():
    grouped = recorded(lrs=(0.1, 0.1), estimator="store").regularity()
    net, inputs, targets = problem()
    optimizer, recorder = two_groups(net, (0.1, 0.1)), trajreg.TrajectoryRecorder(net)
    for step in range(20):
        chosen = torch.arange(8) + 8 * (step % 5)
        loss = nn.functional.cross_entropy(net(inputs[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        with recorder.step(loss, lr=0.1):
            optimizer.step()
    plain = recorder.finish().regularity()
    np.testing.assert_allclose(grouped[list(plain)], plain, rtol=1e-9)


@pytest.mark.parametrize("steps_per_epoch", [None, 5])
def test_limit_of_as_many_numbers_as_weights_a_sketch_of_groups_is_the_truth(steps_per_epoch):
    truth = recorded(schedule=True, estimator="store").regularity()
    options = {"num_sketch": 83, "steps_per_epoch": steps_per_epoch}  # more than either group has
    table = recorded(schedule=True, estimator="sketch", **options).regularity()
    np.testing.assert_allclose(table[list(truth)], truth, rtol=1e-4, atol=1e-9)
    assert not table["gamma_stderr"].any()


def test_epoch_means_over_groups_agree_with_store():
    steps = recorded(steps=24, schedule=True, estimator="store").regularity()
    epochs = recorded(steps=24, schedule=True, estimator="epoch", steps_per_epoch=5).regularity()
    means = over_stretches(steps, np.arange(24) // 5)
    for column in ("gamma", "gamma_walk", "gamma_excess"):
        np.testing.assert_allclose(epochs[column], means[column], rtol=1e-10)
    np.testing.assert_allclose(epochs["distance_scaled"], steps["distance_scaled"].iloc[::5], rtol=1e-10)
    assert list(epochs) == [*steps, "num_steps"]
    assert epochs["num_steps"].tolist() == [5, 5, 5, 5, 4]
    of_steps = ["cosine", "forward_cosine", "cosine_walk", "update_norm", "update_scaled"]
    assert epochs[of_steps].isna().all(axis=None)


def test_epoch_refuses_groups_whose_ratios_change_within_an_epoch():
    theta = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))]
    groups = [{"params": [one]} for one in theta]
    recorder = trajreg.TrajectoryRecorder(groups, "epoch", steps_per_epoch=2)
    for lr in ([0.1, 0.2], [0.1, 0.2], [0.1, 0.2], [0.1, 0.3]):
        with recorder.step(1.0, lr=lr):
            pass
    with pytest.raises(trajreg.errors.InputError, match=r"in epoch 1 \(steps 2 to 3\) the learning rates .* 'store'"):
        recorder.finish().regularity()


def test_accumulated_gradients_are_one_step_with_the_mean_loss():
    tables = []
    for parts in (1, 4):
        net, inputs, targets = problem(torch.float64)
        optimizer, recorder = torch.optim.SGD(net.parameters(), lr=0.1), trajreg.TrajectoryRecorder(net)
        for _ in range(6):
            optimizer.zero_grad()
            losses = []
            for x, y in zip(inputs.chunk(parts), targets.chunk(parts), strict=True):
                losses.append(nn.functional.cross_entropy(net(x), y))
                (losses[-1] / parts).backward()
            with recorder.step(torch.stack(losses).mean(), lr=0.1):
                optimizer.step()
        tables.append(recorder.finish().regularity())
    assert len(tables[1]) == 6
    np.testing.assert_allclose(*tables, rtol=1e-9)


def test_tied_weights_count_once():
    net = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False))
    net[1].weight = net[0].weight
    for given in (net, net.parameters(), [*net[0].parameters(), *net[1].parameters()], net.named_parameters()):
        recorder = trajreg.TrajectoryRecorder(given)
        with recorder.step(1.0, lr=1):
            pass
        assert recorder.finish(keep_iterates=True).iterates.shape == (2, 20)


def test_theta_is_fixed_when_the_recorder_is_made():
    net, inputs, targets = problem()
    net[0].requires_grad_(False)
    optimizer, recorder = torch.optim.SGD(net.parameters(), lr=0.1), trajreg.TrajectoryRecorder(net.parameters())
    train(net, inputs, targets, optimizer, recorder, 3)
    net[0].requires_grad_(True)  # trained from here on, but no part of θ
    net[2].bias.requires_grad_(False)
    train(net, inputs, targets, optimizer, recorder, 3)
    trajectory = recorder.finish(keep_iterates=True)
    assert trajectory.iterates.shape == (7, 27)


def test_a_group_without_trainable_weights_keeps_its_place_in_lr():
    net, inputs, targets = problem()
    net[0].requires_grad_(False)
    optimizer = two_groups(net)
    recorder = trajreg.TrajectoryRecorder(optimizer.param_groups)
    train(net, inputs, targets, optimizer, recorder, 3)
    assert list(recorder.finish().regularity()["lr"]) == [0.02] * 3


def test_a_number_as_lr_means_all_groups():
    groups = [{"params": [nn.Parameter(torch.ones(2))]}, {"params": nn.Parameter(torch.ones(3))}]
    recorder = trajreg.TrajectoryRecorder(groups)
    with recorder.step(1.0, lr=0.25):
        pass
    np.testing.assert_array_equal(recorder.finish().lr, [[0.25, 0.25]])


def test_a_step_skipped_by_the_scaler_is_recorded_with_gamma_zero():
    net, inputs, targets = problem()
    optimizer, recorder = torch.optim.SGD(net.parameters(), lr=0.1), trajreg.TrajectoryRecorder(net)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    for step in range(8):
        loss = nn.functional.cross_entropy(net(inputs), targets)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        if step in (0, 4):
            net[0].weight.grad[0, 0] = torch.inf  # what an overflow leaves
        with recorder.step(loss, lr=0.1):
            scaler.step(optimizer)
        scaler.update()
    table = recorder.finish().regularity()
    skipped = table["update_norm"] == 0
    assert list(table.index[skipped]) == [0, 4]
    assert (table.loc[skipped, ["gamma", "gamma_walk", "gamma_excess"]] == 0).all(axis=None)
    assert table.loc[skipped, "cosine"].isna().all()
    assert trajreg.theorem_bound(table).bound is None
    moved = table[~skipped]
    total = (moved["lr"] * moved["gamma"] * moved["gap"]).sum()
    assert total == pytest.approx(table["distance"][0] ** 2 / 2, rel=1e-9)  # still telescopes
    assert trajreg.theorem_bound(moved).bound is None  # rows are missing
    assert trajreg.theorem_bound(moved.assign(step=range(len(moved)))).holds


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("memory", [0, 2**20])
def test_half_precision_weights_are_kept_as_they_are(dtype, memory):
    theta = nn.Parameter(torch.linspace(1, 2, 50).to(dtype))
    recorder, iterates = trajreg.TrajectoryRecorder([theta], memory=memory), []
    for _ in range(5):
        iterates.append(theta.detach().double().numpy())
        with recorder.step(1.0, lr=1.0), torch.no_grad():
            theta.mul_(0.9)
    iterates = np.array([*iterates, theta.detach().double().numpy()])
    table = recorder.finish().regularity()
    np.testing.assert_allclose(table["distance"], np.linalg.norm(iterates[:-1] - iterates[-1], axis=1), rtol=1e-12)


@pytest.mark.parametrize("options", ESTIMATORS)
@pytest.mark.parametrize("stop", [1, 7, 10])
def test_a_resumed_training_gives_the_same_table_bitwise(options, stop, tmp_path, monkeypatch):
    for module in ("store", "recent"):
        monkeypatch.setattr(f"trajreg.trajectory.{module}.BLOCK_BYTES", 3 * 83 * 4)  # three iterates a block
    whole = recorded(steps=17, **options).regularity()
    net, inputs, targets = problem()
    optimizer = two_groups(net)
    recorder = trajreg.TrajectoryRecorder(optimizer.param_groups, **options)
    train(net, inputs, targets, optimizer, recorder, stop)
    state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "recorder": recorder.state_dict()}
    torch.save(state, tmp_path / "checkpoint.pt")
    train(net, inputs, targets, optimizer, recorder, 3)  # what was saved stays as it was

    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.manual_seed(5)
    net, inputs, targets = problem()
    optimizer = two_groups(net)
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    recorder = trajreg.TrajectoryRecorder(optimizer.param_groups, **options)
    recorder.load_state_dict(state["recorder"])
    assert len(recorder.losses()) == stop
    train(net, inputs, targets, optimizer, recorder, 17 - stop, start=stop)
    np.testing.assert_array_equal(recorder.finish().regularity(), whole)


def test_a_state_of_no_steps_can_be_resumed():
    for options in ESTIMATORS:
        net, inputs, targets = problem()
        optimizer = two_groups(net)
        state = trajreg.TrajectoryRecorder(optimizer.param_groups, **options).state_dict()
        recorder = trajreg.TrajectoryRecorder(optimizer.param_groups, **options)
        recorder.load_state_dict(state)
        train(net, inputs, targets, optimizer, recorder, 6)
        np.testing.assert_array_equal(recorder.finish().regularity(), recorded(steps=6, **options).regularity())
