"""Networks as functions: what is drawn is what they compute; linear pieces and slopes are those of a count by hand."""

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from backlit.train import Trainer
from backlit.view import Snapshots, activations, approximation, function, pieces


def linear(weight, bias) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight))
    layer.load_state_dict({"weight": backlit.tensor(weight).float(), "bias": backlit.tensor(bias).float()})
    return layer


def fold() -> list[nn.Module]:
    """The tent of height 1 on [0, 1]: it folds the interval onto itself."""
    return [linear([[1.0], [1.0]], [0.0, -0.5]), nn.ReLU(), linear([[2.0, -4.0]], [0.0])]


# -- pieces ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_folds_multiply_the_pieces(depth):
    found = pieces(nn.Sequential(*(layer for _ in range(depth) for layer in fold())), 0, 1)
    assert found.count == 2**depth
    assert found.breakpoints == pytest.approx(np.arange(1, 2**depth) / 2**depth)


def test_pieces_are_the_network():
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 9), nn.ReLU(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 2))
    for piece in pieces(model, -5, 5).data:
        x = piece.parts[0].mean()
        given = backlit.tensor([[x]]).float()
        assert model(given).detach().numpy()[0] == pytest.approx(piece.slope[:, 0] * x + piece.offset, abs=1e-5)


def test_neighbours_with_one_slope_are_one_piece():
    # |x| + 1 - |x| is 1: both units bend at 0, and the bends cancel; a third bends outside of the range.
    model = nn.Sequential(linear([[1.0], [1.0], [1.0]], [0.0, 0.0, -9.0]), nn.ReLU(), linear([[1.0, -1.0, 3.0]], [1.0]))
    assert pieces(model, -2, 2).count == 1
    assert pieces(model, -2, 20).breakpoints.tolist() == [9.0]


def test_lines_in_the_plane_cut_it_as_by_hand():
    # Three lines in general position cut the plane into 7 regions, all of them in reach; a fourth misses the square.
    lines = linear([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [0.0, 0.0, -0.5, -50.0])
    found = pieces(nn.Sequential(lines, nn.ReLU(), nn.Linear(4, 1)), -1, 1)
    assert found.count == 7
    assert sum(area(part) for piece in found.data for part in piece.parts) == pytest.approx(4)
    cells, seams = found._figure.axes[0].collections[::-1]
    assert len(cells.get_paths()) == 7
    # Each of the three lines is cut into three by the two others.
    assert len(seams.get_segments()) == 9


def test_lines_that_bend_nothing_part_no_pieces():
    # Three neurons cut the square into quarters, but only the first is heard: it bends along x₂ = 0.
    inner = linear([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]], [0.0, 0.0, 0.0])
    hidden = linear([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]], [0.0, -9.0])
    model = nn.Sequential(inner, nn.ReLU(), hidden, nn.ReLU(), linear([[1.0, 0.0]], [0.0]))
    found = pieces(model, -1, 1)
    assert found.count == 2
    assert sorted(round(sum(map(area, piece.parts)), 9) for piece in found.data) == [2, 2]
    (seam,) = np.unique(np.round(found._figure.axes[0].collections[0].get_segments(), 9)[:, :, 1])
    assert seam == 0


def test_pieces_without_a_common_border_stay_apart():
    # relu(x - 0.5) - relu(-x - 0.5): both sides have slope 1, and a flat strip lies between them.
    bend = linear([[1.0, 0.0], [-1.0, 0.0]], [-0.5, -0.5])
    same = nn.Sequential(bend, nn.ReLU(), linear([[1.0, -1.0]], [0.0]))
    assert pieces(same, -1, 1).count == 3


def area(corners):
    x, y = corners.T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def test_cells_without_a_common_function_are_all_counted():
    # Random networks in general position: no two neighbours agree, so every cell is a piece.
    rng = np.random.default_rng(0)
    count = 20
    lines = linear(rng.normal(size=(count, 2)).tolist(), (0.1 * rng.normal(size=count)).tolist())
    found = pieces(nn.Sequential(lines, nn.ReLU(), linear(rng.normal(size=(1, count)).tolist(), [0.0])), -50, 50)
    # So far out every crossing of two lines is in reach: 1 + n + n (n - 1) / 2 regions (Zaslavsky, 1975).
    assert found.count == 1 + count + count * (count - 1) // 2


def test_pieces_of_the_plane_are_the_network():
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
    for piece in pieces(model, -3, 3).data:
        middle = piece.parts[0].mean(0)
        given = backlit.tensor(middle[None]).float()
        assert model(given).item() == pytest.approx((piece.slope @ middle + piece.offset)[0], abs=1e-5)


def test_bad_networks_for_pieces():
    with pytest.raises(ArgumentError, match="low must be less"):
        pieces(nn.Linear(1, 1), 1, 0)
    with pytest.raises(ArgumentError, match="layer 2 has tanh"):
        pieces(nn.Sequential(nn.Linear(1, 2), nn.Tanh()))
    with pytest.raises(ArgumentError, match="one or two inputs"):
        pieces(nn.Linear(3, 1))
    with pytest.raises(DataError, match="not finite"):
        pieces(linear([[float("nan")]], [0.0]))
    with pytest.raises(ArgumentTypeError):
        pieces("model")


# -- activations -----------------------------------------------------------------------------------------------------


def test_one_activation_needs_no_list():
    assert list(activations("ReLU").data) == list(activations(nn.ReLU()).data) == ["ReLU"]


def test_lines_do_not_break_far_from_zero():
    line = activations("Tanh", reach=40)._figure.axes[0].lines[2]
    assert np.isfinite(line.get_ydata()).all()


