"""The loop against a naive one, against closed forms, and against itself."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.models.build import build
from trajreg.runs.execute import tabulate
from trajreg.training.evaluate import evaluate
from trajreg.training.loop import train
from trajreg.training.spec import TrainSpec
from trajreg.training.streams import generator, global_stream, stream_seed

DIGITS = {"name": "digits10", "num_train": 100, "num_test": 50}


def spec(**changes):
    base = {
        "data": DIGITS,
        "model": {"name": "resnet18", "width": 0.03125},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "batch_size": 30,
        "num_epochs": 2,
    }
    return TrainSpec.parse(base | changes, "test")


def run(**changes):
    one = spec(**changes)
    return train(one, load(one.data))


def test_the_loop_equals_a_naive_one():
    one = spec(model={"name": "mlp", "hidden": [16]}, optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.9})
    data = load(one.data)
    with global_stream(0, "init"):
        model = build(one.model, data.input_shape, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    order, losses = generator(0, "order"), []
    for _ in range(2):
        for batch in torch.randperm(100, generator=order)[:90].view(3, 30):
            loss = functional.cross_entropy(model(data.train_inputs[batch]), data.train_targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    np.testing.assert_array_equal(train(one, data).losses, losses)


def test_gradient_descent_on_the_quadratic_follows_its_closed_form():
    eigenvalues, lr = np.array([1.0, 18.0]), 0.1
    training = run(
        data={"name": "quadratic", "eigenvalues": [1.0, 18.0]},
        model={"name": "mlp", "hidden": [], "bias": False},
        optimizer={"name": "sgd", "lr": lr},
        batch_size=None,
        num_epochs=50,
        record={"estimator": "store", "keep_iterates": True},
    )
    offset = training.trajectory.iterates.double().numpy() - 1
    expected = (1 - lr * eigenvalues)[None, :] ** np.arange(51)[:, None] * offset[0]
    np.testing.assert_allclose(offset, expected, atol=2e-6)
    gamma = 2 - lr * (eigenvalues**2 * expected**2).sum(axis=1) / (eigenvalues * expected**2).sum(axis=1)
    np.testing.assert_allclose(training.trajectory.regularity()["gamma"][:12], gamma[:12], rtol=0.02)


def test_same_seed_same_bytes_and_another_seed_others():
    one, same, other = run(seed=3), run(seed=3), run(seed=4)
    for table in zip(tabulate(one)[:2], tabulate(same)[:2], strict=True):
        assert table[0].equals(table[1])
    assert not np.array_equal(one.losses, other.losses)


def test_training_is_the_same_whatever_is_recorded():
    dropout = {"name": "vgg11", "width": 0.03125, "dropout": 0.4}
    store, epoch = run(model=dropout), run(model=dropout, record={"estimator": "epoch"})
    assert store.epochs.equals(epoch.epochs)
    by_epoch = tabulate(store)[0]
    np.testing.assert_allclose(tabulate(epoch)[0]["gamma"], by_epoch["gamma"], rtol=1e-10)


def test_training_leaves_the_callers_random_stream_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run()
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.are_deterministic_algorithms_enabled()


def test_streams_are_unrelated():
    names = [(seed, name) for seed in range(20) for name in ("init", "order", "dropout")]
    assert len({stream_seed(*name) for name in names}) == len(names)


def test_epochs_tell_losses_and_accuracies():
    training = run(batch_size=50)
    epochs = training.epochs
    assert list(epochs["epoch"]) == [1, 2]
    assert list(epochs["step"]) == [2, 4]
    np.testing.assert_allclose(epochs["train_loss"], training.losses.reshape(2, 2).mean(axis=1))
    assert epochs[["train_accuracy", "test_accuracy"]].stack().between(0, 1).all()
    assert "test_mean_iou" not in epochs


class Perfect(torch.nn.Module):
    """Predicts each pixel's class from an image that holds it."""

    def forward(self, inputs):
        return functional.one_hot(inputs[:, 0].long(), 3).movedim(-1, 1) * 50.0


