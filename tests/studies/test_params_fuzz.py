"""Whatever stands in a params file, it loads or is refused: at once, and in a few short lines."""

import itertools
import shutil
import time
from pathlib import Path
from random import Random

import pytest
from fuzz_params import mutations

from trajreg.errors import LINE, InputError
from trajreg.studies.params import figure_ids, load_figure

PARAMS = Path(__file__).resolve().parents[2] / "params"
FILES = [
    "batteries.yaml",
    "fig02.yaml",
    "fig04.yaml",
    "sampling1.yaml",
    "digits/fig03.yaml",
    "smoke/fig02.yaml",
    "smoke/rates1.yaml",
    "smoke/sampling1.yaml",
]
A_FILE = 40


@pytest.mark.parametrize("name", FILES)
def test_a_mutated_file_loads_or_is_refused(name, tmp_path):
    params = Path(shutil.copytree(PARAMS, tmp_path / "params"))
    profile = name.partition("/")[0] if "/" in name else "smoke"
    figure = "fig04" if name == "batteries.yaml" else Path(name).stem
    for content in itertools.islice(mutations((PARAMS / name).read_text(encoding="utf-8"), Random(name)), A_FILE):
        (params / name).write_bytes(content)
        begin = time.process_time()
        try:
            load_figure(params, profile, figure)
            figure_ids(params, profile)
        except InputError as error:
            lines = str(error).split("\n")
            assert len(lines) <= 10
            assert all(line.isprintable() and len(line) <= LINE for line in lines), content
        assert time.process_time() - begin < 2, content
