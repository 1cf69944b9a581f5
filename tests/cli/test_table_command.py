"""`backlit train` and `predict` on table files of mixed columns: what is said, learnt and refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backlit.cli import main
from backlit.train import Run
from tests.cli.test_predict_command import read

N = 240


def mixed(rng_seed: int = 0) -> dict[str, list]:
    rng = np.random.default_rng(rng_seed)
    area, city, rooms = rng.normal(100, 30, N), rng.integers(0, 3, N), rng.integers(1, 7, N)
    days = np.datetime64("2018-01-01") + rng.integers(0, 900, N)
    price = 3000 * area + 80_000 * city + 10_000 * rooms + rng.normal(0, 5000, N)
    gap = rng.random(N) < 0.1
    return {
        "id": list(range(1, N + 1)),
        "area": [None if missing else round(x, 1) for x, missing in zip(area, gap, strict=True)],
        "rooms": rooms.tolist(),
        "city": [["Bern", "Chur", "Genf"][code] for code in city],
        "shop": [f"shop {code}" for code in rng.integers(0, 15, N)],
        "sold": days.astype(str).tolist(),
        "garden": [["no", "yes"][code] for code in rng.integers(0, 2, N)],
        "country": ["CH"] * N,
        "note": [None] * N,
        "price": price.round(2).tolist(),
    }


def write(path, columns) -> None:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    path.write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Room for what stands in a row."""
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def houses(folder):
    write(folder / "houses.csv", mixed())
    return folder / "houses.csv"


def train(*arguments: str) -> int:
    return main(["train", "houses.csv", "--out", "r", "--epochs", "1", *arguments])


def config() -> dict:
    return Run.load("r").config


