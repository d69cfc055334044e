"""The results tree: nothing of an earlier execution stays behind, and nothing of another figure goes."""

from trajreg.runs.tree import ResultsTree


def promote(tree, figure, *names):
    staging = tree.staging(figure)
    for name in names:
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        (staging / name).write_text(name)
    tree.promote(figure, staging, {"key": "k"})


def test_every_product_of_an_earlier_execution_goes(tmp_path):
    tree = ResultsTree(tmp_path / "local")
    products = (
        "figures/fig02_decomposition.svg",
        "decomposition/fig02.csv",
        "figures/fig02_nulls.svg",
        "nulls/fig02.csv",
    )
    promote(tree, "fig02", "figures/fig02.svg", *products)
    promote(tree, "fig03", "figures/fig03.svg", "figures/fig03_decomposition.svg")
    promote(tree, "fig02", "figures/fig02.svg")
    assert {path.name for path in (tree.root / "figures").iterdir()} == {
        "fig02.svg",
        "fig03.svg",
        "fig03_decomposition.svg",
    }
    assert not (tree.root / "decomposition" / "fig02.csv").exists()
    assert not (tree.root / "nulls" / "fig02.csv").exists()
    assert tree.figures() == ["fig02", "fig03"]
