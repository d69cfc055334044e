"""How Sphinx builds these pages (`make docs`); nothing in the built pages comes from the network."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

# of Lightning only the base class of the callback is needed, and importing it takes longer than building all pages
sys.modules["lightning.pytorch"] = SimpleNamespace(Callback=type("Callback", (), {}))

project = "trajreg"
html_title = "trajreg"
html_theme = "furo"
html_copy_source = html_show_sourcelink = html_show_copyright = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml_renderer", "docstrings", "generated"]
exclude_patterns = ["_build", "_ext"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3  # [text](page.md#heading) leads to the same place here and on GitHub
html_math_renderer = "mathml"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_use_ivar = True

# annotations name types of other packages, whose pages are not at hand, and classes without a page
nitpick_ignore_regex = [("py:class", ".*")]


def setup(app: Sphinx) -> None:
    """CONTRIBUTING.md lies outside this folder; `contributing.md` shows it."""
    app.connect("source-read", _link_contributing)


def _link_contributing(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = re.sub(r"\]\((?:\.\./)+CONTRIBUTING\.md", "](/contributing.md", source[0])
