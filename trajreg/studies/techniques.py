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
_SCALE = "their γ depends on how they scale their updates"
_MOMENTUM = "momentum alone makes it large"
_UNFIT_FOR_OPTIMIZERS = {
    "gamma": _SCALE,
    "gamma_endpoint": _SCALE,
    "gamma_early": _SCALE,
    "gamma_walk": _SCALE,
    "directedness": _MOMENTUM,
    "forward_cosine": _MOMENTUM,
}  # metric → why it says nothing where optimisers are compared


def technique(varied: str) -> str:
    """One of TECHNIQUES, of the dotted keys of a ledger's column `varied`.

    A learning rate that is each side's own is no technique, unless nothing else differs; of several keys the first in order counts.
    """
    keys = [key for key in varied.split(", ") if key and key != RATE]
    keys = [key for key in keys if key != LEARNING_RATE] or keys
    found = (name for prefix, name in _PREFIXES.items() if any(f"{key}.".startswith(f"{prefix}.") for key in keys))
    return next(found, OTHER)


def unfit(metric: str, technique: str) -> str:
    """Why comparisons of this technique (one of TECHNIQUES) by this metric say nothing; empty where they do (ours).

    Momentum of β makes D of pure noise (1 + β) / (1 − β), and γ depends on the scale of the updates: optimisers are compared by ηγ
    (`rate`) and by speed.
    """
    return _UNFIT_FOR_OPTIMIZERS.get(metric, "") if technique == OPTIMIZER else ""
