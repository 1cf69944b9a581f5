"""The picture of a network as circles, and the formulas of its neurons."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError
from backlit.view import function, interpolation, landscape, network, pieces, pixels, summary, weights


@pytest.fixture
def model() -> nn.Sequential:
    """The lecture's figure: 3 inputs, two hidden layers of 3, one output."""
    network = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.Sigmoid(), nn.Linear(3, 1))
    rng = np.random.default_rng(0)
    with backlit.no_grad():
        for parameter in network.parameters():
            parameter.copy_(backlit.tensor(rng.normal(size=parameter.shape), dtype=backlit.float32))
    return network


def test_values_are_those_of_the_network(model):
    layers = network(model, [1.0, -2.0, 3.0]).data
    x = backlit.tensor([1.0, -2.0, 3.0])
    hidden = model[1](model[0](x))
    assert [layer.values.size for layer in layers] == [3, 3, 3, 1]
    assert [layer.activation for layer in layers] == ["", "relu", "sigmoid", "identity"]
    assert np.allclose(layers[1].values, hidden.detach().numpy())
    assert np.allclose(layers[1].sums, model[0](x).detach().numpy())
    assert np.allclose(layers[3].values, model(x).detach().numpy())
    assert layers[2].path == "2"
    assert np.array_equal(layers[2].weights, model[2].weight.detach().numpy())


def test_formulas_are_the_lectures(model):
    picture = network(model, [1.0, -2.0, 3.0])
    first = picture.formula(2, 1)
    assert first.symbols == "a_1^(2) = g(w_11^(1) x_1 + w_21^(1) x_2 + w_31^(1) x_3 + b_1)"
    assert picture.formula(3, 2).symbols == (
        "a_2^(3) = g(w_12^(2) a_1^(2) + w_22^(2) a_2^(2) + w_32^(2) a_3^(2) + b_2)"
    )
    assert picture.formula(4, 1).symbols.startswith("a_1^(4) = w_11^(3) a_1^(3)")
    assert first.latex.startswith("a_{1}^{(2)} = g(w_{11}^{(1)} x_{1} + ")
    text = first.numbers.replace("−", "-").replace("·", "*").replace("relu", "")
    _, formula, middle, result = text.split(" = ")
    # Numbers are written to 4 digits.
    assert eval(formula) == pytest.approx(eval(middle), abs=5e-3)
    assert float(result) == pytest.approx(max(eval(middle), 0), abs=1e-3)


def test_a_formula_is_of_the_right_neuron(model):
    """The weight w_ij goes from i to j: a formula of another neuron has other numbers."""
    picture = network(model, [1.0, -2.0, 3.0])
    w = model[0].weight.detach().numpy()
    assert f"{abs(w[1, 0]):.4g}" in picture.formula(2, 2).numbers
    assert f"{abs(w[0, 1]):.4g}" not in picture.formula(2, 2).numbers


def test_large_layers_are_shortened_with_their_count():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10), nn.Softmax(1))
    picture = network(model, np.ones((28, 28)), neuron=(3, 10))
    texts = [text.get_text() for text in picture._figure.axes[0].texts]
    assert "⋮\n774 more" in texts
    assert "⋮\n502 more" in texts
    assert any("784 inputs" in text for text in texts)
    assert "(507 more)" in picture.formula(3, 10).numbers
    assert picture.formula(3, 10).symbols.endswith("+ … + w_512,10^(2) a_512^(2) + b_10")


def test_edges_show_sign_and_size(model):
    from matplotlib.colors import to_hex

    picture = network(model, [1.0, -2.0, 3.0])
    edges = picture._figure.axes[0].collections[1]
    w = model[2].weight.detach().numpy().reshape(-1)
    assert [to_hex(color) for color in edges.get_colors()] == ["#0072b2" if v >= 0 else "#d55e00" for v in w]
    assert np.array_equal(np.argsort(edges.get_linewidths()), np.argsort(np.abs(w)))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_in_all_formats(model, theme, tmp_path):
    picture = network(model, [1.0, -2.0, float("nan")], neuron=(2, 1), theme=theme)
    for ending in ("svg", "png", "pdf", "html"):
        assert picture.save(tmp_path / f"network.{ending}").stat().st_size > 1000
    assert picture.svg == network(model, [1.0, -2.0, float("nan")], neuron=(2, 1), theme=theme).svg


