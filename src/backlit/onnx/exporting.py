"""Writing a module as an ONNX model.

The module's forward pass is traced, and each operation's own forward rule runs on symbolic arrays that write ONNX nodes
(see `onnx.symbolic`), but for composites that are one of ONNX's operators (see `onnx.composites`). Two
traces at different batch sizes show where the batch size stands in the model, so that the file serves any.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backlit import nn
from backlit.compiler.rows import SAMPLES
from backlit.core.modes import STATE
from backlit.core.tensor_base import Symbol, make
from backlit.data import StandardScaler
from backlit.errors import ArgumentError, GraphError, MissingFileError
from backlit.graph.graph import Graph, Ref
from backlit.graph.trace import Traced
from backlit.onnx.composites import needed_steps, steps_of, write_composite
from backlit.onnx.formulas import OnnxNamespace
from backlit.onnx.package import onnx_package
from backlit.onnx.program import Labels, Program, Texts
from backlit.onnx.symbolic import NoOperator, OnnxArray, Step, Writer
from backlit.onnx.tables import TableProgram, served_by
from backlit.serialization import write_whole

# The first version of ONNX's operators in which all that are written here have their present form.
OPSET = 18
# The version of the file format that came with it.
_IR_VERSION = 8
# What maps texts to numbers is of the other set of operators that every runtime has.
_ML, _ML_OPSET = "ai.onnx.ml", 2
BATCH = "batch"
BUFFERS = "backlit.buffers"


def export(
    model: Any,
    path: "str | os.PathLike[str]",
    *,
    example_input: Any = None,
    dynamic_batch: bool = True,
    scaler: StandardScaler | None = None,
    target_scaler: StandardScaler | None = None,
) -> None:
    """Write a trained network as an ONNX model (ONNX operators of version 18).

    A module is written as it computes in evaluation mode. Parameters and buffers keep their names. The inputs are
    called "input", or "input_0" and so on, the outputs "output", or "output_0" and so on.

    A fitted estimator of `backlit.sklearn`, alone or in a pipeline after a `StandardScaler`, and a run of `backlit
    train` are written with all that is done before and after the network; see `onnx.tables` for the inputs and outputs
    of such a model.

    Args:
        model: A module, an estimator, a pipeline, or a `backlit.train.Run`; it stays as it is, its modes included.
        path: Where to write; the file appears whole or not at all.
        example_input: A tensor, or a tuple of tensors for a module of several inputs; only shapes and types count.
            None: one row for the first layer of the module, which must be one that says what it takes.
        dynamic_batch: Whether the first dimension, of every input that shares the first input's size of it, may have
            any size when the model is run. False: the model takes the example's shapes only.
        scaler: What standardised the columns of the table that the module was trained on: the model then takes the
            table's own values, in float64 as the scaler does, and needs no example.
        target_scaler: What standardised the targets: the model then gives values of the targets' own scale.

    Raises:
        ArgumentError: There is no example, and the first layer does not say what it takes; or a parameter is called
            as an input or output of the model.
        ArgumentTypeError: `model` is none of these, or the example is no tensor or tuple of tensors.
        StateError: A scaler is not fitted, or a run is not one of `backlit train`.
        ShapeError: The module does not take inputs of the example's shapes, the first dimension free.
        GraphError: The module changes its state, branches on values, does what ONNX has no operator for, or does
            different things for different batch sizes; the message says which.
        MissingFileError: There is no such folder.
        MissingPackageError: The onnx package is not installed.
    """
    onnx = onnx_package()
    target = Path(path)
    if not target.parent.is_dir():
        raise MissingFileError(f"export: there is no folder {target.parent}")
    program = _program(model, example_input, scaler, target_scaler)
    examples = list(program.inputs.values())
    batched = [dynamic_batch and e.shape[:1] == examples[0].shape[:1] != () for e in examples]
    sizes = SAMPLES if any(batched) else (0,)
    written = []
    with _evaluating(program.model):
        for rows in sizes:
            shapes = [(rows, *e.shape[1:]) if b else e.shape for e, b in zip(examples, batched, strict=True)]
            written.append(_write(program, [Symbol(s, e.dtype) for s, e in zip(shapes, examples, strict=True)]))
    traced, steps, outputs = written[0]
    if len(written) > 1:
        steps = _for_any_batch(steps, written[1][1], next(iter(program.inputs)))
    open_outputs = [
        # What is neither a fixed size nor the batch size, such as a multiple of it, stays without a name.
        tuple(n if n == m else BATCH if (n, m) == SAMPLES else None for n, m in zip(o.shape, second.shape, strict=True))
        for o, second in zip(outputs, written[-1][2], strict=True)
    ]
    open_inputs = [(BATCH, *e.shape[1:]) if b else e.shape for e, b in zip(examples, batched, strict=True)]
    proto = _model(onnx, program, traced, steps, outputs, open_inputs, open_outputs)
    write_whole(target, proto.SerializeToString())


def _program(model: Any, example_input: Any, *scalers: StandardScaler | None) -> Program:
    if isinstance(model, nn.Module):
        return Program(model, example_input, *scalers)
    served = served_by(model)
    if any(given is not None for given in (example_input, *scalers)):
        raise ArgumentError(
            f"export: example_input, scaler and target_scaler are for modules; a {type(model).__name__} brings its own"
        )
    return TableProgram(served)


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, each module's own afterwards; no gradients."""
    modes = [(module, module.training) for module in model.modules()]
    before, STATE.grad_enabled = STATE.grad_enabled, False
    model.eval()
    try:
        yield
    finally:
        STATE.grad_enabled = before
        for module, mode in modes:
            module.training = mode


