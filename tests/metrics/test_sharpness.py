"""Sharpness against closed forms and against the whole Hessian, in float64; and the net is left as it was."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import trajreg
from trajreg.errors import InputError
from trajreg.metrics.hessian import Hessian

ONE = [(torch.ones(4, 1, dtype=torch.float64), None)]


class Quadratic(nn.Module):
    """½ Σ λ_i θ_i² for every sample, whatever the input."""

    def __init__(self, eigenvalues):
        super().__init__()
        self.eigenvalues = torch.as_tensor(np.asarray(eigenvalues), dtype=torch.float64)
        self.theta = nn.Parameter(torch.ones(len(self.eigenvalues), dtype=torch.float64))

    def forward(self, inputs):
        return (self.eigenvalues * self.theta**2).sum() / 2


def of_quadratic(eigenvalues, k=1, batches=ONE, **options):
    return trajreg.sharpness(Quadratic(eigenvalues), lambda outputs, targets: outputs, batches, k, **options)


def data(num_samples=24, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(num_samples, 5, generator=generator, dtype=dtype)
    return inputs, torch.randint(0, 3, (num_samples,), generator=generator)


def split(sizes, pair=None):
    inputs, targets = pair or data(sum(sizes))
    return list(zip(inputs.split(sizes), targets.split(sizes), strict=True))


def make_net(*middle):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), *middle, nn.Tanh(), nn.Linear(6, 3)).double()


def whole_hessian(net, batches, loss_fn=functional.cross_entropy):
    """(P, P) by autograd on a flat vector of weights, of the mean over all samples."""
    names, tensors = zip(*net.named_parameters(), strict=True)

    def mean_loss(theta):
        parts = theta.split([one.numel() for one in tensors])
        weights = {name: part.view(one.shape) for name, part, one in zip(names, parts, tensors, strict=True)}
        terms = [loss_fn(torch.func.functional_call(net, weights, (x,)), y) * len(x) for x, y in batches]
        return sum(terms) / sum(len(x) for x, _ in batches)

    return torch.autograd.functional.hessian(mean_loss, nn.utils.parameters_to_vector(tensors).detach()).numpy()


def assert_largest(found, matrix, rtol=1e-7):
    expected = np.linalg.eigvalsh(matrix)[::-1][: len(found.values)]
    np.testing.assert_allclose(found.values, expected, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("size", [1, 3, 20, 21, 200])
def test_a_quadratic_has_its_own_eigenvalues_and_the_largest_is_not_the_largest_in_magnitude(size):
    eigenvalues = np.linspace(7, -100, size)
    found = of_quadratic(eigenvalues, min(3, size), tol=1e-8)
    np.testing.assert_allclose(found.values, eigenvalues[:3], rtol=1e-10)
    assert (found.residuals < 1e-6).all()


def test_where_all_eigenvalues_are_negative_the_largest_is_the_one_nearest_to_zero():
    np.testing.assert_allclose(of_quadratic(np.linspace(-1, -50, 40)).values, -1, rtol=1e-8)


@pytest.mark.parametrize(
    "eigenvalues", [[2.0] * 50, [5.0] * 3 + [3.0] * 2 + [0.0] * 45, [5.0] + [0.0] * 49, [0.0] * 50, [-1.0] * 50]
)
def test_repeated_eigenvalues_are_found_as_often_as_they_occur(eigenvalues):
    np.testing.assert_allclose(of_quadratic(eigenvalues, 5, tol=1e-8).values, eigenvalues[:5], atol=1e-12)


def test_residuals_bound_the_error_and_the_tolerance_sets_them():
    eigenvalues = np.linspace(1, 0, 400)
    loose, tight = (of_quadratic(eigenvalues, tol=tol, max_iter=1000) for tol in (1e-1, 1e-8))
    assert loose.num_hvps < tight.num_hvps
    assert tight.residuals[0] < 1e-7 < loose.residuals[0] < 1e-1
    assert abs(loose.values[0] - 1) <= loose.residuals[0]


def test_every_product_is_counted():
    calls = []
    loss_fn = lambda outputs, targets: calls.append(1) or outputs  # noqa: E731
    found = trajreg.sharpness(Quadratic(np.arange(50.0)), loss_fn, ONE, 2)
    assert found.num_hvps == len(calls)


@pytest.mark.parametrize("k", [1, 4])
def test_an_mlp_against_its_whole_hessian(k):
    net, batches = make_net(), split([24])
    assert_largest(trajreg.sharpness(net, functional.cross_entropy, batches, k, tol=1e-8), whole_hessian(net, batches))


def test_batches_of_any_size_give_the_hessian_of_the_mean_over_samples():
    net = make_net()
    vector = np.random.default_rng(0).standard_normal(57)
    products = [
        Hessian(net, functional.cross_entropy, split(sizes)).product(vector)
        for sizes in ([24], [20, 4], [7, 1, 16], [1] * 24)
    ]
    for product in products:
        np.testing.assert_allclose(product, whole_hessian(net, split([24])) @ vector, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_batch_norm_with_running_and_with_batch_statistics(mode):
    net, batches = make_net(nn.BatchNorm1d(6)), split([16, 8])
    net[1].running_mean.uniform_(), net[1].running_var.uniform_(1, 2)
    found = trajreg.sharpness(net, functional.cross_entropy, batches, 3, mode, tol=1e-8)
    assert_largest(found, whole_hessian(copy.deepcopy(net).train(mode == "train"), batches))


def test_the_two_modes_differ_with_batch_norm_and_batches_count_in_train_mode():
    net = make_net(nn.BatchNorm1d(6))
    values = [
        trajreg.sharpness(net, functional.cross_entropy, split(sizes), 1, mode).values[0]
        for mode in ("eval", "train")
        for sizes in ([24], [12, 12])
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-9)
    assert len({round(value, 6) for value in values}) == 3


def test_a_linear_layer_with_squared_error_has_the_second_moment_of_its_inputs():
    inputs = data()[0]
    net = nn.Linear(5, 1, bias=False).double()
    halves = lambda outputs, targets: functional.mse_loss(outputs, targets) / 2  # noqa: E731
    found = trajreg.sharpness(net, halves, [(inputs, torch.zeros(24, 1).double())], 2)
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(inputs.T @ inputs / 24)[::-1][:2], rtol=1e-10)


def test_parameters_without_a_path_and_linear_ones_count_as_zeros():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.curved, self.linear, self.unused = (nn.Parameter(torch.ones(n).double()) for n in (30, 4, 6))

        def forward(self, inputs):
            return (torch.arange(30) * self.curved**2).sum() / 2 + self.linear.sum()

    found = trajreg.sharpness(Odd(), lambda outputs, targets: outputs, ONE, 2)
    np.testing.assert_allclose(found.values, [29, 28], rtol=1e-8)
    product = Hessian(Odd(), lambda outputs, targets: outputs, ONE).product(np.ones(40))
    np.testing.assert_array_equal(product, [*range(30), *[0] * 10])


def test_frozen_parameters_are_left_out_and_parameters_can_be_chosen():
    net, batches = make_net(), split([24])
    matrix = whole_hessian(net, batches)
    chosen = trajreg.sharpness(net, functional.cross_entropy, batches, 2, parameters=net[2].parameters(), tol=1e-8)
    assert_largest(chosen, matrix[36:, 36:])
    net[0].requires_grad_(False)
    frozen = trajreg.sharpness(net, functional.cross_entropy, batches, 2, tol=1e-8)
    np.testing.assert_array_equal(frozen.values, chosen.values)
    assert [one.requires_grad for one in net.parameters()] == [False, False, True, True]


def test_tied_weights_count_once():
    net = nn.Sequential(nn.Linear(5, 5, bias=False), nn.Tanh(), nn.Linear(5, 5, bias=False)).double()
    net[2].weight = net[0].weight
    assert Hessian(net, functional.cross_entropy, split([24])).size == 25


def test_attention_has_a_second_derivative():
    torch.manual_seed(0)
    net = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).double()
    found = trajreg.sharpness(net, lambda o, t: o.square().mean(), [(torch.randn(3, 5, 4).double(), None)], mode="eval")
    assert np.isfinite(found.values).all()


def test_dropout_has_the_same_masks_in_every_pass_and_the_same_seed_gives_the_same_bits():
    net, batches = make_net(nn.Dropout(0.5)), split([16, 8])
    one, same, other = (
        trajreg.sharpness(net, functional.cross_entropy, batches, 2, "train", seed=seed) for seed in (0, 0, 1)
    )
    assert one.residuals.max() < 1e-4 * one.values[0]
    np.testing.assert_array_equal(one.values, same.values)
    np.testing.assert_array_equal(one.residuals, same.residuals)
    assert abs(one.values[0] - other.values[0]) > 1e-3


def everything(net):
    """All that a measurement could leave behind, as one list of tensors and plain values."""
    gradients = [None if one.grad is None else one.grad.clone() for one in net.parameters()]
    modes, asked = [one.training for one in net.modules()], [one.requires_grad for one in net.parameters()]
    state = [(name, id(value), value.clone()) for name, value in net.state_dict(keep_vars=True).items()]
    return [*state, *gradients, modes, asked, torch.get_rng_state()]


def assert_same(before, after):
    for one, other in zip(before, after, strict=True):
        pairs = zip(one, other, strict=True) if isinstance(one, tuple) else [(one, other)]
        assert all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("fails", [False, True])
def test_the_net_and_the_random_stream_are_left_as_they_were(mode, fails):
    net, batches = make_net(nn.BatchNorm1d(6), nn.Dropout(0.5)), split([16, 8])
    functional.cross_entropy(net(batches[0][0]), batches[0][1]).backward()
    net[0].weight.grad = None
    net[0].bias.requires_grad_(False)
    net[1].eval()
    before = everything(net)
    if fails:
        seen = []

        def loss_fn(outputs, targets):
            seen.append(1)
            if len(seen) == 4:
                raise RuntimeError("mine")
            return functional.cross_entropy(outputs, targets)

        with pytest.raises(RuntimeError, match="mine"):
            trajreg.sharpness(net, loss_fn, batches, 1, mode)
    else:
        with torch.no_grad():
            trajreg.sharpness(net, functional.cross_entropy, batches, 1, mode)
    assert_same(before, everything(net))


def test_float32_weights_give_float64_numbers_near_those_of_float64():
    net, batches = make_net(), split([24])
    double = trajreg.sharpness(net, functional.cross_entropy, batches, 2)
    single = trajreg.sharpness(net.float(), functional.cross_entropy, [(x.float(), y) for x, y in batches], 2)
    assert single.values.dtype == np.float64
    np.testing.assert_allclose(single.values, double.values, rtol=1e-5)


def loader(**options):
    dataset = torch.utils.data.TensorDataset(*data())
    return torch.utils.data.DataLoader(dataset, batch_size=8, **options)


def test_a_loader_in_fixed_order_is_a_list_of_its_batches_and_draws_from_no_global_stream():
    net = make_net()
    state = torch.get_rng_state()
    found = trajreg.sharpness(net, functional.cross_entropy, loader())
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(found.values, trajreg.sharpness(net, functional.cross_entropy, split([8] * 3)).values)


def test_a_loader_that_shuffles_by_the_global_stream_gives_one_order_and_leaves_the_stream_alone():
    net, state = make_net(nn.BatchNorm1d(6)), torch.get_rng_state()
    found = trajreg.sharpness(net, functional.cross_entropy, loader(shuffle=True), 1, "train", tol=1e-6)
    assert torch.equal(state, torch.get_rng_state())
    assert found.residuals[0] < 1e-5 * found.values[0]


def test_a_loader_that_shuffles_by_itself_is_refused():
    shuffled = loader(shuffle=True, generator=torch.Generator().manual_seed(0))
    message = r"loss of batch \d was .* at first and .* later, at the same weights: .* without shuffling"
    with pytest.raises(InputError, match=message):
        trajreg.sharpness(make_net(), functional.cross_entropy, shuffled)


class Shrinking:
    """Batches of which one is gone each time."""

    def __init__(self):
        self.batches = split([8] * 3)

    def __iter__(self):
        yield from self.batches
        self.batches.pop()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k = 0, must be between 1 and the number of weights P = 57"),
        ({"k": 58}, "k = 58, must be between 1"),
        ({"mode": "test"}, "mode 'test' is unknown, choose from 'eval', 'train'"),
        ({"tol": 0.0}, "tol must be above 0"),
        ({"max_iter": 0}, "max_iter at least 1"),
        ({"batches": iter(split([8, 8]))}, r"batches can be gone through only once, .* give list\(batches\)"),
        ({"batches": []}, "batches is empty"),
        ({"batches": Shrinking()}, "there were 3 batches at first and 2 later: .* the same each time"),
        ({"batches": data()}, r"batch 0 is a Tensor, should be a pair \(inputs, targets\)"),
        ({"batches": [("text", 0)]}, "inputs of batch 0 should be a tensor whose first axis counts samples"),
        ({"loss_fn": lambda o, t: o}, r"loss_fn gave \(24, 3\) for batch 0, should be a scalar"),
        ({"loss_fn": lambda o, t: 1.0}, "loss_fn gave float for batch 0"),
        ({"loss_fn": lambda o, t: o.detach().sum()}, "loss of batch 0 depends on no trainable parameter"),
        ({"loss_fn": lambda o, t: o.sum() * float("inf")}, "loss of batch 0 is -?(inf|nan), should be finite"),
        ({"loss_fn": lambda o, t: (0 * o).sum().abs().sqrt()}, "not finite: the loss has no second derivative here"),
        ({"parameters": []}, "of trainable parameters, and there is none"),
        ({"parameters": torch.ones(3)}, "parameters is one tensor; give a list"),
        ({"parameters": [3.0]}, r"parameters\[0\] is a float, not a tensor"),
        ({"parameters": [torch.ones(3)]}, r"parameters\[0\] needs no gradient"),
        (
            {"parameters": [torch.ones(3, dtype=torch.complex64, requires_grad=True)]},
            "complex64; only real floating-point",
        ),
    ],
)
def test_wrong_input_is_named(change, message):
    good = {"model": make_net(), "loss_fn": functional.cross_entropy, "batches": split([24])}
    with pytest.raises(InputError, match=message):
        trajreg.sharpness(**good | change)


def test_what_does_not_converge_says_how_far_it_came_and_what_to_raise():
    message = (
        r"after max_iter = 1 restarts \(\d+ Hessian-vector products\) 0 of 3 .* tol = 0.0001 .* raise max_iter or tol"
    )
    with pytest.raises(InputError, match=message):
        of_quadratic(np.linspace(0, 1, 2000), 3, max_iter=1)


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(InputError, match=r"vector has shape \(3,\), should be \(57,\)"):
        Hessian(make_net(), functional.cross_entropy, split([24])).product(np.ones(3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares a GPU with the CPU")
def test_on_a_gpu_the_same_numbers_and_its_random_stream_left_alone():
    net, batches = make_net(nn.BatchNorm1d(6)), split([16, 8])
    expected = trajreg.sharpness(net, functional.cross_entropy, batches, 2, "train", tol=1e-8)
    net, batches = make_net(nn.BatchNorm1d(6), nn.Dropout(0.0)).cuda(), [(x.cuda(), y.cuda()) for x, y in batches]
    before, cuda_before = everything(net), torch.cuda.get_rng_state()
    found = trajreg.sharpness(net, functional.cross_entropy, batches, 2, "train", tol=1e-8)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-7)
    assert torch.equal(cuda_before, torch.cuda.get_rng_state())
    assert_same(before, everything(net))
