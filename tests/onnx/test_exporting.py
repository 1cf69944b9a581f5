"""What is written as an ONNX model gives the same results in ONNX Runtime as here, for every layer and loss."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

import backlit
from backlit import nn
from backlit.data import StandardScaler
from backlit.errors import (
    ArgumentError,
    ArgumentTypeError,
    GraphError,
    MissingFileError,
    MissingPackageError,
    ShapeError,
    StateError,
)
from backlit.onnx import export
from backlit.onnx.symbolic import UFUNCS
from tests.nn.layer_table import inputs
from tests.onnx.modules import MODULES, built, tensors


def run(path, given):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: t.numpy() for i, t in zip(session.get_inputs(), given, strict=True)})


def agrees(found, expected):
    expected = expected.detach().numpy()
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize(("text", "specs"), MODULES, ids=str)
def test_onnx_runtime_agrees(text, specs, tmp_path):
    module, given = built(text), tensors(specs)
    batched = given[0].ndim > 1
    export(module, tmp_path / "model.onnx", example_input=given, dynamic_batch=batched)
    agrees(run(tmp_path / "model.onnx", given)[0], module.eval()(*given))
    if batched and len(given[0]):
        more = tuple(backlit.cat([t, t[:1]]) for t in given)
        agrees(run(tmp_path / "model.onnx", more)[0], module(*more))


def test_names_types_and_modes_are_kept(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    model[2].eval()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    export(model, tmp_path / "model.onnx")
    proto = onnx.load(tmp_path / "model.onnx")
    assert {i.name for i in proto.graph.initializer} == set(before) - {"1.num_batches_tracked"}
    assert [i.name for i in proto.graph.input] == ["input"]
    assert [o.name for o in proto.graph.output] == ["output"]
    assert [m.training for m in model] == [True, True, False]
    assert all(np.array_equal(value.numpy(), before[name]) for name, value in model.state_dict().items())


def test_float64_stays_float64(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Tanh()).double()
    export(model, tmp_path / "model.onnx")
    given = backlit.tensor(inputs([(5, 4)])[0])
    found = run(tmp_path / "model.onnx", (given,))[0]
    assert found.dtype == np.float64
    assert np.allclose(found, model(given).detach().numpy(), rtol=1e-12, atol=1e-12)


class Shaping(nn.Module):
    """Parts, orders and joins, whose nodes no layer of the table needs."""

    def forward(self, x):
        parts = [x[:, 1:3], x.flip(1)[:, :2], x[:, -1:], x[..., 0, None]]
        joined = backlit.cat(parts, 1).transpose(0, 1).cumsum(0)
        rows = backlit.stack([joined, -joined], 0)
        return rows.amax(1), rows.argmax(1), rows.var(0), rows.std(1), rows[:, backlit.tensor([2, 0])], rows.triu()


def test_parts_orders_and_joins(tmp_path):
    given = (backlit.tensor(inputs([(5, 4)])[0].astype(np.float32)),)
    export(Shaping(), tmp_path / "model.onnx", example_input=given)
    for found, expected in zip(run(tmp_path / "model.onnx", given), Shaping()(*given), strict=True):
        agrees(found, expected)


def test_the_batch_size_is_open_in_the_model(tmp_path):
    path = tmp_path / "model.onnx"
    for model, expected in [(nn.Flatten(), ["batch", 12]), (nn.Flatten(0, 1), ["", 4])]:
        export(model, path, example_input=backlit.ones(2, 3, 4))
        graph = onnx.load(path).graph
        shapes = [[d.dim_param or d.dim_value or "" for d in v.type.tensor_type.shape.dim]
                  for v in (graph.input[0], graph.output[0])]  # fmt: skip
        assert shapes == [["batch", 3, 4], expected]
    export(nn.Flatten(), path, example_input=backlit.ones(2, 3, 4), dynamic_batch=False)
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument):
        run(path, (backlit.ones(3, 3, 4),))


def test_the_states_of_a_recurrent_layer_are_outputs(tmp_path):
    layer, given = nn.LSTM(3, 4, num_layers=2, batch_first=True, bidirectional=True), (backlit.randn(2, 5, 3),)
    export(layer, tmp_path / "model.onnx", example_input=given)
    output, (h, c) = layer(*given)
    for found, expected in zip(run(tmp_path / "model.onnx", given), (output, h, c), strict=True):
        agrees(found, expected)
    with pytest.raises(GraphError, match="dynamic_batch=False"):
        export(nn.GRU(3, 4), tmp_path / "model.onnx", example_input=backlit.ones(5, 2, 3))


@pytest.mark.parametrize(
    ("layers", "operators"),
    [
        ([nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True)], ["Conv", "Max"]),
        ([nn.ConvTranspose2d(1, 2, 3, 2, 1, 1), nn.ReLU(inplace=True)], ["ConvTranspose", "Max"]),
        ([nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(9, 2)], ["MaxPool", "Reshape", "Gemm"]),
        (
            [nn.AvgPool2d(2, padding=1), nn.LayerNorm(4), nn.Softmax(1)],
            ["AveragePool", "LayerNormalization", "Softmax"],
        ),
    ],
)
def test_a_layer_is_one_operator(layers, operators, tmp_path):
    model, given = nn.Sequential(*layers).eval(), backlit.randn(2, 1, 6, 6)
    export(model, tmp_path / "model.onnx", example_input=given)
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert [node.op_type for node in graph.node if node.op_type not in ("Constant", "Identity")] == operators
    agrees(run(tmp_path / "model.onnx", [given])[0], model(given))
    # In float64, for which ONNX Runtime has no convolutions, layers are written as their formulas.
    double = given.double()
    export(model.double(), tmp_path / "model.onnx", example_input=double)
    agrees(run(tmp_path / "model.onnx", [double])[0], model(double))


class Named(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.register_parameter(name, nn.Parameter(backlit.ones(4)))

    def forward(self, x):
        return x * next(self.parameters()) + 1


def test_names_do_not_meet(tmp_path):
    given = (backlit.ones(3, 4),)
    export(Named("mul_0"), tmp_path / "model.onnx", example_input=given)
    agrees(run(tmp_path / "model.onnx", given)[0], backlit.full((3, 4), 2.0))
    with pytest.raises(ArgumentError, match="'output'"):
        export(Named("output"), tmp_path / "model.onnx", example_input=given)


class Doubtful(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.register_buffer("count", backlit.zeros(1))

    def forward(self, x):
        return self.function(self, x)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda m, x: x.median(1).values, "median_along cannot be written"),
        (lambda m, x: m.count.add_(1) + x, "changes count"),
        (lambda m, x: x[: len(x) // 2], "batch size"),
        (lambda m, x: x if x.sum() > 0 else -x, "value"),
    ],
)
def test_what_has_no_onnx_form_is_named(function, words, tmp_path):
    with pytest.raises(GraphError, match=words):
        export(Doubtful(function), tmp_path / "model.onnx", example_input=backlit.ones(4, 6))
    assert not list(tmp_path.iterdir())


def test_bad_arguments(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(ArgumentTypeError, match=r"expected a backlit\.nn\.Module"):
        export("model", path)
    with pytest.raises(ArgumentTypeError, match="example_input is list"):
        export(nn.Linear(2, 1), path, example_input=([1.0, 2.0],))
    with pytest.raises(ArgumentError, match="example_input"):
        export(nn.ReLU(), path)
    with pytest.raises(ShapeError, match="inear"):
        export(nn.Linear(2, 1), path, example_input=backlit.ones(4, 3))
    with pytest.raises(MissingFileError, match="no folder"):
        export(nn.Linear(2, 1), tmp_path / "nowhere" / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_the_comparison_sees_a_wrong_node(tmp_path, monkeypatch):
    monkeypatch.setitem(UFUNCS, "multiply", "Add")
    module, given = built("GLU()"), tensors([(3, 4)])
    export(module, tmp_path / "model.onnx", example_input=given)
    with pytest.raises(AssertionError):
        agrees(run(tmp_path / "model.onnx", given)[0], module(*given))


def test_scalers_are_part_of_the_model(tmp_path):
    rows = inputs([(30, 4)])[0] * [1.0, 1e-3, 1e4, 1.0] + [0.0, 5.0, 1e6, -2.0]
    targets = inputs([(30, 2)])[0] * 1e3 + 1e5
    scaler, target_scaler = StandardScaler().fit(rows), StandardScaler().fit(targets)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    export(model, tmp_path / "model.onnx", scaler=scaler, target_scaler=target_scaler)
    found = run(tmp_path / "model.onnx", (backlit.tensor(rows),))[0]
    expected = target_scaler.inverse_transform(model(backlit.from_numpy(scaler.transform(rows))).detach().numpy())
    assert np.allclose(found, expected, rtol=1e-5, atol=0)
    with pytest.raises(StateError, match="fit"):
        export(model, tmp_path / "other.onnx", scaler=StandardScaler())
    with pytest.raises(ShapeError):
        export(nn.Linear(3, 1), tmp_path / "other.onnx", scaler=scaler)


def test_the_onnx_package_is_imported_when_needed(tmp_path, monkeypatch):
    code = (
        "import sys, backlit.onnx, backlit.interop; sys.exit(bool({'onnx', 'onnxruntime', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPackageError, match="pip install"):
        export(nn.Linear(2, 1), tmp_path / "model.onnx")
