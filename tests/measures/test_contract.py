"""What every measure of the catalogue has to hold: it changes nothing, and it does not matter when it is had."""

import hashlib
import math
from importlib import import_module

import pandas as pd
import pytest
import torch

from trajreg.columns import Bound, Columns
from trajreg.data.load import load
from trajreg.measures.catalogue import MEASURES
from trajreg.measures.measure import Measure
from trajreg.measures.passes import first_pass, measure, replay_stretch, stretches, together
from trajreg.result import Result
from trajreg.training.loop import train
from trajreg.training.observer import Observer
from trajreg.training.session import Session
from trajreg.training.snapshots import Snapshots
from trajreg.training.spec import TrainSpec

# Options to try of each measure, which stand in its own test; every option that it has is in one of them.
EXAMPLES = {name: import_module(f"test_{name}_measure").EXAMPLES for name in MEASURES}
CASES = [(name, number) for name, tried in EXAMPLES.items() for number in range(len(tried))]
BOOKKEEPING = {"epoch", "estimator", "optimum", "distance"}  # of a table of epochs, beside its numbers

SPEC = TrainSpec.parse(
    {
        "data": {"name": "digits10", "num_train": 50, "num_test": 10},
        "model": {"name": "mlp", "hidden": [6], "dropout": 0.3, "norm": "batch"},
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
        "batch_size": 16,
        "num_epochs": 3,
    },
    "test",
)
DATA = load(SPEC.data)


def example(name, number):
    return MEASURES[name].parse(EXAMPLES[name][number], "test")


@pytest.fixture(scope="module")
def alone():
    """(name, number) → what the example gives when it is measured alone, in the pass that trains or right after it."""
    return {case: measure(SPEC, DATA, {"one": example(*case)})[1]["one"] for case in CASES}


def assert_same(one, other):
    assert one.tables.keys() == other.tables.keys()
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)
    assert repr(one.summary) == repr(other.summary)  # NaN is NaN
    assert {name: array.tobytes() for name, array in one.arrays.items()} == {
        name: array.tobytes() for name, array in other.arrays.items()
    }
    assert one.how == other.how


class Watch(Measure):
    """A measure of everything that no measure may change. second: in the pass of those that need to know the end."""

    COLUMNS = Columns()
    second: bool = False

    @property
    def needs_end(self):
        return self.second

    def pieces(self, session):
        return dict.fromkeys(range(1, session.spec.num_epochs + 1), True)

    def observer(self, session, end):
        return Seen(session)

    def result(self, session, trained, parts):
        return Result(
            {}, {}, facts={"seen": [one for part in parts for one in part], "losses": trained.losses.tobytes()}
        )


class Seen(Observer):
    def __init__(self, session):
        self._session, self._seen = session, []

    def begin(self, session):
        self._see("begin")

    def before_update(self, step, loss, lr):
        self._see("before", step, loss.item(), lr)

    def after_update(self, step):
        self._see("after", step)

    def end_epoch(self, epoch):
        self._see("end", epoch)

    def finish(self):
        return self._seen

    def _see(self, *what):
        state, digest = self._session.state(), hashlib.sha256()  # weights, buffers, optimiser, random streams
        gradients = [torch.zeros(0) if one.grad is None else one.grad for one in self._session.weights]
        for tensor in (*(state.tensors[name] for name in sorted(state.tensors)), *gradients):
            digest.update(tensor.numpy().tobytes())
        modes = tuple(module.training for module in self._session.model.modules())
        wanted = tuple(weight.requires_grad for weight in self._session.model.parameters())
        self._seen.append((*what, digest.hexdigest(), repr(state.plain), modes, wanted))


def test_every_measure_has_examples_and_every_option_is_tried():
    for name, kind in MEASURES.items():
        tried = {option for options in EXAMPLES[name] for option in options}
        assert tried == kind.model_fields.keys(), f"{name}: an option that no example tries, or the other way round"


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize(("name", "number"), CASES)
def test_it_changes_nothing_of_the_training(name, number, second):
    one, watch = example(name, number), Watch(second=second)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    plain, seen = measure(SPEC, DATA, {"watch": watch})
    for measures in ({"one": one, "watch": watch}, {"watch": watch, "one": one}):
        trained, results = measure(SPEC, DATA, measures)
        assert trained.landings == plain.landings
        assert trained.epochs.equals(plain.epochs)
        assert results["watch"].facts == seen["watch"].facts
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(("name", "number"), [case for case in CASES if not example(*case).needs_end])
def test_measured_later_from_the_start_it_is_the_same(name, number, alone):
    stored = train(Session(SPEC, DATA))
    _, results = first_pass(Session(SPEC, DATA), {"one": example(name, number)}, stored=stored)
    assert_same(results["one"], alone[name, number])


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize(("name", "number"), [case for case in CASES if example(*case).pieces(Session(SPEC, DATA))])
def test_measured_later_from_kept_snapshots_it_is_the_same(name, number, every, alone, tmp_path):
    measures, snapshots, session = {"one": example(name, number)}, Snapshots(tmp_path), Session(SPEC, DATA)
    stored = train(Session(SPEC, DATA), snapshots=snapshots, every=every)
    todo = stretches(session, measures, snapshots.numbers())
    found = {  # in another order, each by a session of its own as in another process
        one.start: replay_stretch(Session(SPEC, DATA), measures, stored, snapshots, one) for one in reversed(todo)
    }
    parts = [found[one.start] for one in todo]
    assert_same(together(session, measures, stored, snapshots, parts)["one"], alone[name, number])


