"""Choose each variant's learning rate: the rate of a declared grid with the smallest training loss, on seeds that nothing else uses."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

from trajreg.errors import InputError
from trajreg.files import write_text
from trajreg.run_spec import RunSpec
from trajreg.runs.fingerprint import fingerprint
from trajreg.runs.launch import launch
from trajreg.runs.store import RunStore
from trajreg.studies.figure import Figure
from trajreg.studies.kinds import Wanted
from trajreg.studies.medians import median
from trajreg.studies.params import load_setting, load_untuned
from trajreg.studies.rates import TunedSpec, at_rate, best_rates

Losses = dict[str, dict[float, float]]
"""Variant → learning rate → the median over seeds of the final training loss."""


def tune(params: Path, profile: str, figure_id: str, store: RunStore, workers: int | None = None) -> Losses:
    """Train the variants that contrasts compare, in cells whose claims may be primary, at every rate of their grid, and write the best
    rates into the figure's setting.

    Runs are kept in `store` as all others are. A run that diverged counts as an infinite loss.
    Raises InputError where the setting declares no grid.
    """
    figure, tuned = load_untuned(params, profile, figure_id), load_setting(params, profile, figure_id).tuned
    if tuned is None:
        raise InputError(
            f"params/{profile}/{figure_id}.yaml declares no grid of learning rates: write "
            "`tuned: {grid: [0.01, 0.1], seeds: [1000, 1001, 1002]}` first"
        )
    trials = {label: dict(found) for label, found in _trials(figure, tuned)}
    wanted = [
        Wanted(spec, {}, where=f"{figure.where}: {label} to be tuned")
        for label, found in trials.items()
        for specs in found.values()
        for spec in specs
    ]
    launch(wanted, store, workers)
    losses = {
        label: {lr: median([_final_loss(store, spec) for spec in specs]) for lr, specs in found.items()}
        for label, found in trials.items()
    }
    _write(params / profile / f"{figure_id}.yaml", best_rates(losses))
    return losses


def told(losses: Losses) -> Iterator[str]:
    """What was found, a line a variant; a best rate at an end of the grid is pointed out."""
    for label, found in losses.items():
        (best,) = best_rates({label: found}).values()
        shown = ", ".join(f"{lr:g}: {loss:.3g}" + (" ←" if lr == best else "") for lr, loss in found.items())
        end = "; at an end of the grid: a wider grid may have a better one" if best in (min(found), max(found)) else ""
        yield f"  {label}: {shown}{end}"


def _trials(figure: Figure, tuned: TunedSpec) -> Iterator[tuple[str, Iterator[tuple[float, list[RunSpec]]]]]:
    for variant in figure.variants:
        if grid := tuned.grid_of(variant.label) if figure.is_main(variant) or figure.is_compared(variant) else ():
            yield variant.label, ((lr, [at_rate(variant.seeded(seed), lr) for seed in tuned.seeds]) for lr in grid)


def _final_loss(store: RunStore, spec: RunSpec) -> float:
    stored = store.get(fingerprint(spec))
    loss = stored.summary.get("final_train_loss")
    return loss if isinstance(loss, float) and not stored.diverged else math.inf


def _write(path: Path, best: dict[str, float]) -> None:
    """Put the best rates into the block `tuned` of the setting, a line each, and leave every other line of the file as it is."""
    lines = path.read_text(encoding="utf-8").splitlines()
    begin = _first(lines, r"tuned:\s*(#.*)?$", 0, len(lines)) + 1
    if begin > len(lines):
        where = f"params/{path.parent.name}/{path.name}"
        raise InputError(
            f"{where}: tuned must have a line of its own for each key, for the best rates to be written among them"
        )
    indent = lines[begin][: len(lines[begin]) - len(lines[begin].lstrip())]
    end = _first(lines, rf"(?!{indent}\s*\S)", begin, len(lines))  # a line that is not indented, or empty
    old = _first(lines, rf"{indent}best:", begin, end)
    after = _first(lines, rf"{indent}\S", old + 1, end)
    found = [
        f"{indent}best:",
        *(f"{indent}  {json.dumps(name, ensure_ascii=False)}: {lr!r}" for name, lr in best.items()),
    ]
    write_text(path, "\n".join([*lines[:old], *found, *lines[after:]]) + "\n")


def _first(lines: list[str], pattern: str, begin: int, end: int) -> int:
    """The number of the first line from `begin` on, before `end`, that begins like this; `end` where there is none."""
    return next((number for number in range(begin, end) if re.match(pattern, lines[number])), end)
