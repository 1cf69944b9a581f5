"""`backlit predict`: a run's predictions as CSV."""

import csv
import io
import json

import numpy as np
import pytest

from backlit.cli import main
from backlit.data.datasets import load
from tests.cli.test_train_command import write_table


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_classes_come_with_probabilities(folder, capsys):
    assert main(["train", "two-moons", "--epochs", "20", "--out", "r"]) == 0
    capsys.readouterr()
    assert main(["predict", "r", "two-moons"]) == 0
    rows = read(capsys.readouterr().out)
    labels = load("two-moons").y
    assert np.mean([int(row["prediction"]) == label for row, label in zip(rows, labels, strict=True)]) > 0.95
    for row in rows:
        shares = [float(row["p(0)"]), float(row["p(1)"])]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert int(row["prediction"]) == np.argmax(shares)


def test_many_classes_by_their_names(folder):
    write_table(folder / "t.csv", task="classes")
    text = (folder / "t.csv").read_text(encoding="utf-8").splitlines()
    (folder / "t.csv").write_text("\n".join([*text, "5,300,maybe", "5,301,maybe"]), encoding="utf-8")
    assert main(["train", "t.csv", "--epochs", "2", "--out", "r"]) == 0
    assert main(["predict", "r", "t.csv", "--out", "p.csv"]) == 0
    rows = read((folder / "p.csv").read_text(encoding="utf-8"))
    assert set(rows[0]) == {"prediction", "p(maybe)", "p(no)", "p(yes)"}
    assert {row["prediction"] for row in rows} <= {"maybe", "no", "yes"}


def test_values_are_in_the_tables_units_and_need_no_target(folder):
    write_table(folder / "t.csv")
    arguments = ["--lr", "0.02", "--epochs", "60", "--out", "r"]
    assert main(["train", "t.csv", *arguments]) == 0
    text = (folder / "t.csv").read_text(encoding="utf-8").splitlines()
    # Other order of columns, and no target.
    features = ["weight,size", *(",".join(line.split(",")[1::-1]) for line in text[1:])]
    (folder / "new.csv").write_text("\n".join(features), encoding="utf-8")
    assert main(["predict", "r", "new.csv", "--out", "p.csv"]) == 0
    predicted = [float(row["prediction"]) for row in read((folder / "p.csv").read_text(encoding="utf-8"))]
    actual = [float(line.split(",")[2]) for line in text[1:]]
    assert np.corrcoef(predicted, actual)[0, 1] > 0.97
    assert np.mean(predicted) == pytest.approx(np.mean(actual), abs=0.2)


@pytest.fixture
def run(folder):
    write_table(folder / "t.csv")
    assert main(["train", "t.csv", "--epochs", "1", "--out", "r"]) == 0
    return folder / "r"


def test_an_encoding_is_for_runs_that_learnt_from_a_table_file(folder, capsys):
    assert main(["train", "two-moons", "--epochs", "1", "--out", "moons"]) == 0
    capsys.readouterr()
    assert main(["predict", "moons", "two-moons", "--encoding", "latin-1"]) == 1
    assert "--encoding is for table files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("none.csv", "none.csv"),
        ("digits", "digits"),
        ("lacks.csv", "it lacks what the network learnt from: 'size' (did you mean 'sise'?)"),
        ("bad.csv", "row 3, column 'weight'"),
    ],
)
def test_data_that_does_not_fit_is_one_line(folder, run, data, words, capsys):
    (folder / "lacks.csv").write_text("sise,weight\n1,2\n", encoding="utf-8")
    (folder / "bad.csv").write_text("size,weight\n1,2\n1,heavy\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["predict", "r", data]) == 1
    said = capsys.readouterr()
    assert not said.out
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("backlit: error: ")
    assert words in said.err


def test_a_damaged_run_is_one_line(folder, run, capsys):
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    changes = [{"preprocessing": {"features": {"mean": [0]}}}, {"data": {}}, {"data": None}, {"model": {"class": "os"}}]
    texts = [json.dumps({**config, **change}) for change in changes] + ["{", "[]"]
    for text in texts:
        (run / "config.json").write_text(text, encoding="utf-8")
        capsys.readouterr()
        assert main(["predict", "r", "t.csv"]) == 1
        said = capsys.readouterr().err
        assert said.startswith("backlit: error: ")
        assert len(said.splitlines()) == 1


@pytest.mark.parametrize("name", ["p.tsv", "p.csv.gz", "p.npy", "p"])
def test_predictions_are_written_in_kinds_that_the_suffix_names(folder, run, name, capsys):
    assert main(["predict", "r", "t.csv", "--out", name]) == 1
    assert "predictions are written as .csv, .parquet, .pq, .arrow, .feather" in capsys.readouterr().err
    assert not (folder / name).exists()
