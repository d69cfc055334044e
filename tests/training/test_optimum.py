"""ℓ* at the end point by one pass in eval mode: the same as by the mini-batches where it should be, named where it is not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from trajreg.data.load import load
from trajreg.models.build import MODELS, build
from trajreg.models.spec import MODEL_SPECS, parse_model
from trajreg.runs.execute import execute, tabulate
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.store import RunStore
from trajreg.training.evaluate import EVAL_VALUES
from trajreg.training.loop import train
from trajreg.training.spec import TrainSpec

MODE_DEPENDENT = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
BATCH_NORM = {"name": "vgg11", "width": 0.03125}
TASKS = {
    "classification": ({"name": "digits10", "num_train": 100, "num_test": 20}, {"name": "vgg11", "width": 0.0625}, 30),
    "segmentation": ({"name": "digits_seg", "num_train": 10, "num_test": 2}, {"name": "unet", "width": 0.03125}, 4),
    "regression": ({"name": "quadratic", "eigenvalues": [1.0, 18.0]}, {"name": "mlp", "hidden": [5]}, 3),
}


def spec(optimum, estimator="store", task="classification", **changes):
    data, model, batch_size = TASKS[task]
    model = {"depth": 2} | model if task == "segmentation" else model
    values = {
        "data": data,
        "model": model | ({} if task == "regression" else {"norm": "none"}),
        "optimizer": {"name": "sgd", "lr": 0.02},
        "batch_size": batch_size,
        "num_epochs": 3,
        "record": {"estimator": estimator, "optimum": optimum},
    }
    return TrainSpec.parse(values | changes, "test")


def data_of(one):
    """Its data; segmentations with pixels that have no class, and one sample in which hardly one has any."""
    data = load(one.data)
    if data.task != "segmentation":
        return data
    targets = torch.where(torch.rand(data.train_targets.shape) < 0.3, -100, data.train_targets)
    targets[1] = -100
    targets[1, 0, 0] = 0
    return replace(data, train_targets=targets)


@pytest.mark.parametrize("task", TASKS)
def test_without_batch_norm_and_dropout_it_is_the_endpoints_loss(task):
    torch.manual_seed(0)
    data = data_of(spec("endpoint", task=task))
    exact, one_pass = (train(spec(optimum, task=task), data) for optimum in ("endpoint", "endpoint_eval"))
    assert exact.optimal_loss.shape == exact.losses.shape
    np.testing.assert_allclose(one_pass.optimal_loss, exact.optimal_loss, rtol=2e-6)
    assert exact.epochs.equals(one_pass.epochs)
    assert one_pass.optimum == "endpoint_eval"


def test_the_mean_of_a_segmentation_is_over_the_pixels_that_have_a_class():
    torch.manual_seed(0)
    data = data_of(spec("endpoint", task="segmentation"))
    training = train(spec("endpoint_eval", task="segmentation", batch_size=10, num_epochs=1), data)
    alone = train(spec("endpoint", task="segmentation", batch_size=10, num_epochs=1), data)
    assert training.optimal_loss == pytest.approx(alone.optimal_loss, rel=2e-6)
    per_sample = (data.train_targets >= 0).flatten(1).sum(dim=1)
    assert per_sample.min() == 1 < per_sample.max()  # a mean of the samples' means would be another number


def test_it_is_the_same_with_every_estimator():
    stored = train(spec("endpoint_eval"), load(spec("endpoint_eval").data))
    for estimator in ("epoch", "sketch", "auto", "replay"):
        other = train(spec("endpoint_eval", estimator), load(stored.spec.data))
        np.testing.assert_array_equal(other.optimal_loss, stored.optimal_loss)
        assert set(tabulate(other)[0]["optimum"]) == set(tabulate(other)[1]["optimum"]) == {"endpoint_eval"}
    assert other.regularity().equals(stored.regularity())


def test_large_data_is_passed_in_pieces(monkeypatch):
    one = spec("endpoint_eval")
    whole = train(one, load(one.data))
    monkeypatch.setattr("trajreg.training.evaluate.EVAL_VALUES", EVAL_VALUES // 100_000)
    np.testing.assert_allclose(train(one, load(one.data)).optimal_loss, whole.optimal_loss, rtol=2e-6)


@pytest.mark.parametrize("model", [BATCH_NORM, TASKS["classification"][1] | {"norm": "none", "dropout": 0.5}])
def test_with_batch_norm_or_dropout_it_is_another_number_and_named_an_approximation(model, tmp_path):
    exact, approximate = spec("endpoint", model=model), spec("endpoint_eval", model=model)
    store, data = RunStore(tmp_path), load(exact.data)
    one, other = train(exact, data), train(approximate, data)
    np.testing.assert_array_equal(one.losses, other.losses)
    assert not np.allclose(one.optimal_loss, other.optimal_loss, rtol=1e-4)
    for each in (exact, approximate):
        execute(each, store, lambda epoch, loss: None)
    manifests = [store.load(fingerprint(each)).manifest for each in (exact, approximate)]
    assert [manifest["optimum"] for manifest in manifests] == ["endpoint", "endpoint_eval (approximate)"]
    assert [manifest["exact"] for manifest in manifests] == [True, False]
    stored = store.load(fingerprint(approximate))
    assert set(stored.steps()["optimum"]) == set(stored.epochs()["optimum"]) == {"endpoint_eval (approximate)"}


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("name", MODELS)
def test_it_is_called_exact_for_the_nets_that_have_one_mode(name, norm):
    for dropout in (0.0, 0.5) if "dropout" in MODEL_SPECS[name].model_fields else (0.0,):
        model = {"name": name, "norm": norm} | ({"dropout": dropout} if dropout else {})
        if name == "unet":
            model |= {"width": 0.1}
        net = build(parse_model(model, "test"), (1, 32, 32), 3)
        modes = any(isinstance(one, MODE_DEPENDENT) and getattr(one, "p", 1) > 0 for one in net.modules())
        task = "segmentation" if name == "unet" else "classification"
        assert spec("endpoint_eval", task=task, model=model).optimum_is_exact is not modes
        assert spec("endpoint", task=task, model=model).optimum_is_exact