def test_activations_and_slopes_are_the_lectures():
    data = activations().data
    x, s, slope = data["Sigmoid"]
    assert s == pytest.approx(1 / (1 + np.exp(-x)))
    assert slope == pytest.approx((1 - s) * s)
    x, value, slope = data["LeakyReLU, slope 0.1"]
    assert value == pytest.approx(np.maximum(0.1 * x, x))
    assert slope == pytest.approx(np.where(x > 0, 1, 0.1))
    x, value, slope = data["Maxout: max(−x/2, x)"]
    assert value == pytest.approx(np.maximum(-x / 2, x))
    assert slope == pytest.approx(np.where(x > 0, 1, -0.5))
    assert {"Tanh", "ReLU", "ELU", "GELU", "Step"} < set(data)
    assert np.all(data["Step"][2] == 0)


def test_chosen_activations():
    prelu = nn.PReLU()
    picture = activations(["ReLU", nn.ELU(2.0), prelu], theme="dark")
    assert list(picture.data) == ["ReLU", "ELU(alpha=2.0)", "PReLU(num_parameters=1)"]
    assert picture.svg.startswith("<svg")
    assert prelu.weight.dtype == backlit.float32
    with pytest.raises(ArgumentError, match="did you mean 'Tanh'"):
        activations(["Tahn"])
    with pytest.raises(ArgumentError, match="did you mean 'LeakyReLU'"):
        activations(["leakyrelu"])
    with pytest.raises(ArgumentError, match=r"no activation 'Linear'(?!.*'Module')"):
        activations(["Linear"])
    with pytest.raises(ArgumentError, match="needs arguments"):
        activations(["Threshold"])
    with pytest.raises(ArgumentError, match="no activation is named"):
        activations([])
    with pytest.raises(ArgumentError, match="reach"):
        activations(reach=-1.0)


# -- functions -------------------------------------------------------------------------------------------------------


def test_more_units_come_closer():
    errors = approximation(lambda x: np.sin(2 * x), units=(1, 3, 10), activation="tanh").data
    assert errors[1] > errors[3] > errors[10]
    assert errors[10] < 0.01
    with pytest.raises(ArgumentError, match="tanh, sigmoid, relu"):
        approximation(np.sin, activation="square")
    with pytest.raises(ArgumentError, match="positive whole"):
        approximation(np.sin, units=(0,))
    with pytest.raises(ShapeError, match="200 finite numbers"), np.errstate(all="ignore"):
        approximation(np.log)


def test_the_boundary_over_training():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)).astype(np.float32)
    y = (X.sum(1) > 0).astype(np.int64)
    backlit.manual_seed(0)
    model = nn.Linear(2, 2)
    kept = Snapshots([0, 2, 4, 99])
    Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=1.0), callbacks=[kept]).fit((X, y), epochs=4)
    after = {name: value.clone() for name, value in model.state_dict().items()}
    picture = function(model, X, y, snapshots=kept)
    assert list(picture.data) == ["before training", "after 2 epochs", "after 4 epochs"]
    assert all(backlit.equal(value, after[name]) for name, value in model.state_dict().items())
    for title, epoch in (("before training", 0), ("after 4 epochs", 4)):
        low, high = X.min(0), X.max(0)
        corner = (low - 0.08 * (high - low)).astype(np.float64)
        state = {name: value.numpy() for name, value in kept.states[epoch].items()}
        assert picture.data[title][0] == pytest.approx(state["weight"] @ corner + state["bias"], abs=1e-4)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_curves_and_single_scores(theme):
    x = np.linspace(-1, 1, 5)[:, None]
    model = linear([[2.0]], [1.0])
    picture = function(model, x, x[:, 0], theme=theme)
    line = picture._figure.axes[0].lines[-1]
    assert line.get_ydata() == pytest.approx(2 * line.get_xdata() + 1, abs=1e-5)
    score = function(linear([[1.0, 0.0]], [0.0]), [[-1.0, 0.0], [1.0, 0.0]], theme=theme)
    left, right = score._figure.axes[0].images[0].get_array()[0, [0, -1]]
    assert not np.allclose(left, right)


def test_bad_functions():
    model = nn.Linear(2, 1)
    with pytest.raises(ShapeError, match=r"expected inputs \(n, 1\) or \(n, 2\)"):
        function(model, np.zeros((0, 2)))
    with pytest.raises(ShapeError, match="3 inputs have 2 targets"):
        function(model, np.zeros((3, 2)), [0, 1])
    with pytest.raises(ArgumentError, match="snapshots hold nothing"):
        function(model, np.zeros((3, 2)), snapshots=Snapshots([0]))
    with pytest.raises(ArgumentError, match="whole numbers from 0"):
        Snapshots([-1])
    with pytest.raises(DataError):
        function(model, [[np.nan, 0.0]])


def notes(picture):
    return [text.get_text() for axes in picture._figure.axes for text in axes.texts]


@pytest.mark.parametrize("inputs", [1, 2])
def test_values_that_are_not_finite_are_told(inputs):
    model = linear([[1.0] * inputs] * 3, [0.0, 0.0, float("nan")])
    picture = function(model, np.zeros((3, inputs)))
    values = picture.data["f(x)"].size
    assert notes(picture) == [f"{values // 3:,} of {values:,} values are NaN or infinite"]
    assert notes(function(linear([[1.0] * inputs], [0.0]), np.zeros((3, inputs)))) == []


def test_each_class_has_its_boundary():
    # The largest of x₁, x₂ and 0 wins: three boundaries meet at the origin.
    model = linear([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [0.0, 0.0, 0.0])
    lines = function(model, [[-1.0, -1.0], [1.0, 1.0]])._figure.axes[0].collections
    points = np.concatenate([path.vertices for line in lines for path in line.get_paths()])
    for end in ((1, 1), (-1, 0), (0, -1)):
        assert np.abs(points - end).max(1).min() < 0.02
