"""γ as a measure: its exact estimators agree bit for bit, ℓ* at the end point, the choice of epochs, and what it refuses."""

import numpy as np
import pytest
import torch

import trajreg.trajectory.recent
from trajreg.data.load import load
from trajreg.errors import InputError
from trajreg.measures.epochs import chosen
from trajreg.measures.passes import first_pass, measure, replay_stretch, stretches
from trajreg.measures.regularity import Regularity
from trajreg.training.loop import ReplayRefused
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec

# of its options, for the contract of all measures
EXAMPLES = [
    {},
    {"keep_iterates": True, "optimum": "endpoint"},
    {"estimator": "epoch"},
    {"estimator": "sketch", "num_sketch": 8},
    {"estimator": "replay"},
    {"estimator": "replay", "optimum": "endpoint", "epochs": [2]},
    {"estimator": "replay", "optimum": "endpoint_eval", "epochs": {"every": 2}},
]

PLAIN = {"name": "mlp", "hidden": [8]}
BOTH_MODES = PLAIN | {"dropout": 0.4, "norm": "batch"}
OPTIMISERS = {"momentum": {"name": "sgd", "lr": 0.05, "momentum": 0.9}, "adam": {"name": "adam", "lr": 0.01}}
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def spec(**changes):
    base = {
        "data": {"name": "digits10", "num_train": 100, "num_test": 10},
        "model": BOTH_MODES,
        "optimizer": OPTIMISERS["momentum"],
        "batch_size": 30,
        "num_epochs": 3,
    }
    return TrainSpec.parse(base | changes, "test")


def run(options, data=None, **changes):
    """(training, its γ)."""
    one = spec(**changes)
    trained, results = measure(one, data or load(one.data), {"γ": Regularity.parse(options, "test")})
    return trained, results["γ"]


def gamma(estimator="store", optimum="zero", **changes):
    return run({"estimator": estimator, "optimum": optimum}, **changes)[1]


def values(table):
    return table.drop(columns=["estimator", "distance"], errors="ignore")


def without_walk(table):
    """Without the one column that depends on all steps to come."""
    return values(table).drop(columns="cosine_walk")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("optimum", ["zero", "endpoint", "endpoint_eval"])
@pytest.mark.parametrize("optimizer", OPTIMISERS)
def test_the_exact_estimators_agree(optimizer, optimum, device):
    changes = {"optimizer": OPTIMISERS[optimizer], "device": device}
    store, again, epoch = (gamma(name, optimum, **changes) for name in ("store", "replay", "epoch"))
    for table in ("steps", "epochs"):
        assert values(store.tables[table]).equals(values(again.tables[table]))
    assert repr(store.summary) == repr(again.summary)
    by_epoch = store.tables["steps"]["distance"][::3]
    np.testing.assert_array_equal(again.tables["epochs"]["distance"], by_epoch)
    np.testing.assert_allclose(epoch.tables["steps"]["distance"], by_epoch, rtol=1e-10)
    if optimum == "zero":
        for name in ("gamma", "rate"):
            np.testing.assert_allclose(epoch.tables["epochs"][name], store.tables["epochs"][name], rtol=1e-10)


def test_each_says_which_it_is():
    for estimator in ("store", "epoch", "sketch", "replay"):
        result = gamma(estimator)
        assert {*result.tables["steps"]["estimator"], *result.tables["epochs"]["estimator"]} == {estimator}
        assert result.facts["estimator"] == estimator
        assert result.facts["exact"] is (estimator != "sketch")
        assert result.how == f"{estimator}, {'not exact' if estimator == 'sketch' else 'exact'}"


def test_sketch_has_exact_epochs_and_standard_errors():
    _, sketch = run({"estimator": "sketch", "num_sketch": 64})
    np.testing.assert_allclose(sketch.tables["epochs"]["gamma"], gamma().tables["epochs"]["gamma"], rtol=1e-6)
    steps = sketch.tables["steps"]
    assert (steps["gamma_stderr"] > 0).sum() >= len(steps) - 1  # the last step is exact


