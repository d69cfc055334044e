"""The directive `generated`: a page's part that is written from the library when the page is built."""

from typing import Any, ClassVar

from command_line import command_line, make_targets
from data_dictionary import data_dictionary
from docutils import nodes
from params_reference import params_reference
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WRITERS = {
    "command_line": command_line,
    "data_dictionary": data_dictionary,
    "make_targets": make_targets,
    "params_reference": params_reference,
}


class Generated(SphinxDirective):
    """The Markdown that one of WRITERS gives: without headings, or beginning with one (what stands before it would come last)."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Its nodes, sections among them."""
        (name,) = self.arguments
        if name not in WRITERS:
            raise self.error(f"nothing is called {name!r}, choose from {', '.join(WRITERS)}")
        return self.parse_text_to_nodes(WRITERS[name](), allow_section_headings=True)


def _pages(app: Sphinx, env: Any, *changes: set[str]) -> list[str]:
    return sorted(name for name in env.found_docs if name.startswith("reference/"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive; what it writes follows from the library, so its pages are always read anew."""
    app.add_directive("generated", Generated)
    app.connect("env-get-outdated", _pages)
    return {"parallel_read_safe": True}
