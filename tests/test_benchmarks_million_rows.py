"""The benchmark of memory makes a table of mixed columns, measures a run, and fails beyond its bar."""

import pytest

from backlit.data.tables import find_kinds, read_table
from benchmarks import million_rows


@pytest.mark.parametrize("kind", million_rows.KINDS)
def test_the_table_is_what_it_says(tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    million_rows.write(path, 300)
    table = read_table(path)
    assert (table.n_rows, len(table.columns)) == (300, 50)
    kinds = [found.kind for found in find_kinds(table, ["price"])]
    counts = {kind: kinds.count(kind) for kind in ("number", "category", "date", "identifier")}
    assert counts == {"number": 35, "category": 10, "date": 3, "identifier": 1}


def test_a_run_is_measured_and_a_bar_missed_is_told(monkeypatch, capsys):
    undrawn = "from backlit.cli import main, training\ntraining.draw = lambda *_: None"
    monkeypatch.setattr(million_rows, "_TRAIN", million_rows._TRAIN.replace("from backlit.cli import main", undrawn))
    arguments = ["--rows", "120", "--epochs", "1", "--kinds", "parquet"]
    assert million_rows.main(arguments) == 0
    assert "120 rows of 50 columns" in capsys.readouterr().out
    monkeypatch.setattr(million_rows, "measure", lambda *_: (million_rows.MOST_MIB + 1.0, 1.0, 1.0))
    assert million_rows.main(arguments) == 1