def test_measures_do_not_influence_one_another(alone):
    measures = {f"{name} {number}": example(name, number) for name, number in CASES}
    for order in (list(measures), list(reversed(measures))):
        _, results = measure(SPEC, DATA, {one: measures[one] for one in order})
        for name, number in CASES:
            assert_same(results[f"{name} {number}"], alone[name, number])


@pytest.mark.parametrize("name", MEASURES)
def test_its_columns_are_those_of_its_tables_and_summaries(name, alone):
    results = [result for (other, _), result in alone.items() if other == name]
    summaries = {column for result in results for column in result.summary}
    epochs = {column for result in results for column in result.tables.get("epochs", ())}
    columns = MEASURES[name].COLUMNS
    assert summaries == {column.name for column in columns.summary}
    assert epochs - BOOKKEEPING == {column.name for column in columns.epochs}
    known = {column.name for column in columns.epochs}
    assert all({one.null, one.companion} - {None} <= known for one in columns.epochs)


@pytest.fixture(scope="module")
def longer():
    """(name, number) → what the example gives of a training of which an epoch is the early phase."""
    spec = SPEC.model_copy(update={"num_epochs": 5})
    return {case: measure(spec, DATA, {"one": example(*case)})[1]["one"] for case in CASES}


@pytest.mark.parametrize(("name", "number"), CASES)
def test_what_it_offers_with_its_options_is_there_and_known(name, number, longer):
    columns, result = example(name, number).columns, longer[name, number]
    assert set(columns.summary) <= set(MEASURES[name].COLUMNS.summary)
    assert {column.name for column in columns.epochs} <= {column.name for column in MEASURES[name].COLUMNS.epochs}
    offered = {column.name for column in columns.epochs}
    assert {one.null for one in columns.epochs} - {None} <= offered
    for column in columns.summary:
        assert isinstance(result.summary[column.name], Bound) or not math.isnan(result.summary[column.name]), column
    for column in columns.epochs:
        assert result.tables["epochs"][column.name].notna().any(), column


@pytest.mark.parametrize("name", MEASURES)
def test_its_key_tells_options_and_version_and_nothing_else(name, monkeypatch):
    kind = MEASURES[name]
    default, spelled_out = kind(), kind.parse(kind().model_dump(mode="json"), "test")
    assert spelled_out.key(name) == default.key(name)
    assert default.key(name).startswith(f"{name}-")
    tried = {example(name, number).model_dump_json(): example(name, number) for number in range(len(EXAMPLES[name]))}
    keys = {one.key(name) for one in tried.values()}
    assert len(keys) == len(tried)
    monkeypatch.setattr(kind, "VERSION", kind.VERSION + 1)
    assert not keys & {one.key(name) for one in tried.values()}


@pytest.mark.parametrize("name", MEASURES)
def test_one_option_more_is_another_key(name):
    kind = MEASURES[name]
    for number, options in enumerate(EXAMPLES[name]):
        one = example(name, number)
        for option in options:
            without = one.model_copy(update={option: kind.model_fields[option].default})
            assert without.key(name) != one.key(name)


@pytest.mark.parametrize("dim", [9, 30])
@pytest.mark.parametrize("lr", [1e12, 1e30])
@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_training_that_diverges_ends_and_has_no_measurements(name, number, lr, dim):
    values = {
        "data": {"name": "quadratic", "eigenvalues": [1.0] * dim, "num_train": 60},
        "model": {"name": "mlp", "hidden": [], "bias": False},
        "optimizer": {"name": "sgd", "lr": lr},
        "num_epochs": 9,
    }
    spec = TrainSpec.parse(values, "test")
    trained, results = measure(spec, load(spec.data), {"one": example(name, number)})
    assert trained.diverged
    assert results == {}
