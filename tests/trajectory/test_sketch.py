"""The sketch: a linear, unbiased projection whose standard errors hold, exact epoch sums, and a training left as it was."""

import numpy as np
import pytest
import torch
from torch import nn

import trajreg
from trajreg.errors import InputError
from trajreg.trajectory.epoch import Epoch
from trajreg.trajectory.parameters import Weights
from trajreg.trajectory.projection import Projection
from trajreg.trajectory.sketch import Sketch
from trajreg.trajectory.store import Store
from trajreg.trajectory.trajectory import Trajectory

STEPS, PER_EPOCH, SEEDS = 48, 10, 100  # the last epoch is shorter


def projection(size, num_sketch, seed, dtype=torch.float64):
    return Projection(size, num_sketch, torch.Generator().manual_seed(seed), torch.zeros(0, dtype=dtype))


def small_net(dtype=torch.float32):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 5)).to(dtype)
    return net, torch.randn(80, 16, dtype=dtype), torch.randint(0, 5, (80,))


def train(make_estimators, steps=STEPS, momentum=0.5, dtype=torch.float32):
    """Train the small net under any number of estimators at once; (net, what each of them says)."""
    net, inputs, targets = small_net(dtype)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=momentum)
    estimators = make_estimators(list(net.parameters()))
    for step in range(steps):
        chosen = torch.arange(8) + 8 * (step % 10)
        loss = nn.functional.cross_entropy(net(inputs[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        for estimator in estimators:
            estimator.keep()
        optimizer.step()
    return net, [ended(estimator, steps) for estimator in estimators]


def ended(estimator, num_steps):
    """What it says when θ_T is there."""
    estimator.keep()
    return estimator.distances(num_steps)


def many(num_sketch, **options):
    """The store and a sketch a seed."""
    return lambda weights: [
        Store(Weights.of(weights)),
        *(Sketch(Weights.of(weights), num_sketch, seed, **options) for seed in range(SEEDS)),
    ]


@pytest.fixture(scope="module")
def pooled():
    """num_sketch, steps_per_epoch -> (the truth, sketches of many seeds), each trained once."""
    known = {}

    def look_up(num_sketch, steps_per_epoch):
        key = num_sketch, steps_per_epoch
        if key not in known:
            truth, *sketches = train(many(num_sketch, steps_per_epoch=steps_per_epoch))[1]
            known[key] = truth, sketches
        return known[key]

    return look_up


def cosine(distances):
    return distances.inner / np.sqrt(distances.distance_sq[:-1] * distances.update_sq)


def table(distances):
    return Trajectory(distances, np.ones(STEPS), np.ones(STEPS)).regularity()


def test_the_projection_is_linear():
    a, b = torch.randn(2, 1000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    project = projection(1000, 64, 0)
    torch.testing.assert_close(project(2 * a - 3 * b), 2 * project(a) - 3 * project(b), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [960, 1000])  # a multiple of k, and one that is filled up with zeros
def test_inner_products_are_unbiased_with_the_derived_variance(size):
    a, b = torch.randn(2, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    b += a / 2
    maps = [projection(size, 64, seed) for seed in range(4000)]
    found = np.array([float(project(a) @ project(b)) for project in maps])
    variance = float(a @ a * (b @ b) + (a @ b) ** 2 - 2 * (a * b).square().sum()) * maps[0].collision
    assert abs(found.mean() - float(a @ b)) < 3 * np.sqrt(variance / len(maps))
    assert found.var() == pytest.approx(variance, rel=0.1)  # 4 standard errors of a variance over 4000 draws


@pytest.mark.parametrize("scales", [(1, 1, 1, 1), (100, 1, 1, 1), (1, 1, 1, 100), (1, 30, 1, 30)])
def test_the_variance_holds_whichever_layers_do_the_moving(scales):
    a, b = torch.randn(2, 20_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sizes = [16_000, 2_000, 1_800, 200]  # the last one is shorter than a row
    layers = torch.cat([torch.full((size,), float(scale)) for size, scale in zip(sizes, scales, strict=True)])
    a, b = a * layers, b * layers
    maps = [projection(20_000, 256, seed) for seed in range(400)]
    errors = np.array([float(project(a) @ project(b) - a @ b) for project in maps])
    stderr = float((a @ a * (b @ b) + (a @ b) ** 2) * maps[0].collision) ** 0.5
    assert 0.92 < np.mean(np.abs(errors) < 2 * stderr) < 0.99
    assert np.abs(errors.mean()) < 4 * errors.std() / np.sqrt(len(maps))


def test_weights_of_one_chunk_do_not_disturb_each_other():
    a, b = torch.zeros(2, 20_000, dtype=torch.float64)
    a[:8], b[:8] = torch.arange(8), torch.arange(8).flip(0)
    project = projection(20_000, 256, 0)
    assert float(project(a) @ project(b)) == float(a @ b)


def test_limit_k_equal_to_the_number_of_weights_is_exact():
    size = sum(weight.numel() for weight in small_net(torch.float64)[0].parameters())
    for options in ({}, {"steps_per_epoch": PER_EPOCH}):
        _, (truth, sketch) = train(
            lambda weights, options=options: [Store(Weights.of(weights)), Sketch(Weights.of(weights), size, **options)],
            dtype=torch.float64,
        )
        for name in ("distance_sq", "update_sq", "inner"):
            np.testing.assert_allclose(getattr(sketch, name), getattr(truth, name), rtol=1e-10, atol=1e-15)
        assert not sketch.inner_stderr.any()
        assert not sketch.distance_sq_stderr.any()


@pytest.mark.parametrize("steps_per_epoch", [None, PER_EPOCH])
def test_estimates_are_unbiased(pooled, steps_per_epoch):
    truth, sketches = pooled(256, steps_per_epoch)
    found = np.array([sketch.inner for sketch in sketches])
    z = (found.mean(axis=0) - truth.inner)[:-1] / (found.std(axis=0)[:-1] / np.sqrt(SEEDS))
    assert np.abs(z).max() < 4
    np.testing.assert_allclose(sketches[0].update_sq, truth.update_sq, rtol=1e-7)
    np.testing.assert_allclose(
        found[:, -1], truth.inner[-1], rtol=1e-7
    )  # the last step ends at θ_T: nothing to estimate


@pytest.mark.parametrize("steps_per_epoch", [None, PER_EPOCH])
@pytest.mark.parametrize("num_sketch", [128, 512])
def test_the_truth_is_within_two_standard_errors(pooled, num_sketch, steps_per_epoch):
    truth, sketches = pooled(num_sketch, steps_per_epoch)
    inside = {"inner": [], "distance_sq": [], "cosine": []}
    for one in sketches:
        inside["inner"].append(np.abs(one.inner - truth.inner)[:-1] < 2 * one.inner_stderr[:-1])
        estimated = slice(None) if steps_per_epoch is None else np.arange(STEPS - 1) % PER_EPOCH > 0
        miss = np.abs(one.distance_sq - truth.distance_sq)[: STEPS - 1]
        inside["distance_sq"].append((miss < 2 * one.distance_sq_stderr[:-1])[estimated])
        inside["cosine"].append((np.abs(cosine(one) - cosine(truth)) < 2 * table(one)["cosine_stderr"])[:-1])
    coverage = {name: np.mean(hits) for name, hits in inside.items()}
    assert all(0.92 < share < 0.98 for share in coverage.values()), coverage


@pytest.mark.parametrize("steps_per_epoch", [None, PER_EPOCH])
def test_the_standard_errors_hold_over_groups_with_rates_of_their_own(steps_per_epoch):
    def make(weights):
        groups = Weights.of([{"params": weights[:3]}, {"params": weights[3:]}])
        return [Store(groups), *(Sketch(groups, 96, seed, steps_per_epoch) for seed in range(SEEDS))]

    sizes, lr = (1152, 389), np.tile([0.1, 0.02], (STEPS, 1))
    truth, *tables = (Trajectory(one, np.ones(STEPS), lr, group_sizes=sizes).regularity() for one in train(make)[1])
    coverage = {
        name: np.mean([(one[name] - truth[name]).abs()[:-1] < 2 * one[f"{name}_stderr"][:-1] for one in tables])
        for name in ("gamma", "cosine")
    }
    assert all(0.92 < share < 0.98 for share in coverage.values()), coverage


def test_the_error_falls_like_one_over_root_k(pooled):
    ks = np.array([32, 64, 128, 256])
    errors = []
    for k in ks:
        truth, sketches = pooled(k, None)
        errors.append(np.sqrt(np.mean([(one.inner - truth.inner) ** 2 for one in sketches])))
    assert np.polyfit(np.log(ks), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.1)


def test_epoch_sums_are_exact_and_steps_closer_for_it(pooled):
    truth, pinned = pooled(128, PER_EPOCH)
    _, free = pooled(128, None)
    starts = np.arange(0, STEPS, PER_EPOCH)
    edges = truth.distance_sq[[*starts, STEPS]]
    for sketch in pinned[:5]:
        sums = np.add.reduceat(sketch.inner - sketch.update_sq / 2, starts)
        np.testing.assert_allclose(sums, (edges[:-1] - edges[1:]) / 2, rtol=1e-10)
        np.testing.assert_allclose(sketch.distance_sq[starts], edges[:-1], rtol=1e-12)
        assert not sketch.distance_sq_stderr[starts].any()

    def error(sketches):
        return np.mean([(one.inner - truth.inner) ** 2 for one in sketches])

    assert error(pinned) < error(free)


def test_the_table_of_a_recording_has_standard_errors():
    theta = nn.Parameter(torch.zeros(50))
    recorder = trajreg.TrajectoryRecorder([theta], "sketch", num_sketch=16)
    for step in range(10):
        with recorder.step(0.0 if step == 3 else 2.0, lr=0.5), torch.no_grad():
            theta += torch.linspace(-1, 1, 50).roll(step)
    trajectory = recorder.finish()
    table = trajectory.regularity()
    assert list(table)[-3:] == ["gamma_stderr", "cosine_stderr", "forward_cosine_stderr"]
    assert np.isnan(table["gamma_stderr"][3])  # a gap of 0 has no γ
    np.testing.assert_allclose(table["gamma_stderr"].drop(3), np.delete(trajectory.distances.inner_stderr, 3))
    exact = trajreg.TrajectoryRecorder([theta])
    with exact.step(1.0, lr=1.0):
        pass
    assert "gamma_stderr" not in exact.finish().regularity()


def test_recording_changes_neither_weights_nor_random_streams():
    plain, _ = train(lambda weights: [])
    stream = torch.get_rng_state()
    recorded, _ = train(lambda weights: [Sketch(Weights.of(weights), 64, steps_per_epoch=PER_EPOCH)])
    assert torch.equal(stream, torch.get_rng_state())
    for one, other in zip(plain.state_dict().values(), recorded.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_seed_gives_the_same_bytes_and_another_does_not():
    _, (one, same, other) = train(lambda weights: [Sketch(Weights.of(weights), 64, seed) for seed in (0, 0, 1)])
    np.testing.assert_array_equal(one.inner, same.inner)
    np.testing.assert_array_equal(one.distance_sq, same.distance_sq)
    assert (one.inner != other.inner)[:-1].all()


def test_blocks_on_the_way_to_the_host_change_nothing(monkeypatch):
    monkeypatch.setattr("trajreg.trajectory.sketched.STRETCH", 7)
    _, (whole,) = train(lambda weights: [Sketch(Weights.of(weights), 64)])
    monkeypatch.setattr("trajreg.trajectory.sketch.BLOCK_BYTES", 5 * 64 * 4)
    _, (blocks,) = train(lambda weights: [Sketch(Weights.of(weights), 64)])
    np.testing.assert_array_equal(whole.inner, blocks.inner)


@pytest.mark.parametrize("pairs", [1, 3, 7])
def test_blocks_of_iterates_change_nothing(monkeypatch, pairs):
    def both(weights):
        return [Sketch(Weights.of(weights), 64, steps_per_epoch=PER_EPOCH), Epoch(Weights.of(weights), PER_EPOCH)]

    net, whole = train(both)
    size = sum(weight.numel() for weight in net.parameters())
    monkeypatch.setattr("trajreg.trajectory.recent.BLOCK_BYTES", pairs * size * 4)
    for one, other in zip(train(both)[1], whole, strict=True):
        np.testing.assert_array_equal(one.update_sq, other.update_sq)
        np.testing.assert_array_equal(one.distance_sq, other.distance_sq)
        np.testing.assert_array_equal(one.inner, other.inner)


def test_steps_far_shorter_than_the_weights_keep_their_digits():
    """Weights of 1000, steps of 1e-3: a float32 sketch of θ itself would round away more than the step's sketch."""
    theta = nn.Parameter(torch.full((4096,), 1000.0))
    push = torch.randn(20, 4096, generator=torch.Generator().manual_seed(0)) * 1e-3
    store, sketches = Store(Weights.of([theta])), [Sketch(Weights.of([theta]), 4096), Sketch(Weights.of([theta]), 1024)]
    for step in push:
        for estimator in (store, *sketches):
            estimator.keep()
        with torch.no_grad():
            theta += step
    truth, exact, rough = (ended(one, len(push)) for one in (store, *sketches))
    np.testing.assert_allclose(exact.inner, truth.inner, rtol=1e-6)
    assert (np.abs(rough.inner - truth.inner)[:-1] < 4 * rough.inner_stderr[:-1]).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_are_sketched_in_single(dtype):
    theta = nn.Parameter(torch.linspace(-1, 1, 256, dtype=dtype))
    store, sketch = Store(Weights.of([theta])), Sketch(Weights.of([theta]), 256)
    for _ in range(5):
        store.keep()
        sketch.keep()
        with torch.no_grad():
            theta *= 0.9
    np.testing.assert_allclose(ended(sketch, 5).inner, ended(store, 5).inner, rtol=1e-5)


@pytest.mark.parametrize(("size", "num_sketch"), [(5000, 64), (20_000, 2100), (8192, 8192), (100, 3)])
def test_the_projection_by_gather_is_the_one_by_rows(monkeypatch, size, num_sketch):
    vector = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = projection(size, num_sketch, 0)(vector)
    monkeypatch.setattr("trajreg.trajectory.projection.ADDS_ROW_BY_ROW", ())
    torch.testing.assert_close(projection(size, num_sketch, 0)(vector), rows, rtol=1e-12, atol=1e-12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_same_projection_on_a_gpu():
    vector = torch.randn(5000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    on_gpu = Projection(5000, 64, torch.Generator().manual_seed(0), vector.cuda())(vector.cuda())
    torch.testing.assert_close(on_gpu.cpu(), projection(5000, 64, 0)(vector), rtol=1e-12, atol=1e-12)


def test_errors_name_what_is_wrong():
    theta = [nn.Parameter(torch.zeros(30)), nn.Parameter(torch.zeros(2, 5))]
    for wrong in (1, 41):
        with pytest.raises(
            InputError, match=f"num_sketch = {wrong}, must be between 2 and the number of weights P = 40"
        ):
            trajreg.TrajectoryRecorder(theta, "sketch", num_sketch=wrong)
    with pytest.raises(InputError, match="steps_per_epoch = 0, must be at least 1"):
        trajreg.TrajectoryRecorder(theta, "sketch", num_sketch=8, steps_per_epoch=0)
    recorder = trajreg.TrajectoryRecorder(theta, "sketch", num_sketch=8, steps_per_epoch=2)
    with recorder.step(1.0, lr=1.0), torch.no_grad():
        theta[0].fill_(float("inf"))
    with pytest.raises(InputError, match="a weight is not finite"):
        recorder.finish()
