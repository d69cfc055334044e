"""The notebook that explains γ runs as it stands, and what its text says comes out."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The printed text of the executed notebook."""
    target = tmp_path_factory.mktemp("notebook") / "gamma_explained.ipynb"
    command = [sys.executable, "-m", "papermill", "notebooks/gamma_explained.ipynb", str(target), "-k", "python3"]
    settings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in json.loads(target.read_text())["cells"] if cell["cell_type"] == "code"]
    return [output for cell in cells for output in cell["outputs"]]


def test_the_identities_hold(outputs):
    (text,) = ["".join(output["text"]) for output in outputs if output.get("name") == "stdout"]
    assert float(re.search(r"A: .* ([0-9.e-]+)$", text, flags=re.MULTILINE)[1]) < 1e-10
    for line in re.findall(r"^(?:B:| ) .*", text, flags=re.MULTILINE):
        one, other = re.findall(r"\d+\.\d{9}", line)
        assert one == other
    assert "bound=None" in text
    assert "holds=True" in text


def test_about_half_of_what_random_labels_change_is_directedness(outputs):
    shown = ["".join(output["data"]["text/plain"]) for output in outputs if "text/plain" in output.get("data", {})]
    (parts,) = [text for text in shown if "energy" in text]
    total, directedness, energy, loss = (float(x) for x in re.search(r"whole (.*)", parts)[1].split())
    assert total > 1
    assert total / 3 < directedness < total * 2 / 3
    assert directedness + energy + loss == pytest.approx(total, abs=0.03)
