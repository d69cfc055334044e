"""The loop against a naive one, against closed forms, and against itself."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from trajreg.data.load import load
from trajreg.measures.passes import measure
from trajreg.measures.regularity import Regularity
from trajreg.models.build import build
from trajreg.training.loop import train
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec
from trajreg.training.streams import generator, global_stream, stream_seed

DIGITS = {"name": "digits10", "num_train": 100, "num_test": 50}
MLP = {"name": "mlp", "hidden": [16]}
QUADRATIC = {
    "data": {"name": "quadratic", "eigenvalues": [1.0, 18.0]},
    "model": {"name": "mlp", "hidden": [], "bias": False},
    "batch_size": None,
}


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
    return train(Session(one, load(one.data)))


def test_the_loop_equals_a_naive_one():
    one = spec(model=MLP, optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.9})
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
    trained = train(Session(one, data))
    np.testing.assert_array_equal(trained.losses, losses)
    np.testing.assert_array_equal(trained.lr, [0.1] * 6)
    assert trained.num_weights == sum(weight.numel() for weight in model.parameters())
    assert (trained.steps_per_epoch, trained.diverged) == (3, False)


def test_gradient_descent_on_the_quadratic_follows_its_closed_form():
    eigenvalues, lr = np.array([1.0, 18.0]), 0.1
    one = spec(**QUADRATIC, optimizer={"name": "sgd", "lr": lr}, num_epochs=50)
    _, results = measure(one, load(one.data), {"regularity": Regularity(keep_iterates=True)})
    result = results["regularity"]
    offset = result.arrays["iterates"].astype(float) - 1
    expected = (1 - lr * eigenvalues)[None, :] ** np.arange(51)[:, None] * offset[0]
    np.testing.assert_allclose(offset, expected, atol=2e-6)
    gamma = 2 - lr * (eigenvalues**2 * expected**2).sum(axis=1) / (eigenvalues * expected**2).sum(axis=1)
    np.testing.assert_allclose(result.tables["steps"]["gamma"][:12], gamma[:12], rtol=0.02)


def test_same_seed_same_bytes_and_another_seed_others():
    one, same, other = run(seed=3), run(seed=3), run(seed=4)
    assert one.epochs.equals(same.epochs)
    assert one.losses.tobytes() == same.losses.tobytes()
    assert one.landings == same.landings
    assert len(set(one.landings)) == 2
    assert not set(one.landings) & set(other.landings)
    assert not np.array_equal(one.losses, other.losses)


def test_training_leaves_the_callers_random_stream_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run()
    assert torch.equal(before, torch.get_rng_state())


def test_the_callers_random_stream_decides_nothing():
    model = {"name": "mlp", "hidden": [8], "dropout": 0.5}
    torch.manual_seed(1)
    one = run(model=model)
    torch.manual_seed(2)
    assert run(model=model).landings == one.landings


def test_streams_are_unrelated():
    names = [(seed, name) for seed in range(20) for name in ("init", "order", "dropout")]
    assert len({stream_seed(*name) for name in names}) == len(names)


def test_epochs_tell_losses_and_accuracies():
    trained = run(batch_size=50)
    epochs = trained.epochs
    assert list(epochs["epoch"]) == [1, 2]
    assert list(epochs["step"]) == [2, 4]
    np.testing.assert_allclose(epochs["train_loss"], trained.losses.reshape(2, 2).mean(axis=1))
    assert epochs[["train_accuracy", "test_accuracy"]].stack().between(0, 1).all()
    assert "test_mean_iou" not in epochs


def test_progress_is_told_every_epochs_loss():
    one, told = spec(model=MLP), []
    trained = train(Session(one, load(one.data)), progress=lambda *epoch: told.append(epoch))
    assert told == list(zip(trained.epochs["epoch"], trained.epochs["train_loss"], strict=True))


@pytest.mark.parametrize(("every", "evaluated"), [(2, [False, True, False, True, True]), (9, [False] * 4 + [True])])
def test_the_test_set_is_evaluated_every_so_often_and_at_the_end(every, evaluated):
    model = {"name": "mlp", "hidden": [8], "dropout": 0.3, "norm": "batch"}
    always, rarely = (run(model=model, num_epochs=5, evaluate_every=k) for k in (1, every))
    assert list(rarely.epochs["test_loss"].notna()) == list(rarely.epochs["test_accuracy"].notna()) == evaluated
    assert always.epochs[evaluated].equals(rarely.epochs[evaluated][always.epochs.columns])
    assert rarely.epochs["train_loss"].notna().all()
    assert rarely.losses.tobytes() == always.losses.tobytes()
    assert rarely.landings == always.landings


def test_a_full_batch_is_all_samples():
    one = spec(model=MLP, batch_size=None)
    data = load(one.data)
    session = Session(one, data)
    loss = functional.cross_entropy(session.model(data.train_inputs), data.train_targets).item()
    trained = train(session)
    assert trained.steps_per_epoch == 1
    assert trained.losses[0] == loss


def test_unet_reports_mean_iou():
    trained = run(
        data={"name": "digits_seg", "num_train": 8, "num_test": 4},
        model={"name": "unet", "width": 0.03125, "depth": 2},
        batch_size=4,
    )
    assert trained.epochs["test_mean_iou"].between(0, 1).all()


def test_a_diverging_run_ends_cleanly():
    one = spec(**QUADRATIC, optimizer={"name": "sgd", "lr": 10.0}, num_epochs=200)
    trained, results = measure(one, load(one.data), {"regularity": Regularity()})
    assert trained.diverged
    assert np.isfinite(trained.losses[:-1]).all()
    assert not np.isfinite(trained.losses[-1])
    assert len(trained.epochs) == len(trained.losses) == len(trained.lr) == len(trained.landings) < 200
    assert results == {}


def test_every_optimiser_trains():
    for name in ("sgd", "adagrad", "rmsprop", "adam", "adamw"):
        trained = run(model=MLP, optimizer={"name": name, "lr": 0.01}, num_epochs=30)
        assert trained.losses[-1] < trained.losses[0]