def test_mixed_columns_are_told_apart_shown_and_learnt(houses, capsys):
    assert main(["train", "houses.csv", "--target", "price", "--hidden", "32", "--out", "r"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for words in (
        "houses.csv: 9 columns besides the target",
        "│ id │ identifier │ 240 │ │ left out: it numbers the rows │",
        "│ country │ constant │ 1 │ │ left out: CH in every row │",
        "│ note │ missing │ 0 │ 240 │ left out: no value in any row │",
        "│ city │ category │ 3 │ │ one-hot: Bern, Chur, Genf │",
        "│ shop │ category │ 15 │ │ learnt vectors of 8: shop 0,",
        "│ sold │ date │",
        "values, so 1 linear output and MSELoss, on standardised values",
        "Rows: 192 to learn from, 48 held out, at random",
        "which had the smallest validation loss",
    ):
        assert words in out, words
    found = config()
    assert found["data"]["feature_names"] == ["area", "rooms", "city", "shop", "sold", "garden"]
    assert found["results"]["test"]["r2"] > 0.8
    history = Run.load("r").history["val_loss"]
    assert len(history) < 200
    assert found["results"]["test"]["loss"] == pytest.approx(min(history), rel=1e-4)


def test_percents_and_amounts_of_money_are_numbers_and_said(folder, capsys):
    columns = mixed()
    written = {
        "share": [f"{room}.5%" for room in columns["rooms"]],
        "area": [area and f'"${1000 * area:,.0f}"' for area in columns["area"]],
        "price": [f'"€{price:,.2f}"' for price in columns["price"]],
    }
    write(folder / "houses.csv", written)
    assert train("--target", "price") == 0
    out = " ".join(capsys.readouterr().out.split())
    for words in ("; written as 12.5%", "marked; written as $1,234.5", "price: numbers written as €1,234.5"):
        assert words in out, words
    expected = [column["mean"] for column in config()["preprocessing"]["features"]["columns"]]
    assert expected[0] == pytest.approx(np.mean(columns["rooms"]) + 0.5, abs=0.3)
    assert expected[1] == pytest.approx(100_000, rel=0.1)
    write(folder / "new.csv", {"share": ["5%", "5%"], "area": ['"$100,000"', "$90000"]})
    assert main(["predict", "r", "new.csv"]) == 0
    assert not capsys.readouterr().err
    write(folder / "new.csv", {"share": ["0.05", "0.05"], "area": ['"$100,000"', "$90000"]})
    assert main(["predict", "r", "new.csv"]) == 0
    assert "'share' was written as 12.5% in training, and holds plain numbers now" in capsys.readouterr().err


def test_values_far_from_zero_keep_their_digits(folder, capsys):
    x = np.random.default_rng(0).normal(size=N)
    write(folder / "houses.csv", {"x": x.tolist(), "y": (1e12 + 2 * x).tolist()})
    assert main(["train", "houses.csv", "--target", "y", "--out", "r", "--hidden", "0", "--lr", "0.05"]) == 0
    capsys.readouterr()
    assert main(["predict", "r", "houses.csv"]) == 0
    found = [float(row["prediction"]) - 1e12 for row in read(capsys.readouterr().out)]
    assert np.allclose(found, 2 * x, atol=0.05)


def test_predictions_in_order_with_words_about_what_is_other(houses, folder, capsys):
    assert train("--target", "price", "--drop", "note,country", "--categorical", "rooms") == 0
    columns = {name: values[:5] for name, values in mixed().items() if name not in ("price", "id")}
    columns |= {"city": ["Bern", "Rom", "Genf", None, "Bern"], "more": [1] * 5}
    write(folder / "new.csv", columns)
    capsys.readouterr()
    assert main(["predict", "r", "new.csv"]) == 0
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "backlit: note: ignored columns that the network did not learn from: more",
        "backlit: note: column 'city': 1 row has a category that training did not know ('Rom'); taken as unknown",
        "backlit: note: column 'city': 1 missing, of which training knew none; taken as unknown",
    ]
    whole = [float(row["prediction"]) for row in read(said.out)]
    assert len(whole) == 5
    for row in range(5):
        write(folder / "one.csv", {name: values[row : row + 1] for name, values in columns.items()})
        assert main(["predict", "r", "one.csv"]) == 0
        assert float(read(capsys.readouterr().out)[0]["prediction"]) == pytest.approx(whole[row], rel=1e-5)


def test_parquet_and_arrow_in_and_out(houses, folder, capsys):
    pq.write_table(pa.table(mixed()), folder / "houses.parquet")
    assert main(["train", "houses.parquet", "--target", "garden", "--epochs", "1", "--out", "r"]) == 0
    capsys.readouterr()
    assert main(["predict", "r", "houses.csv"]) == 0
    expected = read(capsys.readouterr().out)
    for name in ("p.parquet", "p.arrow", "p.csv"):
        assert main(["predict", "r", "houses.parquet", "--out", name]) == 0
    tables = [pq.read_table("p.parquet"), pa.ipc.open_file("p.arrow").read_all()]
    for table in tables:
        assert table.column_names == ["prediction", "p(no)", "p(yes)"]
        assert table["prediction"].to_pylist() == [row["prediction"] for row in expected]
        assert table["p(yes)"].to_pylist() == pytest.approx([float(row["p(yes)"]) for row in expected], rel=1e-5)
    assert read((folder / "p.csv").read_text(encoding="utf-8")) == expected


def test_several_values_and_several_labels(houses, folder, capsys):
    assert train("--target", "price,rooms", "--task", "regression") == 0
    assert "2 linear outputs" in capsys.readouterr().out
    assert main(["predict", "r", "houses.csv"]) == 0
    rows = read(capsys.readouterr().out)
    assert set(rows[0]) == {"price", "rooms"}
    assert 50_000 < np.mean([float(row["price"]) for row in rows]) < 1_000_000
    assert 1 < np.mean([float(row["rooms"]) for row in rows]) < 7
    columns = mixed() | {"cheap": [price < 400_000 for price in mixed()["price"]]}
    write(folder / "labels.csv", columns)
    assert main(["train", "labels.csv", "--target", "cheap,garden", "--epochs", "1", "--out", "q"]) == 0
    assert "a logit for each" in capsys.readouterr().out
    assert main(["predict", "q", "labels.csv"]) == 0
    rows = read(capsys.readouterr().out)
    assert set(rows[0]) == {"cheap", "p(cheap=True)", "garden", "p(garden=yes)"}
    for row in rows:
        assert (row["garden"] == "yes") == (float(row["p(garden=yes)"]) > 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--stratify", "city"), "at random, in the shares of city"),
        (("--stratify", "none"), "held out, at random\n"),
        (("--group", "shop"), "held out, whole groups of shop"),
        (("--time", "sold"), "held out, the latest by sold"),
        (("--val", "0.5"), "120 held out"),
    ],
)
def test_ways_to_split(houses, arguments, words, capsys):
    assert train("--target", "price", "--hidden", "0", *arguments) == 0
    assert words in capsys.readouterr().out
    if "--group" in arguments:
        assert "shop" not in config()["data"]["feature_names"]


