"""Every training of several figures in one table: what was trained, how, and what came of it."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from trajreg.studies.figure import Figure
from trajreg.studies.names import name_of, numbers_of
from trajreg.studies.numbers import number
from trajreg.studies.product import Product
from trajreg.studies.run import Run
from trajreg.studies.setting import Variant
from trajreg.training.spec import TrainSpec

RESULTS = {
    "final_train_loss": "Final loss",
    "final_test_accuracy": "Accuracy",
    "final_test_mean_iou": "Mean IoU",
    "gamma": "γ",
    "rate": "ηγ",
    "directedness": "D",
}
"""Columns of runs, and what the page calls them."""
WHAT = {
    "figure": "Figure",
    "variant": "Technique",
    "model": "Net",
    "weights": "Weights",
    "init": "Init",
    "data": "Data",
    "optimizer": "Optimiser",
    "lr": "η",
    "batch": "Batch",
    "epochs": "Epochs",
    "runs": "Runs",
    "diverged": "Diverged",
}
CAPTION = (
    "A row a variant of figures {figures}. η is the learning rate at the start, {full} a batch of all training data. Results are mean ± "
    "standard deviation over the seeds that did not diverge: training loss of the last epoch, accuracy or mean IoU on the test set, and "
    "over the whole run γ, ηγ (mean learning rate times γ, which different learning rates can be compared by) and the directedness D "
    "(1 is expected of a random walk)."
)
FULL = "full"


def trainings(figure: Figure, runs: Mapping[str, Sequence[Run]]) -> Product:
    """The table of a figure with sources; `runs` are those of each source, as `Study.source_runs` gives them.

    Its CSV has the means, and the standard deviations in the columns <name>_sd; what a run lacks is empty.
    """
    table = pd.DataFrame([row for source in figure.sources for row in _rows(source, runs[source.id])])
    return Product(
        title="All trainings",
        caption=CAPTION.format(figures=numbers_of(figure.sources), full=FULL),
        table=table,
        shown=_shown(table),
    )


def _rows(figure: Figure, runs: Sequence[Run]) -> list[dict[str, object]]:
    by_variant: dict[str, list[Run]] = {}
    for run in runs:
        by_variant.setdefault(run.variant, []).append(run)
    return [_row(figure, variant, by_variant[variant.label]) for variant in figure.variants]


def _row(figure: Figure, variant: Variant, runs: list[Run]) -> dict[str, object]:
    kept = [run for run in runs if not run.diverged]
    counts = {"runs": len(runs), "diverged": len(runs) - len(kept)}
    row = {"figure": figure.id, "variant": variant.label or "–"} | _trained(variant, runs) | counts
    for name in RESULTS:
        values = pd.Series([run.value(name) for run in kept], dtype=float)
        row |= {name: values.mean(), f"{name}_sd": values.std()}
    return row


def _trained(variant: Variant, runs: list[Run]) -> dict[str, object]:
    """What was trained, in words; empty cells of what is no training."""
    spec = variant.spec
    if not isinstance(spec, TrainSpec):
        return {}
    titles = {
        "model": name_of(spec, ["model", "name"], spec.model.name).text,
        "init": name_of(spec, ["model", "init"], spec.model.init).text,
        "optimizer": name_of(spec, ["optimizer", "name"], spec.optimizer.name).text,
    }
    more = " Nesterov" if spec.optimizer.nesterov else ""
    momentum = f",{more} momentum {spec.optimizer.momentum:g}" if spec.optimizer.momentum else ""
    return {
        "model": titles["model"],
        "weights": next((run.num_weights for run in runs if run.num_weights is not None), None),
        "init": titles["init"].removesuffix(" init"),
        "data": spec.data.name,
        "optimizer": titles["optimizer"] + momentum,
        "lr": spec.optimizer.lr,
        "batch": FULL if spec.batch_size is None else str(spec.batch_size),
        "epochs": spec.num_epochs,
    }


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Columns in words, results with their deviations; what no row has is left out."""
    shown = table[[name for name in WHAT if name in table]].rename(columns=WHAT)
    if not table["diverged"].any():
        shown = shown.drop(columns=WHAT["diverged"])
    for name, title in RESULTS.items():
        if table[name].notna().any():
            shown[title] = [_mean_sd(*pair) for pair in zip(table[name], table[f"{name}_sd"], strict=True)]
    return shown.assign(Weights=[f"{count:,.0f}" for count in table["weights"]]) if "weights" in table else shown


def _mean_sd(mean: float, deviation: float) -> str:
    if math.isnan(mean):
        return "–"
    return number(mean) + ("" if math.isnan(deviation) else f" ± {number(float(f'{deviation:.2g}'))}")
