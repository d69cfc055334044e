"""Small results trees, as the pipeline leaves them."""

import shutil
from dataclasses import asdict

import nbformat
import pandas as pd
from nbformat import v4

from trajreg.files import file_checksum, read_sealed, write_json, write_sealed
from trajreg.runs.products import Cells, SavedHeadline, SavedProduct, read_products

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
ROW = {
    "figure": "fig04", "claim": "bn", "text": "Loss < 1 & <b>γ</b> larger", "source": "paper", "pair_source": "paper", "metric": "gamma",
    "where": "VGG-11", "role": "primary", "reaches": "", "reached_treatment": "", "reached_control": "", "reason": "",
    "treatment": "batch norm", "control": "none", "treatment_variant": "VGG-11, batch norm", "control_variant": "VGG-11, none",
    "direction": "higher", "seeds": "5", "effect_kind": "ratio", "effect": "2.5", "effect_bound": "", "low": "1.3", "high": "4.5",
    "confidence": "0.9375", "smallest_effect": "1.1", "p_replicated": "0.03125", "p_reversed": "1",
    "p_negligible": "1", "censored": "0", "diverged": "0",
    "verdict": "replicated", "beside_metric": "gamma_early", "beside_effect": "1.7", "beside_bound": "",
    "beside_low": "1.2", "beside_high": "2",
    "beside_verdict": "replicated", "varied": "model.norm",
}  # fmt: skip
OPEN = ROW | {
    "effect": "inf",
    "low": "1.7",
    "high": "inf",
    "censored": "2",
    "source": "ours",
    "role": "exploratory",
    "verdict": "inconclusive",
}
UNKNOWN = ROW | {
    "effect": "", "low": "", "high": "", "p_replicated": "", "p_reversed": "", "p_negligible": "", "diverged": "3",
    "role": "exploratory", "verdict": "reversed", "beside_metric": "",
    "beside_effect": "", "beside_bound": "", "beside_low": "", "beside_high": "",
    "beside_verdict": "",
}  # fmt: skip
STUCK = ROW | {
    "treatment_variant": "VGG-16, batch norm", "metric": "steps_to_loss ≤ 0.3", "direction": "lower", "effect_bound": "≥", "high": "inf",
    "role": "not comparable", "reaches": "steps_to_loss ≤ 0.3", "reached_treatment": "5", "reached_control": "0",
    "reason": "control does not train", "verdict": "not comparable",
}  # fmt: skip


READING = "# How to read\n\n## Shares\n\nOf $\\gamma_t$.\n\n## Is γ it?\n\nNo.\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def record(tree, name, **changed):
    """The figure's provenance, with the checksums of the files that are there."""
    path = tree / name / "provenance.json"
    known = read_sealed(path) if path.exists() else {}
    outputs = {one.name: file_checksum(one) for one in (tree / name).iterdir() if one != path}
    write_sealed(path, known | changed | {"figure": name, "outputs": outputs})


def add_product(tree, name, product, picture=False, table="", **fields):
    """A product, as a notebook leaves it, after those that are there."""
    suffixes = [".png", ".svg"] * picture + [".csv"] * bool(table)
    for suffix in suffixes:
        write(tree / name / f"{product}{suffix}", table)
    plain = {"title": product.capitalize(), "caption": "", "alt": "", "role": None, "shown": None, "headline": None}
    files = [f"{product}{suffix}" for suffix in suffixes]
    saved = [*read_products(tree / name), SavedProduct(name=product, files=files, **(plain | fields))]
    write_json(tree / name / "products.json", [asdict(one) for one in saved])
    record(tree, name)


def add_figure(tree, name, rows=()):
    """A finished figure with a picture, claims and a summary, as the pipeline leaves it."""
    shutil.rmtree(tree / name, ignore_errors=True)
    table = v4.new_output("display_data", {"text/html": "<table><tr><td>a table</td></tr></table>"})
    widget = v4.new_output("display_data", {"application/javascript": "load()", "text/plain": "a still"})
    picture = v4.new_output("display_data", {"image/png": PNG})
    latex = v4.new_output("display_data", {"text/latex": r"$\eta$", "text/plain": "Math"})
    code = v4.new_code_cell("print('code')", outputs=[table, widget, picture, latex], id="b")
    text = "# Title\nAbout $\\lambda_1$, [how](../docs/reading-a-figure.md#shares)."
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(text, id="a"), code])
    write(tree / name / "notebook.ipynb", nbformat.writes(notebook))
    known = {"figure": name, "title": f"A <figure> {name}", "status": "reconstructed", "caption": "Loss & γ"}
    known |= {
        "params": [f"params/{name}.yaml", f"params/digits/{name}.yaml"],
        "notebook": f"notebooks/{name}.ipynb",
        "key": "k",
    }
    known |= {"study": "arXiv 1234.56789", "seeds": 5, "data_checksums": []}
    record(tree, name, **known, runs=["abc123"], num_diverged=1, seconds=2.0)
    add_product(tree, name, "curves", picture=True, caption="A line & $\\gamma_t$.", alt="Lines <of loss>.")
    ledger = pd.DataFrame([row | {"figure": name} for row in rows], columns=list(ROW)).to_csv(index=False)
    add_product(tree, name, "verdicts", table=ledger, role="claims")
    summary = Cells(["variant", "γ"], [["None", "1.5"], ["<i>x</i>", "–"]])
    add_product(tree, name, "summary", table="variant,γ\nNone,1.5\n<i>x</i>,\n", shown=summary)


def shares(*rows, counted="Reading"):
    """A headline of rows of (reading, share)."""
    choices = ["✓ holds", "✗ fails"] if counted else []
    return SavedHeadline(
        Cells(["Reading", "Share"], [list(row) for row in rows]), "How $x$ is <shared>.", counted, choices
    )


def add_shares(tree, name, *rows, **changed):
    """A product of a kind that the report has never heard of, with rows for the front page."""
    fields = {"title": "Shares", "caption": "Bars.", "alt": "Bars of shares.", "headline": shares(*rows)} | changed
    add_product(tree, name, "shares", picture=True, table="reading,share\n", shown=fields["headline"].cells, **fields)
