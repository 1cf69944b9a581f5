"""Every example runs, and shows what it promises to show."""

import re
import runpy
from pathlib import Path

import pytest

import backlit
from tests.data.datasets.idx_files import write_mnist

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        monkeypatch.setattr("sys.argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_the_quickstart_learns_images(run, monkeypatch, tmp_path):
    monkeypatch.setattr("backlit.data.datasets.images._SYSTEM_FOLDER", tmp_path / "nothing")
    write_mnist(tmp_path / "images", n_train=130, n_test=20)
    out = run("quickstart", "--data", "images", "--limit", "128", "--epochs", "3")
    losses = [float(found) for found in re.findall(r"^loss: +(\S+)  \[   64/  128\]$", out, re.MULTILINE)]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert "(0): Linear(in_features=784, out_features=512, bias=True)" in out
    saved = backlit.load(tmp_path / "quickstart.safetensors")
    assert saved["linear_relu_stack.4.weight"].shape == (10, 512)


def test_the_quickstart_says_which_images_are_missing(run, monkeypatch, tmp_path):
    monkeypatch.setattr("backlit.data.datasets.images._SYSTEM_FOLDER", tmp_path / "nothing")
    monkeypatch.setattr("backlit.data.datasets.images.FashionMNIST.mirrors", ((tmp_path / "no").as_uri() + "/",))
    with pytest.raises(SystemExit, match=r"quickstart: .*train-images-idx3-ubyte"):
        run("quickstart", "--data", "images")


def test_linear_regression_is_the_same_by_hand_and_automatic(run):
    out = run("linear_regression")
    pairs = re.findall(r"by hand: (.*\S)   automatic: (.*)$", out, re.MULTILINE)
    assert len(pairs) > 5
    assert all(by_hand == automatic for by_hand, automatic in pairs)
    assert "y = 2.0262 x + 1.0019" in out


def test_the_perceptron_learns_and_and_or_but_not_xor(run):
    out = run("perceptron")
    assert out.count("decisions") == 3
    assert "[0, 0, 0, 1]" in out
    assert "[0, 1, 1, 1]" in out
    assert "not separable by one neuron" in out
    assert re.search(r"XOR with two layers: .*\[0, 1, 1, 0\]", out)


def test_two_moons_are_told_apart(run):
    accuracy = re.search(r"validation accuracy (\S+)%", run("two_moons"))
    assert accuracy
    assert float(accuracy[1]) > 97


def test_a_function_of_ones_own_learns_the_sine(run):
    out = run("own_function")
    assert "finite differences: True" in out
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", out)]
    assert losses[0] > 0.1
    assert losses[-1] < 0.001


def test_a_computation_is_drawn_and_explained(run, tmp_path):
    out = run("seeing", "--out", "pictures")
    assert "5. f = q · z = −12" in out
    assert "∂f/∂q · ∂q/∂x = (−4) · 1 = −4" in out
    assert "dJ/d0.weight = dJ/dt1' inputs" in out
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {"steps.html", *(f"{n}-{t}.svg" for n in ("sum-times", "network") for t in ("light", "dark"))}


def test_every_example_has_a_test():
    tested = re.findall(r'run\("(\w+)"', Path(__file__).read_text(encoding="utf-8"))
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(tested)