def test_a_broken_run_on_a_table_goes_on_as_if_nothing_had_been(houses, monkeypatch):
    import signal

    arguments = ["train", "houses.csv", "--target", "price", "--epochs", "4", "--drop", "id", "--hidden", "8"]
    assert main([*arguments, "--out", "whole"]) == 0

    def pressed(self, trainer):
        if trainer.step == 9:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr("backlit.cli.training.EpochLines.on_batch_end", pressed, raising=False)
        assert main([*arguments, "--out", "broken"]) == 0
    assert main(["train", "--resume", "broken"]) == 0
    histories = [json.loads((houses.parent / name / "history.json").read_text()) for name in ("whole", "broken")]
    assert histories[0] == histories[1]


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        ({}, "--target country", "must hold at least two classes, it has only CH"),
        ({}, "--target note", "no row has a value of the target 'note'"),
        ({}, "--target id,id", "the target 'id' is named twice"),
        ({}, "--target price --numeric price", "'price' is the target, which is not learnt from"),
        ({}, "--target price --drop price", "'price' is the target and cannot be dropped"),
        ({}, "--target price --drop pric", "no column 'pric'"),
        ({}, "--target price --group shop --time sold", "group and time are two ways"),
        ({}, "--target price --time note", "row 2, column 'note' is empty"),
        ({}, "--target prize", "no column 'prize'; did you mean 'price'?"),
        ({}, "--target city --task regression", "'Chur' is not a number"),
        ({"rooms": [*["3"] * (N - 1), "many"]}, "--target price", "row 241, column 'rooms': 'many' is not a number"),
        ({"area": [1.5, "inf"] * (N // 2)}, "--target price", "row 3, column 'area' is inf"),
        ({"price": [f"x{n}" for n in range(N)]}, "--target price", "240 classes in 240 rows"),
    ],
)
def test_bad_input_is_one_line(folder, change, arguments, words, capsys):
    write(folder / "houses.csv", mixed() | change)
    assert train(*arguments.split()) == 1
    said = capsys.readouterr()
    assert said.err.startswith("backlit: error: ")
    assert len(said.err.splitlines()) == 1
    assert words in said.err
    assert not (folder / "r").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,y\n1,2\n", "there is one row; learning needs at least two"),
        ("a,a,y\n1,2,3\n4,5,6\n", "two columns are named 'a'"),
        ("a,y\n3,1.5\n3,2.5\n3,3.5\n", "no column is left to learn from ('a': 3 in every row)"),
        ("a,y\n,1.5\n,2.5\n,3.5\n", "no column is left to learn from ('a': no value in any row)"),
        ("y\n1.5\n2.5\n", "there is none but the target"),
    ],
)
def test_tables_from_which_nothing_can_be_learnt(folder, text, words, capsys):
    (folder / "t.csv").write_text(text, encoding="utf-8")
    assert main(["train", "t.csv", "--target", "y"]) == 1
    assert words in capsys.readouterr().err


def test_two_rows_are_enough_to_train(folder):
    (folder / "t.csv").write_text("a,y\n1,1.5\n2,2.5\n", encoding="utf-8")
    assert main(["train", "t.csv", "--target", "y", "--epochs", "1", "--out", "r"]) == 0


