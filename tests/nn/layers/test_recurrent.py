"""Recurrent layers compute what PyTorch's do, states included, learn as one program, and refuse what does not fit."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from backlit.nn.utils.rnn import pack_sequence, pad_packed_sequence
from backlit.train import Trainer
from backlit.train.architecture import build, describe
from tests.nn.layer_table import RECURRENT, inputs, numbers, state

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "networks.json").read_text(encoding="utf-8"))
X = backlit.tensor(inputs([(5, 2, 3)])[0])


def built(text):
    module = eval(text, dict(vars(nn))).double()
    named = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    module.load_state_dict({name: backlit.tensor(value) for name, value in state(named).items()})
    return module


def flat(result):
    return [tensor for part in result for tensor in flat(part)] if isinstance(result, tuple) else [result]


def agree(found, expected):
    np.testing.assert_allclose(found.detach().numpy().ravel(), expected, rtol=1e-11, atol=1e-12)


def compare(entry, expected):
    text, shape, states = entry
    module = built(text)
    assert repr(module) == expected["repr"]
    tensors = [backlit.tensor(array, requires_grad=True) for array in inputs([shape, *states])]
    hx = tuple(tensors[1:]) if len(states) > 1 else tensors[1] if states else None
    results = flat(module(tensors[0], hx))
    for result, values in zip(results, expected["outputs"], strict=True):
        agree(result, values)
    sum((result * backlit.tensor(numbers(tuple(result.shape), 50))).sum() for result in results).backward()
    for tensor, values in zip(tensors, expected["inputs"], strict=True):
        agree(tensor.grad, values)
    assert [name for name, _ in module.named_parameters()] == list(expected["parameters"])
    for name, values in expected["parameters"].items():
        agree(module.get_parameter(name).grad, values)


@pytest.mark.parametrize(
    ("entry", "expected"), list(zip(RECURRENT, REFERENCE["recurrent"], strict=True)), ids=lambda v: str(v)[:60]
)
def test_results_and_gradients_are_pytorchs(entry, expected):
    compare(entry, expected)


def test_a_planted_fault_is_seen():
    wrong = json.loads(json.dumps(REFERENCE["recurrent"][3]))
    wrong["outputs"][2][1] *= 1 + 1e-9
    with pytest.raises(AssertionError, match="Mismatched elements: 1"):
        compare(RECURRENT[3], wrong)


LAYERS = ["RNN(3, 4)", "RNN(3, 4, nonlinearity='relu')", "LSTM(3, 4)", "GRU(3, 4)"]


@pytest.mark.parametrize("text", LAYERS)
def test_a_cell_step_by_step_is_the_layer(text):
    layer, cell = built(text), built(text.replace("(", "Cell(", 1))
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    output, last = layer(X)
    after = None
    for at_step, expected in zip(X, output, strict=True):
        after = cell(at_step, after)
        np.testing.assert_array_equal(flat(after)[0].detach(), expected.detach())
    for one, other in zip(flat(after), flat(last), strict=True):
        np.testing.assert_array_equal(one.detach(), other[0].detach())
    for one, other in zip(flat(cell(X[0, 0])), flat(cell(X[0])), strict=True):
        np.testing.assert_allclose(one.detach(), other[0].detach(), rtol=1e-14)


@pytest.mark.parametrize("text", [t.replace(")", ", num_layers=2, bidirectional=True)") for t in LAYERS])
def test_the_order_of_dimensions_changes_nothing_else(text):
    output, last = built(text)(X)
    first, last_first = built(text.replace(")", ", batch_first=True)"))(X.transpose(0, 1))
    np.testing.assert_array_equal(first.transpose(0, 1).detach(), output.detach())
    one, last_one = built(text)(X[:, 0])
    np.testing.assert_allclose(one.detach(), output[:, 0].detach(), rtol=1e-13)
    for a, b, c in zip(flat(last), flat(last_first), flat(last_one), strict=True):
        np.testing.assert_array_equal(a.detach(), b.detach())
        np.testing.assert_allclose(a[:, 0].detach(), c.detach(), rtol=1e-13)


@pytest.mark.parametrize("text", LAYERS)
def test_a_sequence_in_pieces_is_the_sequence(text):
    layer = built(text.replace(")", ", num_layers=2)"))
    output, last = layer(X)
    first, between = layer(X[:3])
    second, end = layer(X[3:], between)
    np.testing.assert_array_equal(backlit.cat([first, second]).detach(), output.detach())
    for one, other in zip(flat(end), flat(last), strict=True):
        np.testing.assert_array_equal(one.detach(), other.detach())


@pytest.mark.parametrize("text", [t.replace(")", ", num_layers=2, bidirectional=True)") for t in LAYERS])
@pytest.mark.parametrize("given", [False, True])
def test_packed_sequences_are_read_as_each_alone(text, given):
    layer, lengths = built(text), [3, 5, 1, 5]
    sequences = [backlit.tensor(numbers((n, 3), 10 * n)) for n in lengths]
    before = [backlit.tensor(numbers((4, 4, 4), start)) for start in (5, 9)][: 2 if "LSTM" in text else 1]
    hx = None if not given else tuple(before) if "LSTM" in text else before[0]
    packed, last = layer(pack_sequence(sequences, enforce_sorted=False), hx)
    assert packed.sorted_indices.tolist() == [1, 3, 0, 2]
    output, again = pad_packed_sequence(packed)
    assert again.tolist() == lengths
    for place, sequence in enumerate(sequences):
        own = [state[:, place] for state in before]
        alone, end = layer(sequence, None if not given else tuple(own) if "LSTM" in text else own[0])
        np.testing.assert_allclose(output[: len(sequence), place].detach(), alone.detach(), rtol=1e-12)
        for one, other in zip(flat(last), flat(end), strict=True):
            np.testing.assert_allclose(one[:, place].detach(), other.detach(), rtol=1e-12)


def test_no_sequence_at_all_gives_none():
    for text in LAYERS:
        output, last = built(text)(backlit.zeros(5, 0, 3).double())
        assert [tuple(t.shape) for t in (output, *flat(last))][:2] == [(5, 0, 4), (1, 0, 4)]


def test_weights_begin_evenly_spread_over_the_root_of_the_hidden_size():
    backlit.manual_seed(0)
    layer = nn.LSTM(50, 25, 2, bidirectional=True)
    assert {name.rsplit("_l", 1)[1] for name, _ in layer.named_parameters()} == {"0", "0_reverse", "1", "1_reverse"}
    for parameter in (*layer.parameters(), *nn.GRUCell(50, 25).parameters()):
        assert 0.17 < float(parameter.abs().max()) <= 0.2
    assert [p.shape for p in layer.all_weights[2]] == [(100, 50), (100, 25), (100,), (100,)]
    before = layer.weight_hh_l1.clone()
    layer.flatten_parameters()
    assert backlit.equal(layer.weight_hh_l1, before)


def test_dropout_stands_between_layers_while_training():
    layer, plain = built("GRU(3, 4, num_layers=2, dropout=1.0)"), built("GRU(3, 4, num_layers=2)")
    upper = built("GRU(4, 4)")
    upper.load_state_dict({n.replace("l1", "l0"): v for n, v in plain.state_dict().items() if n.endswith("l1")})
    np.testing.assert_array_equal(layer(X)[0].detach(), upper(backlit.zeros(5, 2, 4).double())[0].detach())
    np.testing.assert_array_equal(layer.eval()(X)[0].detach(), plain(X)[0].detach())
    with pytest.warns(UserWarning, match="num_layers greater than 1, but got dropout=0.5 and num_layers=1"):
        nn.LSTM(3, 4, dropout=0.5)


class Reader(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.reads = getattr(nn, kind)(2, 6, num_layers=2, batch_first=True, dropout=0.2)
        self.decides = nn.Linear(6, 3)

    def forward(self, x):
        return self.decides(self.reads(x)[0][:, -1])


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_compiled_fit_equals_an_eager_one(kind):
    rng = np.random.default_rng(0)
    data, labels = rng.normal(size=(50, 4, 2)), rng.integers(0, 3, 50)

    def fitted(**options):
        backlit.manual_seed(0)
        model = Reader(kind).double()
        trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.01), seed=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run = trainer.fit((data, labels), epochs=3, batch_size=16, **options)
        return run.history["loss"], model

    (losses, model), (expected, eager) = fitted(), fitted(compile=False)
    np.testing.assert_allclose(losses, expected, rtol=1e-11)
    for one, other in zip(model.parameters(), eager.parameters(), strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), rtol=1e-8, atol=1e-10)


def test_a_hundred_steps_compile():
    cell = built("RNN(1, 2, batch_first=True)")
    given = backlit.tensor(numbers((2, 100, 1)))

    @backlit.compile
    def step(x):
        cell.zero_grad()
        loss = cell(x)[1].square().sum()
        loss.backward()
        return loss.detach(), cell.weight_hh_l0.grad.clone()

    loss, grad = step(given)
    cell.zero_grad()
    expected = cell(given)[1].square().sum()
    expected.backward()
    np.testing.assert_allclose(loss, expected.detach(), rtol=1e-11)
    np.testing.assert_allclose(grad, cell.weight_hh_l0.grad, rtol=1e-9)


def test_layers_are_built_again_from_their_words():
    for text, *_ in RECURRENT:
        module = eval(text, dict(vars(nn)))
        again = build(describe(module))
        assert repr(again) == repr(module)
        assert [(n, p.shape) for n, p in again.named_parameters()] == [
            (n, p.shape) for n, p in module.named_parameters()
        ]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"hidden_size": 0}, ArgumentError, "LSTM: hidden_size must be greater than zero, got 0"),
        ({"input_size": -1}, ArgumentError, "LSTM: input_size must be greater than zero, got -1"),
        ({"num_layers": 0}, ArgumentError, "LSTM: num_layers must be greater than zero"),
        ({"hidden_size": 2.0}, ArgumentTypeError, r"LSTM: hidden_size must be an integer, got 2\.0"),
        ({"bias": 1}, ArgumentTypeError, "LSTM: bias must be True or False, got 1"),
        ({"dropout": 1.5}, ArgumentError, "LSTM: dropout probability has to be between 0 and 1"),
        ({"proj_size": 4}, ArgumentError, "LSTM: proj_size must be an integer from 1 to hidden_size - 1 = 3"),
        ({"proj_size": -1}, ArgumentError, "proj_size"),
    ],
)
def test_sizes_that_are_none(arguments, error, words):
    with pytest.raises(error, match=words):
        nn.LSTM(**{"input_size": 3, "hidden_size": 4, **arguments})


def test_modes_that_are_none():
    for kind in (nn.RNN, nn.RNNCell):
        with pytest.raises(ArgumentError, match=r"unknown nonlinearity 'tan'; did you mean 'tanh'\?"):
            kind(3, 4, nonlinearity="tan")
    with pytest.raises(ArgumentError, match=r"RNNBase: unknown mode 'LSTN'; did you mean 'LSTM'\?"):
        nn.RNNBase("LSTN", 3, 4)
    with pytest.raises(ArgumentError, match="proj_size argument is only supported for LSTM"):
        nn.RNNBase("GRU", 3, 4, proj_size=2)
    with pytest.raises(ArgumentError, match="GRUCell: hidden_size must be an integer and not negative, got -4"):
        nn.GRUCell(3, -4)


@pytest.mark.parametrize(
    ("text", "shapes", "words"),
    [
        (
            "LSTM(3, 4)",
            [(5, 2, 4)],
            r"LSTM: got an input of shape \(5, 2, 4\), expected \(time, n, 3\), or \(time, 3\)",
        ),
        ("GRU(3, 4, batch_first=True)", [(5, 2, 2, 3)], r"expected \(n, time, 3\).*must be input_size=3"),
        ("GRU(3, 4)", [(0, 2, 3)], "a sequence needs at least one step"),
        ("RNN(3, 4)", [(5, 2, 3), (1, 3, 4)], r"hx has shape \(1, 3, 4\), expected \(1, 2, 4\) with an input"),
        ("RNN(3, 4)", [(5, 3), (1, 2, 4)], r"hx has shape \(1, 2, 4\), expected \(1, 4\)"),
        ("LSTM(3, 4, 2)", [(5, 2, 3), (2, 2, 4), (1, 2, 4)], r"c_0 has shape \(1, 2, 4\), expected \(2, 2, 4\)"),
        ("LSTM(3, 4, proj_size=2)", [(5, 2, 3), (1, 2, 4), (1, 2, 4)], r"h_0 has shape .*, expected \(1, 2, 2\)"),
        ("LSTMCell(3, 4)", [(2, 2)], r"LSTMCell: got an input of shape \(2, 2\), expected \(n, 3\) or \(3\)"),
        ("GRUCell(3, 4)", [(2, 3), (2, 3)], r"GRUCell: hx has shape \(2, 3\), expected \(2, 4\)"),
    ],
)
def test_shapes_that_do_not_fit(text, shapes, words):
    given, *states = [backlit.ones(*shape).double() for shape in shapes]
    hx = tuple(states) if len(states) > 1 else states[0] if states else None
    with pytest.raises(ShapeError, match=words):
        built(text)(given, hx)


def test_types_that_do_not_fit():
    narrow = X.float()
    with pytest.raises(DtypeError, match="GRU: got an input of type float32, its weights are float64"):
        built("GRU(3, 4)")(narrow)
    with pytest.raises(DtypeError, match="RNN: hx is float32 and the input float64"):
        built("RNN(3, 4)")(X, backlit.zeros(1, 2, 4))
    with pytest.raises(DtypeError, match="floating-point tensor, got int64"):
        built("RNNCell(3, 4)")(X[0].long())
    with pytest.raises(ArgumentTypeError, match=r"LSTM: hx must be two tensors \(h_0, c_0\), got Tensor"):
        built("LSTM(3, 4)")(X, X)
    with pytest.raises(ArgumentTypeError, match="GRU: hx must be a tensor, got tuple"):
        built("GRU(3, 4)")(X, (X, X))
