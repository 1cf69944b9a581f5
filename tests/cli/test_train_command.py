"""`backlit train`: what it leaves behind, how well it learns, how it goes on, and what it says to bad input."""

import io
import json
import signal
import sys

import numpy as np
import pytest

from backlit.cli import main
from backlit.train import Run, Trainer
from backlit.view.judging import confusion_matrix

FILES = {"model.safetensors", "config.json", "history.json", "watched.safetensors", "checkpoint.safetensors"}
FILES |= {"curves.png", "inspect.html"}


def write_table(path, rows: int = 80, *, task: str = "regression") -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, 2)) * [1, 100] + [5, 300]
    value = X[:, 0] - X[:, 1] / 100
    last = [f"{v:.6f}" for v in value] if task == "regression" else np.where(value > 2, "yes", "no").tolist()
    lines = [f"{a:.6f},{b:.6f},{c}" for (a, b), c in zip(X, last, strict=True)]
    path.write_text("\n".join(["size,weight,answer", *lines]) + "\n", encoding="utf-8")


def numbers(folder, name="history.json"):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_digits_are_learnt_by_the_defaults(folder, pictures, capsys):
    assert main(["train", "digits"]) == 0
    run = folder / "runs" / "digits"
    assert {path.name for path in run.iterdir()} == FILES | {"confusion.png"}
    config = numbers(run, "config.json")
    assert config["results"]["test"]["accuracy"] >= 0.97
    assert config["data"]["rows"] == [1438, 359]
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    table = capsys.readouterr().out
    for words in ("digits: 10 classes", "train (1,438 rows)", "loss", "accuracy", "parameters", "time", "runs"):
        assert words in table


def test_a_new_run_never_overwrites_an_older_one(folder):
    for _ in range(2):
        assert main(["train", "xor", "--epochs", "1", "--hidden", "0"]) == 0
    assert {path.name for path in (folder / "runs").iterdir()} == {"xor", "xor-2"}
    assert main(["train", "xor", "--out", "runs/xor"]) == 1


@pytest.mark.parametrize(("batch_size", "steps"), [("full", 1), ("1", 64), ("30", 3)])
def test_full_one_and_mini_batches_are_one_setting(folder, batch_size, steps, monkeypatch):
    seen = []
    fit = Trainer.fit

    def watched(self, *args, **settings):
        run = fit(self, *args, **settings)
        seen.append(self.step)
        return run

    monkeypatch.setattr(Trainer, "fit", watched)
    write_table(folder / "t.csv")
    assert main(["train", "t.csv", "--batch-size", batch_size, "--epochs", "2", "--lr", "0.001"]) == 0
    assert seen == [2 * steps]


def test_a_table_with_values_is_a_regression_in_its_own_units(folder, pictures, capsys):
    write_table(folder / "t.csv")
    arguments = ["--hidden", "8", "--activation", "tanh", "--optimizer", "adamw", "--val", "0.25", "--seed", "3"]
    assert main(["train", "t.csv", *arguments, "--lr", "0.02", "--epochs", "40", "--out", "r"]) == 0
    assert {path.name for path in (folder / "r").iterdir()} == FILES
    config = numbers(folder / "r", "config.json")
    assert config["results"]["test"]["r2"] > 0.95
    assert config["loss"] == "MSELoss"
    assert "Tanh" in str(config["model"])
    assert config["optimizer"]["name"] == "AdamW"
    assert config["data"]["rows"] == [60, 20]
    assert "R²" in capsys.readouterr().out


def test_two_words_are_two_classes(folder):
    write_table(folder / "t.csv", task="classes")
    assert main(["train", "t.csv", "--target", "answer", "--epochs", "30", "--out", "r"]) == 0
    config = numbers(folder / "r", "config.json")
    assert config["loss"] == "BCEWithLogitsLoss"
    assert config["results"]["train"]["accuracy"] > 0.9


def test_the_seed_settles_a_run(folder):
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["train", "two-moons", "--epochs", "2", "--seed", seed, "--out", out]) == 0
    assert numbers(folder / "a") == numbers(folder / "b")
    assert numbers(folder / "a") != numbers(folder / "c")


