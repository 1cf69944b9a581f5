"""The lecture's worked examples, row by row, with its numbers. The comments give the lecture's words."""

import math
import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.autograd import gradcheck
from backlit.data import IterableDataset, datasets
from backlit.errors import DataError
from backlit.ops import from_numpy
from backlit.train import Trainer, choose_head
from backlit.utils.data import DataLoader, TensorDataset

EXAMPLES = Path(__file__).parents[1] / "examples"
F64 = backlit.float64


def leaf(value):
    return backlit.tensor(value, dtype=F64, requires_grad=True)


# -- 1: an image is a matrix of pixel values; recognising a digit in it is classification -----------------------------


def test_row_1_an_image_is_a_matrix_of_numbers_and_is_classified(tmp_path):
    from PIL import Image

    digits = datasets.load("digits")
    assert digits.image_shape == (8, 8)
    number = int(np.flatnonzero(digits.y == 3)[0])
    path = tmp_path / "three.png"
    Image.fromarray((digits.X[number].reshape(8, 8) * 255).round().astype(np.uint8)).save(path)

    # Loaded from its file, it is the matrix that it was.
    image = datasets.load_features(path, digits.feature_names, digits.image_shape)
    np.testing.assert_allclose(image.reshape(8, 8), digits.X[number].reshape(8, 8), atol=0.003)
    shown = repr(from_numpy((image.reshape(8, 8) * 16).round().astype(np.int64)))
    assert shown.count("[") == 9
    assert "[ 0,  0,  7, 15, 13,  1,  0,  0]" in shown

    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.01), seed=0)
    trainer.fit((digits.X, digits.y), epochs=5, compile=False, progress=False)
    assert digits.class_names[int(model(from_numpy(image)).argmax(1))] == "3"


# -- 2: z = sum_i w_i x_i + b, then activate or not; the perceptron ---------------------------------------------------

CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


def test_row_2_a_neuron_sums_and_decides():
    neuron = nn.Sequential(nn.Linear(3, 1), nn.Step())
    with backlit.no_grad():
        neuron[0].weight.copy_(backlit.tensor([[0.5, -1.0, 2.0]]))
        neuron[0].bias.fill_(-1.0)
    x = [2.0, 3.0, 1.0]
    z = 0.5 * 2 - 1 * 3 + 2 * 1 - 1
    assert neuron[0](backlit.tensor(x)).item() == z == -1
    assert neuron(backlit.tensor(x)).item() == 0
    assert neuron(backlit.tensor([2.0, 2.0, 1.0])).item() == 1


@pytest.mark.parametrize(("gate", "decisions"), [("AND", [0, 0, 0, 1]), ("OR", [0, 1, 1, 1])])
def test_row_2_the_perceptron_rule_learns(gate, decisions):
    neuron = nn.Perceptron(2)
    fit = neuron.fit(CORNERS, decisions)
    assert fit.converged
    assert fit.updates <= fit.bound
    assert neuron(backlit.tensor(CORNERS)).int().tolist() == decisions


def test_row_2_the_rule_by_hand_is_the_perceptrons():
    w, b, updates, wrong = np.zeros(2), 0.0, 0, True
    while wrong:
        wrong = False
        for x, label in zip(np.array(CORNERS), [0, 0, 0, 1], strict=True):
            error = label - float(w @ x + b >= 0)
            w, b, updates = w + error * x, b + error, updates + (error != 0)
            wrong = wrong or error != 0
    neuron = nn.Perceptron(2)
    assert neuron.fit(CORNERS, [0, 0, 0, 1]).updates == updates
    assert neuron.weight.tolist() == [w.tolist()]
    assert neuron.bias.tolist() == [b]


def test_row_2_xor_is_impossible_for_one_neuron_and_learnt_by_two_layers():
    with pytest.raises(DataError, match="not separable by one neuron"):
        nn.Perceptron(2).fit(CORNERS, [0, 1, 1, 0])
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        nn.BCEWithLogitsLoss()(model(backlit.tensor(CORNERS)), backlit.tensor([[0.0], [1.0], [1.0], [0.0]])).backward()
        optimizer.step()
    assert (model(backlit.tensor(CORNERS)) > 0).reshape(-1).int().tolist() == [0, 1, 1, 0]


# -- 3: the activations -----------------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


