"""Reading ONNX models: those written here give the module's results, those of others what ONNX Runtime says."""

import copy
import pickle

import numpy as np
import onnx
import onnxruntime
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentTypeError, DtypeError, FileError, GraphError, MissingFileError, ShapeError
from backlit.onnx import export, load
from backlit.onnx.operators import OPERATORS, Operator
from tests.nn.layer_table import numbers
from tests.onnx.modules import MODULES, built, tensors


@pytest.mark.parametrize(("text", "specs"), MODULES, ids=str)
def test_what_was_exported_comes_back(text, specs, tmp_path):
    module, given = built(text), tensors(specs)
    export(module, tmp_path / "model.onnx", example_input=given, dynamic_batch=given[0].ndim > 1)
    loaded = load(tmp_path / "model.onnx")
    expected = module.eval()(*given)
    found = loaded(*given)
    assert found.dtype == expected.dtype
    assert np.allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6, equal_nan=True)
    state = module.state_dict()
    assert all(np.array_equal(value.numpy(), state[name].numpy()) for name, value in loaded.state_dict().items())
    assert {name for name, _ in loaded.named_parameters()} == {name for name, _ in module.named_parameters()}


# The bodies of models whose inputs are those of `KINDS` that they name: p is above 1, i below 3.
BODIES = [
    *(f"r = {name}(x)" for name in (
        "Abs", "Atan", "Ceil", "Cos", "Erf", "Exp", "Floor", "HardSwish", "Identity", "IsNaN", "Neg", "Relu", "Round",
        "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sinh", "Cosh", "Asinh", "Tan", "Tanh", "Mish", "Celu",
        "Elu", "Gelu", "HardSigmoid", "LeakyRelu", "LogSoftmax", "Selu", "Softmax", "ThresholdedRelu", "Flatten",
        "Transpose", "Size", "Dropout", "ArgMax", "Squeeze", "Shape",
    )),
    *(f"r = {name}(p)" for name in ("Log", "Sqrt", "Reciprocal", "Acosh")),
    *(f"s = Tanh(x)  r = {name}(s)" for name in ("Acos", "Asin", "Atanh")),
    *(f"r = {name}(x, p)" for name in (
        "Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
        "Equal", "PRelu",
    )),
    *(f"a = Greater(x, p)  b = Less(x, p)  r = {name}(a, b)" for name in ("And", "Or", "Xor")),
    "a = Greater(x, p)  b = Not(a)  r = Where(b, x, p)",
    "r = Pow(p, x)",
    "r = Mod<fmod = 1>(x, p)",
    "r = IsInf(x)",
    "n = Constant<value_int = -3>()  r = Div(i, n)",
    "low = Constant<value_float = -0.5>()  r = Clip(x, low)",
    "r = Cast<to = 7>(x)",
    "r = MatMul(z, y)",
    "r = Gemm<alpha = 0.5, beta = 2.0, transB = 1>(x, y, x)",
    "r = Gemm<transA = 1>(x, x)",
    "r = Einsum<equation = \"bij,jk->bik\">(z, y)",
    "s = ReduceSum<keepdims = 0>(p)  r = Div(x, s)",
    "a = Constant<value_ints = [0, -1]>()  r = ReduceProd<keepdims = 0>(z, a)",
    *(f"a = Constant<value_ints = [-2, 0]>()  r = {name}(z, a)" for name in (
        "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum",
        "ReduceSumSquare",
    )),
    "r = ReduceSum<noop_with_empty_axes = 1>(x)",
    "r = ArgMin<axis = 1, keepdims = 0>(x)",
    "a = Constant<value_int = 1>()  r = CumSum<reverse = 1>(x, a)",
    "s = Constant<value_ints = [0, 2, -1]>()  r = Reshape(x, s)",
    "r = Flatten<axis = -1>(z)",
    "r = Transpose<perm = [2, 0, 1]>(z)",
    "a = Constant<value_ints = [1, -1]>()  u = Unsqueeze(x, a)  r = Squeeze(u, a)",
    "a = Constant<value_ints = [-1, 0]>()  r = Unsqueeze(x, a)",
    "s = Constant<value_ints = [2, 1, 1]>()  r = Expand(x, s)",
    "s = Constant<value_ints = [2, 3]>()  r = Tile(x, s)",
    "r = Concat<axis = -2>(x, y)",
    "r, q = Split<axis = 1, num_outputs = 2>(x)",
    "s = Constant<value_ints = [1, 2]>()  r, q = Split(x, s)",
    "b = Constant<value_ints = [1, -1]>()  e = Constant<value_ints = [9, -9]>()  a = Constant<value_ints = [0, 1]>() "
    "s = Constant<value_ints = [1, -2]>()  r = Slice(x, b, e, a, s)",
    "b = Constant<value_ints = [-2]>()  e = Constant<value_ints = [-1]>()  r = Slice(x, b, e)",
    "w = Constant<value_ints = [1, 0, 0, 2]>()  v = Constant<value_float = 7.0>()  r = Pad(x, w, v)",
    "g = Constant<value_ints = [2, -1]>()  r = Gather<axis = 1>(x, g)",
    "r = GatherElements<axis = 0>(x, i)",
    "g = Constant<value_ints = [0, 2, -1]>()  a = Constant<value_ints = [1]>()  h = Unsqueeze(g, a) "
    "r = GatherND(x, h)",
    "k = Constant<value_int = 1>()  r = Trilu(x, k)",
    "r = Trilu<upper = 0>(y)",
    "s = Shape(x)  r = ConstantOfShape(s)",
    "s = Shape<start = 0, end = 1>(z)  m = Constant<value_ints = [-1]>()  d = Concat<axis = 0>(s, m) "
    "r = Reshape(z, d)",
    "a = Constant<value_int = 0>()  b = Constant<value_int = 6>()  s = Constant<value_int = 2>()  r = Range(a, b, s)",
    "s = ReduceSum<keepdims = 0>(y)  r = LayerNormalization<axis = 0, epsilon = 0.01>(y, y, y)",
    "a = Constant<value_ints = [0]>()  m = ReduceMean<keepdims = 0>(y, a)  v = ReduceSumSquare<keepdims = 0>(y, a) "
    "r = BatchNormalization<epsilon = 0.1>(x, m, v, m, v)",
    *(f"r = Conv<{settings}>(image, kernel)" for settings in (
        "pads = [1, 0, 2, 1], strides = [2, 1]", "auto_pad = \"SAME_LOWER\", strides = [2, 2]",
        "auto_pad = \"VALID\", dilations = [1, 2]", "pads = [1, 1, 1, 1]",
    )),
    "a = Constant<value_ints = [0, 2, 3]>()  b = ReduceMean<keepdims = 0>(kernel, a)  r = Conv(image, kernel, b)",
    *(f"r = ConvTranspose<{settings}>(image, kernel)" for settings in (
        "pads = [1, 0, 2, 1], strides = [3, 2]", "auto_pad = \"SAME_UPPER\", strides = [2, 2]",
        "output_shape = [9, 11], strides = [2, 2]", "pads = [1, 1, 1, 1], output_padding = [1, 0], strides = [2, 1]",
    )),
    *(f"r = MaxPool<kernel_shape = [3, 2], {settings}>(image)" for settings in (
        "strides = [2, 2], pads = [0, 0, 1, 1]", "strides = [2, 3], ceil_mode = 1", "dilations = [2, 1]",
        "auto_pad = \"SAME_UPPER\", strides = [2, 2]", "pads = [1, 1, 1, 1], strides = [3, 3], ceil_mode = 1",
    )),
    *(f"r = AveragePool<kernel_shape = [3, 2], {settings}>(image)" for settings in (
        "strides = [2, 2]", "pads = [1, 0, 2, 1], strides = [2, 1]", "pads = [1, 1, 1, 1], count_include_pad = 1",
        "strides = [2, 3], ceil_mode = 1", "auto_pad = \"SAME_LOWER\", strides = [2, 2]",
        "pads = [1, 1, 1, 1], strides = [3, 3], ceil_mode = 1, count_include_pad = 1",
    )),
    *(f"r = {name}(image)" for name in ("GlobalAveragePool", "GlobalMaxPool")),
    "a = Constant<value_ints = [0, 2, 3]>()  b = ReduceMax<keepdims = 0>(image, a)  "
    "r = InstanceNormalization<epsilon = 0.1>(image, b, b)",
    "r = LRN<size = 3, alpha = 0.5, bias = 2.0>(image)",
    *(f"r = DepthToSpace<blocksize = 2, mode = \"{mode}\">(image)" for mode in ("DCR", "CRD")),
    "w = Constant<value_ints = [0, 0, 0, 0, 0, 0, 1, 0]>()  v = Pad(image, w)  r = SpaceToDepth<blocksize = 2>(v)",
    *(f"w = Constant<value_ints = [0, 0, 1, 2, 0, 0, 1, 0]>()  r = Pad<mode = \"{mode}\">(image, w)" for mode in (
        "edge", "reflect", "wrap",
    )),
    *(f"f = Constant<value_floats = {scales}>()  r = Resize<{settings}>(image,, f)" for scales, settings in (
        ("[1.0, 1.0, 2.0, 1.5]", "coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"floor\""),
        ("[1.0, 1.0, 3.0, 2.0]", "mode = \"nearest\""),
        ("[1.0, 1.0, 0.8, 1.6]", "nearest_mode = \"round_prefer_ceil\""),
        ("[1.0, 1.0, 1.5, 0.5]", "mode = \"linear\""),
        ("[1.0, 1.0, 1.5, 2.0]", "mode = \"cubic\", coordinate_transformation_mode = \"half_pixel\""),
    )),
    "s = Constant<value_ints = [1, 4, 7, 3]>()  "
    "r = Resize<mode = \"linear\", coordinate_transformation_mode = \"align_corners\">(image,,, s)",
    *(f"r, q = {op}<hidden_size = {size}, direction = \"bidirectional\"{more}>(z, gates, {before}, biases)"
      for op, size, more, before in (
          ("LSTM", 3, "", "lstm"), ("GRU", 4, ", linear_before_reset = 1", "gates"), ("RNN", 12, "", "rnn"),
          ("RNN", 12, ", activations = [\"Relu\", \"Relu\"]", "rnn"),
      )),
    "a = Constant<value_ints = [0]>()  b = Constant<value_ints = [1]>()  w = Slice(gates, a, b)  "
    "s = Slice(lstm, a, b)  n = Constant<value_ints = [3]>()  h = Slice(s, a, n, b)  "
    "q, o, r = LSTM<hidden_size = 3, direction = \"reverse\">(z, w, s,,, h, h)",
]  # fmt: skip
KINDS = {
    "x": "float[3, 4] x",
    "y": "float[4, 4] y",
    "z": "float[2, 3, 4] z",
    "p": "float[3, 4] p",
    "i": "int64[3, 4] i",
    "image": "float[1, 4, 5, 6] image",
    "kernel": "float[4, 4, 3, 2] kernel",
    "gates": "float[2, 12, 4] gates",
    "lstm": "float[2, 12, 3] lstm",
    "rnn": "float[2, 12, 12] rnn",
    "biases": "float[2, 24] biases",
}
VALUES = {
    "x": numbers((3, 4)).astype(np.float32),
    "y": numbers((4, 4), 50).astype(np.float32),
    "z": numbers((2, 3, 4), 90).astype(np.float32),
    "p": np.abs(numbers((3, 4), 7)).astype(np.float32) + 1,
    "i": np.arange(12).reshape(3, 4) % 3,
    "image": numbers((1, 4, 5, 6)).astype(np.float32),
    "kernel": numbers((4, 4, 3, 2), 31).astype(np.float32) / 10,
    "gates": numbers((2, 12, 4), 5).astype(np.float32) / 3,
    "lstm": numbers((2, 12, 3), 8).astype(np.float32) / 3,
    "rnn": numbers((2, 12, 12), 9).astype(np.float32) / 5,
    "biases": numbers((2, 24), 6).astype(np.float32) / 3,
}


