"""Each planted failure is named, with the layer, numbers and a mend; healthy trainings give no finding."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import ArgumentTypeError
from backlit.train import Run, Trainer, diagnose

_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(400, 8)).astype(np.float32)
LABELS = 2 * (X[:, 0] + X[:, 1] > 0) + (X[:, 2] > 0)
TARGETS = (X[:, :1] - X[:, 1:2] + 0.1 * _RNG.normal(size=(400, 1))).astype(np.float32)
HALVES = (LABELS % 2).astype(np.float32)[:, None]
CLASSES, NUMBERS, TWO = (X, LABELS), (X, TARGETS), (X, HALVES)
SHUFFLED = _RNG.permutation(LABELS)
CROSS_ENTROPY = nn.CrossEntropyLoss()


def network(*sizes: int, act: Any = nn.ReLU, last: Any = None, change: Any = None) -> nn.Module:
    layers = [layer for n, m in itertools.pairwise(sizes) for layer in (nn.Linear(n, m), act())]
    model = nn.Sequential(*layers[:-1], *([] if last is None else [last]))
    with backlit.no_grad():
        for module in model.modules():
            if change is not None and isinstance(module, nn.Linear):
                change(module)
    return model


def sgd(lr: float, momentum: float = 0.0) -> Callable[[nn.Module], Any]:
    return lambda model: optim.SGD(model.parameters(), lr=lr, momentum=momentum)


def adam(lr: float = 3e-3) -> Callable[[nn.Module], Any]:
    return lambda model: optim.Adam(model.parameters(), lr=lr)


def trained(
    model: Callable[[], nn.Module],
    loss: Any,
    optimizer: Any,
    data: Any,
    epochs: int = 10,
    val: Any = None,
    watch: bool | int = 5,
) -> Run:
    backlit.manual_seed(0)
    network = model()
    trainer = Trainer(network, loss, optimizer(network), seed=0, watch=watch)
    return trainer.fit(data, val, epochs=epochs, batch_size=20, compile=False)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x):
        return nn.functional.softmax(self.last(backlit.relu(self.first(x) - 30)), 1)


IMAGES = X.reshape(400, 1, 2, 4)


def convolutions(silent: int = 0) -> nn.Module:
    """A network of 8 channels, so many of which are never above 0."""
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 4))
    with backlit.no_grad():
        model[0].bias[:silent] = -50.0
    return model


class Sequence(nn.Module):
    """Reads eight numbers one after the other, and judges by what a recurrent layer knows at the end."""

    def __init__(self, kind: Any = nn.LSTM):
        super().__init__()
        self.memory, self.answer = kind(1, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, x):
        return self.answer(self.memory(x.unsqueeze(2))[0][:, -1])


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(4, 2, 16, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.Unflatten(1, (2, 4)), nn.Linear(4, 4), layer, nn.Flatten(), nn.Linear(8, 4))


HEALTHY = {
    "convolutions": (convolutions, CROSS_ENTROPY, adam(), (IMAGES, LABELS)),
    "a recurrent layer": (Sequence, CROSS_ENTROPY, adam(3e-2), CLASSES),
    "a transformer": (encoder, CROSS_ENTROPY, adam(), CLASSES),
    "Adam": (lambda: network(8, 16, 4), CROSS_ENTROPY, adam(), CLASSES),
    "a large rate that works": (lambda: network(8, 16, 4), CROSS_ENTROPY, adam(3e-2), CLASSES),
    "SGD": (lambda: network(8, 16, 4), CROSS_ENTROPY, sgd(0.1), CLASSES),
    "momentum": (lambda: network(8, 16, 16, 4), CROSS_ENTROPY, sgd(0.03, 0.9), CLASSES),
    "deep": (lambda: network(8, 32, 32, 32, 32, 4), CROSS_ENTROPY, adam(), CLASSES),
    "sigmoid": (lambda: network(8, 16, 4, act=nn.Sigmoid), CROSS_ENTROPY, adam(3e-2), CLASSES),
    "tanh": (lambda: network(8, 16, 16, 4, act=nn.Tanh), CROSS_ENTROPY, adam(), CLASSES),
    "a line": (lambda: nn.Linear(8, 1), nn.MSELoss(), sgd(0.05), NUMBERS),
    "targets of another size that are learnt": (lambda: nn.Linear(8, 1), nn.MSELoss(), sgd(0.05), (X, 300 * TARGETS)),
    "regression": (lambda: network(8, 16, 1), nn.MSELoss(), adam(), NUMBERS),
    "two classes": (lambda: network(8, 16, 1), nn.BCEWithLogitsLoss(), adam(1e-2), TWO),
    "probabilities": (lambda: network(8, 16, 1, last=nn.Sigmoid()), nn.BCELoss(), adam(1e-2), TWO),
    "log-probabilities": (lambda: network(8, 16, 4, last=nn.LogSoftmax(1)), nn.NLLLoss(), adam(), CLASSES),
    "normalised inputs": (
        lambda: nn.Sequential(nn.BatchNorm1d(8), network(8, 16, 4), nn.Dropout(0.0)), CROSS_ENTROPY, adam(),
        (100 * X + 50, LABELS),
    ),
    "numbers of categories": (
        lambda: nn.Sequential(nn.TableInput(8, [900], [4]), network(12, 16, 4)), CROSS_ENTROPY, adam(),
        (np.column_stack([X, np.arange(400) % 900]).astype(np.float32), LABELS),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_a_training_that_goes_well_gives_no_finding(name):
    model, loss, optimizer, (inputs, targets) = HEALTHY[name]
    parts = (inputs[:300], targets[:300]), (inputs[300:], targets[300:])
    run = trained(model, loss, optimizer, parts[0], val=parts[1])
    assert list(map(str, diagnose(run))) == []


PLANTED = {
    "dead from the start": (
        lambda: network(8, 16, 4, change=lambda m: m.bias.fill_(-30.0)), CROSS_ENTROPY, adam(), CLASSES,
        "dead units", "1", r"100 % of its values are 0 \(100 % at the first step\).*Scale the inputs",
    ),
    "dead by large steps": (
        lambda: network(8, 16, 16, 4), CROSS_ENTROPY, sgd(8.0), CLASSES,
        "dead units", "3", r"9\d % of its values|100 % of its values.*Lower the learning rate \(8\)",
    ),
    "dead functions": (
        Functional, CROSS_ENTROPY, adam(), CLASSES, "dead units", "relu()", "100 % of its values are 0",
    ),
    "dead channels": (
        lambda: convolutions(6), CROSS_ENTROPY, adam(), (IMAGES, LABELS),
        "dead units", "1", r"75 % of its channels are 0 in all rows of a batch \(75 % at the first step\)",
    ),
    "a recurrent layer's rate that is too high": (
        Sequence, CROSS_ENTROPY, adam(3.0), CLASSES,
        "a learning rate that is too high", "", r"memory\.weight_\w+\), where",
    ),
    "vanishing gradients through the steps": (
        lambda: nn.Sequential(nn.Flatten(), Sequence(nn.RNN)), CROSS_ENTROPY, adam(1e-4),
        (np.tile(X, (1, 6)), np.roll(LABELS, 1)),
        "vanishing gradients through the steps", "1.memory", r"at the last quarter .* at the first.*Use LSTM or GRU",
    ),
    "unscaled images": (
        convolutions, CROSS_ENTROPY, sgd(1e-4), (100 * IMAGES + 50, LABELS),
        "unscaled inputs", "", r"Subtract each channel's mean.*begin the network with a BatchNorm2d",
    ),
    "a rate that is too high": (
        lambda: network(8, 16, 4, act=nn.Tanh), CROSS_ENTROPY, adam(3.0), CLASSES,
        "a learning rate that is too high", "", r"updates reach \d.* of the size of the weights.*Lower",
    ),
    "a rate that is too low": (
        lambda: network(8, 16, 4), CROSS_ENTROPY, adam(1e-7), CLASSES,
        "a learning rate that is too low", "", r"updates are \S*e-0\d of the size.*about 1\d{0,1},000 times",
    ),
    "a rate that is nothing": (
        lambda: network(8, 16, 4), CROSS_ENTROPY, sgd(1e-12), CLASSES,
        "parameters that never change", "", "at every parameter, and no update follows",
    ),
    "parameters that the optimizer lacks": (
        lambda: network(8, 16, 4), CROSS_ENTROPY, lambda model: optim.Adam([*model.parameters()][2:]), CLASSES,
        "parameters that never change", "0.weight, 0.bias", r"root mean square \d\.\d.*model\.parameters\(\)",
    ),
    "vanishing gradients": (
        lambda: network(8, 16, 16, 16, 16, 16, 4, act=nn.Sigmoid), CROSS_ENTROPY, sgd(0.1), CLASSES,
        "vanishing gradients", "0.weight", r"at 10\.weight and \S*e-0\d at 0\.weight.*Use ReLU",
    ),
    "exploding values": (
        lambda: network(8, 32, 32, 32, 32, 4, change=lambda m: m.weight.mul_(12)), CROSS_ENTROPY, adam(1e-4), CLASSES,
        "values that explode", "8", r"before any update .* at 0 and .* at 8.*Start from smaller weights",
    ),
    "exploding gradients": (
        lambda: network(8, 16, 16, 4, change=lambda m: m.weight.mul_(1e5 if m.out_features == 4 else 0.1)),
        CROSS_ENTROPY, sgd(1e-12), CLASSES,
        "exploding gradients", "0.weight", r"grew from layer to layer.*clip_grad_norm",
    ),
    "saturated sigmoids": (
        lambda: network(8, 16, 4, act=nn.Sigmoid, change=lambda m: m.weight.mul_(100)), CROSS_ENTROPY, adam(), CLASSES,
        "a saturated sigmoid", "1", r"its average slope is 0\.0\d*, of at most 0\.25",
    ),
    "saturated tanh": (
        lambda: network(8, 16, 4, act=nn.Tanh, change=lambda m: m.weight.mul_(100)), CROSS_ENTROPY, adam(), CLASSES,
        "a saturated tanh", "1", r"its average slope is 0\.0\d*, of at most 1",
    ),
    "unscaled inputs": (
        lambda: network(8, 16, 4), CROSS_ENTROPY, sgd(1e-4), (100 * X + 50, LABELS),
        "unscaled inputs", "", r"with mean (4|5)\d.* and standard deviation \d\d.*Subtract each column's mean",
    ),
    "unscaled targets": (
        lambda: network(8, 16, 1), nn.MSELoss(), adam(), (X, 1e4 * TARGETS + 5e4),
        "unscaled targets", "", r"the outputs are of size 0\.\d+ and 5\.\d+e\+04 away.*turn predictions back",
    ),
    "unscaled targets, in absolute values": (
        lambda: network(8, 16, 1), nn.L1Loss(), adam(), (X, 1e4 * TARGETS + 5e4),
        "unscaled targets", "", r"away from the targets",
    ),
    "softmax twice": (
        lambda: network(8, 16, 4, last=nn.Softmax(1)), CROSS_ENTROPY, sgd(0.01), CLASSES,
        "softmax twice", "3", "CrossEntropyLoss applies it again.*Take the last activation out",
    ),
    "softmax twice, as a function": (
        Functional, CROSS_ENTROPY, adam(), CLASSES, "softmax twice", "last", "CrossEntropyLoss applies it again",
    ),
    "sigmoid twice": (
        lambda: network(8, 16, 1, last=nn.Sigmoid()), nn.BCEWithLogitsLoss(), sgd(0.01), TWO,
        "sigmoid twice", "3", "BCEWithLogitsLoss applies it again",
    ),
    "no log-probabilities": (
        lambda: network(8, 16, 4), nn.NLLLoss(), sgd(0.01), CLASSES,
        "outputs that are no log-probabilities", "2", "NLLLoss expects values up to 0.*LogSoftmax",
    ),
    "a ReLU at the output": (
        lambda: network(8, 16, 1, last=nn.ReLU()), nn.MSELoss(), adam(), (X, TARGETS - 5),
        "a ReLU at the output", "3", r"100 % of the network's outputs are 0",
    ),
    "a constant output": (
        lambda: network(8, 16, 16, 4, act=nn.Tanh, change=lambda m: m.weight.mul_(1e-3)), CROSS_ENTROPY, sgd(0.01),
        CLASSES, "an output that is the same for every row", "4", r"rows differ by \S*e-\d+ in outputs of size",
    ),
    "labels beside other rows": (
        lambda: network(8, 8, 4, act=nn.Tanh), CROSS_ENTROPY, adam(1e-3), (X, SHUFFLED),
        "nothing learnt", "", r"the loss of an epoch went from 1\.\d+ to 1\.\d+.*label is still beside",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_planted_failures_are_named(name):
    model, loss, optimizer, data, problem, where, words = PLANTED[name]
    found = diagnose(trained(model, loss, optimizer, data))
    matching = [finding for finding in found if finding.problem == problem]
    assert matching, f"found only {list(map(str, found))}"
    assert matching[0].where == where
    assert re.search(words, str(matching[0])), str(matching[0])


def test_rows_learnt_by_heart_and_overfitting():
    wide = (lambda: network(8, 256, 4), CROSS_ENTROPY, adam(1e-2))
    half = slice(0, 60), slice(60, 400)
    parts = [(X[part], SHUFFLED[part]) for part in half]
    (finding,) = diagnose(trained(*wide, parts[0], epochs=60, val=parts[1]))
    assert finding.problem == "nothing learnt that holds for other rows"
    parts = [(X[part], LABELS[part]) for part in half]
    noisy = parts[0][0], np.where(np.arange(60) % 4, LABELS[:60], SHUFFLED[:60])
    (finding,) = diagnose(trained(*wide, noisy, epochs=60, val=parts[1]))
    assert finding.problem == "overfitting"
    assert "EarlyStopping" in finding.mend


def test_a_tanh_that_saturates_because_it_is_sure_is_no_finding():
    signs = (X[:, 0] > 0).astype(np.int64)
    run = trained(lambda: network(8, 8, 8, 2, act=nn.Tanh), CROSS_ENTROPY, adam(4e-2), (X, signs), epochs=80, watch=20)
    values = run.watched.series("values", "3")[-1]
    assert 1 - values[1] ** 2 - values[2] ** 2 < 0.05
    assert diagnose(run) == []


def test_a_network_that_gives_no_tensor():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(backlit.ones(8, 1))

        def forward(self, x):
            return {"sum": x @ self.weight}

    run = trained(Named, lambda found, target: (found["sum"] - target).square().mean(), sgd(1e-9), (1e4 * X, TARGETS))
    assert "Subtract each column's mean" in str(diagnose(run)[0])


def test_batches_of_one_row_do_not_differ_among_themselves():
    model = network(8, 16, 4)
    fit = Trainer(model, CROSS_ENTROPY, optim.SGD(model.parameters(), lr=0.01), seed=0, watch=100)
    assert diagnose(fit.fit(CLASSES, epochs=2, batch_size=1)) == []


def test_without_watching_the_history_alone_is_judged():
    run = trained(lambda: network(8, 4), CROSS_ENTROPY, sgd(1e-9), CLASSES, watch=False)
    (finding,) = diagnose(run)
    assert finding.problem == "nothing learnt"
    assert diagnose(Run({"loss": []}, nn.ReLU())) == []


def test_bad_input():
    with pytest.raises(ArgumentTypeError, match=r"what Trainer\.fit returns, got dict"):
        diagnose({})
