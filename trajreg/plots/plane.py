"""Trajectories of two weights, over the level lines of their loss, beside γ along the way."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trajreg.plots.style import Colour, colours_of, use_style
from trajreg.studies.names import Name
from trajreg.studies.run import Run


def plane_panels(runs: list[Run], minimiser: np.ndarray) -> Figure:
    """A panel a variant with the path of its first seed over the level lines of ½ Σ λ_i (θ_i − θ*_i)², and one with γ_t of all seeds.

    Args:
        runs: runs of a quadratic in two weights that kept their iterates; settings hold `data.eigenvalues`.
        minimiser: (2,) θ*.
    """
    use_style()
    shown = [run for run in runs if run.seed == 0]
    colours = colours_of(Name(run.variant, None) for run in shown)
    figure, axes = plt.subplots(1, len(shown) + 1, figsize=(4.4 * (len(shown) + 1), 4.2), layout="constrained")
    for axis, run in zip(axes, shown, strict=False):
        _path(axis, run, minimiser, colours[run.variant])
    named = set()
    for run in (run for run in runs if not run.diverged):
        steps = run.steps()
        name = None if run.variant in named else run.variant
        named.add(run.variant)
        axes[-1].plot(steps["step"], steps["gamma"], color=colours[run.variant], alpha=0.75, linewidth=1.4, label=name)
    axes[-1].set(title="regularity along the way, all seeds", xlabel="step t", ylabel="$\\gamma_t$", ylim=(0, None))
    if named:
        figure.legend(loc="outside lower right", ncols=len(named), frameon=False)
    return figure


def _path(axis: Axes, run: Run, minimiser: np.ndarray, colour: Colour) -> None:
    if run.diverged:  # no end point, no γ, and nothing to draw to scale
        axis.set(title=f"{run.variant}\ndiverged", xticks=[], yticks=[])
        return
    path = np.asarray(run.iterates(), dtype=float)
    eigenvalues = np.asarray(run.settings["data.eigenvalues"], dtype=float)
    reach = 1.15 * np.abs(path - minimiser).max()
    grid = np.linspace(-reach, reach, 121)
    first, second = np.meshgrid(grid, grid)
    loss = (eigenvalues[0] * first**2 + eigenvalues[1] * second**2) / 2
    axis.contour(first + minimiser[0], second + minimiser[1], np.sqrt(loss), levels=9, colors="0.8", linewidths=0.9)
    axis.plot(*path.T, color=colour, linewidth=1.3, marker="o", markersize=3)
    axis.plot(*path[0], "s", color="black", markersize=6)
    axis.plot(*minimiser, "*", color="black", markersize=12)
    axis.set(
        title=f"{run.variant}\nγ = {run.value('gamma'):.2f} over the run", xlabel=r"$\theta_1$", ylabel=r"$\theta_2$"
    )
    axis.set_aspect("equal")
