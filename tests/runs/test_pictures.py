"""A notebook names the pictures that lie beside it, and keeps what is nowhere else."""

import pytest
from matplotlib.figure import Figure

from trajreg.runs.pictures import PICTURE, show_by_name
from trajreg.runs.products import ProductFolder

PNG = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}


@pytest.fixture
def folder(tmp_path):
    """Two pictures, and a table."""
    products = ProductFolder(tmp_path)
    for name in ("one", "two"):
        products.save(name, Figure(), caption="c", alt=f'"{name}" < 3')
    return tmp_path


def cell(source, pictures):
    table = {"data": {"text/html": "<table>"}, "metadata": {}}
    return {"source": [source], "outputs": [table, *({"data": dict(PNG), "metadata": {}} for _ in range(pictures))]}


def test_pictures_are_named_in_the_order_of_saving(folder):
    cells = [{"source": "# text"}, cell('study.save("one", a)\nstudy.save( \'two\', b)\nstudy.save("table", c)', 2)]
    show_by_name(cells, folder)
    table, *shown = cells[1]["outputs"]
    assert table["data"] == {"text/html": "<table>"}
    assert [one["metadata"] for one in shown] == [{PICTURE: "one"}, {PICTURE: "two"}]
    assert shown[0]["data"] == {
        "text/html": ['<img src="one.png" alt="&quot;one&quot; &lt; 3">'],
        "text/plain": "<Figure>",
    }


@pytest.mark.parametrize(("source", "pictures"), [('study.save("one", a)', 2), ("plt.show()", 1)])
def test_a_picture_that_is_no_product_stays(folder, source, pictures):
    cells = [cell(source, pictures)]
    show_by_name(cells, folder)
    assert [one["data"] for one in cells[0]["outputs"][1:]] == [PNG] * pictures


def test_pictures_saved_in_a_loop_are_those_whose_names_begin_alike(tmp_path):
    products = ProductFolder(tmp_path)
    for name in ("two", "one", "other"):
        products.save(name, Figure(), caption="c", alt="a")
    cells = [cell('for name in names:\n    study.save(f"o{name}", a)', 2)]
    show_by_name(cells, tmp_path)
    assert [one["metadata"] for one in cells[0]["outputs"][1:]] == [{PICTURE: "one"}, {PICTURE: "other"}]