def test_auto_is_store_where_all_iterates_fit():
    auto, store = gamma("auto"), gamma()
    assert auto.facts == store.facts
    assert auto.tables["steps"].equals(store.tables["steps"])


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_the_size_of_a_block_moves_no_bit(rows, monkeypatch):
    trained, store = run({})
    monkeypatch.setattr(trajreg.trajectory.recent, "BLOCK_BYTES", 4 * rows * trained.num_weights)
    assert values(store.tables["steps"]).equals(values(gamma("replay").tables["steps"]))


def test_iterates_are_kept_where_they_are_asked_for():
    trained, kept = run({"keep_iterates": True})
    assert kept.arrays["iterates"].shape == (10, trained.num_weights)
    distance = np.linalg.norm(kept.arrays["iterates"].astype(float) - kept.arrays["iterates"][-1], axis=1)
    np.testing.assert_allclose(kept.tables["steps"]["distance"], distance[:-1], rtol=1e-6)
    assert gamma().arrays == {}


def some_epochs(epochs, optimum="zero", **changes):
    """The tables and the summary where these epochs are replayed."""
    _, result = run({"estimator": "replay", "epochs": epochs, "optimum": optimum}, **changes)
    return result.tables["epochs"], result.tables["steps"], result.summary


def test_chosen_epochs_have_steps_and_the_others_what_their_ends_tell():
    store = gamma()
    epochs, steps, summary = some_epochs([2])
    assert without_walk(steps).equals(without_walk(store.tables["steps"].iloc[3:6].reset_index(drop=True)))
    for name in ("gamma", "rate"):
        np.testing.assert_allclose(epochs[name], store.tables["epochs"][name], rtol=1e-10)
    np.testing.assert_array_equal(epochs["distance"], store.tables["steps"]["distance"][::3])
    assert list(epochs["estimator"]) == ["epoch", "replay", "epoch"]
    for name in ("gamma_walk", "gamma_excess", "gamma_median", "directedness", "forward_cosine", "cosine"):
        assert list(epochs[name].notna()) == [False, True, False]
    assert epochs["cosine_walk"].isna().all()  # it needs the steps of epoch 3
    assert summary.keys() == store.summary.keys()
    assert summary["gamma"] == pytest.approx(store.summary["gamma"], rel=1e-10)
    assert summary["initial_distance"] == store.summary["initial_distance"]
    assert np.isnan(summary["gamma_median"])


def test_an_epochs_numbers_do_not_depend_on_what_else_is_replayed():
    (all_three, _, _), (first, _, _), (second, _, _) = (some_epochs(which) for which in ("all", [1], [2]))
    assert list(first.columns) == list(all_three.columns)
    first, second, all_three = (without_walk(table) for table in (first, second, all_three))
    assert first.iloc[2].equals(second.iloc[2])
    assert first.iloc[0].equals(all_three.iloc[0])
    assert second.iloc[1].equals(all_three.iloc[1])


def test_without_a_gap_an_epoch_that_is_not_replayed_has_its_distance_and_no_gamma():
    epochs, _, summary = some_epochs([2], "endpoint")
    assert list(epochs["gamma"].notna()) == [False, True, False]
    assert np.isnan(summary["gamma"])
    assert epochs["distance"].notna().all()
    assert summary["initial_distance"] == epochs["distance"][0]


def test_one_pass_at_the_end_point_gives_every_epoch_its_gamma():
    epochs, steps, summary = some_epochs([2], "endpoint_eval", model=PLAIN)
    whole = gamma(optimum="endpoint_eval", model=PLAIN)
    assert (whole.tables["steps"]["gap"] > 0).all()
    assert steps["gamma"].equals(whole.tables["steps"]["gamma"][3:6].reset_index(drop=True))
    np.testing.assert_allclose(epochs["gamma"], whole.tables["epochs"]["gamma"], rtol=1e-10)
    assert summary["gamma"] == pytest.approx(whole.summary["gamma"], rel=1e-10)
    assert set(epochs["optimum"]) == {"endpoint_eval"}


def offered(**options):
    columns = Regularity.parse(options, "test").columns
    return {one.name for one in columns.summary}, {one.name for one in columns.epochs}