def test_the_model_is_left_as_it_was(model):
    network(model, [1.0, 2.0, 3.0])
    assert model.training
    assert not any(module._hooks_of("forward") for module in model.modules())


def test_without_an_example_circles_are_empty(model):
    def words(picture):
        return [text.get_text() for text in picture._figure.axes[0].texts]

    blank, whole = words(network(model)), words(network(model, backlit.zeros(3)))
    # Biases stay.
    assert [b for b, w in zip(blank, whole, strict=True) if b != w] == [""] * 10
    deep = nn.Sequential(nn.Flatten(), nn.Linear(784, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    assert [layer.values.size for layer in network(deep).data] == [784, 4, 2]
    with pytest.raises(ArgumentError, match="give an example, x"):
        network(model, neuron=(2, 1))
    with pytest.raises(ArgumentError, match=r"no nn\.Linear says how many inputs"):
        network(nn.Sequential(nn.ReLU()))


def test_a_network_without_bias():
    model = nn.Linear(2, 1, bias=False)
    assert network(model, [1.0, 2.0]).formula(2, 1).symbols == "a_1^(2) = w_11^(1) x_1 + w_21^(1) x_2"


def test_bad_input(model):
    with pytest.raises(ArgumentTypeError, match=r"nn\.Module, got int"):
        network(3, [1.0])
    with pytest.raises(ArgumentError, match="one example at a time is shown, got 5"):
        network(model, np.zeros((5, 3)))
    with pytest.raises(ArgumentError, match="no fully connected layer"):
        network(nn.ReLU(), [1.0])
    with pytest.raises(ShapeError):
        network(model, [1.0, 2.0])
    with pytest.raises(IndexRangeError, match="neurons 1 to 3, got 4"):
        network(model, [1.0, 2.0, 3.0], neuron=(2, 4))
    with pytest.raises(IndexRangeError, match="2 to 4"):
        network(model, [1.0, 2.0, 3.0]).formula(1, 1)
    with pytest.raises(ArgumentError, match="at least 2"):
        network(model, [1.0, 2.0, 3.0], most=1)
    with pytest.raises(ArgumentError, match="theme"):
        network(model, [1.0, 2.0, 3.0], theme="lihgt")

    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(2, 2), nn.Linear(4, 1)

        def forward(self, x):
            return self.second(backlit.cat([self.first(x), x], 1))

    with pytest.raises(ArgumentError, match="gives 2 values and the next takes 4"):
        network(Wide(), [1.0, 2.0])


def test_pixels_show_each_number():
    picture = pixels(np.array([[0, 255], [128, 3]]))
    texts = [text.get_text() for text in picture._figure.axes[0].texts]
    assert texts == ["0", "255", "128", "3"]
    assert pixels([[0.125, -1.0, float("nan")]]).data.shape == (1, 3)
    for shape in ((0, 3), (50, 50), (3,), (2, 3, 3)):
        with pytest.raises(ShapeError, match="one image"):
            pixels(np.zeros(shape))


def test_weights_as_images():
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 50))
    picture = weights(model, (2, 3))
    assert picture.data.shape == (50, 2, 3)
    assert np.array_equal(picture.data[7].reshape(-1), model[1].weight.detach().numpy()[7])
    assert "first 40 of 50" in picture._figure.get_suptitle()
    with pytest.raises(ShapeError, match="do not fill a square"):
        weights(model)
    with pytest.raises(ArgumentError, match="no fully connected"):
        weights(nn.ReLU())