def _write(program: Program, inputs: Sequence[Symbol]) -> tuple[Traced, list[Step], list[OnnxArray]]:
    """The trace, the ONNX nodes and the outputs of the module on inputs of these shapes."""
    traced = Traced(program, tuple(make(symbol) for symbol in inputs), program.names)
    graph = traced.graph
    if graph.writes:
        changed = ", ".join(graph.nodes[number].name for number, _ in graph.writes)
        raise GraphError(f"export: the module changes {changed} when it is called, which an ONNX model cannot")
    outputs = program.output_names(len(graph.outputs))
    names = [*_input_names(program, graph), *outputs]
    for name in {*program.inputs, *(texts.name for texts in program.texts.values()), *outputs} & program.names.keys():
        raise ArgumentError(f"export: a parameter or buffer is called {name!r}, as an input or output is; rename it")
    ends: list[Texts | Labels] = [*program.texts.values(), *program.labels.values()]
    writer = Writer([*names, *(end.name for end in ends)])
    values: dict[Ref, Any] = {}
    for number, name in zip((*graph.arguments, *graph.states), names, strict=False):
        kind = graph.nodes[number].results[0]
        values[Ref(number)] = OnnxArray(writer, name, kind.shape, kind.dtype)
    namespace = OnnxNamespace()
    for number, node in steps_of(graph, traced.composites).items():
        operation: Any = node.operation
        writer.scope = (operation.name, node.path)
        operands = [values[i] if isinstance(i, Ref) else i for i in node.inputs]
        try:
            with np.errstate(all="ignore"):
                found = write_composite(node, operands)
                if found is None:
                    found = operation.forward(namespace, *operands, **node.settings)
            results = found if isinstance(found, tuple) else (found,)
            for index, (result, kind) in enumerate(zip(results, node.results, strict=True)):
                array = result if isinstance(result, OnnxArray) else writer.constant(np.asarray(result))
                values[Ref(number, index)] = array.astype(kind.dtype)
        except (NoOperator, TypeError, ValueError, IndexError, AttributeError) as error:
            where = f" in module {node.path}" if node.path else ""
            raise GraphError(
                f"export: {operation.name}{where} cannot be written with ONNX's operators: {error}"
            ) from error
    writer.scope = ("output", "")
    ends_written = [writer.renamed(values[ref], name) for ref, name in zip(graph.outputs, outputs, strict=True)]
    return traced, needed_steps(writer.steps, ends_written), ends_written


def _input_names(program: Program, graph: Graph) -> list[str]:
    """The names of the program's arguments and states."""
    return [*program.inputs, *(graph.nodes[number].name for number in graph.states)]


def _for_any_batch(first: list[Step], second: list[Step], batched_input: str) -> list[Step]:
    """The nodes of which these are the instances at two batch sizes."""
    if len(first) != len(second):
        raise _not_uniform("the module")
    steps: list[Step] = []
    for one, two in zip(first, second, strict=True):
        facts = [(s.op, s.output, s.attributes, len(s.inputs)) for s in (one, two)]
        if facts[0] != facts[1]:
            raise _not_uniform(f"{one.op} ({one.output})")
        inputs, attributes = list(one.inputs), one.attributes
        for place, (a, b) in enumerate(zip(one.inputs, two.inputs, strict=True)):
            if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
                same = isinstance(a, str) and a == b
            else:
                same = np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            if same:
                continue
            if one.op == "Reshape" and a.shape == b.shape and (a != b).sum() == 1:
                # What is left, which a size of 0 elsewhere would not say.
                inputs[place], attributes = np.where(a == b, a, -1), {}
                continue
            scale, offset = _proportion(one, a, b)
            size = f"{one.output}_{place}"
            steps += [
                Step("Shape", (batched_input,), f"{size}_shape", {"start": 0, "end": 1}, one.path),
                Step("Squeeze", (f"{size}_shape",), f"{size}_rows", {}, one.path),
                Step("Cast", (f"{size}_rows",), f"{size}_cast", {"to": scale.dtype}, one.path),
                Step("Mul", (f"{size}_cast", scale), f"{size}_scaled", {}, one.path),
                Step("Add", (f"{size}_scaled", offset), size, {}, one.path),
            ]
            inputs[place] = size
        steps.append(Step(one.op, tuple(inputs), one.output, attributes, one.path))
    return steps


