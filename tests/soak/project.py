"""The project that is attacked: one figure, two variants of a small net, two seeds; its `all` takes seconds, most of them imports.

It has one of everything that is stored: a measure of a second pass, one with arrays, kept snapshots, a picture, a ledger.
"""

import json
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROFILE, FIGURE = "soak", "soak1"

QUESTION = """\
title: A small net with two activation functions
caption: Training loss and regularity parameter against epochs.
study: ours
status: ours
contrasts:
  relu-sigmoid: {treatment: {model.activation: relu}, control: {model.activation: sigmoid}, battery: technique}
"""
SETTING = """\
base:
  data: {name: digits10, num_train: 60, num_test: 30}
  model: {name: mlp, hidden: [8]}
  optimizer: {name: sgd, lr: 0.1}
  batch_size: 20
  num_epochs: 3
measures:
  regularity: {estimator: replay, optimum: endpoint}
  endpoint: {}
keep_snapshots: {every: 1}
vary:
  model.activation: [relu, sigmoid]
seeds: 2
thresholds: {steps_to_loss: 2.2}
"""
CELLS = [
    'profile = "soak"\nsetting = {}\noutput_dir = "results/soak/scratch"',
    "from trajreg.runs.study import Study\n\n"
    f'study = Study.of("{FIGURE}", setting, profile, output_dir)\nruns = study.runs()',
    'from trajreg.products.panels import panels\n\nstudy.save("panels", panels(study.figure, runs))',
    "from trajreg.products.ledger import ledger\nfrom trajreg.products.values import values\n\n"
    'study.save("values", values(study.figure, runs))\nstudy.save("claims", ledger(study.figure, runs))',
]
MAKEFILE = "all:\n\t@$(PYTHON) -m trajreg all --profile soak\n"  # as the project's own runs it, without setting up


def make_project(top: Path) -> Path:
    """Write the project: the library, and of everything else just what its one figure needs."""
    shutil.copytree(ROOT / "trajreg", top / "trajreg", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("docs/reading-a-figure.md", "params/batteries.yaml", "requirements.lock"):
        (top / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, top / name)
    (top / "params" / PROFILE).mkdir()
    (top / "notebooks").mkdir()
    texts = {
        f"params/{FIGURE}.yaml": QUESTION,
        f"params/{PROFILE}/{FIGURE}.yaml": SETTING,
        f"notebooks/{FIGURE}.ipynb": _notebook(),
        "Makefile": MAKEFILE,
    }
    for name, text in texts.items():
        (top / name).write_text(text, encoding="utf-8")
    return top


def _notebook() -> str:
    cells = [
        {
            "cell_type": "code",
            "id": f"{FIGURE}-{number}",
            "metadata": {} if number else {"tags": ["parameters"]},
            "source": source,
            "execution_count": None,
            "outputs": [],
        }
        for number, source in enumerate(CELLS)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})
