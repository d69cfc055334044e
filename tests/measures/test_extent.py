"""What measures say beforehand of their time and bytes."""

import pytest

from trajreg.data.load import load
from trajreg.measures.catalogue import MEASURES
from trajreg.measures.extent import Extent
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec

EXTENT = Extent(num_epochs=12, steps_per_epoch=30, batch_size=10, num_train=300, num_weights=1000)


def parsed(name, **options):
    return MEASURES[name].parse(options, "test")


@pytest.mark.parametrize(
    ("measure", "steps"),
    [
        (parsed("regularity"), 0),
        (parsed("regularity", optimum="endpoint"), 360 / 3),
        (parsed("regularity", optimum="endpoint_eval"), 30 / 3),  # one pass over the data
        (parsed("regularity", estimator="replay"), 360),
        (parsed("regularity", estimator="replay", epochs=[1, 2], optimum="endpoint"), 360 + 60 / 3),
        (parsed("endpoint"), 360 / 3),
        (parsed("endpoint", every=4), 90 / 3),
        (parsed("sharpness", every=180, num_samples=100), 3 * 30 * 2 * 10),  # before steps 0 and 180, and at the end
        (parsed("structure"), 0),
    ],
)
def test_extra_steps(measure, steps):
    assert measure.extra_steps(EXTENT) == pytest.approx(steps)


def test_iterates_and_end_points_are_counted_in_bytes():
    kept, dropped = (parsed("regularity", keep_iterates=keep).stored_bytes(EXTENT) for keep in (True, False))
    assert kept - dropped == 361 * 1000 * 4
    assert parsed("endpoint").stored_bytes(EXTENT) == pytest.approx(2 * 1000 * 4, rel=0.5)


def test_what_watching_keeps():
    values = {"data": {"name": "digits10", "num_train": 30}, "model": {"name": "mlp", "hidden": [4]}, "batch_size": 10}
    spec = TrainSpec.parse(values | {"optimizer": {"lr": 0.1}, "num_epochs": 2}, "test")
    session = Session(spec, load(spec.data))
    iterate = 4 * (64 * 4 + 4 + 4 * 10 + 10)
    for name in ("regularity", "structure"):
        assert parsed(name, estimator="store").kept_bytes(session) == (7 * iterate, 0)
        assert parsed(name, estimator="auto").kept_bytes(session) == (7 * iterate, 0)
    assert parsed("regularity", estimator="epoch").kept_bytes(session) == (3 * iterate, 0)
    assert (
        parsed("regularity", estimator="replay").kept_bytes(session) == parsed("endpoint").kept_bytes(session) == (0, 0)
    )