def saved(body, path, opset=20):
    """A model of this body in a file, and the names of its inputs."""
    words = body.replace("(", " ").replace(")", " ").replace(",", " ").split()
    names = [name for name in KINDS if name in words]
    given = ", ".join(KINDS[name] for name in names)
    text = f'<ir_version: 8, opset_import: ["" : {opset}]> body ({given}) => (r) {{ {body} }}'
    proto = onnx.shape_inference.infer_shapes(onnx.parser.parse_model(text))
    onnx.save(proto, path)
    return names


@pytest.mark.parametrize("body", BODIES)
def test_models_of_others_agree_with_onnx_runtime(body, tmp_path):
    path = tmp_path / "model.onnx"
    names = saved(body, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {name: VALUES[name] for name in names})
    found = load(path)(*(backlit.tensor(VALUES[name]) for name in names))
    assert tuple(found.shape) == expected.shape
    assert found.numpy().dtype == expected.dtype
    assert np.allclose(found.numpy(), expected, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_every_operator_is_tried():
    tried = " ".join(BODIES)
    assert [name for name in OPERATORS if f"{name}(" not in tried and f"{name}<" not in tried] == []


def test_the_comparison_sees_a_wrong_operator(tmp_path, monkeypatch):
    monkeypatch.setitem(OPERATORS, "Relu", Operator(lambda a, x: x))
    with pytest.raises(AssertionError):
        test_models_of_others_agree_with_onnx_runtime("r = Relu(x)", tmp_path)


@pytest.fixture
def network(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.GELU(), nn.Flatten(), nn.Linear(3, 2))
    export(model, tmp_path / "model.onnx")
    return model.eval(), load(tmp_path / "model.onnx")


def test_a_loaded_model_has_the_same_gradients(network):
    model, loaded = network
    x = backlit.tensor(VALUES["x"])
    for module in (model, loaded):
        module(x).square().sum().backward()
    mine = dict(loaded.named_parameters())
    for name, parameter in model.named_parameters():
        assert np.allclose(mine[name].grad.numpy(), parameter.grad.numpy(), rtol=1e-4, atol=1e-6)


def test_a_loaded_model_is_compiled_copied_and_written_again(network, tmp_path):
    model, loaded = network
    x = backlit.tensor(VALUES["x"])
    expected = model(x).detach().numpy()
    export(loaded, tmp_path / "again.onnx", example_input=x)
    for module in (
        backlit.compile(loaded),
        copy.deepcopy(loaded),
        pickle.loads(pickle.dumps(loaded)),
        load(tmp_path / "again.onnx"),
    ):
        assert np.allclose(module(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    assert loaded.double()(x.double()).dtype == backlit.float64


def test_names_that_are_no_attributes(tmp_path):
    weights = {"train.weight": 1.0, "train.bias": 2.0, "forward": 3.0, "onnx::MatMul_7": 4.0}
    initializers = [onnx.numpy_helper.from_array(np.full(1, v, np.float32), n) for n, v in weights.items()]
    info = onnx.helper.make_tensor_value_info
    nodes = [onnx.helper.make_node("Sum", ["x", *weights], ["r"])]
    graph = onnx.helper.make_graph(
        nodes, "sum", [info("x", 1, ["rows"])], [info("r", 1, ["rows"])], initializer=initializers
    )
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 18)]),
              tmp_path / "model.onnx")  # fmt: skip
    loaded = load(tmp_path / "model.onnx")
    assert loaded(backlit.zeros(2)).tolist() == [10.0, 10.0]
    assert [name for name, _ in loaded.named_parameters()] == [
        "forward_",
        "onnx__MatMul_7",
        "train_.weight",
        "train_.bias",
    ]


