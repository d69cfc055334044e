"""Whether the regularity principle holds, in sentences counted over the tables of the product `principle`."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from trajreg.report.contents import Figure, Unshown
from trajreg.report.wording import ends, share
from trajreg.studies.numbers import number

PRINCIPLE = {"variant", "labels", "runs", "steps", "obey", "bound", "slack"}
"""The columns of a figure's product `principle` that are counted here."""


def principle(figures: Sequence[Figure | Unshown], tree: Path) -> str:
    """At which part of the steps γ_t is positive, in how many runs at all of them, and of how many Theorem 1 says something."""
    held = [(one, table) for one in figures if isinstance(one, Figure) for table in _principle_tables(one, tree)]
    if not held:
        return ""
    table = pd.concat([table for _, table in held])
    random, table = table[table["labels"] == "random labels"], table[table["labels"] == "true labels"]
    total, steps, slack = int(table["runs"].sum()), table["steps"].dropna(), table["slack"].dropna()
    text = "The principle asks for $\\gamma_t > 0$ at every step, and only then does Theorem 1 say anything."
    where = [f"at every step in {share(int(table['obey'].sum()), total, 'run')}"]
    if len(steps):
        shown = ends(f"{number(float(f'{100 * one:.3g}'))} %" for one in (steps.min(), steps.max()))
        medians = f"the medians of {len(steps)} variants" if len(steps) > 1 else "the median of the one variant"
        where.insert(0, f"at {shown} of the steps ({medians})")
    text += (
        f" It is so {' and '.join(where)}. Theorem 1 says something of {share(int(table['bound'].sum()), total, 'run')}"
    )
    if len(slack):
        text += f": its bound is {ends(number(one) for one in (slack.min(), slack.max()))} times the average loss there"
    runs = [run for one, _ in held for run in one.runs]
    twice = " A run that two figures show counts in each." if len(set(runs)) < len(runs) else ""
    if len(random):
        text += f". On random labels {share(int(random['obey'].sum()), int(random['runs'].sum()), 'run')} have it at every step"
    return f"{text}.{twice}"


def _principle_tables(figure: Figure, tree: Path) -> list[pd.DataFrame]:
    """The table of the product `principle`; none where a figure has no such product, or another one of that name."""
    names = [file for one in figure.products if one.name == "principle" for file in [one.file(".csv")] if file]
    tables = [pd.read_csv(tree / figure.id / name) for name in names]
    return [table for table in tables if set(table.columns) >= PRINCIPLE and table["runs"].sum() > 0]
