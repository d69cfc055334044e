"""`trajreg.plot`: what is drawn, what is left out, and what is asked for where the extra is missing."""

import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import trajreg
from trajreg.errors import InputError


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def walk(num_steps=200, seed=0, drift=0.0):
    path = np.cumsum(np.random.default_rng(seed).normal(drift, 1, size=(num_steps + 1, 50)), axis=0)
    return trajreg.regularity(
        distance_sq=((path - path[-1]) ** 2).sum(axis=1),
        update_sq=(np.diff(path, axis=0) ** 2).sum(axis=1),
        loss=np.linspace(2, 0.1, num_steps),
        lr=0.1,
    )


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_a_curve_is_the_ratios_of_sums_and_the_mean_loss():
    table = walk(180)
    figure = trajreg.plot(table, name="walk")
    loss, gamma, directed, forward = figure.axes
    points = np.arange(180) // 3
    expected = trajreg.over_stretches(table, points)
    np.testing.assert_allclose(gamma.lines[0].get_ydata(), expected["gamma"])
    np.testing.assert_allclose(gamma.lines[1].get_ydata(), expected["gamma_walk"])
    np.testing.assert_allclose(directed.lines[0].get_ydata(), expected["directedness"])
    np.testing.assert_allclose(forward.lines[0].get_ydata(), expected["forward_cosine_mean"])
    np.testing.assert_allclose(loss.lines[0].get_ydata(), table["loss"].groupby(points).mean())
    np.testing.assert_allclose(loss.lines[0].get_xdata()[:2], [1, 4])  # the middle of steps 0, 1, 2 and 3, 4, 5
    assert labels(figure) == ["walk", "γ of random walk", "γ of shuffled updates"]


def test_others_beside_it_have_colours_of_their_own():
    figure = trajreg.plot(walk(), name="one", compare={"other": walk(seed=1, drift=0.3)}, nulls=False)
    assert labels(figure) == ["one", "other"]
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert len(set(colours)) == 2
    assert len([line for line in figure.axes[1].lines if len(line.get_xdata()) > 2]) == 2  # no nulls


def test_what_no_table_tells_has_no_panel():
    epochs = walk(40).assign(
        **dict.fromkeys(
            ["update_norm", "inner_product", "cosine", "forward_cosine", "gamma_walk", "gamma_excess"], np.nan
        )
    )
    figure = trajreg.plot(epochs.assign(num_steps=1))
    assert [axis.get_title() for axis in figure.axes] == ["mini-batch loss", "γ"]
    assert labels(figure) == ["training"]


def test_a_single_row_can_be_drawn(tmp_path):
    trajreg.plot(walk(1)).savefig(tmp_path / "one.png")


def test_the_style_of_the_session_stays_as_it_was():
    before = dict(mpl.rcParams)
    trajreg.plot(walk(20))
    assert dict(mpl.rcParams) == before


def test_a_notebook_shows_it_once(monkeypatch):
    monkeypatch.setattr(mpl, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    trajreg.plot(walk(20))
    assert plt.get_fignums() == []


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(
        InputError, match=r"the table 'training' lacks the column 'gap': give one of trajreg.regularity"
    ):
        trajreg.plot(walk(5).drop(columns="gap"))
    with pytest.raises(InputError, match="the table 'b' has no rows"):
        trajreg.plot(walk(5), compare={"b": walk(5)[:0]})
    with pytest.raises(InputError, match="compare has a table of the name 'training' too"):
        trajreg.plot(walk(5), compare={"training": walk(5)})
    with pytest.raises(InputError, match="plot has no option 'null', choose from nulls"):
        trajreg.plot(walk(5), null=False)


@pytest.mark.parametrize("missing", ["matplotlib", "seaborn"])
def test_without_the_extra_it_is_named_and_the_rest_works(missing):
    code = f"""
import sys
sys.modules["{missing}"] = None
import trajreg
table = trajreg.regularity(distance_sq=[4, 1, 0], update_sq=[1, 1], loss=[2.0, 0.5], lr=0.5)
print(trajreg.summary(table).loc["whole", "gamma"])
try:
    trajreg.plot(table)
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[0] == "1.6", done.stderr
    assert f"trajreg.plot needs {missing}; install the extra: pip install 'trajreg[plots]'" in done.stdout
