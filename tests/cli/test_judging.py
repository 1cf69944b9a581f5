"""What a run is judged by: the worst rows, words about what scores can tell, and the page that says so."""

import numpy as np
import pytest

from backlit import nn
from backlit.cli import judging
from backlit.cli.judging import Judged, Problem
from backlit.cli.page import cell, write_page
from backlit.ops import manual_seed
from backlit.train import Head, Run
from backlit.view.theme import THEMES


def problem(actual, names=(), targets=("answer",), rows=60, inputs=None, head=None, **more) -> Problem:
    """Three columns, of which the last two make one; the answer follows from the first."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3)).astype(np.float32)
    values = x[:, :1] * np.arange(1, len(targets) + 1)
    train = (x[:, 0] > 0).astype(int) % len(names) if names else values
    head = head or Head(tuple(names), n_values=len(targets))
    if head.labels:
        values = (values > 0).astype(np.float32)
    seen = rng.normal(size=(len(actual), 3)).astype(np.float32) if inputs is None else inputs
    return Problem(
        name="t",
        head=head,
        target_names=targets,
        columns={"size": seen[:, 0], "colour": np.array(["red", None] * len(seen), object)[: len(seen)]},
        groups={"size": (0,), "colour": (1, 2)},
        inputs=seen,
        actual=np.array(actual),
        train_inputs=x,
        train_targets=head.targets(train) if names else values,
        train_actual=train,
        restore=lambda outputs: outputs,
        **more,
    )


def run(outputs: int, bias=0.0) -> Run:
    manual_seed(0)
    model = nn.Sequential(nn.Linear(3, outputs))
    model[0].bias.data = model[0].bias.data + bias
    return Run({"loss": [1.0], "val_loss": [1.0]}, model, {"parameters": 4})


def judged(given: Problem, predictions) -> Judged:
    found = np.array(predictions)
    return Judged(None, given, {"network": [found] if given.head.class_names else list(found.T)}, 60)


def page(found: Judged, folder, theme: str = "light") -> str:
    write_page(found, folder / "page.html", theme)
    return (folder / "page.html").read_text(encoding="utf-8")


def test_the_worst_mistakes_are_the_wrong_ones_by_their_certainty():
    predictions = [[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.0, 0.99, 0.01], [0.2, 0.2, 0.6], [np.nan] * 3]
    found = judged(problem([0, 0, 2, 2, 1], ("a", "b", "c")), predictions)
    assert found.worst(9).tolist() == [4, 2, 1]


def test_the_worst_errors_of_a_regression_come_first_each_target_in_its_own_spread():
    assert judged(problem([[1.5], [0.0], [3.0]]), [[1.0], [2.0], [3.0]]).worst(2).tolist() == [1, 0]
    given = problem([[0.0, 0.0], [0.0, 0.0]], targets=("small", "large"))
    assert judged(given, [[0.0, 1.5], [1.0, 0.0]]).worst(2).tolist() == [1, 0]


def test_the_three_models_are_scored_side_by_side():
    found = Judged.of(run(1), problem([0, 1, 1, 0, 1], ("no", "yes")))
    assert list(found.scores["answer"]) == ["network", "linear model", "majority class"]
    assert found.scores["answer"]["majority class"]["ROC AUC"] == 0.5
    several = Judged.of(run(2), problem([[0.0, 1.0], [2.0, 1.0], [1.0, 0.0]], targets=("a", "b")))
    assert list(several.scores) == ["a", "b"]
    assert several.scores["b"]["mean"]["R²"] < 0.01


def test_very_many_classes_are_predicted_a_part_of_the_rows_after_another(monkeypatch):
    given = problem([0, 1, 2, 1, 0], ("a", "b", "c"))
    whole, seen = Judged.of(run(3), given), []
    monkeypatch.setattr(judging, "_OUTPUTS_AT_ONCE", 6)
    predictions = Problem.predictions

    def spied(self, outputs):
        seen.append(len(outputs))
        return predictions(self, outputs)

    monkeypatch.setattr(Problem, "predictions", spied)
    parts = Judged.of(run(3), given)
    assert seen == [2, 2, 1] * 2
    for model, found in parts.predictions.items():
        assert np.allclose(found[0], whole.predictions[model][0], atol=1e-6)
        assert model == "majority class" or found[0].dtype == np.float32


def test_several_labels_are_scored_each_by_its_classes(tmp_path):
    head = Head(labels=(("dry", "wet"), ("cold", "warm")))
    found = Judged.of(run(2), problem([[0, 1], [1, 1], [1, 0]], targets=("rain", "sun"), head=head))
    assert list(found.scores) == ["rain", "sun"]
    # Of the training rows most are dry and cold, and so is every row for the guess.
    assert found.scores["rain"]["majority class"]["accuracy"] == pytest.approx(1 / 3)
    text = page(found, tmp_path)
    assert "confusion matrix of sun" in text
    assert "actual rain" in text or "each held-out row is predicted right" in text


def test_the_words_are_honest():
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(200, 3)).astype(np.float32)
    bent = problem(np.abs(inputs[:, :1]), inputs=inputs)
    exact, zeros = [np.abs(inputs[:, 0])], [np.zeros(200)]

    def told(network, linear):
        return Judged(None, bent, {"network": network, "linear model": linear, "mean": zeros}, 60).verdicts()

    assert told(exact, zeros) == ["By RMSE, the network beats the linear model: 0 against 0.9524."]
    assert told(zeros, exact) == [
        "By RMSE, the network is worse than the linear model: 0.9524 against 0.",
        "By RMSE, the network is no better than the mean: 0.9524 against 0.9524.",
    ]
    noisy = [[exact[0] + rng.normal(size=200)] for _ in range(2)]
    words = told(*noisy)
    assert words[0].startswith("By RMSE, the network is no better than the linear model: ")
    assert words[0].endswith(", which 200 held-out rows cannot tell apart.")


def test_importances_are_those_of_whole_columns():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(100, 3)).astype(np.float32)
    trained = run(1)
    trained.model[0].weight.data = trained.model[0].weight.data * 0
    trained.model[0].weight.data[0, 1] = 2.0
    found = Judged.of(trained, problem(2 * inputs[:, 1:2], inputs=inputs)).importances()
    assert list(found) == ["size", "colour"]
    assert found["size"].tolist() == [0] * 5
    assert found["colour"].mean() > 1


def test_importances_show_what_tells_a_rare_class_that_is_never_predicted():
    inputs = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    trained = run(1)
    trained.model[0].weight.data = trained.model[0].weight.data * 0
    trained.model[0].weight.data[0, 1] = 1.0
    trained.model[0].bias.data = trained.model[0].bias.data * 0 - 5
    rare = (inputs[:, 1] > 1.8).astype(np.int64)
    found = Judged.of(trained, problem(rare, ("no", "yes"), inputs=inputs)).importances()
    assert found["colour"].min() > 10 * abs(found["size"]).max()


def test_of_very_many_columns_those_are_looked_at_whose_first_shuffle_costs_most(monkeypatch, tmp_path):
    monkeypatch.setattr(judging, "MANY_COLUMNS", 1)
    monkeypatch.setattr(judging, "MOST_RANKED", 1)
    inputs = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    trained = run(1)
    trained.model[0].weight.data = trained.model[0].weight.data * 0
    trained.model[0].weight.data[0, 1] = 2.0
    found = Judged.of(trained, problem(2 * inputs[:, 1:2], inputs=inputs))
    assert list(found.importances()) == ["colour"]
    assert "Of 2 columns those 1 count whose first shuffle cost most." in page(found, tmp_path)


def test_the_page_follows_the_readers_theme_unless_told_otherwise(tmp_path):
    found = Judged.of(run(1), problem([0, 1, 1, 0, 1], ("no", "yes")))
    text = page(found, tmp_path, "auto")
    assert "@media (prefers-color-scheme: dark)" in text
    assert text.count("<source media=") == text.count("<img ") > 3
    assert "<source" not in page(found, tmp_path, "dark")
    assert f"background: {THEMES['dark'].ground}" in page(found, tmp_path, "dark")


@pytest.mark.parametrize(
    ("given", "outputs", "words"),
    [
        (problem(np.zeros(0, int), ("no", "yes"), inputs=np.zeros((0, 3), np.float32)), 1, ["No rows were held out"]),
        (problem([1], ("no", "yes")), 1, ["One row is held out", "At least two held-out rows with finite"]),
        (problem([[1.0]]), 1, ["One row is held out", "are needed to shuffle"]),
        (problem([1, 1, 1], ("no", "yes")), 1, ["No held-out row has answer no", "ROC AUC</th><td>–"]),
        (problem([[1.0, 2.0], [2.0, 1.0]], targets=("a<b", "c")), 2, ["a&lt;b, on 2", "residuals of c"]),
    ],
)
def test_what_the_rows_cannot_tell_is_said(given, outputs, words, tmp_path):
    text = page(Judged.of(run(outputs), given), tmp_path)
    for word in words:
        assert word in text


@pytest.mark.parametrize("names", [(), ("no", "yes"), ("a", "b", "c")])
def test_predictions_that_are_not_finite_are_said(names, tmp_path):
    actual = [0, 1, 1] if names else [[0.0], [1.0], [1.0]]
    broken = run(3 if len(names) == 3 else 1, bias=np.float32("nan"))
    text = page(Judged.of(broken, problem(actual, names)), tmp_path)
    assert "For 3 of 3 held-out rows (0, 1, 2) the network gives no finite prediction" in text
    assert "No prediction is finite" in text


def test_a_run_without_mistakes_says_so(tmp_path):
    certain = problem([1, 1], ("a", "b"), inputs=np.zeros((2, 3), np.float32))
    assert "There are none: each held-out row is predicted right" in page(Judged.of(run(1, 9.0), certain), tmp_path)


def test_cells_are_shown_as_they_are():
    missing = (None, np.nan, np.float32(np.nan), np.datetime64("NaT"))
    assert {cell(value) for value in missing} == {"missing"}
    others = (np.datetime64("2026-01-02", "s"), "red", 3, np.float32(-0.5), True, -412345.0, 39.9512)
    assert [cell(value) for value in others] == ["2026-01-02", "red", "3", "−0.5", "true", "−412,345", "39.9512"]


def test_the_page_in_a_browser(opened, tmp_path):
    shown = opened(page(Judged.of(run(1), problem([0, 1, 1, 0, 1], ("no", "yes"))), tmp_path, "auto"))
    sources = {}
    for theme in ("light", "dark"):
        shown.emulate_media(color_scheme=theme)
        shown.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        sources[theme] = shown.evaluate("[...document.images].map(image => image.currentSrc)")
    assert not set(sources["light"]) & set(sources["dark"])
    assert all(shown.evaluate("[...document.images].map(image => image.alt)"))
    shown.set_viewport_size({"width": 400, "height": 800})
    assert shown.evaluate("document.documentElement.scrollWidth") <= 400
    # What is wider than the page is reached and moved by the keyboard.
    wide = shown.locator(".wide", has=shown.get_by_alt_text("loss and metrics by epoch"))
    wide.focus()
    shown.keyboard.press("ArrowRight")
    shown.wait_for_function("document.activeElement.scrollLeft > 0")
