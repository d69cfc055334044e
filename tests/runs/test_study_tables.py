"""What a figure's tables say of where their numbers come from."""

import pandas as pd
import pytest
from figures import figure

from trajreg.errors import InputError
from trajreg.runs.execute import execute
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.products import read_products
from trajreg.runs.store import RunStore
from trajreg.runs.study import Study
from trajreg.studies.tables import run_table, summary_table


def measured(tmp_path, options, lr=0.05, norm="none"):
    """(of the runs, of the variants) what the tables say γ was measured by."""
    base = {
        "data": {"name": "digits10", "num_train": 40, "num_test": 10},
        "model": {"name": "mlp", "hidden": [8], "norm": norm}, "optimizer": {"name": "sgd", "lr": 0.1},
        "batch_size": 10, "num_epochs": 2,
    }  # fmt: skip
    vary = {"optimizer.lr": [lr]}
    made = figure({"contrasts": {}}, base=base, vary=vary, seeds=2, measures={"regularity": options})
    study = Study(made, RunStore(tmp_path / "runs"), tmp_path / "results")
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


def test_products_go_to_the_figures_own_folder_and_a_second_study_begins_anew(tmp_path):
    for _ in range(2):  # as a notebook that is executed from its top once more
        study = Study(figure(), RunStore(tmp_path / "runs"), tmp_path / "results")
        assert study.save("numbers", pd.DataFrame({"x": [0.12345]}), caption="c").to_numpy().tolist() == [["0.123"]]
    with pytest.raises(InputError, match="product 'numbers' was saved already"):
        study.save("numbers", pd.DataFrame())
    assert [product.name for product in read_products(tmp_path / "results" / "fig04")] == ["numbers"]
