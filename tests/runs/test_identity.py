"""What a run's fingerprint depends on, and that it stays what it is while the library grows."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from pydantic import create_model

from trajreg.measures.regularity import Regularity
from trajreg.runs import fingerprint as fingerprints
from trajreg.runs.fingerprint import NUMERICS, differences, fingerprint, identity
from trajreg.runs.plan import each_once
from trajreg.studies.kinds import Wanted
from trajreg.training.after_step import MaxNorm
from trajreg.training.spec import OptimizerSpec, TrainSpec

PINNED = Path(__file__).parent / "fingerprints.json"
TINY = {
    "data": {"name": "digits10", "num_train": 60, "num_test": 20},
    "model": {"name": "resnet18", "width": 0.03125},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "batch_size": 20,
    "num_epochs": 2,
}


def spec(kind=TrainSpec, **changes):
    return kind.parse(TINY | changes, "test")


CHANGES = [
    {"data": {"name": "digits10", "num_train": 59, "num_test": 20}},
    {"data": {"name": "digits10", "num_train": 60, "num_test": 19}},
    {"data": {"name": "digits10"}},
    {"data": {"name": "digits100"}},
    {"data": {"name": "digits10", "num_train": 60, "num_test": 20, "shuffle_targets": True}},
    {"data": {"name": "digits10", "num_train": 60, "num_test": 20, "augment": {}}},
    {"data": {"name": "digits10", "num_train": 60, "num_test": 20, "augment": {"flip": False}}},
    {"data": {"name": "digits10", "num_train": 60, "num_test": 20, "augment": {"padding": 1}}},
    {"data": {"name": "digits_seg", "canvas": 24}, "model": {"name": "unet"}},
    {"data": {"name": "digits_seg", "digits_per_image": 3}, "model": {"name": "unet"}},
    {"data": {"name": "quadratic", "eigenvalues": [1.0]}},
    {"data": {"name": "quadratic", "eigenvalues": [1.0, 2.0]}},
    {"model": {"name": "resnet34", "width": 0.03125}},
    {"model": {"name": "resnet18", "width": 0.0625}},
    {"model": {"name": "resnet18", "width": 0.03125, "activation": "tanh"}},
    {"model": {"name": "resnet18", "width": 0.03125, "activation": {"name": "elu", "alpha": 0.5}}},
    {"model": {"name": "resnet18", "width": 0.03125, "norm": "none"}},
    {"model": {"name": "resnet18", "width": 0.03125, "order": "norm-act-drop-weight"}},
    {"model": {"name": "resnet18", "width": 0.03125, "skip": False}},
    {"model": {"name": "resnet18", "width": 0.03125, "init": "kaiming"}},
    {"model": {"name": "resnet18", "width": 0.03125, "block_dropout": 0.1}},
    {"model": {"name": "mlp"}},
    {"model": {"name": "mlp", "bias": False}},
    {"optimizer": {"name": "adam", "lr": 0.05}},
    {"optimizer": {"name": "sgd", "lr": 0.051}},
    {"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9}},
    {"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True}},
    {"optimizer": {"name": "sgd", "lr": 0.05, "weight_decay": 1e-4}},
    {"optimizer": {"name": "sgd", "lr": 0.05, "clip_norm": 1.0}},
    {"schedule": {"name": "constant", "warmup": 1}},
    {"schedule": {"name": "step", "every": 1}},
    {"schedule": {"name": "step", "every": 1, "factor": 0.5}},
    {"schedule": {"name": "cosine"}},
    {"schedule": {"name": "cosine", "warmup": 1}},
    {"task": "one_hot_mse"},
    {"after_step": [{"name": "max_norm", "limit": 1.0}]},
    {"after_step": [{"name": "max_norm", "limit": 2.0}]},
    {"after_step": [{"name": "max_norm", "limit": 1.0}, {"name": "max_norm", "limit": 2.0}]},
    {"batch_size": None},
    {"batch_size": 10},
    {"num_epochs": 3},
    {"evaluate_every": 2},
    {"replacement": True},
    {"seed": 1},
    {"device": "cuda"},
]


def test_changing_any_field_changes_the_fingerprint():
    names = [fingerprint(spec(**change)) for change in [{}, *CHANGES]]
    assert len(set(names)) == len(names)
    assert {key for change in CHANGES for key in change} == set(TrainSpec.model_fields)


@pytest.mark.parametrize(
    ("short", "explicit"),
    [
        (
            {},
            {
                "model": {
                    "name": "resnet18", "width": 0.03125, "norm": "batch", "skip": True, "block_dropout": 0,
                    "activation": {"name": "relu"}, "init": "default", "order": "weight-norm-act-drop",
                },
                "optimizer": {
                    "name": "sgd", "lr": 0.05, "momentum": 0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None,
                },
                "data": {"name": "digits10", "num_train": 60, "num_test": 20, "shuffle_targets": False, "augment": None},
                "schedule": {"name": "constant", "warmup": 0},
                "task": None, "after_step": [], "evaluate_every": 1, "seed": 0, "device": "cpu",
            },
        ),
        ({"data": {"name": "digits100"}}, {"data": {"name": "digits100", "num_train": 2000, "num_test": 500}}),
        (
            {"model": {"name": "mlp", "activation": "elu"}},
            {"model": {"name": "mlp", "hidden": [128, 128], "activation": {"name": "elu", "alpha": 1}}},
        ),
        ({"optimizer": {"name": "sgd", "lr": 1.0}}, {"optimizer": {"name": "sgd", "lr": 1}}),
    ],
)  # fmt: skip
def test_spelling_out_defaults_changes_nothing(short, explicit):
    assert fingerprint(spec(**explicit)) == fingerprint(spec(**short))
    assert identity(spec(**explicit)) == identity(spec(**short))


def pinned():
    return json.loads(PINNED.read_text())


def test_fingerprints_stay_what_they_are():
    """Else every store has to be made anew. REGENERATE=1 writes the file, for when NUMERICS was raised or a line was added."""
    now = [one | {"fingerprint": fingerprint(TrainSpec.parse(one["params"], "pinned"))} for one in pinned()]
    if os.environ.get("REGENERATE"):
        PINNED.write_text("[\n" + ",\n".join(json.dumps(one) for one in now) + "\n]\n")
    assert now == pinned()
    assert len({one["fingerprint"] for one in now}) == len(now) >= 12


def test_a_new_option_whose_default_is_what_was_done_before_leaves_them_as_they_are():
    optimizer = create_model("Optimizer", __base__=OptimizerSpec, clip=(float | None, None))
    technique = create_model("Technique", __base__=MaxNorm, dim=(int, 0))
    changes = {"optimizer": (optimizer, ...), "after_step": (tuple[technique, ...], ()), "precision": (str, "float32")}
    grown = create_model("Grown", __base__=TrainSpec, **changes)
    for one in pinned():
        values = dict(one["params"])
        values["after_step"] = tuple(values.pop("after_step", ()))  # YAML's lists are TrainSpec's business
        assert fingerprint(grown.parse(values, "grown")) == one["fingerprint"]
    assert fingerprint(spec(grown, precision="float64")) != fingerprint(spec())
    assert fingerprint(spec(grown, optimizer={"name": "sgd", "lr": 0.05, "clip": 1.0})) != fingerprint(spec())


def test_what_is_measured_and_kept_is_no_part_of_it():
    wanted = [
        Wanted(spec(), {}),
        Wanted(spec(), {"a": Regularity()}, keep_snapshots=4),
        Wanted(spec(), {"b": Regularity(estimator="epoch")}, keep_snapshots=6),
    ]
    assert each_once(wanted) == {
        fingerprint(spec()): Wanted(spec(), {"a": Regularity(), "b": Regularity(estimator="epoch")}, keep_snapshots=2)
    }


def test_a_measurement_has_a_key_of_its_own():
    same = [Regularity(), Regularity(estimator="store", num_sketch=None)]
    others = [Regularity(estimator="epoch"), Regularity(optimum="endpoint"), Regularity(keep_iterates=True)]
    assert len({one.key("regularity") for one in same}) == 1
    assert len({one.key("regularity") for one in [*same, *others]}) == 4
    assert Regularity().key("regularity") != Regularity().key("another")


def test_the_version_of_a_measure_is_part_of_its_key_only(monkeypatch):
    run, before = fingerprint(spec()), Regularity().key("regularity")
    monkeypatch.setattr(Regularity, "VERSION", Regularity.VERSION + 1)
    assert Regularity().key("regularity") != before
    assert fingerprint(spec()) == run


def test_the_numerics_version_is_part_of_it(monkeypatch):
    before = fingerprint(spec())
    monkeypatch.setattr(fingerprints, "NUMERICS", NUMERICS + 1)
    assert fingerprint(spec()) != before


def test_the_checksum_of_the_data_is_part_of_it(monkeypatch):
    before = fingerprint(spec())
    monkeypatch.setattr("trajreg.data.sources.SOURCES", {"digits10": "sha256:other"})
    assert fingerprint(spec()) != before
    assert identity(spec())["sources"] == {"data": "sha256:other"}


def test_an_archive_is_known_by_its_content_not_its_path(tmp_path):
    images, labels = np.zeros((20, 8, 8), np.uint8), np.zeros(20, np.uint8)
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", train_images=images, train_labels=labels)
    one, other = (spec(data={"name": "archive", "path": str(tmp_path / f"{name}.npz")}) for name in ("a", "b"))
    assert fingerprint(one) == fingerprint(other)
    assert str(tmp_path) not in json.dumps(identity(one))
    np.savez(tmp_path / "b.npz", train_images=images + 1, train_labels=labels)
    assert fingerprint(one) != fingerprint(other)


def test_differences_name_the_parts_and_none_is_a_default():
    other = spec(seed=1, num_epochs=3, optimizer={"name": "sgd", "lr": 0.05, "momentum": 0.9})
    assert differences(identity(spec()), identity(other)) == [
        ("spec.num_epochs", 2, 3),
        ("spec.optimizer.momentum", None, 0.9),
        ("spec.seed", None, 1),
    ]
    assert differences(identity(spec()), identity(spec())) == []


def test_random_labels_are_another_run_of_the_same_seed():
    one = spec(seed=3).on_random_labels()
    assert differences(identity(spec(seed=3)), identity(one)) == [("spec.data.shuffle_targets", None, True)]
    assert one.on_random_labels() is None
    other = spec(seed=3).on_random_labels(deal=3)
    assert differences(identity(one), identity(other)) == [("spec.data.deal", None, 3)]  # deal 0 is what it was
    assert spec(data={"name": "quadratic", "eigenvalues": [1.0]}).on_random_labels() is None
