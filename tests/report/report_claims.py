"""Claims and figures of a report, as they are read from a tree."""

from trajreg.report.contents import Figure
from trajreg.report.ledger import Claim

METRICS = {"steps_to_loss ≤ 0.3": "lower", "gamma": "higher", "directedness": "higher", "forward_cosine": "higher"}


def claim(metric="gamma", verdict="replicated", role="primary", where="own η", pair="x", stuck="", **changed):
    """A claim about x against y in one setting, but for what is changed."""
    ours = metric in ("directedness", "forward_cosine")
    kind = "difference" if metric == "forward_cosine" else "ratio"
    reached = {"treatment": 10, "control": 10} | ({stuck: 3} if stuck else {})
    values = {
        "figure": "fig04", "claim": "c", "text": "t", "source": "ours" if ours else "paper", "pair_source": "paper",
        "metric": metric, "where": where, "role": "exploratory" if ours and role == "primary" else role,
        "treatment": pair, "control": "y", "treatment_variant": f"{where}, {pair}", "control_variant": f"{where}, y",
        "seeds": 10, "reaches": "steps_to_loss ≤ 0.3", "reached_treatment": reached["treatment"],
        "reached_control": reached["control"], "reason": f"{stuck} does not train" if stuck else "",
        "direction": METRICS[metric], "effect_kind": kind, "effect": 2.0, "effect_bound": "", "low": 1.5, "high": 3.0,
        "confidence": 0.98, "smallest_effect": 1.1, "p_replicated": 0.001, "p_reversed": 1.0, "p_negligible": 1.0,
        "censored": 0, "diverged": 0, "verdict": verdict, "verdict_alone": verdict,
    }  # fmt: skip
    return Claim(**(values | changed))


def figure(*claims, name="fig04", status="paper", runs=("a",), products=()):
    return Figure(
        id=name, title="T", notebook="n", study="s", status=status, caption="c", params=[], key="k", runs=list(runs),
        num_diverged=0, seconds=1.0, products=list(products), claims=list(claims), has_notebook=False,
    )  # fmt: skip
