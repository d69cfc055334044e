"""The technique that a comparison is about, from the keys in which its sides differ: what a report is filtered, grouped and coloured by."""

from trajreg.studies.rates import RATE

LEARNING_RATE = "optimizer.lr"
OPTIMIZER, OTHER = "optimizer", "other"
_PREFIXES = {
    "model.activation": "activation",
    "model.norm": "normalization",
    "model.skip": "skip connections",
    "optimizer.lr": "learning rate",
    "optimizer": OPTIMIZER,
    "model.init": "initialization",
    "model": "architecture",
}
TECHNIQUES = (*_PREFIXES.values(), OTHER)
"""All techniques, in the order of the report."""


def technique(varied: str) -> str:
    """One of TECHNIQUES, of the dotted keys of a ledger's column `varied`.

    A learning rate that is each side's own is no technique, unless nothing else differs; of several keys the first in order counts.
    """
    keys = [key for key in varied.split(", ") if key and key != RATE]
    keys = [key for key in keys if key != LEARNING_RATE] or keys
    found = (name for prefix, name in _PREFIXES.items() if any(f"{key}.".startswith(f"{prefix}.") for key in keys))
    return next(found, OTHER)
