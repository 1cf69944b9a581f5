"""How many floating-point operations an operation takes, counted from what it is, not from what it is called."""

import math
from collections.abc import Sequence
from typing import Any

from backlit.core.composite import Composite
from backlit.core.primitive import Primitive
from backlit.core.tape import Binding
from backlit.core.tensor_base import Symbol, TensorBase, make
from backlit.graph.trace import trace

# Parts in a backward pass by which operations show that they move or make values and compute none.
_MOVES = ("constant", "copies", "passes on", "picks", "splits", "takes")


def operations(binding: Binding) -> int:
    """The floating-point operations of a binding's forward pass.

    A product of matrices (m, n) and (n, k) counts 2 m n k: a multiplication and an addition for each term, as is the
    field's custom. Elementwise operations count one for each element of the result, whatever the function; reductions
    and scans one for each element that goes in; what moves values or makes them, none. An operation with a formula
    counts what its formula does.
    """
    shapes = [None if s is None else tuple(s) for s in binding.shapes]
    tensors = [None if s is None else make(Symbol(s, d)) for s, d in zip(shapes, binding.dtypes, strict=True)]
    outputs = [shape for shape, _ in binding.outputs]
    if not isinstance(binding.primitive, Composite):
        return _count(binding.primitive, shapes, outputs)
    held = binding.record.inputs if binding.record is not None else binding.held()
    args = [held[i] if tensor is None else tensor for i, tensor in enumerate(tensors)]
    formula: Any = binding.primitive.formula
    graph = trace(lambda *given: formula(*given, **binding.settings), *args).graph
    return sum(
        _count(
            node.operation,
            [graph.type_of(ref).shape for ref in node.refs()],
            [result.shape for result in node.results],
        )
        for node in graph.nodes
        if node.operation is not None
    )


def _count(primitive: Primitive, inputs: Sequence[Any], outputs: Sequence[tuple[int, ...]]) -> int:
    result = math.prod(outputs[0])
    if primitive.name == "matmul":
        return 2 * result * inputs[0][-1]
    if primitive.view or primitive.role.startswith(_MOVES):
        return 0
    if primitive.elementwise:
        return result
    return max((math.prod(shape) for shape in inputs if shape is not None), default=0)


def tensors_in(value: Any) -> list[TensorBase]:
    """The tensors of a module's result: itself, or those in tuples, lists and dictionaries."""
    if isinstance(value, TensorBase):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for part in value for tensor in tensors_in(part)] if isinstance(value, list | tuple) else []