def test_evaluation_of_a_segmentation_by_hand():
    from trajreg.data.dataset import Dataset

    predicted = torch.tensor([[[0, 0], [1, 1]], [[0, 1], [1, 1]]])
    targets = torch.tensor([[[0, 0], [1, 0]], [[0, 1], [-100, 1]]])
    inputs = predicted[:, None].float()
    data = Dataset.of("hand", "segmentation", (inputs, targets), (inputs, targets), 3)
    result = evaluate(Perfect(), data)
    assert result["test_accuracy"] == pytest.approx(6 / 7)
    assert result["test_mean_iou"] == pytest.approx((3 / 4 + 3 / 4) / 2)  # class 2 occurs nowhere
    assert result["test_loss"] == pytest.approx(50 / 7)


def test_unet_reports_mean_iou():
    training = run(
        data={"name": "digits_seg", "num_train": 8, "num_test": 4},
        model={"name": "unet", "width": 0.03125, "depth": 2},
        batch_size=4,
    )
    assert training.epochs["test_mean_iou"].between(0, 1).all()


def test_a_diverging_run_ends_cleanly():
    training = run(
        data={"name": "quadratic", "eigenvalues": [1.0, 18.0]},
        model={"name": "mlp", "hidden": [], "bias": False},
        optimizer={"name": "sgd", "lr": 10.0},
        batch_size=None,
        num_epochs=200,
    )
    assert training.diverged
    assert np.isfinite(training.losses[:-1]).all()
    assert not np.isfinite(training.losses[-1])
    assert len(training.epochs) == len(training.losses) < 200
    _, steps, summary = tabulate(training)
    assert "gamma" not in steps
    assert "gamma" not in summary
    assert len(steps) == len(training.losses)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 101}, "batch_size = 101 is larger than the 100 training samples of digits10"),
        ({"device": "cuda"}, "device = 'cuda', but PyTorch sees no GPU here"),
        ({"model": {"name": "unet", "depth": 2}}, "model unet does not fit digits10, whose task is classification"),
        (
            {"data": {"name": "digits_seg", "num_train": 40}},
            "resnet18 does not fit digits_seg, whose task is segmentation",
        ),
    ],
)
def test_impossible_trainings_are_refused(changes, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=message):
        run(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": {"name": "sgd", "lr": -0.1}}, r"optimizer.lr = -0.1: input should be greater than 0"),
        ({"optimizer": {"name": "sgd", "lr": "1e-3"}}, r"optimizer.lr = '1e-3': input should be a valid number"),
        ({"optimizer": {"name": "sgd"}}, r"optimizer.lr is missing"),
        ({"optimizer": {"name": "adam", "lr": 0.1, "momentum": 0.9}}, "momentum = 0.9 is an option of sgd and rmsprop"),
        ({"optimizer": {"name": "sgd", "lr": 0.1, "nesterov": True}}, "nesterov needs sgd with momentum"),
        ({"batchsize": 3}, "batchsize is not a known key"),
        ({"num_epochs": 0}, "num_epochs = 0: input should be greater than or equal to 1"),
        ({"num_epochs": 1.5}, "num_epochs = 1.5"),
        ({"device": "tpu"}, "device = 'tpu': input should be 'cpu' or 'cuda'"),
        ({"record": {"estimator": "epoch", "keep_iterates": True}}, "keep_iterates needs estimator store"),
    ],
)
def test_wrong_specs_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        spec(**changes)


def test_every_optimiser_trains():
    for name in ("sgd", "adagrad", "rmsprop", "adam", "adamw"):
        training = run(model={"name": "mlp", "hidden": [16]}, optimizer={"name": name, "lr": 0.01}, num_epochs=30)
        assert training.losses[-1] < training.losses[0]


def test_sketch_has_exact_epochs_and_stderrs_and_says_what_it_is():
    store, sketch = run(), run(record={"estimator": "sketch", "num_sketch": 64})
    epochs, steps, _ = tabulate(sketch)
    np.testing.assert_allclose(epochs["gamma"], tabulate(store)[0]["gamma"], rtol=1e-6)
    assert (steps["gamma_stderr"] > 0).sum() >= len(steps) - 1  # the last step is exact
    assert set(steps["estimator"]) == set(epochs["estimator"]) == {"sketch"}


def test_auto_is_store_where_all_iterates_fit_and_says_so():
    auto = run(record={"estimator": "auto"})
    assert auto.estimator == "store"
    assert tabulate(auto)[1].equals(tabulate(run())[1])
