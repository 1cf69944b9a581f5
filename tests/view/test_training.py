"""The picture of a training shows the run's own numbers."""

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import ArgumentError, ArgumentTypeError
from backlit.train import Run, Trainer, Watched
from backlit.train.watching import Part
from backlit.view import training

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


def fitted(watch: bool | int = 2, **frozen: bool) -> Run:
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    if frozen:
        model[0].requires_grad_(False)
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    fit = Trainer(model, nn.MSELoss(), optimizer, metrics=["mae"], watch=watch)
    return fit.fit((X, X[:, :1]), (X, X[:, :1]), epochs=3, batch_size=8, compile=False)


def titles(picture) -> list[str]:
    return [axes.get_title() for axes in picture._figure.get_axes() if axes.axison]


def test_curves_are_the_history():
    run = fitted(False)
    loss, mae = training(run)._figure.get_axes()
    assert (loss.get_title(), mae.get_title()) == ("loss", "mae")
    for line, name in zip(loss.lines + mae.lines, ("loss", "val_loss", "mae", "val_mae"), strict=True):
        assert line.get_xdata().tolist() == [1, 2, 3]
        assert list(line.get_ydata()) == run.history[name]


def meshes(axes):
    return [part for part in axes.collections if type(part).__name__ == "QuadMesh"]


def area(picture, title):
    return next(axes for axes in picture._figure.get_axes() if axes.get_title() == title)


def test_distributions_are_the_measures():
    run = fitted()
    picture = training(run)
    assert titles(picture)[2:] == [
        *("0: Linear, values", "0.weight", "gradient of 0.weight", "update / weight (dotted: 0.001)"),
        *("1: ReLU, values", "1: ReLU, zeros (%)"),
        *("2: Linear, values", "2.weight", "gradient of 2.weight", "update / weight (dotted: 0.001)"),
    ]
    for kind, name, title in (("weights", "2.weight", "2.weight"), ("gradients", "2.weight", "gradient of 2.weight")):
        shown = area(picture, title)
        (mean,), (ribbon,) = shown.lines, meshes(shown)
        found = run.watched.series(kind, name)
        edges, shares = run.watched.histogram(kind, name)
        assert np.array_equal(mean.get_ydata(), found[:, 1])
        corners = ribbon.get_coordinates()
        assert np.array_equal(corners[:, ::2, 1], edges.T)
        assert corners[0, :, 0].tolist() == [0, 2, 2, 4, 4, 6, 6, 8, 8, 10]
        colors = ribbon.get_array().reshape(17, 9)
        assert np.array_equal(colors[:, ::2] > 0, shares.T > 0)
        assert np.allclose(colors.max(0)[::2], 1)
        assert colors[:, 1::2].mask.all()


def test_gradients_that_shrink_by_powers_of_ten_are_drawn_over_powers():
    run = fitted()
    (part,) = run.watched.parts
    place = part.places.index(("gradients", "2.weight"))
    assert area(training(run), "gradient of 2.weight").get_yscale() == "linear"
    part.rows[0][place, :4] *= 1e4
    found = area(training(run), "gradient of 2.weight")
    assert found.get_yscale() == "symlog"
    ticks = found.get_yticks()
    assert 3 <= len(ticks) <= 7
    assert np.array_equal(ticks, -ticks[::-1])
    # No number stands on another, near 0 neither.
    places = found.transData.transform(np.column_stack([np.zeros_like(ticks), ticks]))[:, 1]
    assert np.diff(places).min() > 8


def test_words_of_the_diagnosis_are_in_the_picture():
    run = fitted()
    assert training(run).data["findings"] == []
    assert "Nothing was found" in training(run).svg
    assert "Nothing was found" not in training(fitted(False)).svg
    run.config["loss"] = "NLLLoss"
    picture = training(run)
    assert [finding.problem for finding in picture.data["findings"]] == ["outputs that are no log-probabilities"]
    assert "NLLLoss expects values up to 0" in picture.svg


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_one_page_that_loads_nothing(theme, tmp_path):
    text = training(fitted(), theme=theme).save(tmp_path / "page.html").read_text(encoding="utf-8")
    for word in ("<link", "<script src", "@import", 'src="http'):
        assert word not in text


def test_many_layers_are_shortened_with_their_count():
    picture = training(fitted(), most=1)
    assert len(titles(picture)) == 2 + 4
    assert "the first 1 of 3), one step in 2" in picture._figure.subfigs[-1].get_suptitle()


def test_a_long_training_is_thinned_out():
    run = fitted(1)
    (part,) = run.watched.parts
    part.steps, part.rows = list(range(900)), part.rows * 100
    picture = training(run)
    assert "one step in 5." in picture._figure.subfigs[-1].get_suptitle()
    (line,) = area(picture, "2.weight").lines
    assert line.get_xdata().tolist() == list(range(0, 900, 5))


def test_frozen_layers_empty_histories_and_numbers_that_are_none():
    assert "update / weight (dotted: 0.001)" in titles(training(fitted(frozen=True)))
    assert training(fitted(50)).svg.startswith("<svg")
    empty = training(Run({"loss": []}, nn.ReLU()))
    assert empty._figure.get_axes()[0].texts[0].get_text() == "loss: no epoch was finished"
    nan = float("nan")
    broken = Run(
        {"loss": [nan, 1.0]}, nn.ReLU(), watched=Watched(1, [Part([("values", "")], [0], [np.full((1, 21), nan)])])
    )
    assert training(broken).svg.startswith("<svg")


def test_bad_input():
    with pytest.raises(ArgumentTypeError, match=r"what Trainer\.fit returns, got dict"):
        training({})
    with pytest.raises(ArgumentError, match="at least 1, got 0"):
        training(Run({}, nn.ReLU()), most=0)
    with pytest.raises(ArgumentError, match="theme"):
        training(Run({}, nn.ReLU()), theme="grey")
