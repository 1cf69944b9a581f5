"""Reading an ONNX model as a module that runs its operators with backlit's operations."""

import json
import os
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backlit import nn
from backlit.core.modes import STATE
from backlit.core.tensor_base import TensorBase
from backlit.errors import (
    ArgumentTypeError,
    BacklitError,
    DtypeError,
    FileError,
    GraphError,
    MissingFileError,
    ShapeError,
)
from backlit.onnx import images, layers, recurrent  # noqa: F401  (their operators join the table)
from backlit.onnx.exporting import BUFFERS
from backlit.onnx.operators import OPERATORS
from backlit.onnx.package import onnx_package
from backlit.ops import from_numpy, tensor

# From this version on, operators have the form that `onnx.operators` reads.
_OLDEST = 13


@dataclass(frozen=True)
class _Node:
    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class _Input:
    """What an input of the model must be; a size that may be anything is a word."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | str, ...] | None

    def check(self, given: Any) -> None:
        if not isinstance(given, TensorBase):
            raise ArgumentTypeError(f"input {self.name!r} is a {type(given).__name__}; expected a tensor")
        shape, expected = given._array.shape, self.shape
        if expected is not None and (
            len(shape) != len(expected)
            or any(isinstance(want, int) and n != want for n, want in zip(shape, expected, strict=True))
        ):
            words = ", ".join(map(str, expected))
            raise ShapeError(f"input {self.name!r} of the ONNX model has shape {shape}; expected ({words})")
        if given._array.dtype.kind != self.dtype.kind:
            raise DtypeError(f"input {self.name!r} of the ONNX model is {given._array.dtype}; expected {self.dtype}")


class OnnxModule(nn.Module):
    """An ONNX model as a module; see `load`.

    The model's weights are its parameters, so it can be trained further, and compiled.
    """

    def __init__(self, inputs: Sequence[_Input], outputs: Sequence[str], nodes: Sequence[_Node]) -> None:
        super().__init__()
        self._inputs = tuple(inputs)
        self._outputs = tuple(outputs)
        self._nodes = tuple(nodes)
        # For each weight of the model, the module that holds it and its name there.
        self._places: dict[str, tuple[nn.Module, str]] = {}
        self._constants: dict[str, Any] = {}
        self._tensors: dict[str, Any] = {}

    def hold(self, name: str, array: Any, learnt: bool) -> None:
        """Take a weight of the model as a parameter or buffer, in submodules as its dotted name says."""
        owner: nn.Module = self
        *path, last = name.split(".") if re.fullmatch(r"\w+(\.\w+)*", name) else [re.sub(r"\W", "_", name)]
        for part in path:
            part = _free(owner, part, owner._modules)
            if part not in owner._modules:
                owner.add_module(part, nn.Module())
            owner = getattr(owner, part)
        last = _free(owner, last, ())
        value = from_numpy(array)
        if learnt:
            owner.register_parameter(last, nn.Parameter(value))
        else:
            owner.register_buffer(last, value)
        self._places[name] = (owner, last)

    def fix(self, name: str, array: Any) -> None:
        """Take a value that never changes."""
        self._constants[name] = array
        self._tensors[name] = from_numpy(array)

    def forward(self, *inputs: Any) -> Any:
        """The outputs of the model: a tensor, or a tuple if there are several.

        Raises:
            ArgumentTypeError: The number of inputs differs from the model's, or one is no tensor.
            ShapeError: An input has another shape than the model says.
            DtypeError: An input is of another kind than the model says.
            GraphError: A node asks for a form of its operator that is not read; the message names both.
        """
        if len(inputs) != len(self._inputs):
            names = ", ".join(i.name for i in self._inputs)
            raise ArgumentTypeError(f"the ONNX model takes {len(self._inputs)} inputs ({names}), got {len(inputs)}")
        values: dict[str, Any] = dict(self._constants)
        for expected, given in zip(self._inputs, inputs, strict=True):
            expected.check(given)
            values[expected.name] = given
        values |= {name: getattr(owner, last) for name, (owner, last) in self._places.items()}
        for node in self._nodes:
            values.update(zip(node.outputs, self._results(node, values), strict=False))
        found = tuple(self._as_tensor(name, values) for name in self._outputs)
        return found[0] if len(found) == 1 else found

    def _results(self, node: _Node, values: dict[str, Any]) -> Sequence[Any]:
        """The results of a node; known without a trace if all that it reads is known."""
        known = all(isinstance(values[name], np.ndarray) for name in node.inputs if name)
        trace, STATE.trace = STATE.trace, None if known else STATE.trace
        try:
            entry = OPERATORS[node.op]
            given = [
                None
                if not name
                else _numbers(node, name, values[name])
                if place in entry.numbers
                else self._as_tensor(name, values)
                for place, name in enumerate(node.inputs)
            ]
            found = entry.run(node.attributes, *given)
            results = found if isinstance(found, tuple | list) else (found,)
            return [r.detach().numpy() for r in results] if known and node.op not in ("Shape", "Size") else results
        except BacklitError as error:
            name = node.name or ", ".join(node.outputs)
            raise type(error)(f"{node.op}, node {name!r} of the ONNX model: {error}") from error
        finally:
            STATE.trace = trace

    def _as_tensor(self, name: str, values: dict[str, Any]) -> Any:
        value = values[name]
        if not isinstance(value, np.ndarray):
            return value
        return self._tensors[name] if name in self._tensors else tensor(value)

    def extra_repr(self) -> str:
        """Inputs, outputs and number of nodes."""
        names = [", ".join(i.name for i in self._inputs), ", ".join(self._outputs)]
        return f"{names[0]} -> {names[1]}, {len(self._nodes)} nodes"


def load(path: "str | os.PathLike[str]") -> OnnxModule:
    """Read an ONNX model as a module.

    Its floating-point weights are parameters under their own names (a dot leads into a submodule), those that are
    statistics or that `export` wrote from buffers are buffers. So a model that `export` wrote has the state dict of
    the original, but for what the forward pass does not use.

    Args:
        path: A file of operators of version 13 or later.

    Raises:
        MissingFileError: There is no such file.
        FileError: The file is damaged, or not of this format.
        GraphError: The model has operators that are not read, all of which are named, or texts, or is older.
        MissingPackageError: The onnx package is not installed.
    """
    onnx = onnx_package()
    source = Path(path)
    if not source.is_file():
        raise MissingFileError(f"load: there is no file {source}")
    try:
        proto = onnx.load(source)
        onnx.checker.check_model(proto)
    # Protobuf's own errors share no class with onnx's; the file is at fault in any case.
    except Exception as error:
        raise FileError(f"load: {source} is damaged or no ONNX model: {error}") from error
    _check_operators(onnx, proto, source)
    graph = proto.graph
    weights = {i.name: onnx.numpy_helper.to_array(i).copy() for i in graph.initializer}
    inputs = [
        _Input(i.name, _dtype(onnx, i.type.tensor_type.elem_type), _shape(i.type.tensor_type))
        for i in graph.input
        if i.name not in weights
    ]
    nodes, constants = [], {}
    for node in graph.node:
        attributes = {a.name: _attribute(onnx, a) for a in node.attribute}
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(attributes)
        else:
            nodes.append(_Node(node.name, node.op_type, tuple(node.input), tuple(node.output), attributes))
    module = OnnxModule(inputs, [o.name for o in graph.output], nodes)
    properties = {p.key: p.value for p in proto.metadata_props}
    own = BUFFERS in properties
    buffers = set(json.loads(properties[BUFFERS])) if own else _statistics(nodes)
    fixed = {name for node in nodes for place, name in enumerate(node.inputs) if place in OPERATORS[node.op].numbers}
    for name, array in weights.items():
        if name in buffers or (name not in fixed and array.dtype.kind == "f" and (own or array.ndim)):
            module.hold(name, array, name not in buffers)
        else:
            module.fix(name, array)
    for name, array in constants.items():
        module.fix(name, array)
    return module.eval()


def _check_operators(onnx: Any, proto: Any, source: Path) -> None:
    version = next((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), _OLDEST)
    if version < _OLDEST:
        raise GraphError(
            f"load: {source} has operators of version {version}; those from {_OLDEST} on are read, to which "
            "onnx.version_converter.convert_version brings it"
        )
    unknown = {
        f"{node.domain}.{node.op_type}".lstrip(".")
        for node in proto.graph.node
        if node.domain not in ("", "ai.onnx") or node.op_type not in {*OPERATORS, "Constant"}
    }
    if unknown:
        raise GraphError(f"load: {source} has operators that are not read: {', '.join(sorted(unknown))}")
    ends = (*proto.graph.input, *proto.graph.output)
    texts = [end.name for end in ends if end.type.tensor_type.elem_type == onnx.TensorProto.STRING]
    if texts:
        raise GraphError(f"load: {source} takes or gives texts ({', '.join(texts)}), which are no tensors")


def _statistics(nodes: Sequence[_Node]) -> set[str]:
    """Weights that are means and variances of batch normalisation."""
    return {name for node in nodes if node.op == "BatchNormalization" for name in node.inputs[3:5]}


def _free(owner: nn.Module, name: str, shared: Container[str]) -> str:
    """`name`, with underscores after it where that is another attribute of the module than one of `shared`."""
    while hasattr(owner, name) and name not in shared:
        name += "_"
    return name


def _numbers(node: _Node, name: str, value: Any) -> list[Any]:
    if isinstance(value, np.ndarray) or STATE.trace is None:
        array = value if isinstance(value, np.ndarray) else value.detach().numpy()
        return array.reshape(-1).tolist()
    raise GraphError(f"{name!r} is a shape that depends on values, so the model cannot be traced or compiled")


def _dtype(onnx: Any, kind: int) -> Any:
    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind))


def _shape(kind: Any) -> tuple[int | str, ...] | None:
    if not kind.HasField("shape"):
        return None
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "any" for d in kind.shape.dim)


def _attribute(onnx: Any, attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.name == "to":
        return from_numpy(np.empty(0, _dtype(onnx, value))).dtype
    if isinstance(value, bytes):
        return value.decode()
    if attribute.type == onnx.AttributeProto.STRINGS:
        return [text.decode() for text in value]
    return onnx.numpy_helper.to_array(value).copy() if isinstance(value, onnx.TensorProto) else value


def _constant(attributes: dict[str, Any]) -> Any:
    if "value" in attributes:
        return attributes["value"]
    for name, dtype in (("value_int", np.int64), ("value_ints", np.int64), ("value_float", np.float32),
                        ("value_floats", np.float32)):  # fmt: skip
        if name in attributes:
            return np.array(attributes[name], dtype)
    raise GraphError(f"load: a Constant of kind {', '.join(attributes)} is not read")
