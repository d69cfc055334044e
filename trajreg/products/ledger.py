"""The ledger of a figure's claims."""

from collections.abc import Sequence

from trajreg.studies import claims
from trajreg.studies.figure import Figure
from trajreg.studies.product import Product
from trajreg.studies.run import Run

SHOWN = ["claim", "where", "treatment", "control", "effect", "low", "high", "smallest_effect", "verdict"]


def ledger(figure: Figure, runs: list[Run], random_runs: Sequence[Run] = ()) -> Product:
    """The verdict on each claim of the figure (`studies.claims.ledger`)."""
    table = claims.ledger(figure, runs)
    return Product(
        title="Claims and verdicts",
        caption="Effects are paired by seed and point in the direction of the claim: a ratio above 1 or a difference above 0 favours the "
        "treatment. A claim is replicated when the whole interval lies above the smallest effect that counts.",
        table=table,
        shown=table[SHOWN],
        role="claims",
    )
