"""What a figure's tables say of where their numbers come from."""

import pytest

from trajreg.runs.execute import execute
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.study import Study
from trajreg.studies.tables import run_table, summary_table


def measured(tmp_path, options, lr=0.05, norm="none"):
    """(of the runs, of the variants) what the tables say γ was measured by."""
    figure = {
        "figure": "fig02", "title": "t", "caption": "c", "status": "paper", "seeds": 2, "vary": {"optimizer.lr": [lr]},
        "base": {
            "data": {"name": "digits10", "num_train": 40, "num_test": 10},
            "model": {"name": "mlp", "hidden": [8], "norm": norm}, "optimizer": {"name": "sgd", "lr": 0.1},
            "batch_size": 10, "num_epochs": 2,
        },
        "measures": {"regularity": options},
        "runs_dir": str(tmp_path / "runs"), "output_dir": str(tmp_path / "results"),
    }  # fmt: skip
    study = Study(figure)
    for one in study.figure.wanted():
        execute(fingerprint(one.spec), one, study.store)
    runs = study.runs()
    return list(run_table(runs)["measured"]), list(summary_table(runs)["γ measured by"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"estimator": "store"}, "store, exact"),
        ({"estimator": "auto"}, "store, exact"),
        ({"estimator": "sketch", "num_sketch": 64}, "sketch, not exact"),
        ({"estimator": "replay", "optimum": "endpoint"}, "replay, ℓ* endpoint, exact"),
        ({"estimator": "store", "optimum": "endpoint_eval"}, "store, ℓ* endpoint_eval (approximate), not exact"),
    ],
)
def test_tables_say_which_estimator_gamma_comes_from(tmp_path, options, words):
    assert measured(tmp_path, options, norm="batch") == ([words, words], [words])


def test_where_all_runs_diverged_nothing_was_measured(tmp_path):
    assert measured(tmp_path, {"estimator": "store"}, lr=1e30) == (["–", "–"], ["–"])
