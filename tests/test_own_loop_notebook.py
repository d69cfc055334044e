"""The notebook of a foreign training loop runs, and its table is right."""

import json
import os
from pathlib import Path

import papermill
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("parameters", [{"num_steps": 12, "lr": 0.05, "seed": 1}])
def test_own_training_loop_runs(parameters, tmp_path, monkeypatch):
    # as the pipeline does; the kernel finds the library of this checkout
    for name, value in (
        ("OMP_NUM_THREADS", "1"),
        ("PYDEVD_DISABLE_FILE_VALIDATION", "1"),
        ("JUPYTER_PLATFORM_DIRS", "1"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    papermill.execute_notebook(
        str(ROOT / "notebooks" / "own_training_loop.ipynb"),
        str(tmp_path / "out.ipynb"),
        parameters=parameters,
        kernel_name="python3",
        cwd=str(tmp_path),
        progress_bar=False,
        start_timeout=120,
        execution_timeout=120,
        extra_arguments=["--log-level=CRITICAL"],
    )
    cells = json.loads((tmp_path / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = json.dumps([cell["outputs"] for cell in cells if cell["cell_type"] == "code"])
    for expected in ("bytes_needed", "structure_exponent", "forward cosine", "image/png", "TheoremBound"):
        assert expected in outputs
    told = next(line for line in json.loads(outputs)[-1][0]["text"] if line.startswith("Σ"))
    _, first, second = told.replace(" and half the squared distance", "").split(" = ")
    assert float(first) == pytest.approx(float(second), rel=1e-9)
