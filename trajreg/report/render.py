"""From a results tree to its report: an index, a page a figure, and the merged claims."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from trajreg.files import write_text
from trajreg.report.answers import answers, caption, premise
from trajreg.report.bibtex import bibtex
from trajreg.report.cells import cell_html, mark_html, number_columns
from trajreg.report.checkout import Checkout
from trajreg.report.comparisons import Comparison, asked, comparisons, picture
from trajreg.report.contents import Figure, Unshown, label, read_tree
from trajreg.report.headlines import headline_sections
from trajreg.report.history import history
from trajreg.report.ledger import VERDICTS, Claim, verdict_counts
from trajreg.report.mathml import caption_html, with_mathml
from trajreg.report.notebook import notebook_html
from trajreg.report.profiles import profiles
from trajreg.report.reading import read_reading, slug
from trajreg.report.references import LEDGER
from trajreg.runs.tree import NOTEBOOK, ResultsTree
from trajreg.studies.claims import as_table
from trajreg.studies.numbers import number
from trajreg.studies.rule_text import describe_rule
from trajreg.studies.techniques import TECHNIQUES

_HERE = Path(__file__).parent
_UNSHOWN = {
    "failed": ("Failed", "This figure failed"),
    "altered": ("Not to be believed", "This figure is not to be believed"),
}  # a figure that is not shown: what stands before its name, and in its place
_BADGES = {
    "paper": "from the paper",
    "reconstructed": "reconstructed",
    "illustration": "illustration",
    "ours": "our own",
}
_READING = "pages/reading-a-figure.html"
OVERVIEW = "overview"  # the picture at the top


def render(
    tree: Path, *, profile: str, version: str, checkout: Checkout, provenance: Mapping[str, object]
) -> list[Path]:
    """Write the report of `tree` into it and return the files written; the same inputs give the same bytes.

    `checkout` is what is taken from around the tree; `provenance` is what the foot of the index lists, where a true `dirty` is also said
    at the top.
    """
    figures, explained = read_tree(tree), read_reading(checkout.reading)
    claims = [claim for figure in figures for claim in figure.claims]
    table, found = as_table(claims, Claim), comparisons(figures)
    pictures = _draw(tree, found)
    environment = _environment(
        profile=profile, version=version, claims=claims, anchors=explained.anchors, links=checkout.links
    )
    index = environment.get_template("index.html").render(
        root="",
        figures=figures,
        comparisons=found,
        questions=asked(found),
        premise=premise(found),
        answers=answers(found, figures, tree),
        overview=OVERVIEW if pictures else None,
        caption=caption(found, figures),
        profiles=profiles(figures, checkout.others),
        headlines=headline_sections(figures),
        rule=describe_rule(table).split("\n\n"),
        reading=explained.title,
        history=history(checkout.versions, ResultsTree(tree), claims),
        bibtex=bibtex(checkout.citation),
        provenance=provenance,
    )
    texts = {
        "index.html": index,
        "style.css": _style(),
        "script.js": (_HERE / "script.js").read_text(encoding="utf-8"),
        LEDGER: table.to_csv(index=False, lineterminator="\n"),
    }
    texts[_READING] = environment.get_template("reading.html").render(root="../", reading=explained)
    texts |= _pages(tree, figures, environment.get_template("figure.html"))
    for old in (tree / "pages").glob("*.html"):
        if f"pages/{old.name}" not in texts:
            old.unlink()
    return [*(write_text(tree / name, text) for name, text in texts.items()), *pictures]


def _draw(tree: Path, found: Sequence[Comparison]) -> list[Path]:
    """The picture of all comparisons, as PNG and SVG; none, and none left of an earlier one, where there is nothing to compare."""
    for old in tree.glob(f"{OVERVIEW}.*"):
        old.unlink()
    drawing = picture(found)
    if drawing is None:
        return []
    import matplotlib.pyplot as plt  # slow, and a report that is up to date draws nothing

    from trajreg.plots.style import FORMATS, save_figure

    save_figure(drawing, tree / OVERVIEW)
    plt.close(drawing)
    return [(tree / OVERVIEW).with_suffix(suffix) for suffix in FORMATS]


def _pages(tree: Path, figures: Sequence[Figure | Unshown], template: jinja2.Template) -> dict[str, str]:
    neighbours = zip([None, *figures], figures, [*figures[1:], None], strict=False)
    return {
        f"pages/{figure.id}.html": template.render(
            root="../", figure=figure, previous=previous, following=following, notebook=_notebook(tree, figure)
        )
        for previous, figure, following in neighbours
    }


def _environment(**shared: object) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(label=label, number=number, with_mathml=lambda text: Markup(with_mathml(text)))
    environment.globals.update(
        shared, verdicts=VERDICTS, badges=_BADGES, unshown=_UNSHOWN, verdict_counts=verdict_counts
    )
    environment.filters.update(cell=cell_html, mark=mark_html, caption=caption_html, slug=slug)
    environment.globals.update(number_columns=number_columns, in_order=in_order)
    return environment


def in_order(names: Iterable[str]) -> list[str]:
    """Techniques, each once, in the order of the report."""
    known = set(names)
    return [one for one in TECHNIQUES if one in known]


def _notebook(tree: Path, figure: Figure | Unshown) -> Markup:
    if not isinstance(figure, Figure) or not figure.has_notebook:
        return Markup()
    return Markup(notebook_html(tree / figure.id / NOTEBOOK, alt=f"Output of the notebook: {figure.title}"))


def _style() -> str:
    """The style sheet, with the colours of techniques, and those of highlighted code for light and dark."""
    from matplotlib.colors import to_hex  # these here, since only a render needs them
    from pygments.formatters import HtmlFormatter

    from trajreg.plots.style import technique_colours

    hues = "\n".join(f".{slug(name)} {{ --hue: {to_hex(colour)}; }}" for name, colour in technique_colours().items())
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    own = (_HERE / "style.css").read_text(encoding="utf-8")
    return f"{own}\n{hues}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
