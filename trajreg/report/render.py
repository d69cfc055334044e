"""From a results tree to its report: an index, a page a figure, and the merged claims."""

from dataclasses import asdict
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from trajreg.files import write_text
from trajreg.report.contents import Figure, Unshown, label, read_tree
from trajreg.report.ledger import VERDICTS, Claim, verdict_counts
from trajreg.report.mathml import with_mathml
from trajreg.report.notebook import notebook_html
from trajreg.report.null_rows import short, spread
from trajreg.report.splits import READINGS, alignment_range, readings
from trajreg.studies.claims import COLUMNS
from trajreg.studies.numbers import number

_HERE = Path(__file__).parent
_UNSHOWN = {
    "failed": ("Failed", "This figure failed"),
    "incomplete": ("Incomplete", "This figure is incomplete"),
    "altered": ("Not to be believed", "This figure is not to be believed"),
}  # a figure that is not shown: what stands before its name, and in its place
_BADGES = {"paper": "from the paper", "reconstructed": "reconstructed", "illustration": "illustration"}


def render(tree: Path, *, profile: str, version: str, rule: str, provenance: dict[str, object]) -> list[Path]:
    """Write the report of `tree` into it and return the files written; the same inputs give the same bytes.

    `rule` says in plain language how a verdict is reached and how often it errs (blank lines part paragraphs);
    `provenance` is what the foot of the index lists, where a true `dirty` is also said at the top.
    """
    figures = read_tree(tree)
    claims = [claim for figure in figures for claim in figure.claims]
    environment = _environment(profile=profile, version=version, claims=claims)
    index = environment.get_template("index.html").render(
        root="", figures=figures, rule=rule.split("\n\n"), provenance=provenance
    )
    texts = {"index.html": index, "style.css": _style(), "claims.csv": _merged(claims)}
    neighbours = zip([None, *figures], figures, [*figures[1:], None], strict=False)
    for previous, figure, following in neighbours:
        page = environment.get_template("figure.html")
        texts[f"pages/{figure.id}.html"] = page.render(
            root="../", figure=figure, previous=previous, following=following, notebook=_notebook(tree, figure)
        )
    for old in (tree / "pages").glob("*.html"):
        if f"pages/{old.name}" not in texts:
            old.unlink()
    return [write_text(tree / name, text) for name, text in texts.items()]


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
    environment.globals.update(readings=READINGS, reading_counts=readings, alignment_range=alignment_range)
    environment.globals.update(short=short, spread=spread)
    return environment


def _notebook(tree: Path, figure: Figure | Unshown) -> Markup:
    if not isinstance(figure, Figure):
        return Markup()
    return Markup(
        notebook_html(tree / "notebooks" / f"{figure.id}.ipynb", alt=f"Output of the notebook: {figure.title}")
    )


def _style() -> str:
    """The style sheet, with the colours of highlighted code for light and dark."""
    from pygments.formatters import HtmlFormatter  # here, since only a render needs it

    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    own = (_HERE / "style.css").read_text(encoding="utf-8")
    return f"{own}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _merged(claims: list[Claim]) -> str:
    return pd.DataFrame([asdict(claim) for claim in claims], columns=COLUMNS).to_csv(index=False, lineterminator="\n")