def test_functions_between_the_layers_are_named():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm, self.last = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)

        def forward(self, x):
            hidden = nn.functional.relu(self.norm(self.first(x))) * 2
            return nn.functional.softmax(self.last(hidden), dim=1)

    picture = network(Functional(), [1.0, -2.0, 3.0])
    assert [layer.activation for layer in picture.data] == ["", "BatchNorm1d, relu, mul", "softmax"]
    assert picture.data[2].values.sum() == pytest.approx(1)
    # Several functions in a row are one g.
    assert "= g(" in picture.formula(2, 1).numbers


def test_softmax_is_written_over_all_sums():
    model = nn.Sequential(nn.Linear(2, 3), nn.Softmax(1))
    weights = backlit.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    model.load_state_dict({"0.weight": weights, "0.bias": backlit.tensor([0.0, 0.0, 3.0])})
    found = network(model, [1.0, 2.0], neuron=(2, 1)).formula(2, 1)
    assert found.symbols == "a_1^(2) = exp(z_1) / sum_j exp(z_j), z_1 = w_11^(1) x_1 + w_21^(1) x_2 + b_1"
    share = f"{np.exp(1) / np.exp([1, 2, 3]).sum():.4g}"
    assert found.numbers == f"a_1^(2) = exp(1) / (exp(1) + exp(2) + exp(3)) = {share}, z_1 = 1·1 + 0·2 + 0 = 1"
    assert r"\frac{\exp z_{1}}{\sum_j \exp z_j}, \quad z_{1} = " in found.latex
    other = network(nn.Sequential(nn.Linear(2, 3), nn.LogSoftmax(1)), [1.0, 2.0]).formula(2, 3)
    assert other.symbols.startswith("a_3^(2) = g(z)_3, z_3 = w_13^(1) x_1")


class Joined(nn.Module):
    """Takes two inputs, which it joins before its first layer."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(3, 4), nn.Linear(4, 1)

    def forward(self, a, b):
        return self.out(nn.functional.relu(self.hidden(backlit.cat([a, b], 1)), inplace=True))


def test_several_inputs():
    for inputs in (([1.0, 2.0], [3.0]), (backlit.tensor([[1.0, 2.0]]), np.array([3.0]))):
        assert network(Joined(), inputs).data[0].values.tolist() == [1.0, 2.0, 3.0]
    # A tuple of numbers is one example.
    assert network(nn.Linear(2, 1), (1.0, 2.0)).data[0].values.tolist() == [1.0, 2.0]
    with pytest.raises(ArgumentError, match=r"takes the inputs \(a, b\), got 1 input; give several as a tuple"):
        network(Joined(), [1.0, 2.0, 3.0])
    with pytest.raises(ArgumentError, match="got 3 inputs"):
        summary(Joined(), (backlit.ones(1, 2), backlit.ones(1, 1), backlit.ones(1, 1)))


@pytest.mark.parametrize(
    "draw",
    [
        lambda model: function(model, np.ones((3, 2))),
        pieces,
        lambda model: landscape(model, nn.MSELoss(), (np.ones((3, 2)), np.ones((3, 1)))),
        lambda model: interpolation(model, model, nn.MSELoss(), (np.ones((3, 2)), np.ones((3, 1)))),
    ],
)
def test_views_of_one_input_say_so(draw):
    with pytest.raises(ArgumentError, match=r"takes the inputs \(a, b\), got 1 input; draw a module around it"):
        draw(Joined())


def test_whole_numbers_are_numbers_except_where_they_are_looked_up(model):
    assert network(model, [1, -2, 3]).data[1].values.dtype == np.float32
    words = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(4, 1))
    assert network(words, [3, 1]).data[0].values.shape == (4,)
    assert summary(words, (np.array([[3, 1]]),)).total.output_shape == (1, 1)
    with pytest.raises(ArgumentError, match=r"not its shape: backlit\.zeros\(5, 3\)"):
        summary(model, (5, 3))
    with pytest.raises(ArgumentError, match=r"expected \(layer, neuron\), such as \(2, 1\), got 3"):
        network(model, [1, 2, 3], neuron=3)


def test_layers_beside_each_other_are_no_chain():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.left(x) + self.right(x)

    with pytest.raises(ArgumentError, match="layer 3 does not take what layer 2 gives"):
        network(Beside(), [1.0, 2.0])
