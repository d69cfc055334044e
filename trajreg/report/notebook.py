"""An executed notebook as a piece of a page: code folded away, outputs and text in view."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from trajreg.report.mathml import with_mathml
from trajreg.runs.pictures import PICTURE

if TYPE_CHECKING:
    from nbconvert import HTMLExporter
    from nbformat import NotebookNode

# widgets and JavaScript are left out: such an output also carries a static form
_STATIC = {"text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"}


def notebook_html(path: Path, *, alt: str) -> str:
    """The body of the notebook at `path`; `alt` describes its images."""
    import nbformat  # slow, and only a render needs it

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata["alt"] = alt
        if cell.cell_type == "markdown":
            cell.source = with_mathml(cell.source)
        for output in cell.get("outputs", []):
            _make_static(output)
    body, _ = _exporter().from_notebook_node(notebook)
    body = body.replace('href="../docs/reading-a-figure.md', 'href="reading-a-figure.html')  # it lies beside this page
    # the page has its own first two levels of headings
    return re.sub(r"<(/?)h([1-4])\b", lambda tag: f"<{tag[1]}h{int(tag[2]) + 2}", body)


def _make_static(output: NotebookNode) -> None:
    data = output.get("data", {})
    if name := output.get("metadata", {}).get(PICTURE):  # it stands on the page already, above
        output.metadata, data = type(output.metadata)(), output.data
        data["text/html"] = f'<p class="quiet">(The picture <a href="#product-{name}">{name}</a>, shown above.)</p>'
    for kind in ("text/markdown", "text/latex"):
        if kind in data:
            data["text/markdown"] = with_mathml(data[kind])
    for kind in data.keys() - _STATIC:
        del data[kind]


@functools.cache
def _exporter() -> HTMLExporter:
    from nbconvert import HTMLExporter  # a second to import, and only a render needs it

    return HTMLExporter(
        template_name="basic",
        raw_template=Path(__file__).with_name("notebook.html").read_text(encoding="utf-8"),
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
