import numpy as np
import pytest

from backlit.data.tables import find_kinds
from backlit.errors import ArgumentError, DataError
from tests.data.tables.frames import frame

N = 40
NOISE = np.random.default_rng(0).normal(size=N)


def kind(values, name="column", as_text=False, **options):
    found = find_kinds(frame(as_text=as_text, **{name: values}), [], **options)
    assert [each.name for each in found] == [name]
    return found[0].kind


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (NOISE * 2, "number"),
        ([*range(1, 5)] * 10, "number"),
        ([True, False] * 20, "boolean"),
        (["true", "False"] * 20, "boolean"),
        (["Bern", "Genf"] * 20, "category"),
        (np.arange("2020-01-01", "2020-02-10", dtype="datetime64[D]"), "date"),
        ([f"a sentence, number {n}" for n in range(N)], "text"),
        (["CH"] * N, "constant"),
        ([3.0] * N, "constant"),
        ([3.0] * (N - 1) + [None], "number"),
        ([None] * N, "missing"),
        (range(1, N + 1), "identifier"),
        (np.random.default_rng(0).permutation(10 * N)[:N], "number"),
    ],
)
def test_kinds(values, expected):
    assert kind(list(values)) == expected


@pytest.mark.parametrize("name", ["id", "customer_id", "PassengerId", "Unnamed: 0", "uuid"])
def test_whole_numbers_called_identifiers_are_ones(name):
    numbers = np.random.default_rng(0).permutation(10 * N)[:N]
    assert kind(list(numbers), name) == "identifier"
    assert kind(list(numbers), name, numeric=[name]) == "number"
    assert kind(list(numbers % 7), name) == "number"


def test_a_few_rows_tell_no_identifiers():
    found = find_kinds(frame(a=[1, 2, 3], city=["x", "y", "z"], y=[0.5, 0.1, 0.2]), ["y"])
    assert [each.kind for each in found] == ["number", "category"]


def test_what_is_said_to_be_otherwise():
    assert kind([f"{n}" for n in range(N)], categorical=["column"], as_text=True) == "category"
    with pytest.raises(ArgumentError, match="was not read as text"):
        kind([f"{n}" for n in range(N)], categorical=["column"])
    with pytest.raises(DataError, match="'Bern' is not a number; mend"):
        kind(["Bern", "Genf"] * 20, numeric=["column"])
    with pytest.raises(DataError, match="holds times and no numbers"):
        kind(list(np.arange("2020-01-01", "2020-02-10", dtype="datetime64[D]")), numeric=["column"])


def test_a_column_with_the_targets_values_is_a_copy():
    table = frame(a=NOISE, b=-NOISE, kind=["x", "y"] * 20, other=["x", "y"] * 20, y=NOISE)
    assert [each.kind for each in find_kinds(table, ["y"])] == ["copy", "number", "category", "category"]
    assert find_kinds(table, ["kind"])[2].kind == "copy"


def test_a_cell_of_text_among_numbers_is_named():
    cells = [str(n) for n in range(N - 1)] + ["twelve"]
    with pytest.raises(DataError, match=r"row 41, column 'column': 'twelve' is not a number, as most"):
        kind(cells)
    assert kind(cells, categorical=["column"]) == "category"


def test_numbers_in_a_column_of_text_are_told_with_the_first_cell_that_is_none():
    (found,) = find_kinds(frame(column=[str(n) if n % 4 else "n.v." for n in range(N)]), [])
    assert found.kind == "text"
    assert found.reason == "hardly a text comes twice; 75% are numbers, and 'n.v.' in row 2 is none"


def test_names_that_are_wrong():
    table = frame(a=NOISE, y=NOISE)
    for options, words in (
        ({"categorical": ["z"]}, "no column 'z'"),
        ({"numeric": ["y"]}, "'y' is the target"),
        ({"numeric": ["a"], "categorical": ["a"]}, "both categorical and numeric"),
    ):
        with pytest.raises(ArgumentError, match=words):
            find_kinds(table, ["y"], **options)
