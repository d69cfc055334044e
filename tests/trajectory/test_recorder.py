"""The recorder in somebody's own loop: closed forms for every optimiser, unchanged weights, honest errors."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

import trajreg
from trajreg.errors import InputError

EIGENVALUES = torch.tensor([1.0, 4.0, 0.5], dtype=torch.float64)
OPTIMISERS = {
    "sgd": lambda weights: torch.optim.SGD(weights, lr=0.1),
    "momentum": lambda weights: torch.optim.SGD(weights, lr=0.05, momentum=0.9),
    "nesterov": lambda weights: torch.optim.SGD(weights, lr=0.05, momentum=0.9, nesterov=True),
    "weight_decay": lambda weights: torch.optim.SGD(weights, lr=0.1, weight_decay=0.3),
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.02),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=0.02, weight_decay=0.1),
    "adagrad": lambda weights: torch.optim.Adagrad(weights, lr=0.1),
    "rmsprop": lambda weights: torch.optim.RMSprop(weights, lr=0.01),
}


def descend(make_optimizer, steps, **recorder_options):
    """Minimise ½ Σ λ θ²; returns (iterates, losses, trajectory or None)."""
    theta = nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    optimizer, iterates, losses = make_optimizer([theta]), [], []
    recorder = trajreg.TrajectoryRecorder([theta], **recorder_options) if recorder_options else None
    for _ in range(steps):
        loss = (EIGENVALUES * theta**2).sum() / 2
        iterates.append(theta.detach().clone())
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        if recorder is None:
            optimizer.step()
        else:
            with recorder.step(loss, lr=optimizer.param_groups[0]["lr"]):
                optimizer.step()
    iterates.append(theta.detach().clone())
    return torch.stack(iterates).numpy(), np.array(losses), recorder and recorder.finish(keep_iterates=True)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_agrees_with_its_iterates(name):
    iterates, losses, trajectory = descend(OPTIMISERS[name], 25, estimator="store")
    table = trajectory.regularity()
    lr = OPTIMISERS[name]([nn.Parameter(torch.zeros(1))]).param_groups[0]["lr"]
    offset, update = iterates[:-1] - iterates[-1], (iterates[:-1] - iterates[1:]) / lr
    inner = (offset * update).sum(axis=1)
    np.testing.assert_allclose(table["inner_product"], inner, rtol=1e-10)
    np.testing.assert_allclose(table["gamma"], (inner - lr / 2 * (update**2).sum(axis=1)) / losses, rtol=1e-8)
    np.testing.assert_array_equal(trajectory.iterates.numpy(), iterates)


def test_sgd_on_a_quadratic_follows_the_closed_form_trajectory():
    _, _, trajectory = descend(OPTIMISERS["sgd"], 30, estimator="store")
    powers = (1 - 0.1 * EIGENVALUES.numpy())[None, :] ** np.arange(31)[:, None]
    np.testing.assert_allclose(trajectory.iterates, powers * [1.0, -2.0, 0.5], rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_recording_leaves_the_weights_bit_identical(name):
    recorded = [descend(OPTIMISERS[name], 25, estimator="store"), descend(OPTIMISERS[name], 25, estimator="store")]
    plain, _, _ = descend(OPTIMISERS[name], 25)
    for iterates, _, _ in recorded:
        np.testing.assert_array_equal(iterates, plain)


def small_net():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    return net, torch.randn(40, 6), torch.randint(0, 3, (40,))


def train(recorder_options, steps=24, after=lambda net: None):
    net, inputs, targets = small_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
    recorder = recorder_options and trajreg.TrajectoryRecorder(net.parameters(), **recorder_options)
    for step in range(steps):
        chosen = torch.arange(8) + 8 * (step % 5)
        loss = nn.functional.cross_entropy(net(inputs[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        if recorder:
            with recorder.step(loss, lr=0.1):
                optimizer.step()
        else:
            optimizer.step()
        after(net)
    return net, recorder and recorder.finish()


@pytest.mark.parametrize("options", [{"estimator": "store"}, {"estimator": "epoch", "steps_per_epoch": 5}])
def test_recording_moves_no_random_stream(options):
    plain, _ = train(None)
    recorded, _ = train(options)
    for one, other in zip(plain.state_dict().values(), recorded.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_memory_mapped_rows_are_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("trajreg.trajectory.store.BLOCK_BYTES", 4 * 111 * 4)
    _, kept = train({"estimator": "store"})
    _, mapped = train({"estimator": "store", "memory": 0, "directory": tmp_path})
    np.testing.assert_array_equal(kept.regularity(), mapped.regularity())
    assert list(tmp_path.iterdir()) == []


def test_epoch_means_agree_with_store_to_rounding():
    _, store = train({"estimator": "store"})
    _, epoch = train({"estimator": "epoch", "steps_per_epoch": 5})  # 24 steps: the last epoch is shorter
    steps, epochs = store.regularity(), epoch.regularity()
    assert list(epochs) == [*steps, "num_steps"]
    assert epochs["num_steps"].tolist() == [5, 5, 5, 5, 4]
    assert list(epochs["step"]) == [0, 5, 10, 15, 20]
    weight, starts = (steps["lr"] * steps["gap"]).to_numpy(), epochs["step"].to_numpy()
    for column in ("gamma", "gamma_walk", "gamma_excess"):
        sums = np.add.reduceat(steps[column].to_numpy() * weight, starts) / np.add.reduceat(weight, starts)
        np.testing.assert_allclose(epochs[column], sums, rtol=1e-10)
    np.testing.assert_allclose(epochs["loss"], np.add.reduceat(steps["loss"].to_numpy(), starts) / [5, 5, 5, 5, 4])
    np.testing.assert_allclose(epochs["distance"], steps["distance"].iloc[starts], rtol=1e-12)
    assert epochs["cosine"].isna().all()


def test_an_update_is_what_the_weights_did_also_after_the_step():
    def rescale(net):
        with torch.no_grad():
            net[0].weight /= net[0].weight.norm()

    net, trajectory = train({"estimator": "store"}, steps=3, after=rescale)
    _, plain = train({"estimator": "store"}, steps=3)
    assert trajectory.regularity()["update_norm"][0] != plain.regularity()["update_norm"][0]
    assert float(net[0].weight.detach().norm()) == pytest.approx(1, rel=1e-6)


def test_frozen_parameters_are_no_part_of_theta():
    net, inputs, targets = small_net()
    net[0].weight.requires_grad_(False)
    recorder = trajreg.TrajectoryRecorder(net.parameters())
    loss = nn.functional.cross_entropy(net(inputs), targets)
    with recorder.step(loss, lr=0.1):
        pass
    size = sum(weight.numel() for weight in net.parameters()) - 48
    assert recorder.finish(keep_iterates=True).iterates.shape == (2, size)


def test_limit_straight_line_has_cosine_one():
    theta = nn.Parameter(torch.zeros(50))
    recorder = trajreg.TrajectoryRecorder([theta])
    for _ in range(10):
        with recorder.step(1.0, lr=1.0), torch.no_grad():
            theta += 0.25
    table = recorder.finish().regularity()
    np.testing.assert_allclose(table["cosine"], 1, rtol=1e-7)
    np.testing.assert_allclose(table["distance"], 0.25 * math.sqrt(50) * np.arange(10, 0, -1), rtol=1e-7)


def raised(body, message):
    with pytest.raises(InputError, match=message):
        body()


def test_errors_name_what_is_wrong():
    theta = nn.Parameter(torch.zeros(3))
    raised(lambda: trajreg.TrajectoryRecorder([theta], "magic"), "'magic' is unknown, choose from store, epoch, sketch")
    raised(lambda: trajreg.TrajectoryRecorder([]), "parameters must be trainable .* got none")
    mixed = [theta, nn.Parameter(torch.zeros(3, dtype=torch.float64))]
    raised(lambda: trajreg.TrajectoryRecorder(mixed), "of one type and device")
    raised(lambda: trajreg.TrajectoryRecorder([theta], "epoch"), "needs steps_per_epoch")
    recorder = trajreg.TrajectoryRecorder([theta])
    raised(recorder.finish, "nothing was recorded")
    with (
        pytest.raises(InputError, match=r"loss must be a scalar, got shape \(2,\)"),
        recorder.step(torch.ones(2), lr=1),
    ):
        pass
    with recorder.step(torch.tensor(1.0), lr=1):
        pass
    recorder.finish()
    raised(recorder.finish, "finished already")
    with pytest.raises(InputError, match="finished; make a new"), recorder.step(torch.tensor(1.0), lr=1):
        pass


def test_a_loss_or_weight_that_is_not_finite_is_named():
    theta = nn.Parameter(torch.zeros(3))
    recorder = trajreg.TrajectoryRecorder([theta])
    for loss in (1.0, math.nan):
        with recorder.step(loss, lr=1):
            pass
    raised(recorder.finish, "loss of step 1 is not finite")
    recorder = trajreg.TrajectoryRecorder([theta])
    with recorder.step(1.0, lr=1), torch.no_grad():
        theta += math.inf
    raised(recorder.finish, "a weight is not finite")


def test_a_recording_that_does_not_fit_is_refused_with_the_bytes():
    theta = nn.Parameter(torch.zeros(1000))
    needed = f"{(10**12 + 1) * 4000:,} bytes"
    raised(
        lambda: trajreg.TrajectoryRecorder([theta], num_steps=10**12),
        rf"steps of 1,000 weights need {needed}, [\d,]+ are available in memory and on disk",
    )


def test_memory_is_given_back_by_close(tmp_path):
    recorder = trajreg.TrajectoryRecorder([nn.Parameter(torch.zeros(10))], memory=0, directory=tmp_path)
    with recorder.step(1.0, lr=1):
        assert len(list(tmp_path.iterdir())) == 1
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_two_recorders_do_not_disturb_each_other():
    net, inputs, targets = small_net()
    twin = copy.deepcopy(net)
    tables = []
    recorders = [trajreg.TrajectoryRecorder(one.parameters()) for one in (net, twin)]
    for one, recorder in zip((net, twin), recorders, strict=True):
        one.eval()
        optimizer = torch.optim.SGD(one.parameters(), lr=0.1)
        for _ in range(4):
            loss = nn.functional.cross_entropy(one(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            with recorder.step(loss, lr=0.1):
                optimizer.step()
        tables.append(recorder.finish().regularity())
    np.testing.assert_array_equal(*tables)


def test_auto_is_store_where_all_iterates_fit_in_memory_else_sketch():
    theta = nn.Parameter(torch.zeros(1000))
    fits = trajreg.TrajectoryRecorder([theta], "auto", num_steps=9, memory=40_000)
    too_large = trajreg.TrajectoryRecorder([theta], "auto", num_steps=9, memory=39_999)
    assert (fits.estimator, too_large.estimator) == ("store", "sketch")
    raised(lambda: trajreg.TrajectoryRecorder([theta], "auto"), "'auto' needs num_steps")


@pytest.mark.parametrize("num_sketch", [1, 1001])
def test_a_sketch_of_impossible_size_is_refused(num_sketch):
    theta = nn.Parameter(torch.zeros(1000))
    message = f"num_sketch = {num_sketch}, must be between 2 and the number of weights P = 1000"
    raised(lambda: trajreg.TrajectoryRecorder([theta], "sketch", num_sketch=num_sketch), message)


def test_iterates_of_a_sketch_are_refused():
    recorder = trajreg.TrajectoryRecorder([nn.Parameter(torch.zeros(10))], "sketch", num_sketch=4)
    with recorder.step(1.0, lr=0.1):
        pass
    raised(lambda: recorder.finish(keep_iterates=True), "keep_iterates needs estimator 'store'")


@pytest.mark.parametrize("estimator", ["store", "sketch"])
def test_weights_that_move_in_memory_or_are_not_contiguous_are_read_where_they_are(estimator):
    def recorded(step_in_place):
        theta = [nn.Parameter(torch.linspace(0, 1, 24).view(4, 6)), nn.Parameter(torch.linspace(1, 2, 12).view(3, 4).T)]
        assert not theta[1].is_contiguous()
        recorder = trajreg.TrajectoryRecorder(theta, estimator, num_sketch=20 if estimator == "sketch" else None)
        for _ in range(6):
            with recorder.step(1.0, lr=0.1), torch.no_grad():
                for weight in theta:
                    if step_in_place:
                        weight.mul_(0.9)
                    else:
                        weight.data = weight.data * 0.9  # a new storage
        return recorder.finish().regularity()

    np.testing.assert_array_equal(recorded(True), recorded(False))