def test_a_run_that_ctrl_c_has_ended_goes_on_as_if_nothing_had_been(folder, monkeypatch, capsys):
    arguments = ["train", "two-moons", "--epochs", "4"]
    assert main([*arguments, "--out", "whole"]) == 0

    class Pressed:
        def on_batch_end(self, trainer):
            if trainer.step == 40:
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr("backlit.cli.training.EpochLines.on_batch_end", Pressed.on_batch_end, raising=False)
        assert main([*arguments, "--out", "broken"]) == 0
    assert "train --resume broken" in capsys.readouterr().out
    past = numbers(folder / "broken")
    assert past["interrupted"]
    assert len(past["history"]["loss"]) == 1
    assert main(["train", "--resume", "broken"]) == 0
    assert numbers(folder / "broken") == numbers(folder / "whole")
    for name in ("model.safetensors", "checkpoint.safetensors"):
        assert (folder / "broken" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def test_a_run_whose_settings_are_damaged_is_not_resumed(folder, capsys):
    assert main(["train", "xor", "--epochs", "1", "--out", "r"]) == 0
    config = numbers(folder / "r", "config.json")
    for change in ({"epochs": "x"}, {"optimizer": 3}, {"new": 1}):
        damaged = config | {"command": config["command"] | change}
        (folder / "r" / "config.json").write_text(json.dumps(damaged), encoding="utf-8")
        capsys.readouterr()
        assert main(["train", "--resume", "r"]) == 1
        said = capsys.readouterr().err
        assert "config.json" in said
        assert len(said.splitlines()) == 1


@pytest.mark.parametrize("optimizer", ["SGD", "adam", "AdamW", "rmsprop", "adagrad", "lbfgs"])
def test_every_optimizer_has_a_default_rate_that_learns(folder, optimizer):
    assert main(["train", "two-moons", "--optimizer", optimizer, "--epochs", "10", "--hidden", "16", "--out", "r"]) == 0
    losses = numbers(folder / "r")["history"]["loss"]
    assert losses[-1] < 0.6 * losses[0]


def test_without_matplotlib_a_word_says_so(folder, pictures, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["train", "xor", "--epochs", "1"]) == 0
    assert "backlit[view]" in capsys.readouterr().err
    assert not (folder / "runs" / "xor" / "curves.png").exists()


def test_a_run_of_the_command_is_a_run(folder):
    assert main(["train", "xor", "--epochs", "2", "--out", "r"]) == 0
    run = Run.load(folder / "r")
    assert len(run.history["val_accuracy"]) == 2
    assert run.predict(np.zeros((3, 2), np.float32)).shape == (3, 1)


def test_the_confusion_matrix_counts_rows_by_actual_and_columns_by_predicted():
    actual, predicted = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    assert confusion_matrix(actual, predicted, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "COMMAND"),
        ("trane digits", "trane"),
        ("train", "name a data set or a file"),
        ("train digts", "did you mean 'digits'"),
        ("train none.csv", "none.csv"),
        ("explain -x*y x=2 y=3", "before an expression that starts with a minus write --"),
        ("train digits --hiden 3", "unknown argument '--hiden'; did you mean '--hidden'"),
        ("train digits --hidden 3,x", "--hidden: expected a positive whole number, got 'x'"),
        ("train digits --hidden -3", "--hidden"),
        ("train digits --activation rely", "unknown activation 'rely'; did you mean 'relu'"),
        ("train digits --optimizer adm", "unknown optimizer 'adm'; did you mean 'adam'"),
        ("train digits --lr 0", "--lr: expected a positive number, got '0'"),
        ("train digits --lr nan", "--lr"),
        ("train digits --batch-size all", "--batch-size"),
        ("train digits --epochs 1.5", "--epochs"),
        ("train digits --val 1", "--val: expected a share between 0 and 1"),
        ("train digits --seed -1", "--seed"),
        ("train digits --target digit", "leave out target"),
        ("train --resume none", "none"),
        ("train digits --resume none --lr 1", "leave out NAME_OR_PATH, --lr"),
        ("train bad.csv", "row 21, column 'a': 'x' is not a number"),
        ("train one-row.csv", "there is one row"),
        ("train empty.csv", "empty"),
        ("train one-class.csv", "two classes"),
        ("train bad.csv --target z", "no column 'z'"),
        ("train infinite.npz", "row 2, column 'x1'"),
        ("train damaged.npz", "damaged.npz"),
        ("train digits --out file/run", "cannot make the folder"),
        ("train xor --optimizer sgd --lr 1e30 --epochs 2 --out r", "is probably too high; lower it"),
        ("predict none digits", "no run none"),
    ],
)
def test_bad_input_is_one_line_and_no_traceback(folder, arguments, words, capsys):
    tables = {
        "bad": "a,b,y\n" + "1,2,0\n" * 19 + "x,3,1\n",
        "one-row": "a,b,y\n1,,0.5\n",
        "empty": "",
        "one-class": "a,y\n1,u\n2,u\n",
    }
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    np.savez(folder / "infinite.npz", X=np.array([[0, 1], [0, np.inf]]), y=np.array([0, 1]))
    (folder / "damaged.npz").write_bytes(b"PK damaged")
    (folder / "file").touch()
    assert main(arguments.split()) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("epoch")]
    assert len(said) == 1
    assert said[0].startswith("backlit: error: ")
    assert words in said[0]


def test_what_keeps_a_network_from_learning_is_said(folder, capsys):
    assert main(["train", "two-moons", "--lr", "1e-7", "--epochs", "5"]) == 0
    out = capsys.readouterr().out
    assert "A learning rate that is too low: updates are " in out
    assert "Raise the learning rate (1e-07), about 1,000 times." in out
    assert main(["train", "two-moons", "--epochs", "5"]) == 0
    assert "learning rate" not in capsys.readouterr().out


def test_called_from_python_the_command_leaves_the_streams_as_they_were(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr("sys.stdout", stream)
    assert main(["explain", "x*", "x=1"]) == 1
    assert stream.errors == "strict"
