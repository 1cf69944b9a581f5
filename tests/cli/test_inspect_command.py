"""`backlit inspect`: one page on a run, with the run's own numbers."""

import html.parser
import json

import numpy as np
import pytest

from backlit.cli import main
from backlit.cli.preprocessing import Preprocessing
from backlit.data.datasets import ArrayData


class Page(html.parser.HTMLParser):
    """What a page says, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.heads: list[str] = []
        self.words: list[str] = []
        self.loads: list[str] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._tag = tag
        values = dict(attrs)
        places = [values.get(name) for name in ("src", "srcset", "href", "xlink:href")]
        self.loads += [place for place in places if place and not place.startswith(("#", "data:"))]

    def handle_data(self, data):
        self.words.append(data)
        if self._tag in ("h1", "h2"):
            self.heads.append(data.strip())


@pytest.mark.parametrize("theme", ["auto", "dark"])
def test_the_page_of_a_classifier(folder, capsys, theme):
    assert main(["train", "digits", "--epochs", "2", "--hidden", "16", "--out", "run"]) == 0
    assert main(["inspect", "run", "--theme", theme]) == 0
    assert "The page is run/inspect.html" in capsys.readouterr().out.replace("\\", "/")
    page = Page((folder / "run" / "inspect.html").read_text(encoding="utf-8"))
    assert not page.loads
    heads = [head for head in page.heads if head]
    assert heads == [
        "digits: a network of 1,210 parameters",
        "How good it is",
        "Confusion matrix and calibration of the held-out rows",
        "The worst mistakes",
        "Training",
        "The network, for the first held-out row",
        "What the first layer looks for",
        "Summary",
    ]
    accuracy = json.loads((folder / "run" / "config.json").read_text())["results"]["test"]["accuracy"]
    assert f"{accuracy:.2%}" in page.words


def test_the_page_of_a_regression(folder):
    rows = np.random.default_rng(0).normal(size=(60, 2))
    lines = ["size,weight,answer", *(f"{a},{b},{3 * a - b}" for a, b in rows)]
    (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    assert main(["train", "table.csv", "--epochs", "2", "--hidden", "4", "--out", "run"]) == 0
    assert main(["inspect", "run", "--out", "page.html"]) == 0
    page = Page((folder / "page.html").read_text(encoding="utf-8"))
    assert {"row", "actual", "predicted", "size", "weight"} <= set(page.words)


def test_the_page_of_a_table_of_mixed_columns(folder):
    rng = np.random.default_rng(0)
    cities = rng.choice(["Rome", "Oslo"], 60)
    lines = [
        f"{city},{size:.1f},{'' if place % 9 == 0 else place},{size + 50 * (city == 'Oslo'):.1f},{place % 2}"
        for place, (city, size) in enumerate(zip(cities, rng.normal(80, 20, 60), strict=True))
    ]
    (folder / "table.csv").write_text("\n".join(["city,size,floor,price,lift", *lines]), encoding="utf-8")
    assert main(["train", "table.csv", "--target", "price", "--epochs", "3", "--hidden", "4", "--out", "run"]) == 0
    assert main(["inspect", "run"]) == 0
    page = Page((folder / "run" / "inspect.html").read_text(encoding="utf-8"))
    said = " ".join(page.words)
    assert "Rows of the file; the columns that matter most come first." in said
    assert "Its inputs are shown as the first layer gives them." in said
    assert {"city", "size", "floor", "lift", "error", "missing"} <= set(page.words)
    assert {"linear model", "mean", "RMSE"} <= set(page.words)
    # What the command said before it trained.
    assert {"category", "number", "one-hot: Oslo, Rome", "4 columns besides the target"} <= set(page.words)
    assert "Rows: 48 to learn from, 12 held out, at random" in said
    assert "Rome" in page.words or "Oslo" in page.words


def test_a_file_with_other_values_is_not_what_a_run_learnt_from(folder, capsys):
    rows = np.random.default_rng(0).normal(size=(60, 2))
    for scale in (1, 3):
        lines = ["size,answer", *(f"{scale * a},{b}" for a, b in rows)]
        (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")
        if scale == 1:
            assert main(["train", "table.csv", "--epochs", "2", "--hidden", "4", "--out", "run"]) == 0
            assert main(["inspect", "run"]) == 0
    for arguments in (["inspect", "run"], ["train", "--resume", "run"]):
        capsys.readouterr()
        assert main(arguments) == 1
        assert "table.csv is no longer what run learnt from: features changed" in capsys.readouterr().err


def test_preprocessing_survives_its_words():
    data = ArrayData("t", np.array([[1.0], [3.0]], np.float32), np.array([2.0, 4.0]), ("x",))
    fitted = Preprocessing.fitted(data)
    again = Preprocessing.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert np.allclose(again.features(data.X), [[-1], [1]])
    assert np.allclose(again.original_target(again.scaled_target(data.y)), data.y)


def test_bad_input(folder, capsys):
    assert main(["inspect", "nothing"]) == 1
    assert "no run nothing" in capsys.readouterr().err
    assert main(["train", "xor", "--epochs", "1", "--hidden", "0", "--out", "run"]) == 0
    capsys.readouterr()
    config = json.loads((folder / "run" / "config.json").read_text())
    for data, words in (
        ({}, "name"),
        (config["data"] | {"rows": [1, 2]}, "xor is no longer what run learnt from: rows"),
    ):
        (folder / "run" / "config.json").write_text(json.dumps(config | {"data": data}))
        assert main(["inspect", "run"]) == 1
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert words in said
