"""Every column of every table, from what the library itself reads: `Column`s, lists of names, docstrings."""

from collections.abc import Iterator, Sequence

from descriptions import describe, escaped, table

import trajreg
from trajreg.columns import Column, Columns
from trajreg.measures.catalogue import MEASURES
from trajreg.studies import claims, decomposition, null_table
from trajreg.studies.kinds import KINDS

OF_A_RUN = ["column", "title", "in claims", "compared"]
OF_AN_EPOCH = ["column", "title", "unit", "scale", "null"]


def data_dictionary() -> str:
    """All tables as Markdown."""
    return "\n\n".join(_parts())


def per_step_columns() -> list[str]:
    """The columns of the table of steps."""
    return list(trajreg.regularity(distance_sq=[1.0, 0.0], update_sq=[1.0], loss=[1.0], lr=1.0))


def described() -> dict[str, tuple[str, Sequence[str], str | None]]:
    """Title → (where the table is, its columns, the docstring that says what they are)."""
    return {
        "Steps": (
            "What `trajreg.regularity` gives: a row a step.",
            per_step_columns(),
            _returns(trajreg.regularity.__doc__),
        ),
        "Claims": ("`claims.csv`: a row a claim and combination.", claims.COLUMNS, claims.LedgerRow.__doc__),
        "Decomposition of γ": (
            "`decomposition.csv`: a row a pair, combination, phase, split and part.",
            decomposition.COLUMNS,
            decomposition.decomposition.__doc__,
        ),
        "Nulls": ("`nulls.csv`: a row a variant.", null_table.COLUMNS, null_table.nulls.__doc__),
    }


def _returns(docstring: str | None) -> str:
    return (docstring or "").partition("Returns:")[2]


def _parts() -> Iterator[str]:
    for name, kind in KINDS.items():
        yield from _owner(f"Every {name}", kind.COLUMNS)
    for name, measure in MEASURES.items():
        yield from _owner(f"The measure `{name}`", measure.COLUMNS)
    for title, (where, names, docstring) in described().items():
        meanings = describe(docstring, names)
        rows = [(f"`{name}`", escaped(meanings.get(name, ""))) for name in names]
        yield from (f"## {title}", where, table(["column", "meaning"], rows))


def _owner(title: str, columns: Columns) -> Iterator[str]:
    yield f"## {title}"
    if columns.summary:
        yield from ("A value a run:", table(OF_A_RUN, [_of_a_run(column) for column in columns.summary]))
    if columns.epochs:
        yield from ("A value an epoch:", table(OF_AN_EPOCH, [_of_an_epoch(column) for column in columns.epochs]))


def _of_a_run(column: Column) -> list[str]:
    threshold = f", with a threshold for `{column.first_below}`" if column.first_below else ""
    claims = f"yes{threshold}" if column.claimable else ""
    return [f"`{column.name}`", escaped(column.title), claims, "yes" if column.compared else ""]


def _of_an_epoch(column: Column) -> list[str]:
    null = f"`{column.null}`" if column.null else ""
    return [f"`{column.name}`", *map(escaped, (column.title, column.unit, column.scale)), null]
