"""Every example runs, and shows what it promises to show."""

import re
import runpy
from pathlib import Path

import pytest

import backlit
from backlit import view
from tests.data.datasets.idx_files import write_mnist

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        monkeypatch.setattr("sys.argv", [name, *arguments])
        path = EXAMPLES / name
        runpy.run_path(str(path if path.is_dir() else path.with_suffix(".py")), run_name="__main__")
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


def test_convolutions_read_digits(run):
    accuracy = re.search(r"test accuracy (\S+)%", run("convolution_digits"))
    assert accuracy
    assert float(accuracy[1]) >= 97


def test_sequences_of_rows_are_read(run):
    right = [float(found) for found in re.findall(r"after row \d: (\S+)% right", run("recurrent_sequences"))]
    assert len(right) == 8
    assert right[0] < right[2] < right[4]
    assert right[-1] > 90


def test_a_function_of_ones_own_learns_the_sine(run):
    out = run("own_function")
    assert "finite differences: True" in out
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", out)]
    assert losses[0] > 0.1
    assert losses[-1] < 0.001


def test_attention_looks_at_the_letter_that_comes_first(run):
    out = run("attention_sequences")
    accuracy = re.search(r"accuracy on new sequences: (\S+)%", out)
    assert accuracy
    assert float(accuracy[1]) > 97
    shown = re.findall(r"letters +(.*)\nlooks at +(.*)\nanswer +(\w)", out)
    assert len(shown) == 3
    for letters, looks, answer in shown:
        weights = [int(weight.rstrip("%")) for weight in looks.split()]
        assert max(zip(weights, letters.split(), strict=True))[1] == answer
        assert sum(w for w, letter in zip(weights, letters.split(), strict=True) if letter in "AB") > 80


# Their numbers are times of the machine, or follow its rounding.
NOT_THE_SAME = r"(?s)### The summary.*?```py"


def test_the_gallery_is_the_one_in_the_manual(run, tmp_path):
    run("gallery", "--out", "gallery", "--theme", "light")
    docs = EXAMPLES.parent / "docs"
    made, kept = (re.sub(NOT_THE_SAME, "", (f / "gallery.md").read_text("utf-8")) for f in (tmp_path / "gallery", docs))
    assert made == kept
    names = {path.name for path in (tmp_path / "gallery" / "pictures").iterdir()}
    both = names | {name.replace("-light.", "-dark.") for name in names}
    assert {path.name for path in (docs / "pictures").iterdir()} == both
    assert set(re.findall(r"pictures/([\w.-]+)", made)) == both
    for name in names:
        for folder in (tmp_path / "gallery" / "pictures", docs / "pictures"):
            text = (folder / name).read_text("utf-8")
            assert "<title>" in text
            assert not re.search(r"<(text|title|desc)[^>]*>[^<]*\bnan\b", text)
            assert len(text) < 300_000


def test_the_gallery_has_every_kind_of_picture():
    text = (EXAMPLES.parent / "docs" / "gallery.md").read_text("utf-8")
    drawing = {name for name in view.__all__ if name[0].islower()}
    assert set(re.findall(r"return view\.(\w+)", text)) <= drawing
    assert drawing - set(re.findall(r"view\.(\w+)\(", text)) <= {"agreement", "gallery"}


def test_every_example_has_a_test():
    tested = re.findall(r'run\("(\w+)"', Path(__file__).read_text(encoding="utf-8"))
    examples = {path.stem for path in EXAMPLES.iterdir() if path.suffix == ".py" or (path / "__main__.py").exists()}
    assert examples == set(tested)