ACTIVATIONS = {
    "sigmoid": (nn.Sigmoid(), sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (nn.Tanh(), math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "ReLU": (nn.ReLU(), lambda x: max(0, x), lambda x: float(x > 0)),
    "Leaky ReLU": (nn.LeakyReLU(0.1), lambda x: max(0.1 * x, x), lambda x: 1 if x > 0 else 0.1),
    "ELU": (
        nn.ELU(alpha=1.5),
        lambda x: x if x >= 0 else 1.5 * (math.exp(x) - 1),
        lambda x: 1 if x >= 0 else 1.5 * math.exp(x),
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_row_3_activations_and_their_derivatives(name):
    module, value, slope = ACTIVATIONS[name]
    points = [-10.0, -2.5, -0.5, 0.25, 1.0, 3.0, 10.0]
    x = leaf(points)
    y = module(x)
    y.sum().backward()
    np.testing.assert_allclose(y.tolist(), [value(p) for p in points], rtol=1e-12)
    np.testing.assert_allclose(x.grad.tolist(), [slope(p) for p in points], rtol=1e-10)


def test_row_3_maxout_is_the_larger_of_two_sums():
    module = nn.Maxout(2, 1).double()
    rows = np.array([[1.0, 2.0], [-1.0, 0.5]])
    with backlit.no_grad():
        module.linear.weight.copy_(backlit.tensor([[1.0, -2.0], [0.5, 1.0]]))
        module.linear.bias.copy_(backlit.tensor([0.5, -1.0]))
    # max(w1'x + b1, w2'x + b2)
    sums = np.array([[1 - 4 + 0.5, 0.5 + 2 - 1], [-1 - 1 + 0.5, -0.5 + 0.5 - 1]])
    x = leaf(rows.tolist())
    y = module(x)
    assert y.reshape(-1).tolist() == sums.max(1).tolist() == [1.5, -1.0]
    y.sum().backward()
    assert x.grad.tolist() == [[0.5, 1.0], [0.5, 1.0]]
    assert gradcheck(module, (x,))


def test_row_3_slopes_are_arguments():
    x = backlit.tensor(-1.0)
    assert nn.LeakyReLU()(x).item() == pytest.approx(-0.01)
    assert nn.LeakyReLU(0.1)(x).item() == pytest.approx(-0.1)
    assert nn.functional.leaky_relu(x, 0.3).item() == pytest.approx(-0.3)


# -- 7: the forward pass, neuron by neuron ----------------------------------------------------------------------------


def test_row_7_the_network_is_its_neurons():
    backlit.manual_seed(7)
    # The lecture's figure: 3 inputs, two hidden layers of 3, one output.
    model = nn.Sequential(nn.Linear(3, 3), nn.Sigmoid(), nn.Linear(3, 3), nn.Sigmoid(), nn.Linear(3, 1)).double()
    layers = [model[0], model[2], model[4]]
    x = [0.5, -1.0, 2.0]

    def w(i, j, k):
        """w_ij^(k) connects neuron i of layer k with neuron j of layer k + 1."""
        return layers[k - 1].weight[j - 1, i - 1].item()

    def b(i, k):
        return layers[k - 1].bias[i - 1].item()

    a = {(i, 1): x[i - 1] for i in (1, 2, 3)}
    for k in (1, 2):
        for j in (1, 2, 3):
            a[j, k + 1] = sigmoid(w(1, j, k) * a[1, k] + w(2, j, k) * a[2, k] + w(3, j, k) * a[3, k] + b(j, k))
    output = sum(w(j, 1, 3) * a[j, 3] for j in (1, 2, 3)) + b(1, 3)

    value = backlit.tensor(x, dtype=F64)
    for place, layer in enumerate(model):
        value = layer(value)
        if place in (1, 3):
            k = (place + 3) // 2
            np.testing.assert_allclose(value.tolist(), [a[j, k] for j in (1, 2, 3)], rtol=1e-14)
    assert value.item() == pytest.approx(output, rel=1e-14)


# -- 8: three output layers, chosen from the labels -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "kind", "loss"),
    [
        ([0.3, 1.7, 2.4], "regression", nn.MSELoss),
        ([0, 1, 1], "two classes", nn.BCEWithLogitsLoss),
        (["cat", "dog", "bird"], "K classes", nn.CrossEntropyLoss),
    ],
)
def test_row_8_the_head_and_its_loss_follow_from_the_labels(labels, kind, loss):
    head, y = choose_head(labels)
    assert head.kind == kind
    assert isinstance(head.loss(), loss)
    backlit.manual_seed(8)
    layer = nn.Linear(4, head.out_features)
    a = backlit.randn(3, 4)
    scores = layer(a)
    s = scores.detach().numpy().astype(np.float64)
    t = head.targets(y)
    if kind == "regression":
        # f(x) = w'a + b
        np.testing.assert_allclose(head.predictions(scores), s[:, 0])
        expected = np.mean((s - t) ** 2)
    elif kind == "two classes":
        # p(y=1|x) = sigmoid(w'a + b)
        p = 1 / (1 + np.exp(-s[:, 0]))
        np.testing.assert_allclose(head.probabilities(scores)[:, 1], p, rtol=1e-6)
        expected = -np.mean(np.where(t[:, 0] == 1, np.log(p), np.log(1 - p)))
    else:
        # p(y=k|x) = exp(w_k'a + b_k) / sum_j exp(w_j'a + b_j)
        p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
        np.testing.assert_allclose(head.probabilities(scores), p, rtol=1e-5)
        expected = -np.mean(np.log(p[np.arange(3), t]))
    assert head.loss()(scores, from_numpy(t)).item() == pytest.approx(expected, rel=1e-5)


# -- 9: linear regression by gradient descent, by hand and automatic --------------------------------------------------


def test_row_9_by_hand_and_automatic_gradients_give_the_same_numbers_until_nothing_changes():
    rng = np.random.default_rng(9)
    x = rng.uniform(-1, 1, 20)
    y = 3 * x - 0.5 + rng.normal(0, 0.2, 20)
    n, alpha = len(x), 0.2
    w = b = 0.0
    tx, ty = from_numpy(x), from_numpy(y)
    tw, tb = leaf(0.0), leaf(0.0)
    optimizer = optim.SGD([tw, tb], lr=alpha)
    steps, moved = 0, 1.0
    while moved > 1e-12:
        # J = sum (yhat - y)^2 / n; dJ/dw = 2 sum (yhat - y) x / n; dJ/db = 2 sum (yhat - y) / n
        yhat = w * x + b
        cost = np.sum((yhat - y) ** 2) / n
        dw, db = 2 * np.sum((yhat - y) * x) / n, 2 * np.sum(yhat - y) / n

        optimizer.zero_grad()
        J = ((tw * tx + tb - ty) ** 2).sum() / n
        J.backward()
        np.testing.assert_allclose([J.item(), tw.grad.item(), tb.grad.item()], [cost, dw, db], rtol=1e-9, atol=1e-13)

        before = w, b
        w, b = w - alpha * dw, b - alpha * db
        optimizer.step()
        np.testing.assert_allclose([tw.item(), tb.item()], [w, b], rtol=1e-12)
        steps, moved = steps + 1, abs(w - before[0]) + abs(b - before[1])
    assert 20 < steps < 1000
    np.testing.assert_allclose([w, b], np.polyfit(x, y, 1), rtol=1e-9)


# -- 10 and 15: backpropagation in three steps ------------------------------------------------------------------------


def test_row_10_the_three_steps_one_at_a_time():
    x, w, b, y = leaf(2.0), leaf(0.5), leaf(-1.0), backlit.tensor(1.0, dtype=F64)
    with backlit.record() as recording:
        # 1. Forward: each node keeps what it computed.
        J = (backlit.sigmoid(w * x + b) - y) ** 2
        forward = list(recording.bindings)
        names = [node.primitive.name for node in forward]
        assert names == ["mul", "add", "sigmoid", "sub", "pow"]
        product, total, s, error, square = [node.record.outputs[0].array.item() for node in forward]
        assert (product, total, s, error, square) == (1.0, 0.0, 0.5, -0.5, 0.25)
        assert all(node.record.arrived == [None] for node in forward)

        # 2. Backward, from the output: each node's derivative from what arrives and its local derivative.
        J.backward()
    arrived = [node.record.arrived[0].item() for node in forward]
    assert arrived[4] == 1
    assert arrived[3] == arrived[4] * 2 * error == -1
    assert arrived[2] == arrived[3] * 1
    assert arrived[1] == arrived[2] * (1 - s) * s == -0.25
    assert arrived[0] == arrived[1] * 1
    # What left to the two factors of w x is what arrived, times the other one.
    assert [part.item() for part in forward[0].record.left] == [arrived[0] * 2.0, arrived[0] * 0.5]
    assert (w.grad.item(), b.grad.item()) == (-0.5, -0.25)
    assert (w.item(), b.item()) == (0.5, -1.0)

    # 3. Every parameter is updated.
    optim.SGD([w, b], lr=0.1).step()
    assert w.item() == pytest.approx(0.5 + 0.1 * 0.5)
    assert b.item() == pytest.approx(-1.0 + 0.1 * 0.25)


# -- 11: the chain rule -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x0", "y0"), [(1.0, 1.0), (2.0, 3.0), (-1.5, 0.5), (0.25, -4.0)])
def test_row_11_the_chain_rule_path_by_path(x0, y0):
    x, y = leaf(x0), leaf(y0)
    u, v = x * y, x / y
    z = u**2 + v**2
    for part in (u, v):
        part.retain_grad()
    z.backward()
    assert (u.grad.item(), v.grad.item()) == (2 * u.item(), 2 * v.item())
    # dz/dx = dz/du du/dx + dz/dv dv/dx, and so for y
    assert x.grad.item() == pytest.approx(u.grad.item() * y0 + v.grad.item() / y0, rel=1e-14)
    assert y.grad.item() == pytest.approx(u.grad.item() * x0 - v.grad.item() * x0 / y0**2, rel=1e-14)
    assert x.grad.item() == pytest.approx(2 * x0 * y0**2 + 2 * x0 / y0**2, rel=1e-14)
    assert y.grad.item() == pytest.approx(2 * x0**2 * y0 - 2 * x0**2 / y0**3, rel=1e-14)


# -- 12: f = (x + y) z ------------------------------------------------------------------------------------------------


def test_row_12_values_above_and_gradients_below():
    x, y, z = leaf(-2.0), leaf(5.0), leaf(-4.0)
    q = x + y
    q.retain_grad()
    f = q * z
    f.backward()
    assert (q.item(), f.item()) == (3, -12)
    assert (q.grad.item(), z.grad.item(), x.grad.item(), y.grad.item()) == (-4, 3, -4, -4)


# -- 13: gradients vanish, units die ----------------------------------------------------------------------------------


def test_row_13_a_saturated_sigmoid_and_a_dead_relu():
    x = leaf([-10.0, 0.0, 10.0])
    s = backlit.sigmoid(x)
    s.sum().backward()
    np.testing.assert_allclose(x.grad.tolist(), ((1 - s) * s).tolist(), rtol=1e-12)
    assert x.grad[1] == 0.25
    assert 4e-5 < x.grad[0] < 5e-5
    assert x.grad[0] == pytest.approx(x.grad[2].item(), rel=1e-9)

    x = leaf([-10.0, 0.0, 10.0])
    backlit.relu(x).sum().backward()
    assert x.grad.tolist() == [0, 0, 1]

    dead = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1))
    with backlit.no_grad():
        dead[0].bias.fill_(-100.0)
    before = dead[0].weight.tolist()
    optimizer = optim.SGD(dead.parameters(), lr=1.0)
    dead(backlit.tensor([[0.5, 2.0], [1.0, -1.0]])).sum().backward()
    optimizer.step()
    assert dead[0].weight.grad.tolist() == [[0, 0]]
    assert dead[0].weight.tolist() == before


# -- 14: the gates of a backward pass ---------------------------------------------------------------------------------


def gate(function, arriving, *values):
    """What leaves to each input when `arriving` arrives."""
    inputs = [leaf(v) for v in values]
    function(*inputs).backward(backlit.tensor(arriving, dtype=F64))
    return [t.grad.item() for t in inputs]


def test_row_14_gates():
    with backlit.record() as recording:
        assert gate(lambda a, b: a + b, 2.0, 3.0, 4.0) == [2, 2]
        assert gate(lambda a, b: a * b, 5.0, 2.0, 3.0) == [15, 10]
        assert gate(backlit.maximum, 9.0, 4.0, 5.0) == [0, 9]
        # A tie is shared, as in PyTorch.
        assert gate(backlit.maximum, 9.0, 5.0, 5.0) == [4.5, 4.5]
    roles = {node.primitive.name: node.primitive.role for node in recording.bindings}
    assert roles["add"] == "distributes"
    assert roles["mul"] == "swaps and scales"
    assert roles["maximum"] == "routes"
    # A copy adds what arrives: 4 and 2 give 6.
    x = leaf(1.0)
    (4 * x + 2 * x).backward()
    assert x.grad.item() == 6


# -- 16 and 17: backpropagation in matrices; a gradient has the shape of what it is taken by --------------------------


def test_rows_16_and_17_the_derivation_in_matrices():
    backlit.manual_seed(16)
    sizes = [4, 3, 5, 2]
    rng = np.random.default_rng(16)
    W = [leaf(rng.normal(size=(m, n)).tolist()) for n, m in pairwise(sizes)]
    b = [leaf(rng.normal(size=(m, 1)).tolist()) for m in sizes[1:]]
    x, y = rng.normal(size=(4, 1)), rng.normal(size=(2, 1))

    # z^(L+1) = W^(L) a^(L) + b^(L), a^(L+1) = g(z^(L+1)), on columns
    a, z = [from_numpy(x)], []
    for weight, bias in zip(W, b, strict=True):
        z.append(weight @ a[-1] + bias)
        a.append(backlit.tanh(z[-1]))
        z[-1].retain_grad()
        a[-1].retain_grad()
    J = ((a[-1] - from_numpy(y)) ** 2).sum()
    J.backward()

    values = [t.detach().numpy() for t in a]
    dJ_da = 2 * (values[-1] - y)
    for layer in reversed(range(3)):
        np.testing.assert_allclose(a[layer + 1].grad.numpy(), dJ_da, rtol=1e-12)
        dJ_dz = dJ_da * (1 - values[layer + 1] ** 2)
        np.testing.assert_allclose(z[layer].grad.numpy(), dJ_dz, rtol=1e-12)
        np.testing.assert_allclose(b[layer].grad.numpy(), dJ_dz, rtol=1e-12)
        np.testing.assert_allclose(W[layer].grad.numpy(), dJ_dz @ values[layer].T, rtol=1e-12)
        dJ_da = W[layer].detach().numpy().T @ dJ_dz
        for tensor in (W[layer], b[layer], z[layer], a[layer + 1]):
            assert tensor.grad.shape == tensor.shape

    # The module keeps W in the same shape, and takes a row for each example.
    linear = nn.Linear(4, 3, dtype=F64)
    assert linear.weight.shape == W[0].shape
    linear(from_numpy(x.T)).sum().backward()
    assert (linear.weight.grad.shape, linear.bias.grad.shape) == (linear.weight.shape, linear.bias.shape)


# -- 18: modules, and a graph that is built while the program runs ----------------------------------------------------


def clothes(rng, rows):
    """Images of Fashion-MNIST's shape: a pattern for each of ten classes, and noise."""
    patterns = np.random.default_rng(18).random((10, 1, 28, 28))
    y = rng.integers(0, 10, rows)
    return (0.7 * patterns[y] + 0.3 * rng.random((rows, 1, 28, 28))).astype(np.float32), y


def test_row_18_the_lectures_program_trains():
    program = runpy.run_path(str(EXAMPLES / "quickstart.py"))
    backlit.manual_seed(0)
    model = program["NeuralNetwork"]()
    shapes = [tuple(p.shape) for p in model.parameters()]
    assert shapes == [(512, 784), (512,), (512, 512), (512,), (10, 512), (10,)]
    rng = np.random.default_rng(0)
    images, labels = (from_numpy(part) for part in clothes(rng, 640))
    loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        program["train"](loader, model, nn.CrossEntropyLoss(), optimizer)
    new, wanted = (from_numpy(part) for part in clothes(rng, 200))
    assert (model(new).argmax(1) == wanted).float().mean() > 0.9


def test_row_18_the_graph_may_change_from_call_to_call():
    class Repeating(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x, times):
            for _ in range(times):
                x = backlit.tanh(self.layer(x)) if x.sum() > -100 else x
            return x.sum()

    model = Repeating()
    lengths = []
    for times in (1, 4):
        with backlit.record() as recording:
            model(backlit.ones(1, 2), times).backward()
        lengths.append(sum(node.primitive.name == "tanh" for node in recording.bindings))
    assert lengths == [1, 4]


# -- 19: full-batch, stochastic and mini-batch are one setting; what does not fit in memory streams -------------------


def line(rows=512):
    rng = np.random.default_rng(19)
    x = rng.uniform(-1, 1, (rows, 1)).astype(np.float32)
    return x, (2 * x + 1 + rng.normal(0, 0.3, (rows, 1))).astype(np.float32)


@pytest.mark.parametrize(("batch_size", "steps"), [("full", 1), (1, 512), (256, 2)])
def test_row_19_three_ways_are_one_setting(batch_size, steps):
    class Steps:
        """The way down the loss surface: the weights after each step."""

        def __init__(self):
            self.points = []

        def on_batch_end(self, trainer):
            self.points.append((trainer.model.weight.item(), trainer.model.bias.item()))

    x, y = line()
    backlit.manual_seed(0)
    model = nn.Linear(1, 1)
    path = Steps()
    epochs = 60 if batch_size == "full" else 30 if batch_size == 256 else 1
    lr = 0.01 if batch_size == 1 else 0.3
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=lr), callbacks=[path], seed=0)
    trainer.fit((x, y), epochs=epochs, batch_size=batch_size, compile=False, progress=False)
    assert len(path.points) == trainer.step == epochs * steps
    np.testing.assert_allclose(path.points[-1], [2, 1], atol=0.15)
    costs = np.array([np.mean((w * x + b - y) ** 2) for w, b in path.points])
    # Only the step on all examples goes down at every step.
    assert bool((np.diff(costs) < 1e-7).all()) == (batch_size == "full")