def test_a_copy_of_the_target_is_not_learnt_from(houses, folder, capsys):
    write(folder / "houses.csv", mixed() | {"price again": mixed()["price"]})
    assert train("--target", "price") == 0
    assert "the same as the target" in " ".join(capsys.readouterr().out.split())
    assert "price again" not in config()["data"]["feature_names"]


def test_names_in_brackets_are_names(folder, capsys):
    columns = mixed()
    write(folder / "houses.csv", {f"{name} [bold]": values for name, values in columns.items()})
    assert train("--target", "price [bold]") == 0
    out = capsys.readouterr().out
    for name in ("│ area [bold]", "Target price [bold] (", "price [bold], on 48 held-out rows"):
        assert name in out, name


def test_a_wide_table_is_told_in_short(folder, capsys):
    numbers = np.random.default_rng(0).normal(size=(30, 100)).round(3)
    columns = {f"x{at}": values.tolist() for at, values in enumerate(numbers.T)}
    write(folder / "houses.csv", {"kind": ["a", "b"] * 15, **columns})
    assert train("--target", "x99") == 0
    out = capsys.readouterr().out
    assert "│ kind" in out
    assert "and 40 more columns of numbers, all there, standardised too" in out
    assert "x59 " not in out


def test_a_class_that_training_rows_lack_is_said(folder, capsys):
    write(folder / "houses.csv", mixed() | {"kind": ["a", "b"] * 110 + ["late"] * 20, "day": list(range(N))})
    assert train("--target", "kind", "--time", "day") == 0
    assert "No training row has the class late of kind" in capsys.readouterr().out


def test_options_of_tables_are_for_tables(capsys):
    for option in ("--drop", "--group", "--time", "--categorical"):
        assert main(["train", "digits", option, "x"]) == 1
        assert f"{option} is for table files" in capsys.readouterr().err


def test_a_run_on_a_table_predicts_for_tables(houses, capsys):
    assert train("--target", "price") == 0
    for data, words in (("digits", "no file digits"), ("none.csv", "no file none.csv")):
        capsys.readouterr()
        assert main(["predict", "r", data]) == 1
        assert words in capsys.readouterr().err


def test_predictions_read_the_encoding_of_training(houses, capsys):
    text = houses.read_text(encoding="utf-8").replace("Genf", "Genève").replace("city", "Stadtteil à part")
    houses.write_bytes(text.encode("latin-1"))
    assert train("--target", "price") == 1
    assert "is not in UTF-8; name its encoding, as by --encoding latin-1" in capsys.readouterr().err
    assert train("--target", "price", "--encoding", "latin-1", "--categorical", "Stadtteil à part") == 0
    assert "one-hot: Bern, Chur, Genève" in capsys.readouterr().out
    for name, encoding, more in (("a", "latin-1", []), ("b", "utf-8", ["--encoding", "utf-8"]), ("c", "utf-16", [])):
        (houses.parent / f"{name}.csv").write_bytes(text.encode(encoding))
        assert main(["predict", "r", f"{name}.csv", "--out", f"{name}-out.csv", *more]) == 0
    assert capsys.readouterr().err == ""
    written = {(houses.parent / f"{name}-out.csv").read_bytes() for name in "abc"}
    assert len(written) == 1
    assert main(["train", "two-moons", "--encoding", "latin-1"]) == 1
    assert "--encoding is for table files" in capsys.readouterr().err


def test_a_column_that_gives_the_target_away_is_told_and_learnt_from(houses, capsys):
    columns = mixed()
    columns["gross"] = [round(1.077 * price + 20, 2) for price in columns["price"]]
    write(houses, columns)
    assert train("--target", "price") == 0
    told = (
        "Column gross gives price away: it is 1.077 × price + 20. If it is not known before price is, the scores say "
        "nothing; leave it out: --drop gross"
    )
    # Before the training, and beside the scores.
    assert capsys.readouterr().out.count(told) == 2
    assert "gross" in config()["data"]["feature_names"]
    assert main(["train", "houses.csv", "--target", "price", "--drop", "gross", "--epochs", "1", "--out", "q"]) == 0
    assert "gives" not in capsys.readouterr().out
