"""What a training may be: wrong specs and impossible trainings are named."""

import pytest
import torch

from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec


def spec(**changes):
    base = {
        "data": {"name": "digits10", "num_train": 100, "num_test": 50},
        "model": {"name": "resnet18", "width": 0.03125},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "batch_size": 30,
        "num_epochs": 2,
    }
    return TrainSpec.parse(base | changes, "test")


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
        (
            {"task": "regression"},
            "task = 'regression' does not fit digits10, which is for classification; choose from classification, one_hot_mse",
        ),
        (
            {"data": {"name": "digits10", "augment": {"padding": 8}}},
            "data.augment.padding = 8 could move the images of digits10 out of sight: .* shorter side, 8 pixels",
        ),
        (
            {"task": "one_hot_mse", "data": {"name": "quadratic", "eigenvalues": [1.0]}, "batch_size": None},
            "task = 'one_hot_mse' does not fit quadratic, which is for regression; choose from regression",
        ),
    ],
)
def test_impossible_trainings_are_refused(changes, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    one = spec(**changes)
    with pytest.raises(InputError, match=message):
        Session(one, load(one.data))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": {"name": "sgd", "lr": -0.1}}, r"optimizer.lr = -0.1: input should be greater than 0"),
        ({"optimizer": {"name": "sgd", "lr": "1e-3"}}, r"optimizer.lr = '1e-3': input should be a valid number"),
        ({"optimizer": {"name": "sgd"}}, r"optimizer.lr is missing"),
        ({"optimizer": {"name": "adam", "lr": 0.1, "momentum": 0.9}}, "momentum = 0.9 is an option of sgd and rmsprop"),
        ({"optimizer": {"name": "adagrad", "lr": 0.1, "momentum": 0.9}}, "of sgd and rmsprop, adagrad takes none"),
        ({"optimizer": {"name": "sgd", "lr": 0.1, "nesterov": True}}, "nesterov needs sgd with momentum"),
        (
            {"optimizer": {"name": "rmsprop", "lr": 0.1, "momentum": 0.9, "nesterov": True}},
            "nesterov = true is an option of sgd, rmsprop takes none",
        ),
        (
            {"optimizer": {"name": "sgd", "lr": 0.1, "clip_norm": 0}},
            "optimizer.clip_norm = 0: nothing would be left of any gradient; null is no clipping",
        ),
        (
            {"optimizer": {"name": "sgd", "lr": 0.1, "clip_norm": -1.0}},
            "optimizer.clip_norm = -1.0: input should be greater than 0",
        ),
        ({"schedule": {"name": "steps"}}, "schedule.name = 'steps': input should be one of 'step', "),
        ({"schedule": {"name": "step"}}, "schedule.every is missing"),
        ({"schedule": "cosine"}, "schedule = 'cosine': input should be a mapping with the key name"),
        (
            {"schedule": {"name": "cosine", "every": 3}},
            "schedule.every = 3: every is an option of step; cosine takes warmup",
        ),
        (
            {"schedule": {"name": "constant", "factor": 0.5}},
            "schedule.factor = 0.5: factor is an option of step; constant takes warmup",
        ),
        ({"schedule": {"name": "step", "every": 0}}, "schedule.every = 0: input should be greater than or equal to 1"),
        (
            {"schedule": {"name": "step", "every": 1, "factor": 1.0}},
            "schedule.factor = 1.0: input should be less than 1",
        ),
        (
            {"schedule": {"name": "cosine", "warmup": 2}},
            "schedule.warmup = 2 is as long as the training, num_epochs = 2, or longer: give fewer epochs",
        ),
        (
            {"schedule": {"name": "step", "every": 2}},
            "schedule.every = 2 never comes in a training of num_epochs = 2: give fewer",
        ),
        (
            {"schedule": {"name": "step", "every": 1, "warmup": 1}},
            "schedule.every = 1 after schedule.warmup = 1 never comes in a training of num_epochs = 2",
        ),
        ({"batchsize": 3}, r"batchsize is not a known key, did you mean batch_size\? allowed: seed, device, data, "),
        (
            {"optimizer": {"name": "sgd", "lr": 0.1, "momentun": 0.9}},
            r"optimizer.momentun is not .* mean momentum\? allowed: name, lr",
        ),
        (
            {"optimizer": {"name": "adamm", "lr": 0.1}},
            "optimizer.name = 'adamm': input should be 'adam', 'adamw'.* or ",
        ),
        (
            {"after_step": [{"name": "max_norm", "limits": 1}]},
            r"after_step.0.limits is .* did you mean limit\? allowed: name, limit$",
        ),
        ({"num_epochs": 0}, "num_epochs = 0: input should be greater than or equal to 1"),
        ({"num_epochs": 1.5}, "num_epochs = 1.5"),
        ({"evaluate_every": 0}, "evaluate_every = 0: input should be greater than or equal to 1"),
        ({"device": "tpu"}, "device = 'tpu': input should be 'cpu' or 'cuda'"),
        ({"task": "ranking"}, "task = 'ranking': input should be 'classification', 'segmentation'"),
        ({"after_step": [{"name": "max_norm", "limit": 0}]}, r"after_step.0.limit = 0: input should be greater than 0"),
        ({"after_step": [{"name": "max_norm"}]}, r"after_step.0.limit is missing"),
        ({"record": {"estimator": "epoch"}}, "record is not a known key; allowed: .*model, optimizer"),
    ],
)
def test_wrong_specs_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        spec(**changes)


def test_a_default_spelled_out_is_the_same_training():
    assert spec(after_step=[], evaluate_every=1, task=None).identity() == spec().identity()
    limited = spec(after_step=[{"name": "max_norm", "limit": 3.0}])
    assert limited.identity() != spec().identity()
    assert hash(limited) == hash(spec(after_step=[{"name": "max_norm", "limit": 3.0}]))
