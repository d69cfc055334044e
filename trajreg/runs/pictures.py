"""The pictures in an executed notebook: those that lie beside it as products are shown from there, not stored a second time."""

import html
import re
from pathlib import Path
from typing import Any

from trajreg.runs.products import read_products

PICTURE = "product"  # of an output's metadata: which product's picture it shows
_SAVED = re.compile(r"\.save\(\s*f?[\"']([a-z0-9_]+)([{\"'])")  # a name, or the beginning of several: f"curves_{one}"


def show_by_name(cells: list[dict[str, Any]], folder: Path) -> None:
    """Put the file's name in place of each picture that is a product in `folder`, which is where the notebook lies too.

    A cell's pictures are those it saves, in their order; where it shows more or fewer than it saves, all stay as they are.
    """
    alts = {one.name: one.alt for one in read_products(folder) if one.file(".png")}
    for cell in cells:
        saved = _SAVED.findall("".join(cell["source"]))
        names = [one for name, end in saved for one in alts if (one.startswith(name) if end == "{" else one == name)]
        shown = [one for one in cell.get("outputs", ()) if "image/png" in one.get("data", {})]
        for name, output in zip(names, shown, strict=True) if len(names) == len(shown) else ():
            picture = f'<img src="{name}.png" alt="{html.escape(alts[name])}">'
            output["data"] = {"text/html": [picture], "text/plain": output["data"].get("text/plain", "")}
            output["metadata"] = {PICTURE: name}