def _proportion(step: Step, a: Any, b: Any) -> tuple[Any, Any]:
    """(scale, offset) of constants that are `scale * rows + offset`; the offset of floating-point numbers is 0."""
    low, high = SAMPLES
    fits = isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape and a.dtype.kind in "if"
    if fits and a.dtype.kind == "i" and not ((b - a) % (high - low)).any():
        scale = (b - a) // (high - low)
        return np.asarray(scale, a.dtype), np.asarray(a - scale * low, a.dtype)
    if fits and a.dtype.kind == "f" and np.allclose(a / low, b / high, rtol=1e-6, atol=0):
        return np.asarray(a / low, a.dtype), np.zeros_like(a)
    raise _not_uniform(f"{step.op} ({step.output})")


def _not_uniform(where: str) -> GraphError:
    return GraphError(
        f"export: {where} depends on the batch size in a way that ONNX's operators cannot follow; pass "
        "dynamic_batch=False for a model of the example's batch size only"
    )


def _model(
    onnx: Any,
    program: Program,
    traced: Traced,
    steps: list[Step],
    outputs: list[OnnxArray],
    input_shapes: list[Any],
    output_shapes: list[Any],
) -> Any:
    helper, graph = onnx.helper, traced.graph
    arguments = list(program.inputs)
    states = dict(zip(_input_names(program, graph)[len(arguments) :], traced.states, strict=True))

    def described(name: str, dtype: Any, shape: Any) -> Any:
        if name in program.texts:
            name, dtype = program.texts[name].name, np.dtype(object)
        if name in program.labels:
            name, dtype = program.labels[name].name, _values(program.labels[name]).dtype
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)

    proto = helper.make_model(
        helper.make_graph(
            _nodes(onnx, [*_numbers_of_texts(program), *steps, *_labels_of_numbers(program)]),
            type(program.model).__name__,
            [
                described(name, graph.nodes[number].results[0].dtype, shape)
                for name, number, shape in zip(arguments, graph.arguments, input_shapes, strict=True)
            ],
            [described(o.name, o.dtype, shape) for o, shape in zip(outputs, output_shapes, strict=True)],
            [onnx.numpy_helper.from_array(np.asarray(t._array, order="C"), name) for name, t in states.items()],
        ),
        producer_name="backlit",
        opset_imports=[helper.make_opsetid("", OPSET), *([helper.make_opsetid(_ML, _ML_OPSET)] * bool(program.texts))],
        ir_version=_IR_VERSION,
    )
    learnt = {name for name, _ in program.model.named_parameters()}
    buffers = [name for name in states if name not in learnt]
    helper.set_model_props(proto, {BUFFERS: json.dumps(buffers)})
    onnx.checker.check_model(proto)
    return proto


def _numbers_of_texts(program: Program) -> list[Step]:
    """The nodes before the program."""
    return [
        Step(
            "LabelEncoder",
            (texts.name,),
            number,
            {
                "domain": _ML,
                "keys_strings": list(texts.numbers),
                "values_int64s": list(texts.numbers.values()),
                "default_int64": texts.unknown,
            },
            "",
        )
        for number, texts in program.texts.items()
    ]


def _labels_of_numbers(program: Program) -> list[Step]:
    """The nodes after the program."""
    return [Step("Gather", (_values(end), number), end.name, {}, "") for number, end in program.labels.items()]


def _values(labels: Labels) -> Any:
    """Labels as ONNX keeps them."""
    return labels.values.astype(object) if labels.values.dtype.kind == "U" else labels.values


def _nodes(onnx: Any, steps: list[Step]) -> list[Any]:
    """The nodes, with one Constant node before them for each constant."""
    constants: dict[Any, str] = {}
    nodes, first = [], []
    for step in steps:
        inputs = []
        for given in step.inputs:
            if isinstance(given, np.ndarray):
                key = (given.dtype.str, given.shape, str(given.tolist()) if given.dtype == object else given.tobytes())
                if key not in constants:
                    # No operation's name has a colon, so that no result is called the same.
                    constants[key] = f"constant:{len(constants)}"
                    value = onnx.numpy_helper.from_array(np.asarray(given, order="C"))
                    first.append(onnx.helper.make_node("Constant", [], [constants[key]], value=value))
                inputs.append(constants[key])
            else:
                inputs.append(given)
        attributes = {
            key: onnx.helper.np_dtype_to_tensor_dtype(value) if isinstance(value, np.dtype) else value
            for key, value in step.attributes.items()
        }
        label = "/".join(["", *step.path.split("."), step.output] if step.path else ["", step.output])
        nodes.append(onnx.helper.make_node(step.op, inputs, [step.output], name=label, **attributes))
    return first + nodes
