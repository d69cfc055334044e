"""The ledger of a figure's claims."""

from collections.abc import Sequence

from trajreg.studies import claims
from trajreg.studies.figure import Figure
from trajreg.studies.numbers import number
from trajreg.studies.product import Product
from trajreg.studies.run import Run

SHOWN = ["claim", "where", "treatment", "control", "effect", "low", "high", "smallest_effect", "role", "verdict"]


def ledger(figure: Figure, runs: list[Run], random_runs: Sequence[Run] = ()) -> Product:
    """The verdict on each claim of the figure, taken alone (`studies.claims.ledger`)."""
    table = claims.ledger(figure, runs)
    effects = [f"{row.effect_bound} {number(row.effect)}".strip() for row in table.itertuples()]
    verdicts = [f"{row.verdict}\n{row.reason}".strip() for row in table.itertuples()]
    return Product(
        title="Claims and verdicts",
        caption="Effects are paired by seed and point in the direction of the claim: a ratio above 1 or a difference above 0 favours the "
        "treatment. A claim is replicated when the whole interval lies above the smallest effect that counts, reversed when it lies as far "
        "on the other side, negligible when it lies between. In a notebook each verdict is taken alone; the report corrects those of "
        "primary claims for their number, over all figures. The smallest effects are ours, whoever made the statement.",
        table=table,
        shown=table.assign(effect=effects, verdict=verdicts)[SHOWN],
        role="claims",
    )
