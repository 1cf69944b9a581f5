"""Landscapes: the surface is the loss, the paths are those of gradient descent by hand."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, ArgumentTypeError, DataError, IndexRangeError, ShapeError
from backlit.view import interpolation, landscape

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 1)).astype(np.float32)
Y = (2 * X - 1 + 0.1 * RNG.normal(size=X.shape)).astype(np.float32)


def line(weight: float = -1.0, bias: float = 1.0) -> nn.Linear:
    model = nn.Linear(1, 1)
    model.load_state_dict({"weight": backlit.tensor([[weight]]), "bias": backlit.tensor([bias])})
    return model


def network() -> nn.Sequential:
    backlit.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1))


def test_the_surface_is_the_loss():
    surface = landscape(line(), nn.MSELoss(), (X, Y), epochs=3, resolution=5).data
    for row, bias in enumerate(surface.up):
        for column, weight in enumerate(surface.across):
            assert surface.loss[row, column] == pytest.approx(((weight * X + bias - Y) ** 2).mean(), rel=1e-4)


def test_the_paths_are_descents_by_hand():
    full, one, some = landscape(line(), nn.MSELoss(), (X, Y), lr=0.1, epochs=5, resolution=2).data.paths
    assert [path.name for path in (full, one, some)] == ["full batch", "stochastic", "mini-batch of 32"]
    assert [path.steps_per_epoch for path in (full, one, some)] == [1, 40, 2]
    assert [len(path.points) for path in (full, one, some)] == [6, 201, 11]
    w, b = -1.0, 1.0
    for place in full.points:
        assert place == pytest.approx([w, b], abs=1e-5)
        error = w * X + b - Y
        w, b = w - 0.1 * 2 * (error * X).mean(), b - 0.1 * 2 * error.mean()
    for path in (full, one, some):
        assert path.losses[-1] < path.losses[0]
        assert path.seconds_per_epoch == pytest.approx(path.seconds_per_step * path.steps_per_epoch)
        assert not path.diverged


def test_the_plane_of_the_paths_holds_a_path_in_a_plane():
    """The picture's height at a point of the path is close to that path's own loss, for a path that is almost flat."""
    picture = landscape(network(), nn.MSELoss(), (X, Y), batch_sizes=["full"], lr=0.05, epochs=8, resolution=61)
    surface, (path,) = picture.data, picture.data.paths
    column, row = (
        np.abs(side - place).argmin() for side, place in zip((surface.across, surface.up), path.points[-1], strict=True)
    )
    assert surface.loss[row, column] == pytest.approx(path.losses[-1], rel=0.1)
    assert path.points[0] == pytest.approx([0, 0])


def test_chosen_weights_move_alone():
    model = network()
    start = model[2].weight.detach().numpy()[0, :2].copy()
    path = landscape(
        model, nn.MSELoss(), (X, Y), over=(("2.weight", 0), ("2.weight", 1)), batch_sizes=[40], epochs=2, resolution=2
    )
    assert path.data.paths[0].points[0] == pytest.approx(start)
    assert path._figure.axes[0].get_xlabel() == "2.weight[0]"


def test_the_model_stays_as_it_is():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    landscape(model, nn.MSELoss(), (X, Y), epochs=1, resolution=2)
    assert all(backlit.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert model.training


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_path_that_leaves_is_told(theme, tmp_path):
    picture = landscape(
        line(), nn.MSELoss(), (X, Y), lr=5.0, epochs=20, batch_sizes=["full"], theme=theme, resolution=5
    )
    (path,) = picture.data.paths
    assert path.diverged
    assert np.isfinite(picture.data.loss).all()
    labels = [text.get_text() for text in picture._figure.axes[0].get_legend().get_texts()]
    assert labels == ["full batch, left the picture", "start"]
    assert picture.save(tmp_path / "l.png").stat().st_size


def test_the_line_between_two_models():
    picture = interpolation(line(-1, 1), line(2, -1), nn.MSELoss(), (X, Y), points=5)
    for t, loss in picture.data:
        assert loss == pytest.approx((((3 * t - 1) * X + 1 - 2 * t - Y) ** 2).mean(), rel=1e-4)
    assert picture.data[:, 0].tolist() == [-0.5, 0, 0.5, 1, 1.5]
    with pytest.raises(ShapeError, match="different parameters"):
        interpolation(line(), network(), nn.MSELoss(), (X, Y))
    with pytest.raises(ArgumentError, match="at least 2"):
        interpolation(line(), line(), nn.MSELoss(), (X, Y), points=1)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"model": 3}, ArgumentTypeError, r"nn\.Module, got int"),
        ({"model": nn.ReLU()}, ArgumentError, "no parameters"),
        ({"model": nn.Linear(1, 1, bias=False)}, ArgumentError, "two weights, the model has 1"),
        ({"data": (X, Y[:3])}, ShapeError, "40 inputs have 3 targets"),
        ({"data": (X[:0], Y[:0])}, DataError, "no rows"),
        ({"data": (X * np.nan, Y)}, DataError, "row 0"),
        ({"data": X}, ArgumentTypeError, "pair"),
        ({"lr": 0.0}, ArgumentError, "lr must be positive"),
        ({"epochs": 0}, ArgumentError, "epochs must be"),
        ({"resolution": 1}, ArgumentError, "resolution must be"),
        ({"batch_sizes": []}, ArgumentError, "batch_sizes is empty"),
        ({"batch_sizes": [0]}, ArgumentError, "batch_size must be"),
        ({"over": (("weight", 0), ("bais", 0))}, ArgumentError, "did you mean 'bias'"),
        ({"over": (("weight", 0), ("bias", 1))}, IndexRangeError, "elements 0 to 0, got 1"),
        ({"over": (("bias", 0), ("bias", 0))}, ArgumentError, "two different weights"),
    ],
)
def test_bad_input(changes, error, words):
    given = {"model": line(), "loss": nn.MSELoss(), "data": (X, Y)} | changes
    with pytest.raises(error, match=words):
        landscape(**given)


def test_losses_that_are_not_finite_are_told():
    broken = line(float("nan"))
    pictures = (
        landscape(broken, nn.MSELoss(), (X, Y), epochs=2, resolution=5),
        interpolation(broken, line(), nn.MSELoss(), (X, Y), points=5),
    )
    for picture, count in zip(pictures, (25, 5), strict=True):
        (said,) = [text.get_text() for text in picture._figure.axes[0].texts]
        assert said == f"{count} of {count} values are NaN or infinite"