def test_sizes_among_the_weights_are_not_learnt(tmp_path):
    scales = onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Resize", ["x", "", "scales"], ["r"], mode="nearest")],
        "larger", [info("x", 1, ["rows", 1, 2, 2])], [info("r", 1, ["rows", 1, 4, 4])], initializer=[scales],
    )  # fmt: skip
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 18)]),
              tmp_path / "model.onnx")  # fmt: skip
    loaded = load(tmp_path / "model.onnx")
    assert list(loaded.parameters()) == []
    x = backlit.arange(4.0).reshape(1, 1, 2, 2)
    assert backlit.compile(loaded)(x)[0, 0, 0].tolist() == [0.0, 0.0, 1.0, 1.0]


def test_bad_files(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(MissingFileError, match="no file"):
        load(path)
    export(nn.Linear(2, 1), path)
    whole = path.read_bytes()
    for damaged in (b"", b"not a model at all", whole[: len(whole) // 2], whole[:-9]):
        path.write_bytes(damaged)
        with pytest.raises(FileError, match="damaged"):
            load(path)
    saved("r = Det(y)  q = LpPool<kernel_shape = [2]>(z)", path)
    with pytest.raises(GraphError, match="not read: Det, LpPool"):
        load(path)
    saved("r = Relu(x)", path, opset=11)
    with pytest.raises(GraphError, match="version 11"):
        load(path)


def test_bad_inputs(network):
    _, loaded = network
    with pytest.raises(ShapeError, match=r"input 'input' .* \(3, 5\); expected \(batch, 4\)"):
        loaded(backlit.ones(3, 5))
    with pytest.raises(ShapeError, match="expected"):
        loaded(backlit.ones(4))
    with pytest.raises(DtypeError, match="int64; expected float32"):
        loaded(backlit.ones(3, 4, dtype=backlit.int64))
    with pytest.raises(ArgumentTypeError, match="takes 1 inputs"):
        loaded()
    with pytest.raises(ArgumentTypeError, match="expected a tensor"):
        loaded([[1.0, 2.0, 3.0, 4.0]])


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ("r = MaxPool<kernel_shape = [2], storage_order = 1>(z)", GraphError, "storage_order"),
        ("r = MaxPool<kernel_shape = [9, 9]>(image)", ShapeError, "windows of"),
        ("r = Conv<group = 2>(image, kernel)", ShapeError, "channels"),
        ("r = AveragePool<kernel_shape = [2, 2], dilations = [2, 1]>(image)", GraphError, "dilations"),
        ("r = LRN<size = 2>(image)", GraphError, "size 2"),
        ("f = Constant<value_floats = [1.0, 2.0, 1.0, 1.0]>()  r = Resize(image,, f)", GraphError, "behind rows"),
        ("f = Constant<value_floats = [1.0, 1.0, 0.5, 1.0]>()  r = Resize(image,, f)", GraphError, "half_pixel"),
        ("r, q = GRU<hidden_size = 4>(z, gates, gates)", GraphError, "linear_before_reset 0"),
        ("r, q = LSTM<hidden_size = 3, activations = [\"Relu\", \"Tanh\", \"Tanh\"]>(z, gates, lstm)", GraphError,
         "Relu"),
    ],
)  # fmt: skip
def test_what_a_node_cannot_do_is_said_with_its_name(body, error, words, tmp_path):
    path = tmp_path / "model.onnx"
    values = [backlit.tensor(VALUES[name]) for name in saved(body, path)]
    with pytest.raises(error, match=rf"^[A-Za-z]+, node 'r.*' of the ONNX model: .*{words}"):
        load(path)(*values)
