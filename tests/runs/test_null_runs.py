"""A study's runs on random labels, and its nulls with every estimator."""

import pandas as pd
import pytest
from figures import figure

from trajreg.plots.null_panels import null_panels
from trajreg.runs.execute import execute
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.store import RunStore
from trajreg.runs.study import Study
from trajreg.studies.null_table import null_epochs, nulls

DIRECTION = ["directedness", "forward_cosine", "random_directedness", "random_forward_cosine", "other_directedness"]
SETTING = {
    "seeds": 2, "random_label_seeds": 1, "measures": {"regularity": {}, "endpoint": {}},
    "base": {
        "data": {"name": "digits10", "num_train": 40, "num_test": 10}, "model": {"name": "mlp", "hidden": [8]},
        "optimizer": {"name": "sgd", "lr": 0.05}, "batch_size": 10, "num_epochs": 3,
    },
    "vary": {"model.activation": ["relu", "tanh"]},
}  # fmt: skip


def study(tmp_path, **changes):
    """A study whose runs are all trained, in this process."""
    made = Study(figure({"contrasts": {}}, SETTING | changes), RunStore(tmp_path / "runs"), tmp_path / "results")
    for one in made.figure.wanted():
        execute(fingerprint(one.spec), one, made.store)
    return made


def test_runs_are_on_true_labels_and_null_runs_on_random_ones(tmp_path):
    made = study(tmp_path)
    runs, random_runs = made.runs(), made.null_runs()
    assert [(run.variant, run.seed) for run in runs] == [("ReLU", 0), ("ReLU", 1), ("tanh", 0), ("tanh", 1)]
    assert [(run.variant, run.seed) for run in random_runs] == [("ReLU, random labels", 0), ("tanh, random labels", 0)]
    assert len({run.fingerprint for run in [*runs, *random_runs]}) == 6
    table = nulls(runs, random_runs)
    assert not (table.columns[table.isna().any()].difference(DIRECTION)).size
    assert table["other_pairs"].tolist() == [2, 2]
    assert (table["other_cosine"].abs() < 1).all()
    made.save("nulls", table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "results" / "fig04" / "nulls.csv"), table)


def test_without_random_labels_there_are_no_null_runs(tmp_path):
    made = study(tmp_path, random_label_seeds=0)
    assert made.null_runs() == []
    assert nulls(made.runs(), [])["ratio"].isna().all()


@pytest.mark.parametrize(
    ("options", "knows_updates"),
    [
        ({"estimator": "store"}, True),
        ({"estimator": "sketch", "num_sketch": 64}, True),
        ({"estimator": "epoch"}, False),
        ({"estimator": "replay"}, True),
        ({"estimator": "replay", "epochs": {"every": 2}}, False),
        ({"estimator": "replay", "epochs": [1]}, False),
    ],
)
def test_every_estimator_has_its_nulls_or_says_that_they_are_not_known(tmp_path, options, knows_updates):
    made = study(tmp_path, measures={"regularity": options})
    runs, random_runs = made.runs(), made.null_runs()
    table = nulls(runs, random_runs)
    assert table["ratio"].notna().all()
    assert table["shuffled_early"].notna().all() == knows_updates
    for run in runs:
        assert null_epochs(run)["gamma_shuffled"].notna().all() == knows_updates
    titles = [axis.get_title() for axis in null_panels(runs, random_runs).axes]
    assert all(("not recorded" in title) != knows_updates for title in titles)
