"""Saving products: what is written, what is shown, and what is refused."""

import json
import math

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from trajreg.errors import InputError
from trajreg.runs.products import ProductFolder, read_products
from trajreg.studies.claims import COLUMNS
from trajreg.studies.product import Headline, Product

TABLE = pd.DataFrame({"variant": ["None", "b"], "γ": [1.23456789, math.nan], "runs": [5, 4]})


@pytest.fixture
def folder(tmp_path):
    return ProductFolder(tmp_path / "fig04")


@pytest.fixture
def picture():
    figure, _ = plt.subplots()
    yield figure
    plt.close(figure)


def test_a_table_is_kept_in_full_and_shown_rounded(folder):
    shown = folder.save("some_table", TABLE, caption="A caption.")
    assert shown.to_numpy().tolist() == [["None", "1.23", "5"], ["b", "–", "4"]]
    assert (folder.folder / "some_table.csv").read_text() == "variant,γ,runs\nNone,1.23456789,5\nb,,4\n"
    (saved,) = read_products(folder.folder)
    assert (saved.name, saved.title, saved.caption, saved.files) == (
        "some_table", "Some table", "A caption.", ["some_table.csv"],
    )  # fmt: skip
    assert saved.shown.columns == ["variant", "γ", "runs"]


def test_an_index_that_says_something_becomes_a_column_and_row_numbers_do_not(folder):
    assert list(folder.save("named", TABLE.set_index("variant"))) == ["variant", "γ", "runs"]
    assert list(folder.save("part", TABLE[TABLE["runs"] < 5])) == ["variant", "γ", "runs"]
    both = TABLE.pivot_table(index="variant", columns="runs", values=["γ"], dropna=False)
    assert list(folder.save("pivoted", both)) == ["variant", "γ 4", "γ 5"]
    assert (folder.folder / "named.csv").read_text() == "variant,γ,runs\nNone,1.23456789,5\nb,,4\n"


def test_a_picture_is_written_twice_with_its_words(folder, picture):
    assert folder.save("plane", picture, title="Paths", caption="In $\\theta$.", alt="Two paths.") is None
    (saved,) = read_products(folder.folder)
    assert (saved.title, saved.caption, saved.alt) == ("Paths", "In $\\theta$.", "Two paths.")
    assert saved.files == ["plane.png", "plane.svg"]
    assert all((folder.folder / name).stat().st_size for name in saved.files)


def test_a_product_keeps_its_words_unless_others_are_given(folder):
    folder.save("one", Product("Title", "Caption", table=TABLE))
    folder.save("two", Product("Title", "Caption", table=TABLE), caption="Another")
    assert [(saved.title, saved.caption) for saved in read_products(folder.folder)] == [
        ("Title", "Caption"),
        ("Title", "Another"),
    ]


def test_of_the_numbers_of_each_run_nothing_is_shown(folder):
    assert folder.save("values", Product("Values", table=TABLE, role="values")) is None
    assert read_products(folder.folder)[0].shown is None


def test_a_headline_counts_every_value_there_may_be(folder):
    reading = pd.Categorical(["✗ no"], ["✓ yes", "✗ no"])
    rows = pd.DataFrame({"Reading": reading, "Ratio": ["×2\n×1 to ×3"]})
    shown = folder.save("one", Product("T", table=TABLE, shown=rows, headline=Headline(rows, "C", counted="Reading")))
    assert shown["Ratio"].tolist() == ["×2; ×1 to ×3"]
    headline = read_products(folder.folder)[0].headline
    assert headline.cells.rows == [["✗ no", "×2\n×1 to ×3"]]
    assert headline.choices == ["✓ yes", "✗ no"]


def test_a_new_folder_begins_a_new_list_in_the_order_of_saving(folder):
    folder.save("b", TABLE)
    again = ProductFolder(folder.folder)
    again.save("b", TABLE)
    again.save("a", TABLE)
    assert [saved["name"] for saved in json.loads((folder.folder / "products.json").read_text())] == ["b", "a"]


def test_where_nothing_was_saved_there_are_no_products(tmp_path):
    assert read_products(tmp_path) == []


def headline(**changed):
    return Product("T", table=TABLE, headline=Headline(**({"rows": TABLE, "caption": "C"} | changed)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Panels", TABLE, r"product 'Panels': a name is made of small letters, digits and _"),
        ("../x", TABLE, r"product '../x': a name is made of"),
        ("here", TABLE, r"was saved already; every product .*; when a cell is run again, run the cell with Study.of first"),
        ("one", [1], r"product 'one' is a list, not a Product, a matplotlib Figure or a DataFrame"),
        ("one", Product("T"), r"product 'one' has neither a picture nor a table"),
        ("one", Product("T", table=TABLE, role="verdicts"), r"product 'one': role = 'verdicts' is unknown, choose from values, claims"),
        ("one", Product("T", table=TABLE, role="values"), r"product 'one': 'here' has the role 'values' already"),
        ("one", Product("T", table=TABLE, role="claims"), r"product 'one': a table of claims is a ledger, this one lacks figure, claim"),
        ("one", headline(counted="reading"), r"product 'one': its headline has no column 'reading' to count: \['variant', 'γ', 'runs'\]"),
        ("one", headline(rows=pd.DataFrame([[1, 2]], columns=["a", "a"])), r"product 'one': two columns of its headline have one name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(folder, name, content, message):
    folder.save("here", Product("V", table=TABLE, role="values"))
    with pytest.raises(InputError, match=message):
        folder.save(name, content)
    assert [saved.name for saved in read_products(folder.folder)] == ["here"]


@pytest.mark.parametrize(
    ("words", "lacking"),
    [({"alt": "A line."}, r"a caption \(caption=…\)"), ({"caption": "A line."}, r"alt text \(alt=…\)")],
)
def test_a_picture_without_words_is_refused(folder, picture, words, lacking):
    with pytest.raises(InputError, match=f"product 'one': a picture needs {lacking}"):
        folder.save("one", picture, **words)


def test_a_role_needs_a_table(folder, picture):
    with pytest.raises(InputError, match="product 'one': what has the role 'claims' needs a table"):
        folder.save("one", Product("T", "C", picture, "A", role="claims"))


def test_a_ledger_may_be_empty(folder):
    assert folder.save("claims", Product("T", table=pd.DataFrame(columns=COLUMNS), role="claims")).empty