def test_row_19_data_larger_than_memory_streams():
    x, y = line()
    seen = []

    class Stream(IterableDataset):
        def __iter__(self):
            for number in range(len(x)):
                seen.append(number)
                yield from_numpy(x[number]), from_numpy(y[number])

    def train(data, **options):
        backlit.manual_seed(0)
        model = nn.Linear(1, 1)
        trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.3), seed=0)
        trainer.fit(data, epochs=2, compile=False, progress=False, **options)
        return [model.weight.item(), model.bias.item()]

    streamed = train(DataLoader(Stream(), batch_size=64))
    assert seen == [*range(512), *range(512)]
    assert streamed == train((x, y), batch_size=64, shuffle=False)


# -- 20: image recognition and protein structure: convolution, attention, and the layers around them ------------------


def accuracy_of(model, rows, new, epochs, lr):
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=lr), seed=0)
    trainer.fit(rows, epochs=epochs, batch_size=32, progress=False)
    return float((trainer.predict(new[0]).argmax(1).numpy() == new[1]).mean())


def test_row_20_convolutions_recognise_images():
    train, test = datasets.load("digits").split(seed=0)
    rows, new = ((data.X.reshape(-1, 1, *data.image_shape), data.y) for data in (train, test))
    backlit.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10)
    )
    assert accuracy_of(model, rows, new, epochs=8, lr=0.003) > 0.96


def test_row_20_attention_finds_what_matters_anywhere_in_a_sequence():
    program = runpy.run_path(str(EXAMPLES / "attention_sequences.py"))
    rows, new = (program["sequences"](n, seed=n) for n in (3000, 500))
    backlit.manual_seed(0)
    assert accuracy_of(program["FirstOfTwo"](), rows, new, epochs=10, lr=0.01) > 0.95


def test_row_20_a_transformer_and_a_recurrent_network_read_an_image_line_by_line():
    train, test = datasets.load("digits").split(seed=0)
    rows, new = ((data.X.reshape(-1, *data.image_shape), data.y) for data in (train, test))

    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.head = nn.GRU(8, 32, batch_first=True), nn.Linear(32, 10)

        def forward(self, x):
            return self.head(self.cells(x)[0][:, -1])

    backlit.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
    reader = nn.Sequential(nn.Linear(8, 32), encoder, nn.Flatten(), nn.Linear(256, 10))
    assert accuracy_of(reader, rows, new, epochs=8, lr=0.003) > 0.93
    assert accuracy_of(Last(), rows, new, epochs=10, lr=0.01) > 0.9
