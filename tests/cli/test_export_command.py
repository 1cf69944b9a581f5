"""`backlit export`: a run as an ONNX model; what the model computes is looked at where models are written."""

import onnx
import pytest

from backlit.cli import main
from tests.cli.test_train_command import write_table


def test_a_run_becomes_a_model_of_its_columns(folder, capsys):
    write_table(folder / "t.csv", task="classes")
    assert main(["train", "t.csv", "--epochs", "1", "--out", "r"]) == 0
    capsys.readouterr()
    assert main(["export", "r", "model.onnx"]) == 0
    assert capsys.readouterr().out == "The model is model.onnx\n"
    graph = onnx.load("model.onnx").graph
    assert [output.name for output in graph.output] == ["label", "probabilities"]
    header = (folder / "t.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert [given.name for given in graph.input] == header[:-1]


def test_a_data_set_of_numbers_has_one_input(folder):
    assert main(["train", "two-moons", "--epochs", "1", "--out", "r"]) == 0
    assert main(["export", "r", "model.onnx"]) == 0
    assert [given.name for given in onnx.load("model.onnx").graph.input] == ["input"]


@pytest.mark.parametrize(
    ("arguments", "words"), [(["none", "m.onnx"], "no run none"), ([".", "m.onnx"], "config.json"), (["."], "FILE")]
)
def test_what_cannot_be_exported_is_said(arguments, words, folder, capsys):
    assert main(["export", *arguments]) == 1
    assert words in capsys.readouterr().err
    assert not (folder / "m.onnx").exists()
