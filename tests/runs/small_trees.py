"""Small results trees, to be compared."""

import pandas as pd

from trajreg.files import write_sealed
from trajreg.runs.products import ProductFolder
from trajreg.runs.tree import KNOWN, ResultsTree
from trajreg.studies.claims import COLUMNS
from trajreg.studies.product import Product


def values(losses, variant="ReLU", run="relu", **columns):
    """Rows of a table of values: a seed a loss; a run's fingerprint says which run and which seed it is."""
    names = [f"{run}{seed}" for seed in range(len(losses))]
    known = {"variant": variant, "seed": range(len(losses)), "fingerprint": names, "diverged": False}
    return pd.DataFrame(known | {"final_train_loss": losses} | columns)


def claim(verdict="replicated", treatment="ReLU", control="tanh", where=None, **columns):
    """A ledger with one row."""
    row = {"claim": "c", "metric": "final_train_loss", "where": where, "direction": "lower"}
    row |= {"treatment_variant": treatment, "control_variant": control}
    numbers = {"effect_kind": "ratio", "effect": 2.0, "smallest_effect": 1.1, "verdict": verdict}
    return pd.DataFrame([row | numbers | columns])


def provenance(**known):
    """What a tree has to know of a figure."""
    return dict.fromkeys(KNOWN, "") | {"key": "k", "seeds": 5, "runs": []} | known


def write(root, figures, machine="A"):
    """A results tree of figures, each its values, claims and setting; where that is None the tree is one that does not know it."""
    one = ResultsTree(root)
    for figure, (rows, claims, setting) in figures.items():
        staging = one.staging(figure)
        products = ProductFolder(staging)
        products.save("numbers", Product("Numbers", table=rows, role="values"))  # found by their roles
        products.save("verdicts", Product("Verdicts", table=claims.reindex(columns=COLUMNS), role="claims"))
        known = {} if setting is None else {"setting": setting}
        one.promote(figure, staging, provenance(runs=rows["fingerprint"].tolist(), **known))
    write_sealed(root / "manifest.json", {"machine": machine})
    return one