def test_it_offers_what_can_be_had_with_its_options():
    summary, epochs = offered()
    assert (summary, epochs) == offered(estimator="sketch") == offered(estimator="replay", optimum="endpoint")
    ends = {"gamma", "rate", "gamma_walk", "gamma_excess", "directedness"}
    assert offered(estimator="epoch")[1] == ends
    of_steps = {"cosine", "cosine_early", "gamma_median_late", "gamma_min", "forward_cosine", "obeys", "path_ratio"}
    assert of_steps <= summary - offered(estimator="epoch")[0]
    assert {"directedness", "directedness_late", "obeys_epochs"} <= offered(estimator="epoch")[0]
    some = offered(estimator="replay", epochs=[2])
    assert some == (
        {f"{name}{phase}" for name in ("gamma", "rate") for phase in ("", "_early", "_late")}
        | {"initial_distance", "obeys_epochs"},
        epochs - {"cosine_walk"},
    )
    assert offered(estimator="replay", epochs=[2], optimum="endpoint")[0] == {"initial_distance"}
    early = {name for name in summary if name.endswith("_early")} - {"cosine_walk_early"}
    for first in ([1, 2], {"every": 3}):
        assert offered(estimator="replay", epochs=first)[0] == some[0] | early


@pytest.mark.parametrize("estimator", ["store", "epoch", "replay"])
def test_a_phase_without_a_step_is_unknown_and_not_left_out(estimator):
    summary = gamma(estimator, num_epochs=1, batch_size=None).summary
    assert {one.name for one in Regularity(estimator=estimator).columns.summary} <= summary.keys()
    assert np.isnan(summary["gamma_late"])
    assert summary["gamma_early"] == summary["gamma"]


def test_every_other_epoch_from_the_first():
    every, some = (Regularity.parse({"estimator": "replay", "epochs": one}, "test") for one in ({"every": 2}, [1, 3]))
    assert chosen(every.epochs, 3) == chosen(some.epochs, 3) == (1, 3)
    assert chosen(Regularity().epochs, 3) == (1, 2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": [2, 1]}, "list of rising epoch numbers from 1 on"),
        ({"epochs": [0]}, "list of rising epoch numbers from 1 on"),
        ({"epochs": []}, "list of rising epoch numbers from 1 on"),
        ({"epochs": {"every": 0}}, 'must be "all", {every: k} with k from 1 on'),
        ({"epochs": "some"}, "epochs = 'some': must be \"all\""),
        ({"estimator": "store", "epochs": [1]}, "epochs needs estimator replay"),
        ({"keep_iterates": True}, "keep_iterates needs estimator store"),
        ({"num_sketch": 8}, "num_sketch needs estimator sketch or auto"),
        ({"estimator": "sketch", "num_sketch": 1}, "num_sketch = 1: input should be greater than or equal to 2"),
        ({"optimum": "best"}, "optimum = 'best': input should be 'zero', 'endpoint' or 'endpoint_eval'"),
        ({"estimator": "guess"}, "estimator = 'guess': input should be 'store', 'epoch'"),
        ({"every": 3}, "every is not a known key; allowed: estimator, .*epochs$"),
        ({"estimater": "store"}, r"estimater is not a known key, did you mean estimator\? allowed: estimator, "),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(InputError, match=f"^somewhere: .*{message}"):
        Regularity.parse({"estimator": "replay"} | options, "somewhere")


@pytest.mark.parametrize("epochs", [[1, 4], {"every": 4}])
def test_epochs_beyond_the_training_are_refused(epochs):
    one = Regularity.parse({"estimator": "replay", "epochs": epochs}, "test")
    with pytest.raises(InputError, match=r"^somewhere: epochs asks for 4, but this training has 3 epochs$"):
        one.check(spec(), "somewhere")
    one.check(spec(num_epochs=4), "somewhere")
    with pytest.raises(InputError, match=r"^γ: epochs asks for 4"):
        run({"estimator": "replay", "epochs": epochs})


def test_an_end_that_is_not_the_stored_trainings_is_refused(tmp_path):
    session, measures, snapshots = (
        Session(spec(), load(spec().data)),
        {"γ": Regularity(estimator="replay")},
        Snapshots(tmp_path),
    )
    stored, _ = first_pass(session, measures, snapshots=snapshots)
    snapshots.write(3, snapshots.read(2))
    first, *_ = stretches(session, measures, snapshots.numbers())
    with pytest.raises(
        ReplayRefused, match=r"the snapshot after epoch 3 \(.*\) is not where the stored training ended"
    ):
        replay_stretch(session, measures, stored, snapshots, first)
